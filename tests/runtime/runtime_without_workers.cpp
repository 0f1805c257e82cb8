// A runtime that its user polls.
#include "runtime.hpp"

namespace tests::runtime {

TEST_CASE("a runtime without workers runs its turns in poll, and counts them") {
    const auto threads = threads_here();
    std::deque<job> jobs(3);
    int runs = 0;
    std::size_t nested = 1;
    std::thread::id ran_on;
    runtime rt{{.workers = 0}};
    CHECK(rt.workers() == 0);
    CHECK(rt.poll() == 0);
    jobs[0] = [&] {
        ++runs;
        ran_on = std::this_thread::get_id();
        nested = rt.poll();
        CHECK(rt.executor().runs_here());
        rt.executor().schedule(jobs[1]);
        rt.executor().schedule(jobs[2]);
    };
    for (const std::size_t i : {1U, 2U}) jobs[i] = [&] { ++runs; };
    rt.executor().schedule(jobs[0]);
    CHECK(runs == 0);
    CHECK(rt.poll() == 3);
    CHECK(runs == 3);
    CHECK(nested == 0);
    CHECK(ran_on == std::this_thread::get_id());
    CHECK(rt.poll() == 0);
    CHECK(!rt.executor().runs_here());
    CHECK(threads_here() == threads);
}

TEST_CASE("the native descriptor is readable when poll has something to do") {
    std::deque<job> jobs(1);
    int runs = 0;
    int fired = 0;
    bell soon{[&] { ++fired; }};
    bell later{[&] { ++fired; }};
    runtime rt{{.workers = 0, .poller = exec::poller_kind::epoll}};
    auto& ex = rt.executor();
    const int fd = rt.native_fd();
    REQUIRE(fd >= 0);
    CHECK(rt.native_fd() == fd);
    (void)rt.poll();
    CHECK(!readable(fd, 0ms));

    jobs[0] = [&] { ++runs; };
    ex.schedule(jobs[0]);
    CHECK(readable(fd, 0ms));
    CHECK(rt.poll() == 1);
    CHECK(!readable(fd, 0ms));

    // A timer armed outside, one armed in a turn, one that another thread makes earlier.
    const auto wait_for_timers = [&](int count) {
        while (fired < count) {
            CHECK(readable(fd, 60s));
            (void)rt.poll();
        }
    };
    ex.arm(later, ex.now() + 1h);
    ex.arm(soon, ex.now() + 2ms);
    wait_for_timers(1);
    jobs[0] = [&] { ex.arm(soon, ex.now() + 2ms); };
    ex.schedule(jobs[0]);
    wait_for_timers(2);
    std::thread{[&] { ex.arm(later, ex.now() + 2ms); }}.join();
    wait_for_timers(3);
    CHECK(!readable(fd, 0ms));

    // More than one poll does at once.
    jobs[0] = [&] {
        if (++runs < 2000) ex.schedule(jobs[0]);
    };
    runs = 0;
    ex.schedule(jobs[0]);
    std::size_t turns = 0;
    while (runs < 2000) {
        CHECK(readable(fd, 0ms));
        const std::size_t n = rt.poll();
        CHECK(n > 0);
        turns += n;
    }
    CHECK(turns == 2000);
    CHECK(!readable(fd, 0ms));
}

TEST_CASE("a foreign event loop serves what other threads schedule") {
    constexpr std::size_t count = 4000;
    std::deque<job> jobs(count);
    std::size_t runs = 0;
    runtime rt{{.workers = 0, .poller = exec::poller_kind::epoll}};
    const int fd = rt.native_fd();
    for (auto& j : jobs) j = [&] { ++runs; };
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 2; ++t)
        threads.emplace_back([&, t] {
            dice d{t + 1};
            for (std::size_t i = t; i < count; i += 2) {
                rt.executor().schedule(jobs[i]);
                if (d.below(8) == 0) std::this_thread::sleep_for(std::chrono::microseconds{d.below(100)});
            }
        });
    while (runs < count) {
        CHECK(readable(fd, 60s));
        (void)rt.poll();
    }
    for (auto& t : threads) t.join();
}

TEST_CASE("a thread that blocks runs the runtime without workers meanwhile") {
    for (const auto kind : {exec::poller_kind::epoll, exec::poller_kind::poll}) {
        CAPTURE(static_cast<int>(kind));
        job waker, idler;
        blocked* who = nullptr;
        runtime rt{{.workers = 0, .poller = kind}};
        auto& ex = rt.executor();
        waker = [&] { ex.unblock(*who); };
        for (int i = 0; i < 500; ++i) {
            blocked b;
            who = &b;
            ex.schedule(waker);
            CHECK(ex.block(b, i % 2 ? exec::never : ex.now() + 1h) == block_result::unblocked);
        }
        blocked late;
        const auto deadline = ex.now() + 3ms;
        CHECK(ex.block(late, deadline) == block_result::timed_out);
        CHECK(ex.now() >= deadline);

        blocked by_timer;
        bell timer{[&] { ex.unblock(by_timer); }};
        ex.arm(timer, ex.now() + 2ms);
        CHECK(ex.block(by_timer, exec::never) == block_result::unblocked);
        CHECK(!ex.disarm(timer));

        blocked by_thread;
        std::thread other{[&] {
            std::this_thread::sleep_for(2ms);
            ex.unblock(by_thread);
        }};
        CHECK(ex.block(by_thread, exec::never) == block_result::unblocked);
        other.join();

        // It leaves at its deadline even if there is always something to run; that is left for the next one.
        bool over = false;
        idler = [&] {
            if (!over) ex.schedule(idler);
        };
        ex.schedule(idler);
        blocked busy;
        CHECK(ex.block(busy, ex.now() + 3ms) == block_result::timed_out);
        over = true;
        CHECK(rt.poll() == 1);
    }
}

TEST_CASE("without workers a turn that blocks is relieved by a spare thread, for so long") {
    job caller, callee, next;
    blocked* first = nullptr;
    blocked* last = nullptr;
    bool unblocked = false;
    std::thread::id callee_on;
    std::thread::id next_on;
    runtime rt{{.workers = 0}};
    auto& ex = rt.executor();
    callee = [&] {
        callee_on = std::this_thread::get_id();
        ex.unblock(*first);
    };
    next = [&] {
        next_on = std::this_thread::get_id();
        ex.unblock(*last);
    };
    caller = [&] {
        blocked b;
        first = &b;
        ex.schedule(callee);
        unblocked = ex.block(b, exec::never) == block_result::unblocked;
        ex.schedule(next);
    };
    const auto me = std::this_thread::get_id();
    for (int i = 0; i < 200; ++i) {
        blocked end;
        last = &end;
        ex.schedule(caller);
        CHECK(ex.block(end, exec::never) == block_result::unblocked);
        CHECK(std::exchange(unblocked, false));
        CHECK(callee_on != me);
        CHECK(next_on == me);
    }
}

TEST_CASE("a poll whose turn has blocked gets the core back") {
    job caller, callee, next;
    blocked* who = nullptr;
    int runs = 0;
    std::thread::id next_on;
    runtime rt{{.workers = 0, .poller = exec::poller_kind::epoll}};
    auto& ex = rt.executor();
    const int fd = rt.native_fd();
    callee = [&] { ex.unblock(*who); };
    next = [&] {
        next_on = std::this_thread::get_id();
        ++runs;
    };
    caller = [&] {
        blocked b;
        who = &b;
        ex.schedule(callee);
        CHECK(ex.block(b, exec::never) == block_result::unblocked);
        ex.schedule(next);
    };
    for (int i = 0; i < 200; ++i) {
        ex.schedule(caller);
        while (runs == i) {
            CHECK(readable(fd, 60s));
            (void)rt.poll();
        }
        CHECK(std::exchange(next_on, {}) == std::this_thread::get_id());
    }
}

TEST_CASE("without workers and without spare threads a turn doesn't block") {
    job j;
    auto outcome = block_result::unblocked;
    runtime rt{{.workers = 0, .spare_workers = 0}};
    j = [&] {
        blocked b;
        outcome = rt.executor().block(b, exec::never);
    };
    rt.executor().schedule(j);
    CHECK(rt.poll() == 1);
    CHECK(outcome == block_result::no_spare_worker);
}

TEST_CASE("threads that block at once without workers take turns at running it") {
    constexpr std::size_t count = 4;
    constexpr int rounds = 800;
    std::deque<job> wakers(count);
    std::vector<blocked*> who(count);
    std::atomic<int> early{0};
    std::atomic<int> wrong{0};
    runtime rt{{.workers = 0}};
    auto& ex = rt.executor();
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < count; ++i) {
        wakers[i] = [&, i] { ex.unblock(*who[i]); };
        threads.emplace_back([&, i] {
            dice d{i + 1};
            for (int n = 0; n < rounds; ++n) {
                blocked b;
                who[i] = &b;
                ex.schedule(wakers[i]);
                if (d.below(3) == 0) {
                    const auto deadline = ex.now() + std::chrono::microseconds{d.below(60)};
                    const auto outcome = ex.block(b, deadline);
                    if (outcome == block_result::unblocked) continue;
                    if (outcome != block_result::timed_out) ++wrong;
                    if (ex.now() < deadline) ++early;
                }
                if (ex.block(b, exec::never) != block_result::unblocked) ++wrong;
            }
        });
    }
    for (auto& t : threads) t.join();
    CHECK(early == 0);
    CHECK(wrong == 0);
}

TEST_CASE("threads and turns may all block at once without workers") {
    constexpr std::size_t count = 3;
    constexpr int rounds = 300;
    std::deque<job> outer(count), inner(count), deepest(count);
    std::vector<blocked*> thread_of(count), outer_of(count), inner_of(count);
    std::atomic<int> wrong{0};
    runtime rt{{.workers = 0, .spare_workers = 20}};
    auto& ex = rt.executor();
    const auto wait = [&](blocked& b) {
        if (ex.block(b, exec::never) != block_result::unblocked) ++wrong;
    };
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < count; ++i) {
        // Each tells who waits for it as its last deed, after which it may be scheduled again.
        deepest[i] = [&, i] { ex.unblock(*inner_of[i]); };
        inner[i] = [&, i] {
            blocked b;
            inner_of[i] = &b;
            ex.schedule(deepest[i]);
            wait(b);
            ex.unblock(*outer_of[i]);
        };
        outer[i] = [&, i] {
            blocked b;
            outer_of[i] = &b;
            ex.schedule(inner[i]);
            wait(b);
            ex.unblock(*thread_of[i]);
        };
        threads.emplace_back([&, i] {
            for (int n = 0; n < rounds; ++n) {
                blocked b;
                thread_of[i] = &b;
                ex.schedule(outer[i]);
                wait(b);
            }
        });
    }
    for (auto& t : threads) t.join();
    CHECK(wrong == 0);
}

}  // namespace tests::runtime
