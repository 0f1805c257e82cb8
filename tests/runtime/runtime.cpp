// A runtime as a scope: its shutdown, and the current one.
#include "runtime.hpp"

namespace tests::runtime {

TEST_CASE("a shutdown waits until every process has ended") {
    for (const std::size_t workers : {0U, 1U, 2U}) {
        CAPTURE(workers);
        for (int round = 0; round < 50; ++round) {
            std::deque<job> ends(3);
            std::atomic<int> ended{0};
            runtime rt{{.workers = workers}};
            auto& processes = town_of(rt);
            processes.alive = ends.size();
            for (auto& e : ends)
                e = [&] {
                    ++ended;
                    processes.one_gone(rt.executor());
                };
            processes.when_asked = [&] {
                for (auto& e : ends) rt.executor().schedule(e);
            };
            CHECK(rt.shutdown(10s));
            CHECK(ended == 3);
            CHECK(rt.shutdown(0s));
            CHECK(processes.asked == 1);
            CHECK(processes.killed == 0);
        }
    }
}

TEST_CASE("a shutdown that takes too long says who is alive, and kills") {
    for (const std::size_t workers : {0U, 1U}) {
        CAPTURE(workers);
        job end;
        runtime rt{{.workers = workers}};
        auto& processes = town_of(rt);
        processes.alive = 1;
        end = [&] { processes.one_gone(rt.executor()); };
        processes.when_killed = [&] { rt.executor().schedule(end); };
        const auto begin = rt.executor().now();
        const auto ended = rt.shutdown(3ms);
        CHECK(rt.executor().now() - begin >= 3ms);
        REQUIRE(!ended);
        CHECK(ended.error() == otp::reason::timeout);
        CHECK(ended.error().text() == "somebody, who waits for godot");
        CHECK(processes.killed == 1);
        CHECK(rt.shutdown(10s));
        CHECK(processes.asked == 1);
    }
}

TEST_CASE("a process can't shut its own runtime down") {
    job j;
    countdown done{1};
    runtime rt{{.workers = 1}};
    auto& processes = town_of(rt);
    otp::result<void> outcome;
    j = [&] {
        outcome = rt.shutdown(1h);
        done.count();
    };
    rt.executor().schedule(j);
    done.wait();
    REQUIRE(!outcome);
    CHECK(outcome.error() == otp::reason::deadlock);
    CHECK(processes.asked == 0);
}

TEST_CASE("the end of a runtime's scope ends its processes") {
    std::deque<job> ends(5);
    std::atomic<int> ended{0};
    {
        runtime rt{{.workers = 2}};
        auto& processes = town_of(rt);
        processes.alive = ends.size();
        for (auto& e : ends)
            e = [&] {
                ++ended;
                processes.one_gone(rt.executor());
            };
        processes.when_asked = [&] {
            for (auto& e : ends) rt.executor().schedule(e);
        };
    }
    CHECK(ended == 5);
    { const runtime unused; }
    { const runtime unused{{.workers = 0}}; }
}

TEST_CASE("several threads may wait for the same shutdown, and processes may come and go meanwhile") {
    for (int round = 0; round < 20; ++round) {
        std::deque<job> turns(20);
        runtime rt{{.workers = 2}};
        auto& processes = town_of(rt);
        processes.alive = 1;
        for (std::size_t i = 0; i < turns.size(); ++i)
            turns[i] = [&, i] {
                // The next one begins before or after this one has gone, so that at times nobody is there.
                const bool gap = i % 3 == 0;
                if (gap) processes.one_gone(rt.executor());
                if (i + 1 < turns.size()) {
                    ++processes.alive;
                    rt.executor().schedule(turns[i + 1]);
                }
                if (!gap) processes.one_gone(rt.executor());
            };
        rt.executor().schedule(turns[0]);
        std::vector<std::thread> threads;
        std::atomic<int> ended{0};
        for (int t = 0; t < 3; ++t)
            threads.emplace_back([&] {
                if (rt.shutdown(1h)) ++ended;
            });
        for (auto& t : threads) t.join();
        CHECK(ended == 3);
    }
}

TEST_CASE("the current runtime is that of the running process, else the innermost one in use, else the default") {
    exec::executor* const before = &exec::current_executor();
    CHECK(before == &exec::default_executor());
    runtime outer{{.workers = 1}};
    runtime inner{{.workers = 1}};
    countdown done{1};
    exec::executor* seen = nullptr;
    exec::executor* seen_in_use = nullptr;
    job j{[&] {
        seen = &exec::current_executor();
        const otp::use here{outer};
        seen_in_use = &exec::current_executor();
        done.count();
    }};
    {
        const otp::use first{outer};
        CHECK(&exec::current_executor() == &outer.executor());
        {
            const otp::use second{inner.executor()};
            CHECK(&exec::current_executor() == &inner.executor());
            inner.executor().schedule(j);
            done.wait();
        }
        CHECK(&exec::current_executor() == &outer.executor());
        std::thread{[&] { CHECK(&exec::current_executor() == before); }}.join();
    }
    CHECK(&exec::current_executor() == before);
    CHECK(seen == &inner.executor());
    CHECK(seen_in_use == &inner.executor());
}

// ---- without workers

}  // namespace tests::runtime
