// A probe asserts on what it is sent: each of its functions passing and failing, in virtual time and on real workers.
#include <doctest/doctest.h>

#include <otp/gen_server.hpp>
#include <otp/testing.hpp>

#include <chrono>
#include <string>

using namespace std::chrono_literals;

namespace probes {

struct tick {
    int n;
    friend bool operator==(const tick&, const tick&) = default;
};
std::string to_string(const tick& t) { return std::to_string(t.n); }

struct tock {};

/// No text of its own.
struct secret {
    int n;
    friend bool operator==(const secret&, const secret&) = default;
};

/// Sends a tick after each of its intervals.
struct clock {
    struct stop_now {};
    void init(otp::recipient<tick> listener, std::chrono::milliseconds every) {
        to = listener;
        interval = every;
        (void)otp::send_after(interval, otp::self<clock>(), tick{1});
    }
    void handle_info(tick t) {
        to.send(t);
        (void)otp::send_after(interval, otp::self<clock>(), tick{t.n + 1});
    }
    otp::next handle_cast(stop_now) { return otp::stop("as told"); }
    otp::recipient<tick> to;
    std::chrono::milliseconds interval{};
};

otp::server<probes::clock> start_clock(const otp::recipient<tick>& listener, std::chrono::milliseconds every) {
    return otp::start<probes::clock>(listener, every).value();
}

/// The text of the failure, "" if there is none.
template <class F>
std::string failure_of(F&& expectation) {
    try {
        expectation();
    } catch (const otp::probe_failure& f) {
        return f.what();
    }
    return {};
}

}  // namespace probes

namespace tests::probe {

using namespace probes;

TEST_CASE("a probe takes what it expects, in virtual time") {
    otp::simulation sim{7};
    otp::probe<tick> probe;
    const auto begin = sim.now();
    const auto server = start_clock(probe, 50ms);
    CHECK(probe.expect<tick>(50ms).n == 1);  // what comes at the very limit is in time
    CHECK(sim.now() - begin == 50ms);
    CHECK(probe.expect(tick{2}).n == 2);
    CHECK(probe.expect_between<tick>(50ms, 60ms).n == 3);
    CHECK(probe.expect_between<tick>(40ms, 50ms).n == 4);
    probe.expect_none(49ms);
    CHECK(sim.now() - begin == 249ms);
    CHECK(probe.fish<tick>([](const tick& t) { return t.n == 8; }).n == 8);
    CHECK(sim.now() - begin == 400ms);
    (void)probe.monitor(server.id());
    server.cast(probes::clock::stop_now{});
    CHECK(probe.expect_down(server.id(), 0s) == otp::reason{"as told"});
    CHECK(sim.now() - begin == 400ms);
}

TEST_CASE("what comes at the limit is in time under every seed") {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        otp::simulation sim{seed};
        otp::probe<tick> probe;
        const auto server = start_clock(probe, 10ms);
        INFO("seed ", seed);
        CHECK(failure_of([&] { (void)probe.expect<tick>(10ms); }) == "");
        CHECK(failure_of([&] { probe.expect_none(10ms); }) != "");
    }
}

TEST_CASE("a failure says what was expected, what came, when and in which run") {
    otp::simulation sim{7};
    otp::probe<tick, tock, secret, std::string> probe;
    SUBCASE("nothing came") {
        CHECK(failure_of([&] { (void)probe.expect<tick>(50ms); }) ==
              "expected probes::tick within 50ms, but nothing came (at +0.050000000s, seed 7)");
        CHECK(failure_of([&] { (void)probe.expect(tick{3}, 1500us); }) ==
              "expected probes::tick: 3 within 1500us, but nothing came (at +0.051500000s, seed 7)");
    }
    SUBCASE("another type") {
        probe.send(tock{});
        CHECK(failure_of([&] { (void)probe.expect<tick>(); }) ==
              "expected probes::tick within 5s, but probes::tock came (at +0.000000000s, seed 7)");
    }
    SUBCASE("another value") {
        probe.send(tick{4});
        CHECK(failure_of([&] { (void)probe.expect(tick{3}, 1s); }) ==
              "expected probes::tick: 3 within 1s, but probes::tick: 4 came (at +0.000000000s, seed 7)");
        probe.send(std::string{"red"});
        CHECK(failure_of([&] { (void)probe.expect(std::string{"blue"}, 1s); }) ==
              "expected \"blue\" within 1s, but \"red\" came (at +0.000000000s, seed 7)");
    }
    SUBCASE("a value that has no text") {
        probe.send(secret{4});
        CHECK(failure_of([&] { (void)probe.expect(secret{3}, 1s); }) ==
              "expected probes::secret within 1s, but one of another value came (at +0.000000000s, seed 7)");
    }
    SUBCASE("something where nothing should come") {
        (void)probe.send_after(20ms, tick{1});
        CHECK(failure_of([&] { probe.expect_none(1s); }) ==
              "expected nothing for 1s, but probes::tick: 1 came (at +0.020000000s, seed 7)");
    }
    SUBCASE("too early and too late") {
        (void)probe.send_after(49ms, tick{1});
        CHECK(failure_of([&] { (void)probe.expect_between<tick>(50ms, 60ms); }) ==
              "expected probes::tick between 50ms and 60ms, but probes::tick: 1 came after 49ms (at +0.049000000s, seed 7)");
        (void)probe.send_after(61ms, tick{2});
        CHECK(failure_of([&] { (void)probe.expect_between<tick>(50ms, 60ms); }) ==
              "expected probes::tick between 50ms and 60ms, but nothing came (at +0.109000000s, seed 7)");
        CHECK(probe.expect<tick>(1ms).n == 2);
        (void)probe.send_after(50ms, tock{});
        CHECK(failure_of([&] { (void)probe.expect_between<tick>(50ms, 60ms); }) ==
              "expected probes::tick between 50ms and 60ms, but probes::tock came (at +0.160000000s, seed 7)");
    }
    SUBCASE("none that fits") {
        CHECK(failure_of([&] { (void)probe.fish<tick>(10ms); }) ==
              "expected probes::tick that fits within 10ms, but nothing came (at +0.010000000s, seed 7)");
        probe.send(tick{1});
        probe.send(tock{});
        probe.send(tick{2});
        CHECK(failure_of([&] { (void)probe.fish<tick>([](const tick& t) { return t.n > 2; }, 10ms); }) ==
              "expected probes::tick that fits within 10ms, but only others came: probes::tick: 1, probes::tock, probes::tick: 2 "
              "(at +0.020000000s, seed 7)");
        probe.send(tick{1});
        probe.send(tock{});
        probe.send(tick{2});
        (void)probe.fish<tock>();
        CHECK(probe.expect<tick>().n == 2);
    }
    SUBCASE("the end of a process") {
        const auto one = start_clock(probe, 1h), other = start_clock(probe, 1h);
        (void)probe.monitor(one.id());
        (void)probe.monitor(other.id());
        CHECK(failure_of([&] { (void)probe.expect_down(one.id(), 1s); }) ==
              "expected down of " + one.id().to_string() + " within 1s, but nothing came (at +1.000000000s, seed 7)");
        otp::exit_process(other.id(), otp::reason::kill);
        CHECK(failure_of([&] { (void)probe.expect_down(one.id(), 1s); }) ==
              "expected down of " + one.id().to_string() + " within 1s, but down of " + other.id().to_string() +
                  ": killed came (at +1.000000000s, seed 7)");
        probe.send(tick{1});
        CHECK(failure_of([&] { (void)probe.expect_down(one.id(), 1s); }) ==
              "expected down of " + one.id().to_string() + " within 1s, but probes::tick: 1 came (at +1.000000000s, seed 7)");
    }
    SUBCASE("no limit, and nothing is left that could run") {
        CHECK(failure_of([&] { (void)probe.expect<tick>(otp::infinity); }) ==
              "expected probes::tick, but nothing came (at +0.000000000s, seed 7)");
        CHECK(sim.deadlocks() == 1);
    }
}

TEST_CASE("a probe that takes otp::down, and one that takes nothing else") {
    otp::simulation sim{1};
    const auto idle = otp::spawn([]() -> otp::task<> { co_await otp::sleep_for(1h); });
    otp::probe<otp::down, tick> one;
    otp::probe<> other;
    (void)one.monitor(idle);
    (void)other.monitor(idle);
    other.expect_none(1min);
    otp::exit_process(idle, otp::reason{"enough"});
    CHECK(one.expect_down(idle) == otp::reason{"enough"});
    CHECK(other.expect<otp::down>().pid == idle);
}

TEST_CASE("a probe in a process of the simulation") {
    otp::simulation sim{1};
    std::string said;
    const auto why = otp::wait(otp::spawn([&said] {
        otp::probe<tick> probe;
        const auto server = start_clock(probe, 50ms);
        (void)probe.expect(tick{1}, 1s);
        probe.expect_none(20ms);
        said = failure_of([&] { (void)probe.expect<tick>(20ms); });
        (void)probe.expect(tick{7});
    }));
    CHECK(said == "expected probes::tick within 20ms, but nothing came (at +0.090000000s, seed 1)");
    CHECK(why.to_string().find("expected probes::tick: 7 within 5s, but probes::tick: 2 came (at +0.100000000s, seed 1)") != std::string::npos);
}

TEST_CASE("a failed expectation is what explore reports") {
    const auto found = otp::explore({.seeds = 5}, [](otp::simulation&) {
        otp::probe<tick> probe;
        (void)probe.expect<tick>(1s);
    });
    CHECK(found.what == "expected probes::tick within 1s, but nothing came (at +1.000000000s, seed " + std::to_string(found.seed) + ")");
}

TEST_CASE("a probe on real workers: limits are real time, and no seed is named") {
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    otp::probe<tick> probe;
    const auto server = start_clock(probe, 5ms);
    (void)probe.monitor(server.id());
    CHECK(probe.expect(tick{1}, 1min).n == 1);
    CHECK(probe.fish<tick>([](const tick& t) { return t.n >= 3; }, 1min).n >= 3);
    server.cast(probes::clock::stop_now{});
    CHECK(probe.fish<otp::down>(1min).reason == otp::reason{"as told"});
    probe.expect_none(1ms);
    CHECK(failure_of([&] { (void)probe.expect<tick>(2ms); }) == "expected probes::tick within 2ms, but nothing came");
    probe.send(tick{9});
    CHECK(failure_of([&] { (void)probe.expect(tick{8}, 1min); }) == "expected probes::tick: 8 within 60s, but probes::tick: 9 came");
}

}  // namespace tests::probe
