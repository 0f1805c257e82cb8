// Threads that wait: plain ones, workers, and what becomes of the cores of those.
#include "otp/runtime/blocking.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "otp/runtime/portable_futex.hpp"
#include "otp/runtime/worker_pool.hpp"
#include "runtime/toys.hpp"

namespace tests::blocking {

using namespace std::chrono_literals;
using namespace toys;
using exec::block_result;
using exec::blocked;
using exec::worker_pool;

namespace {

std::atomic<int> threads_to_make{0};
int make_some(pthread_t* thread, const pthread_attr_t* how, void* (*body)(void*), void* argument) {
    if (threads_to_make.fetch_sub(1) <= 0) return EAGAIN;
    return ::pthread_create(thread, how, body, argument);
}

/// One that waits, and those who may end its wait: as a process and its mailbox.
struct waiter {
    enum stage : int { busy, idle, woken };
    std::atomic<int> at{busy};
    blocked* frame = nullptr;

    /// Waits until woken or the deadline. False: nobody came, and nobody will.
    bool wait(worker_pool& pool, exec::time_point deadline, block_result& outcome) {
        blocked b;
        frame = &b;
        int expected = busy;
        if (!at.compare_exchange_strong(expected, idle)) {
            at.store(busy);
            outcome = block_result::unblocked;
            return true;
        }
        outcome = pool.block(b, deadline);
        if (outcome != block_result::unblocked) {
            expected = idle;
            if (at.compare_exchange_strong(expected, busy)) return false;
            CHECK(pool.block(b, exec::never) == block_result::unblocked);
        }
        at.store(busy);
        return true;
    }
    void wake(worker_pool& pool) {
        if (at.exchange(woken) == idle) pool.unblock(*frame);
    }
};

template <class Futex>
void check_futex() {
    typename Futex::word w{0};
    const auto begin = exec::clock::now();
    CHECK(Futex::wait(w, 1));                          // another value: at once
    CHECK(Futex::wait(w, 1, begin + 1h));
    bool in_time = true;
    while (in_time && exec::clock::now() < begin + 1h) in_time = Futex::wait(w, 0, begin + 5ms);
    CHECK(exec::clock::now() >= begin + 5ms);
    CHECK(!Futex::wait(w, 0, exec::time_point{}));     // long past
    std::atomic<int> awake{0};
    std::vector<std::thread> sleepers;
    for (int i = 0; i < 3; ++i)
        sleepers.emplace_back([&] {
            while (w.load(std::memory_order_acquire) == 0) (void)Futex::wait(w, 0);
            ++awake;
        });
    w.store(1, std::memory_order_release);
    Futex::wake_all(w);
    for (auto& s : sleepers) s.join();
    CHECK(awake == 3);

    // Two that wake each other.
    typename Futex::word turn{0};
    const auto play = [&](std::uint32_t me) {
        for (int i = 0; i < 2000; ++i) {
            while (turn.load(std::memory_order_acquire) != me) (void)Futex::wait(turn, 1 - me);
            turn.store(1 - me, std::memory_order_release);
            Futex::wake_one(turn);
        }
    };
    std::thread other{play, 1U};
    play(0);
    other.join();
}

}  // namespace

TEST_CASE("a futex waits for a word to change, or for its deadline") { check_futex<exec::futex>(); }
TEST_CASE("the futex of other systems does so too") { check_futex<exec::portable_futex>(); }

TEST_CASE("a plain thread waits until it is unblocked") {
    blocked* who = nullptr;
    job waker;
    worker_pool pool{{.workers = 1}};
    waker = [&] { pool.unblock(*who); };
    for (int i = 0; i < 2000; ++i) {
        blocked b;
        who = &b;
        pool.schedule(waker);
        CHECK(pool.block(b, i % 2 ? exec::never : pool.now() + 1h) == block_result::unblocked);
    }
}

TEST_CASE("an unblock that comes before the block is kept") {
    worker_pool pool{{.workers = 1}};
    blocked b;
    pool.unblock(b);
    CHECK(pool.block(b, exec::never) == block_result::unblocked);
    blocked late;
    pool.unblock(late);
    CHECK(pool.block(late, pool.now() - 1s) == block_result::unblocked);
}

TEST_CASE("a wait ends at its deadline, not before; a second wait takes the unblock that comes") {
    worker_pool pool{{.workers = 1}};
    const auto check = [&] {
        blocked b;
        const auto deadline = pool.now() + 5ms;
        CHECK(pool.block(b, deadline) == block_result::timed_out);
        CHECK(pool.now() >= deadline);
        std::thread late{[&] {
            std::this_thread::sleep_for(2ms);
            pool.unblock(b);
        }};
        CHECK(pool.block(b, exec::never) == block_result::unblocked);
        late.join();
        blocked past;
        CHECK(pool.block(past, pool.now() - 1ns) == block_result::timed_out);
    };
    check();
    countdown done{1};
    job inside{[&] {
        check();
        done.count();
    }};
    pool.schedule(inside);
    done.wait();
}

TEST_CASE("the only worker goes on while a turn of its is blocked") {
    countdown done{1};
    job caller, callee;
    worker_pool pool{{.workers = 1}};
    blocked* who = nullptr;
    bool in_order = false;
    int runs = 0;
    callee = [&] {
        ++runs;
        pool.unblock(*who);
    };
    caller = [&] {
        for (int i = 0; i < 500; ++i) {
            blocked b;
            who = &b;
            pool.schedule(callee);
            CHECK(pool.block(b, exec::never) == block_result::unblocked);
            in_order = runs == i + 1 && pool.runs_here();
            if (!in_order) break;
        }
        done.count();
    };
    pool.schedule(caller);
    done.wait();
    CHECK(in_order);
    CHECK(pool.threads() <= 3);  // threads are used again
}

TEST_CASE("a hundred turns wait for each other on few workers") {
    for (const std::size_t workers : {1U, 2U, 4U}) {
        CAPTURE(workers);
        constexpr std::size_t depth = 100;
        countdown done{1};
        std::deque<job> jobs(depth);
        std::deque<blocked> waits(depth);
        std::atomic<int> failed{0};
        worker_pool pool{{.workers = workers}};
        for (std::size_t i = 0; i < depth; ++i)
            jobs[i] = [&, i] {
                if (i + 1 < depth) {
                    pool.schedule(jobs[i + 1]);
                    if (pool.block(waits[i], exec::never) != block_result::unblocked) ++failed;
                }
                if (i > 0) pool.unblock(waits[i - 1]);
                else done.count();
            };
        pool.schedule(jobs[0]);
        done.wait();
        CHECK(failed == 0);
        CHECK(pool.threads() >= depth);
    }
}

TEST_CASE("without a spare thread the last worker doesn't block") {
    countdown done{1};
    job only, other;
    worker_pool pool{{.workers = 1, .spare_workers = 0}};
    auto first = block_result::unblocked;
    auto second = block_result::timed_out;
    bool other_ran = false;
    only = [&] {
        blocked b;
        pool.schedule(other);
        first = pool.block(b, exec::never);
        CHECK(!other_ran);
        std::thread late{[&] { pool.unblock(b); }};
        second = pool.block(b, exec::never);
        late.join();
    };
    other = [&] {
        other_ran = true;
        done.count();
    };
    pool.schedule(only);
    done.wait();
    CHECK(first == block_result::no_spare_worker);
    CHECK(second == block_result::unblocked);
    CHECK(pool.threads() == 1);
}

TEST_CASE("without spare threads all workers but the last may block") {
    for (const bool cant_make : {false, true}) {
        CAPTURE(cant_make);
        for (int round = 0; round < 50; ++round) {
            countdown done{6};
            std::deque<job> jobs(2);
            std::deque<job> after(4);
            std::deque<blocked> waits(2);
            std::atomic<int> refused{0};
            threads_to_make = 2;
            worker_pool pool{{.workers = 2,
                              .spare_workers = cant_make ? 10U : 0U,
                              .make_thread = cant_make ? &make_some : &::pthread_create}};
            for (auto& j : after) j = [&] { done.count(); };
            for (std::size_t i = 0; i < 2; ++i) {
                jobs[i] = [&, i] {
                    pool.schedule(after[2 * i]);
                    if (pool.block(waits[i], exec::never) == block_result::no_spare_worker) {
                        ++refused;
                        pool.unblock(waits[1 - i]);
                    }
                    pool.schedule(after[2 * i + 1]);
                    done.count();
                };
                pool.schedule(jobs[i]);
            }
            done.wait();
            CHECK(refused == 1);
            CHECK(pool.threads() == 2);
        }
    }
}

TEST_CASE("what a worker had queued is done although it blocks and no thread takes its place") {
    for (int round = 0; round < 50; ++round) {
        countdown done{2};
        job first, second, third;
        blocked b;
        worker_pool pool{{.workers = 2, .spare_workers = 0}};
        first = [&] {
            pool.schedule(second);
            pool.schedule(third);
            CHECK(pool.block(b, exec::never) == block_result::unblocked);
            done.count();
        };
        second = [&] { done.count(); };
        third = [&] { pool.unblock(b); };
        pool.schedule(first);
        done.wait();
    }
}

TEST_CASE("as many turns may be blocked as there are spare threads") {
    for (const std::size_t spares : {1U, 2U, 5U}) {
        CAPTURE(spares);
        // Each waits for the next one; the one before the last finds no thread for that.
        const std::size_t count = spares + 2;
        countdown done{static_cast<std::int64_t>(count)};
        std::deque<job> jobs(count);
        std::deque<blocked> waits(count);
        std::vector<block_result> results(count, block_result::timed_out);
        worker_pool pool{{.workers = 1, .spare_workers = spares}};
        for (std::size_t i = 0; i < count; ++i)
            jobs[i] = [&, i] {
                if (i + 1 < count) {
                    pool.schedule(jobs[i + 1]);
                    results[i] = pool.block(waits[i], exec::never);
                }
                if (i > 0) pool.unblock(waits[i - 1]);
                done.count();
            };
        pool.schedule(jobs[0]);
        done.wait();
        for (std::size_t i = 0; i < spares; ++i) CHECK(results[i] == block_result::unblocked);
        CHECK(results[spares] == block_result::no_spare_worker);
        CHECK(pool.threads() == spares + 1);
    }
}

TEST_CASE("the timers of a blocked turn's worker fire") {
    for (const std::size_t workers : {1U, 2U}) {
        CAPTURE(workers);
        countdown done{1};
        job j;
        worker_pool pool{{.workers = workers}};
        blocked b;
        bell a{[&] { pool.unblock(b); }};
        bool early = false;
        j = [&] {
            const auto deadline = pool.now() + 3ms;
            pool.arm(a, deadline);
            CHECK(pool.block(b, exec::never) == block_result::unblocked);
            early = pool.now() < deadline;
            done.count();
        };
        pool.schedule(j);
        done.wait();
        CHECK(!early);
        CHECK(!pool.disarm(a));
    }
}

namespace {

struct unblocker final : exec::io_handler {
    unblocker(worker_pool& p, blocked& who) : pool{p}, b{who} {}
    void ready(exec::io_events events) noexcept override {
        if (exec::any(events & exec::io_events::readable) && !std::exchange(told, true)) pool.unblock(b);
    }
    void dispose() noexcept override { delete this; }
    worker_pool& pool;
    blocked& b;
    bool told = false;
};

}  // namespace

TEST_CASE("descriptors are watched while every turn is blocked") {
    for (const auto kind : {exec::poller_kind::epoll, exec::poller_kind::poll}) {
        CAPTURE(static_cast<int>(kind));
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
        constexpr std::size_t count = 5;
        std::deque<blocked> waits(count);
        std::deque<job> jobs(count);
        std::atomic<std::size_t> waiting{0};
        countdown done{count};
        {
            worker_pool pool{{.workers = 2, .poller = kind}};
            exec::io_ticket ticket;
            REQUIRE(pool.io()->add(ends[0], otp::intrusive_ptr<unblocker>::adopt(new unblocker{pool, waits[0]}), ticket) == 0);
            for (std::size_t i = 0; i < count; ++i) {
                jobs[i] = [&, i] {
                    ++waiting;
                    CHECK(pool.block(waits[i], exec::never) == block_result::unblocked);
                    if (i + 1 < count) pool.unblock(waits[i + 1]);
                    done.count();
                };
                pool.schedule(jobs[i]);
            }
            while (waiting < count) std::this_thread::yield();
            CHECK(::write(ends[1], "x", 1) == 1);
            done.wait();
            pool.io()->remove(ends[0], ticket);
        }
        for (const int fd : ends) ::close(fd);
    }
}

TEST_CASE("a turn that has blocked goes on, and what it schedules afterwards runs") {
    for (const std::size_t workers : {1U, 2U, 4U}) {
        CAPTURE(workers);
        countdown done{300};
        std::deque<job> after(300);
        std::deque<job> jobs(100);
        std::deque<blocked> waits(100);
        worker_pool pool{{.workers = workers}};
        for (auto& j : after) j = [&] { done.count(); };
        for (std::size_t i = 0; i < jobs.size(); ++i)
            jobs[i] = [&, i] {
                CHECK(pool.block(waits[i], exec::never) == block_result::unblocked);
                pool.schedule(after[3 * i]);
                pool.schedule(after[3 * i + 1]);
                pool.yield_back(after[3 * i + 2]);
            };
        for (auto& j : jobs) pool.schedule(j);
        for (auto& w : waits) pool.unblock(w);  // some before, some after they wait
        done.wait();
    }
}

TEST_CASE("time-outs and wake-ups may meet, and each wait ends once") {
    for (const std::size_t workers : {1U, 2U, 4U}) {
        for (const std::size_t spares : {3U, 100U}) {
            CAPTURE(workers);
            CAPTURE(spares);
            constexpr std::size_t count = 24;
            constexpr int rounds = 120;
            std::deque<waiter> waiters(count);
            std::deque<job> jobs(count);
            std::deque<job> wakers(count);
            std::atomic<int> woken{0};
            std::atomic<int> late{0};
            std::atomic<int> refused{0};
            std::atomic<int> early{0};
            countdown done{count};
            std::atomic<bool> over{false};
            worker_pool pool{{.workers = workers, .spare_workers = spares}};
            for (std::size_t i = 0; i < count; ++i) {
                jobs[i] = [&, i, left = rounds, d = dice{i + 1}]() mutable {
                    const auto deadline = d.below(8) == 0 ? pool.now() + 1s : pool.now() + std::chrono::microseconds{d.below(300)};
                    auto outcome = block_result::unblocked;
                    if (waiters[i].wait(pool, deadline, outcome)) ++woken;
                    else if (outcome == block_result::timed_out) {
                        ++late;
                        if (pool.now() < deadline) ++early;
                    } else ++refused;
                    if (--left == 0) done.count();
                    else pool.schedule(jobs[i]);
                };
                pool.schedule(jobs[i]);
            }
            std::vector<std::thread> outsiders;
            for (std::size_t t = 0; t < 2; ++t)
                outsiders.emplace_back([&, t] {
                    dice d{t + 100};
                    while (!over.load(std::memory_order_relaxed)) {
                        for (int n = 0; n < 8; ++n) waiters[d.below(count)].wake(pool);
                        std::this_thread::sleep_for(std::chrono::microseconds{d.below(200)});
                    }
                });
            done.wait();
            over.store(true, std::memory_order_relaxed);
            for (auto& t : outsiders) t.join();
            CHECK(woken + late + refused == static_cast<int>(count) * rounds);
            CHECK(early == 0);
            CHECK(woken > 0);
            CHECK(pool.threads() <= workers + spares);
        }
    }
}

TEST_CASE("plain threads that wait with a deadline and are woken at random are woken once") {
    worker_pool pool{{.workers = 2}};
    constexpr std::size_t count = 3;
    std::deque<waiter> waiters(count);
    std::deque<job> wakers(count);
    std::atomic<bool> over{false};
    std::atomic<int> early{0};
    countdown ended{count};
    for (std::size_t i = 0; i < count; ++i) {
        wakers[i] = [&, i] {
            waiters[i].wake(pool);
            if (over.load(std::memory_order_relaxed)) ended.count();
            else pool.yield_back(wakers[i]);
        };
        pool.schedule(wakers[i]);
    }
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < count; ++i)
        threads.emplace_back([&, i] {
            dice d{i + 1};
            for (int n = 0; n < 1500; ++n) {
                const auto deadline = pool.now() + std::chrono::microseconds{d.below(50)};
                auto outcome = block_result::unblocked;
                if (!waiters[i].wait(pool, deadline, outcome) && pool.now() < deadline) ++early;
            }
        });
    for (auto& t : threads) t.join();
    over.store(true, std::memory_order_relaxed);
    ended.wait();
    CHECK(early == 0);
}

TEST_CASE("spare threads that have nothing to do for a while end") {
    countdown done{1};
    std::deque<job> jobs(20);
    std::deque<blocked> waits(20);
    worker_pool pool{{.workers = 2, .spare_idle = 10ms}};
    for (std::size_t i = 0; i < jobs.size(); ++i)
        jobs[i] = [&, i] {
            if (i + 1 < jobs.size()) {
                pool.schedule(jobs[i + 1]);
                CHECK(pool.block(waits[i], exec::never) == block_result::unblocked);
            }
            if (i > 0) pool.unblock(waits[i - 1]);
            else done.count();
        };
    pool.schedule(jobs[0]);
    done.wait();
    while (pool.threads() > 2) std::this_thread::sleep_for(5ms);
    CHECK(pool.threads() == 2);
}

TEST_CASE("a pool ends after the turns that are still blocked") {
    job j;
    blocked b;
    std::atomic<bool> inside{false};
    std::atomic<bool> ended{false};
    auto pool = std::make_unique<worker_pool>(exec::pool_options{.workers = 1});
    worker_pool& p = *pool;
    j = [&] {
        inside = true;
        CHECK(p.block(b, exec::never) == block_result::unblocked);
        ended = true;
    };
    pool->schedule(j);
    while (!inside) std::this_thread::yield();
    std::thread late{[&] {
        std::this_thread::sleep_for(5ms);
        p.unblock(b);
    }};
    pool.reset();
    CHECK(ended);
    late.join();
}

TEST_CASE("a halted pool begins no turn, and a plain thread doesn't wait for one") {
    // Never destroyed, as the default runtime and what stands in its queues: its workers stand still for good.
    struct forever {
        std::atomic<int> runs{0};
        job j{[this] { ++runs; }};
        worker_pool pool{{.workers = 1}};
    };
    static forever* const all = new forever;
    all->pool.halt();
    all->pool.schedule(all->j);
    blocked b;
    CHECK(all->pool.block(b, exec::never) == block_result::deadlock);
    std::this_thread::sleep_for(5ms);
    CHECK(all->runs == 0);
}

}  // namespace tests::blocking
