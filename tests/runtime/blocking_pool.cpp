// What goes on in a pool while turns are blocked.
#include "blocking.hpp"

namespace tests::blocking {

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
