// Order and time of a simulation.
#include "simulator.hpp"

namespace tests::simulator {

TEST_CASE("the same seed gives the same run, another seed another order") {
    const auto run = [](std::uint64_t seed) {
        otp::simulation sim{seed};
        crowd all{sim, 5, 5};
        sim.run();
        return std::pair{all.order, sim.trace_hash()};
    };
    int different = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CHECK(run(seed) == run(seed));
        if (run(seed).first != run(1).first) {
            ++different;
            CHECK(run(seed).second != run(1).second);
        }
    }
    CHECK(different == 19);
}

TEST_CASE("the hash of a trace tells two runs apart that differ in their times only") {
    const auto run = [](duration later) {
        otp::simulation sim{3};
        crowd all{sim, 1, 1};
        sim.run();
        sim.advance(later);
        sim.executor().schedule(*all.toys[0]);
        sim.run();
        return sim.trace_hash();
    };
    CHECK(run(1ms) == run(1ms));
    CHECK(run(1ms) != run(2ms));
}

TEST_CASE("round robin takes the runnable ones in the order in which they came") {
    otp::simulation sim{9, {.strategy = otp::round_robin}};
    crowd all{sim, 4, 3};
    sim.run();
    CHECK(all.order == "abcdabcdabcd");
    CHECK(sim.steps() == 12);
}

TEST_CASE("a step is one turn or one due timer, and false when there is neither") {
    otp::simulation sim{1, {.strategy = otp::round_robin}};
    crowd all{sim, 2, 1};
    bell due{all.order, '!'}, later{all.order, '?'};
    sim.executor().arm(due, sim.now());
    sim.executor().arm(later, sim.now() + 1s);
    CHECK(sim.step());
    CHECK(all.order == "!");
    CHECK(sim.step());
    CHECK(all.order == "!a");
    CHECK(sim.step());
    CHECK(all.order == "!ab");
    CHECK(!sim.step());
    sim.executor().disarm(later);
}

TEST_CASE("run fires what is due and lets no time pass") {
    otp::simulation sim;
    const auto start = sim.now();
    std::string log;
    bell due{log, 'd'}, later{log, 'l'};
    sim.executor().arm(due, start);
    sim.executor().arm(later, start + 1ns);
    sim.run();
    CHECK(log == "d");
    CHECK(sim.now() == start);
    sim.run_all();
    CHECK(log == "dl");
    CHECK(sim.now() == start + 1ns);
}

TEST_CASE("time jumps from timer to timer, in their order") {
    otp::simulation sim;
    const auto start = sim.now();
    std::string log;
    bell a{log, 'a'}, b{log, 'b'}, c{log, 'c'};
    sim.executor().arm(c, start + 1000h);
    sim.executor().arm(a, start + 5ms);
    sim.executor().arm(b, start + 1h);
    sim.run_all();
    CHECK(log == "abc");
    CHECK(sim.now() == start + 1000h);
}

TEST_CASE("advance runs what becomes due on the way, also at its very end, and what follows from it") {
    otp::simulation sim;
    const auto start = sim.now();
    std::string log;
    std::vector<time_point> woken;
    toy sleeper{sim.executor(), 1, [&](toy& self) {
                    for (int n = 0; n < 10; ++n) {
                        CHECK(self.sleep(10ms) == block_result::timed_out);
                        woken.push_back(sim.now());
                    }
                }};
    sim.executor().schedule(sleeper);
    sim.advance(49ms);
    CHECK(sim.now() == start + 49ms);
    CHECK(woken.size() == 4);
    sim.advance(1ms);
    CHECK(woken.size() == 5);
    sim.advance(1h);
    CHECK(sim.now() == start + 50ms + 1h);
    REQUIRE(woken.size() == 10);
    for (int n = 0; n < 10; ++n) CHECK(woken[static_cast<std::size_t>(n)] == start + (n + 1) * 10ms);
    sim.advance(-5ms);
    CHECK(sim.now() == start + 50ms + 1h);
}

TEST_CASE("a disarmed timer does not fire, a re-armed one fires once, at its last deadline") {
    otp::simulation sim;
    std::string log;
    bell a{log, 'a'}, b{log, 'b'};
    sim.executor().arm(a, sim.now() + 1s);
    sim.executor().arm(b, sim.now() + 1s);
    sim.executor().arm(b, sim.now() + 2s);
    CHECK(sim.executor().disarm(a));
    CHECK(!sim.executor().disarm(a));
    sim.advance(1s);
    CHECK(log.empty());
    sim.run_all();
    CHECK(log == "b");
    CHECK(!sim.executor().disarm(b));
}

TEST_CASE("run_until stops at the step that makes its predicate true, else at the limit") {
    otp::simulation sim{1, {.strategy = otp::round_robin}};
    crowd all{sim, 2, 3};
    const auto start = sim.now();
    CHECK(sim.run_until([&] { return all.order.size() == 3; }, 1h));
    CHECK(all.order == "aba");
    CHECK(sim.now() == start);
    CHECK(!sim.run_until([&] { return all.order.size() == 100; }, 1h));
    CHECK(all.order == "ababab");
    CHECK(sim.now() == start + 1h);
    CHECK(sim.run_until([&] { return sim.now() == start + 2h; }, 1h));
}

}  // namespace tests::simulator
