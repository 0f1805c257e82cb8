// Monitors, cases MON: one end is told to each monitor, once.
#include "../process/in_process.hpp"

#include <cstdint>
#include <utility>
#include <vector>

namespace tests::monitors {

using namespace std::chrono_literals;
using testing::downs_of;
using testing::exits_of;
using testing::idle_process;
using testing::run_in;
using testing::witness;

TEST_CASE("MON-01 a monitor tells of an end once, also of a normal one") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(false).value();
    otp::monitor_ref quiet, loud;
    otp::pid p, q;
    run_in(w, [&] {
        quiet = otp::monitor(p = otp::spawn([] {}));
        loud = otp::monitor(q = otp::spawn([] { throw otp::exit{"boom"}; }));
    });
    sim.run();
    auto seen = downs_of(w);
    REQUIRE(seen.size() == 2);
    if (seen[0].ref != quiet) std::swap(seen[0], seen[1]);
    CHECK(seen[0].ref == quiet);
    CHECK(seen[0].pid == p);
    CHECK(seen[0].reason == otp::reason::normal);
    CHECK(seen[1].ref == loud);
    CHECK(seen[1].pid == q);
    CHECK(seen[1].reason == "boom");
}

TEST_CASE("MON-06 two monitors of one process tell of its end each, with its own ref") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(false).value();
    otp::monitor_ref one, two;
    run_in(w, [&] {
        const auto p = otp::spawn([] {});
        one = otp::monitor(p);
        two = otp::monitor(p);
    });
    sim.run();
    const auto seen = downs_of(w);
    CHECK(one != two);
    REQUIRE(seen.size() == 2);
    CHECK(((seen[0].ref == one && seen[1].ref == two) || (seen[0].ref == two && seen[1].ref == one)));
}

TEST_CASE("MON-03 a monitor of a name") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(false).value();
    otp::monitor_ref ref;
    SUBCASE("MON-03 that nobody has tells noproc at once, and the name") {
        run_in(w, [&ref] { ref = otp::monitor("nobody"); });
        sim.run();
        const auto seen = downs_of(w);
        REQUIRE(seen.size() == 1);
        CHECK(seen[0].ref == ref);
        CHECK_FALSE(seen[0].pid);
        CHECK(seen[0].name == "nobody");
        CHECK(seen[0].reason == otp::reason::noproc);
    }
    SUBCASE("of a living process tells of its end, with the name") {
        static constexpr otp::name<witness> other{"other"};
        const auto named = otp::start<witness>(other, false).value();
        run_in(w, [&ref] { ref = otp::monitor(other); });
        CHECK(otp::unregister_name("other"));  // it is the process that is watched, not the name
        sim.run();
        CHECK(downs_of(w).empty());
        CHECK(named.stop("done"));
        sim.run();
        const auto seen = downs_of(w);
        REQUIRE(seen.size() == 1);
        CHECK(seen[0].ref == ref);
        CHECK(seen[0].pid == named.id());
        CHECK(seen[0].name == "other");
        CHECK(seen[0].reason == "done");
    }
    SUBCASE("ends with demonitor, and flush takes its down back") {
        const auto named = otp::start<witness>({.name = "other"}, false).value();
        run_in(w, [] {
            CHECK(otp::demonitor(otp::monitor("other")));
            CHECK_FALSE(otp::demonitor(otp::monitor("nobody"), otp::flush));
        });
        CHECK(named.stop());
        sim.run();
        CHECK(downs_of(w).empty());
    }
    SUBCASE("of an inbox") {
        otp::inbox<otp::down> in;
        ref = in.monitor("nobody");
        const auto seen = in.receive();
        REQUIRE(seen);
        CHECK(std::get<0>(*seen).ref == ref);
        CHECK(std::get<0>(*seen).name == "nobody");
    }
}

TEST_CASE("MON-02 a monitor of a dead process tells noproc at once") {
    otp::simulation sim{1};
    const auto dead = otp::spawn([] {});
    sim.run();
    otp::inbox<otp::down> in;
    const auto ref = in.monitor(dead);
    const auto seen = in.receive();
    REQUIRE(seen);
    CHECK(std::get<0>(*seen).ref == ref);
    CHECK(std::get<0>(*seen).pid == dead);
    CHECK(std::get<0>(*seen).reason == otp::reason::noproc);
}

TEST_CASE("MON-07 the end of who watches does nothing to the watched, and is forgotten there") {
    otp::simulation sim{1};
    const auto p = idle_process();
    const auto w = otp::start<witness>(false).value();
    run_in(w, [p] { (void)otp::monitor(p); });
    sim.run();
    REQUIRE(p.block()->related_if_any());
    CHECK(p.block()->related_if_any()->watchers.size() == 1);
    CHECK(w.stop());
    sim.run();
    CHECK(otp::is_alive(p));
    CHECK(p.block()->related_if_any()->watchers.empty());
}

namespace {

/// Runs in a process: a monitor whose down is in the mailbox already.
otp::monitor_ref monitor_of_one_that_is_gone() {
    const auto p = otp::spawn([] {});
    const auto ref = otp::monitor(p);
    otp::inbox<otp::down> in;
    (void)in.monitor(p);
    (void)in.receive();
    return ref;
}

}  // namespace

TEST_CASE("demonitor") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(false).value();
    SUBCASE("MON-08 before the end: nothing is told ever") {
        const auto p = idle_process();
        run_in(w, [p] { CHECK(otp::demonitor(otp::monitor(p))); });
        otp::exit_process(p, otp::reason::kill);
        sim.run();
        CHECK_FALSE(otp::is_alive(p));
        CHECK(downs_of(w).empty());
    }
    SUBCASE("MON-09 twice, or of no monitor, has no effect") {
        run_in(w, [] {
            const auto ref = otp::monitor(idle_process());
            CHECK(otp::demonitor(ref));
            CHECK_FALSE(otp::demonitor(ref));
            CHECK_FALSE(otp::demonitor(otp::monitor_ref{}));
            CHECK_FALSE(otp::demonitor(otp::monitor_ref{}, otp::flush));
        });
        CHECK(otp::is_alive(w.id()));
    }
    SUBCASE("MON-10 after the end: the down stays in the mailbox, and flush removes it") {
        run_in(w, [] { CHECK_FALSE(otp::demonitor(monitor_of_one_that_is_gone())); });
        sim.run();
        CHECK(downs_of(w).size() == 1);
        run_in(w, [] { (void)otp::demonitor(monitor_of_one_that_is_gone(), otp::flush); });
        sim.run();
        CHECK(downs_of(w).size() == 1);
    }
    SUBCASE("MON-12 with flush tells that a down was in the mailbox") {
        run_in(w, [] {
            CHECK_FALSE(otp::demonitor(monitor_of_one_that_is_gone(), otp::flush));
            CHECK(otp::demonitor(otp::monitor(idle_process()), otp::flush));
        });
        sim.run();
        CHECK(downs_of(w).empty());
    }
    SUBCASE("MON-13 by another process leaves the monitor alone") {
        const auto p = idle_process();
        const auto other = otp::start<witness>(false).value();
        otp::monitor_ref ref;
        run_in(w, [&] { ref = otp::monitor(p); });
        run_in(other, [&] {
            CHECK_FALSE(otp::demonitor(ref));
            CHECK_FALSE(otp::demonitor(ref, otp::flush));
        });
        otp::exit_process(p, "boom");
        sim.run();
        REQUIRE(downs_of(w).size() == 1);
        CHECK(downs_of(w)[0].ref == ref);
        CHECK(downs_of(other).empty());
    }
}

TEST_CASE("MON-14 a monitor of oneself never fires") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(false).value();
    run_in(w, [] { CHECK(otp::monitor(otp::self())); });
    sim.run();
    CHECK(downs_of(w).empty());
}

namespace {
/// Watches another one, and kills it when it is told to.
struct rival {
    struct meet {
        using reply_type = void;
        otp::pid other;
    };
    struct strike {};
    void handle_call(meet m) {
        other = m.other;
        (void)otp::monitor(other);
    }
    void handle_cast(strike) { otp::exit_process(other, otp::reason::kill); }
    void handle_info(otp::down) {}
    otp::pid other;
};

/// Both strike; the first strike always hits.
void duel() {
    const auto a = otp::start<rival>().value(), b = otp::start<rival>().value();
    CHECK(a.call(rival::meet{b.id()}));
    CHECK(b.call(rival::meet{a.id()}));
    otp::inbox<otp::down> ends;
    (void)ends.monitor(a.id());
    (void)ends.monitor(b.id());
    a.cast(rival::strike{});
    b.cast(rival::strike{});
    const auto first = ends.receive(60s);
    REQUIRE(first);
    CHECK(std::get<0>(*first).reason == otp::reason::killed);
    (void)(std::get<0>(*first).pid == a.id() ? b : a).stop();  // unless it was hit, too
    REQUIRE(ends.receive(60s));
    CHECK_FALSE(ends.receive(0s));
    CHECK_FALSE(otp::is_alive(a.id()));
    CHECK_FALSE(otp::is_alive(b.id()));
}
}  // namespace

TEST_CASE("MON-19 two that watch and kill each other at the same time: one or both end, and nothing hangs") {
    SUBCASE("in every order") {
        for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
            otp::simulation sim{seed};
            duel();
            CHECK(sim.live() == 0);
        }
    }
    SUBCASE("on workers") {
        for (const std::size_t workers : {1U, 2U}) {
            otp::runtime rt{{.workers = workers}};
            const otp::use here{rt};
            for (int round = 0; round < 1000; ++round) duel();
        }
    }
}

TEST_CASE("MON-20 one that traps, links and watches hears of both, once each") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    run_in(w, [] {
        const auto p = otp::spawn_link([] { throw otp::exit{"boom"}; });
        (void)otp::monitor(p);
    });
    sim.run();
    CHECK(exits_of(w).size() == 1);
    CHECK(downs_of(w).size() == 1);
}

TEST_CASE("MON-21 of a process that dies each of 10,000 that watch it hears once, in steps that grow with their number") {
    const auto steps_of = [](int watchers) {
        otp::simulation sim{1};
        const auto p = idle_process();
        std::vector<otp::server<witness>> all;
        for (int i = 0; i < watchers; ++i) {
            all.push_back(otp::start<witness>(false).value());
            run_in(all.back(), [p] { (void)otp::monitor(p); });
        }
        const auto before = sim.steps();
        otp::exit_process(p, "boom");
        sim.run();
        const auto steps = sim.steps() - before;
        for (const auto& w : all) CHECK(downs_of(w).size() == 1);
        return steps;
    };
    const auto few = steps_of(1000);
    CHECK(steps_of(10'000) <= 11 * few);
}

}  // namespace tests::monitors
