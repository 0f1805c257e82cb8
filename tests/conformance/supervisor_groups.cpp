// Restarts that wait for their time, and what happens to them meanwhile: other ends, changes of code, automatic shutdown.
#include "supervised.hpp"

namespace tests::supervisor_groups {

using namespace std::chrono_literals;
using namespace supervised;
using otp::reason;

TEST_CASE("a restart at exactly the period after another still counts with it; one later doesn't") {
    for (const bool later : {false, true}) {
        otp::simulation sim{1};
        const reports quiet;
        const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{.intensity = 1, .period = 5s}, plain("a")).value();
        end_child(sim, top, "a", "first");
        sim.advance(later ? 5s + 1ns : 5s);
        end_child(sim, top, "a", "second");
        CHECK(otp::is_alive(top) == later);
    }
}

TEST_CASE("rest_for_one: the end of an earlier child takes up the restart of a later one that waits for its time") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{.strategy = otp::rest_for_one, .intensity = 10},
                                                 plain("a").backoff(10s, 10s), plain("b").backoff(1s, 1s), plain("c"))
                         .value();
    end_child(sim, top, "b", "crash");
    end_child(sim, top, "a", "crash");
    (void)take_record();
    sim.advance(5s);
    CHECK(take_record().empty());
    sim.advance(5s);
    CHECK(take_record() == texts{"+a", "+b", "+c"});
}

TEST_CASE("a change of code leaves a restart on its way, and the children that it doesn't name") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{.intensity = 10}, plain("a").backoff(1s, 1s), plain("b")).value();
    end_child(sim, top, "a", "crash");
    CHECK(state_of(top, "a") == otp::child_state::restarting);
    (void)take_record();
    REQUIRE(otp::sys::change_code<otp::supervisor>(top, otp::supervision{{.intensity = 10}, {plain("a").backoff(1s, 1s), plain("c")}}));
    CHECK(state_of(top, "a") == otp::child_state::restarting);
    CHECK(state_of(top, "b") == otp::child_state::running);
    sim.advance(1s);
    CHECK(take_record() == texts{"+a"});
    end_child(sim, top, "b", "crash");
    CHECK(take_record() == texts{"-b", "+b"});
    CHECK(top.stop());
    CHECK(take_record() == texts{"-b", "-a"});
}

TEST_CASE("SUPS-04 a significant child that waits for its restart is one of the active ones") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{.intensity = 10, .auto_shutdown = otp::all_significant},
                                                 plain("a").restart(otp::transient).significant().backoff(1s, 1s),
                                                 plain("b").restart(otp::transient).significant())
                         .value();
    end_child(sim, top, "a", "crash");
    end_child(sim, top, "b", reason::normal);
    CHECK(otp::is_alive(top));
    sim.advance(1s);
    end_child(sim, top, "a", reason::normal);
    CHECK_FALSE(otp::is_alive(top));
}

TEST_CASE("a child whose factory doesn't link it is linked by the supervisor, and restarted") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{}, otp::child("a", [] { return otp::start<worker>("a", 1); })).value();
    const auto before = pid_of(top, "a");
    end_child(sim, top, "a", "crash");
    CHECK(otp::is_alive(pid_of(top, "a")));
    CHECK(pid_of(top, "a") != before);
}

TEST_CASE("terminate_child kills a child whose time is over, at that moment") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{}, otp::child<stubborn>("s", -1s).shutdown(300ms)).value();
    const auto before = sim.now();
    CHECK(top.terminate_child("s"));
    CHECK(sim.now() == before + 300ms);
    CHECK(quiet.with("shutdown_error: killed") == 1);
}

TEST_CASE("a child that ends with normal when it is told to is an error if it is permanent") {
    struct calm {
        void init() { otp::trap_exit(true); }
        void terminate(const reason&) { throw otp::exit{reason::normal}; }
    };
    for (const auto restart : {otp::permanent, otp::transient, otp::temporary}) {
        otp::simulation sim{1};
        const reports seen;
        const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{}, otp::child<calm>("c").restart(restart)).value();
        CHECK(top.stop());
        CHECK(seen.with("shutdown_error: normal") == (restart == otp::permanent ? 1 : 0));
    }
}

TEST_CASE("a child that has crashed just before its supervisor ends is reported with its own reason") {
    otp::simulation sim{1};
    const reports seen;
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{}, plain("a")).value();
    const auto a = worker_of(top, "a");
    REQUIRE(otp::sys::suspend(top));
    a.cast(worker::end{"crash"});
    sim.run();
    CHECK(top.stop());
    CHECK(seen.with("shutdown_error: crash") == 1);
}

TEST_CASE("a child of a factory whose name is taken doesn't live on") {
    otp::simulation sim{1};
    const reports quiet;
    const auto holder = otp::start<worker>({.name = "taken"}, "holder", 1).value();
    const auto made = otp::start<otp::supervisor>(otp::supervisor_flags{},
                                                  otp::child("a", [] { return otp::start<worker>("a", 1); }).named(std::string{"taken"}));
    REQUIRE(!made);
    CHECK(made.error().cause() == reason::already_started);
    sim.run();
    CHECK(sim.live() == 1);
    CHECK(otp::whereis("taken") == holder.id());
}

}  // namespace tests::supervisor_groups
