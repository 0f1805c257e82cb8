// Restarts: types, strategies, intensity, tries that fail, backoff.
#include "supervised.hpp"

#include <stdexcept>

namespace tests::supervisor_restart {

using namespace std::chrono_literals;
using namespace supervised;
using otp::reason;

namespace {

const std::vector<reason> orderly{reason::normal, reason::shutdown, reason::shutdown_for("done")};

otp::server<otp::supervisor> one(otp::restart_type restart, int intensity = 10) {
    auto top = otp::start<otp::supervisor>(otp::supervisor_flags{.intensity = intensity}, plain("a").restart(restart)).value();
    record().clear();
    return top;
}

otp::server<otp::supervisor> with_moody(otp::simulation& sim, otp::supervisor_flags flags) {
    auto top = otp::start<otp::supervisor>(flags, plain("a"), otp::child<moody>("m"), plain("c")).value();
    record().clear();
    starts() = 0;
    (void)sim;
    return top;
}

}  // namespace

TEST_CASE("SUPR-01 a permanent child is restarted with a new pid, whatever it ended with") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = one(otp::permanent);
    auto why = orderly;
    why.emplace_back("crash");
    for (const auto& each : why) {
        const auto before = pid_of(top, "a");
        end_child(sim, top, "a", each);
        CHECK(pid_of(top, "a"));
        CHECK(pid_of(top, "a") != before);
    }
}

TEST_CASE("SUPR-02 a transient child is restarted after an abnormal end; else its specification stays without a process") {
    otp::simulation sim{1};
    const reports quiet;
    for (const auto& each : orderly) {
        const auto top = one(otp::transient);
        end_child(sim, top, "a", each);
        CHECK(state_of(top, "a") == otp::child_state::stopped);
    }
    const auto top = one(otp::transient);
    const auto before = pid_of(top, "a");
    end_child(sim, top, "a", "crash");
    CHECK(pid_of(top, "a"));
    CHECK(pid_of(top, "a") != before);
}

TEST_CASE("SUPR-03 a temporary child is never restarted, and forgotten on any end") {
    otp::simulation sim{1};
    const reports quiet;
    auto why = orderly;
    why.emplace_back("crash");
    for (const auto& each : why) {
        const auto top = one(otp::temporary);
        end_child(sim, top, "a", each);
        CHECK(top.which_child("a").error() == reason::not_found);
        CHECK(top.count_children().value().specs == 0);
    }
}

TEST_CASE("SUPR-04 one_for_one: only the dead child is restarted") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = three({});
    const auto before = pids(top, abc);
    end_child(sim, top, "b", "crash");
    const auto after = pids(top, abc);
    CHECK(after[0] == before[0]);
    CHECK(after[1] != before[1]);
    CHECK(after[2] == before[2]);
    CHECK(take_record() == texts{"-b", "+b"});
}

TEST_CASE("SUPR-05 one_for_all: the others end in reverse order, then all start in order with new pids") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = three({.strategy = otp::one_for_all});
    const auto before = pids(top, abc);
    end_child(sim, top, "b", "crash");
    const auto after = pids(top, abc);
    for (std::size_t i = 0; i != 3; ++i) CHECK(after[i] != before[i]);
    CHECK(take_record() == texts{"-b", "-c", "-a", "+a", "+b", "+c"});
}

TEST_CASE("SUPR-06 rest_for_one: those after the dead one end in reverse order, then it and they start; earlier ones go on") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = three({.strategy = otp::rest_for_one});
    const auto before = pids(top, abc);
    end_child(sim, top, "b", "crash");
    const auto after = pids(top, abc);
    CHECK(after[0] == before[0]);
    CHECK(after[1] != before[1]);
    CHECK(after[2] != before[2]);
    CHECK(take_record() == texts{"-b", "-c", "+b", "+c"});
}

TEST_CASE("SUPR-09 a one_for_all restart brings back a sibling that terminate_child had stopped") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = three({.strategy = otp::one_for_all});
    CHECK(top.terminate_child("a"));
    end_child(sim, top, "b", "crash");
    CHECK(state_of(top, "a") == otp::child_state::running);
}

TEST_CASE("a group restart forgets the temporary siblings that it ends") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{.strategy = otp::one_for_all}, plain("t").restart(otp::temporary), plain("a"),
                                                 plain("u").restart(otp::temporary), plain("b"))
                         .value();
    end_child(sim, top, "a", "crash");
    CHECK(ids_of(top) == texts{"b", "a"});
    CHECK(top.count_children().value().active == 2);
}

TEST_CASE("SUPR-10 a child that start_child adds is the last in the order of starts") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = three({.strategy = otp::rest_for_one});
    REQUIRE(top.start_child(plain("d")));
    record().clear();
    end_child(sim, top, "c", "crash");
    CHECK(take_record() == texts{"-c", "-d", "+c", "+d"});
}

TEST_CASE("SUPR-11 exactly `intensity` restarts in the period are borne, one more ends all children and the supervisor with shutdown") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{.intensity = 3, .period = 5s}, plain("a"), plain("b")).value();
    otp::inbox<otp::down> in;
    (void)in.monitor(top.id());
    for (int i = 0; i != 3; ++i) end_child(sim, top, "a", "crash");
    CHECK(state_of(top, "a") == otp::child_state::running);
    CHECK_FALSE(in.try_receive());
    const auto b = pid_of(top, "b");
    end_child(sim, top, "a", "crash");
    CHECK(std::get<0>(*in.receive()).reason == reason::shutdown);
    CHECK_FALSE(otp::is_alive(b));
    CHECK(sim.live() == 0);
}

TEST_CASE("SUPR-12 with intensity 0 the first death that needs a restart ends the supervisor") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = one(otp::permanent, 0);
    end_child(sim, top, "a", "crash");
    CHECK_FALSE(otp::is_alive(top.id()));
    CHECK(sim.live() == 0);
}

TEST_CASE("SUPR-13 restarts older than the period don't count") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{.intensity = 1, .period = 1s}, plain("a")).value();
    for (int i = 0; i != 100; ++i) {
        end_child(sim, top, "a", "crash");
        sim.advance(2100ms);
    }
    CHECK(state_of(top, "a") == otp::child_state::running);
}

TEST_CASE("SUPR-15 ends that need no restart don't count") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{.intensity = 0}, plain("a")).value();
    for (int i = 0; i != 10; ++i) {
        REQUIRE(top.start_child(plain("t").restart(otp::temporary)));
        end_child(sim, top, "t", "crash");
        REQUIRE(top.start_child(plain("n").restart(otp::transient)));
        end_child(sim, top, "n", reason::normal);
        CHECK(top.delete_child("n"));
    }
    CHECK(otp::is_alive(top.id()));
}

TEST_CASE("SUPR-16 each try to restart whose start fails counts, and past the limit the supervisor gives up") {
    for (const auto strategy : {otp::one_for_one, otp::one_for_all, otp::rest_for_one}) {
        otp::simulation sim{1};
        const reports quiet;
        const auto top = with_moody(sim, {.strategy = strategy, .intensity = 4});
        otp::inbox<otp::down> in;
        (void)in.monitor(top.id());
        moods().assign(10, "sulks");
        otp::server<moody>{pid_of(top, "m").shared()}.cast(worker::end{"crash"});
        CHECK(std::get<0>(*in.receive(1h)).reason == reason::shutdown);
        CHECK(starts() == 4);
        CHECK(quiet.with("reached_max_restart_intensity") == 1);
        CHECK(sim.live() == 0);
        moods().clear();
    }
}

TEST_CASE("a restart that fails at first and then works leaves the child running") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = with_moody(sim, {.strategy = otp::one_for_all, .intensity = 4});
    moods() = {"sulks", "throw"};
    otp::server<moody>{pid_of(top, "m").shared()}.cast(worker::end{"crash"});
    sim.run();
    CHECK(top.count_children().value().active == 3);
    CHECK(starts() == 3);
}

TEST_CASE("SUPR-18 while a child is restarting: already_present, restarting, and terminate_child ends the tries") {
    otp::simulation sim{1};
    const reports quiet;
    auto top = otp::start<otp::supervisor>(otp::supervisor_flags{.intensity = 100}, otp::child<moody>("m").backoff(1s, 1s)).value();
    moods() = {"sulks", "sulks", "sulks", "sulks"};
    starts() = 0;
    otp::server<moody>{pid_of(top, "m").shared()}.cast(worker::end{"crash"});
    sim.advance(1500ms);
    CHECK(starts() == 1);
    CHECK(state_of(top, "m") == otp::child_state::restarting);
    CHECK(top.start_child(otp::child<moody>("m")).error() == reason::already_present);
    CHECK(top.restart_child("m").error() == reason::restarting);
    CHECK(top.delete_child("m").error() == reason::restarting);
    CHECK(top.terminate_child("m"));
    CHECK(state_of(top, "m") == otp::child_state::stopped);
    sim.advance(1min);
    CHECK(starts() == 1);
    moods().clear();
    CHECK(top.restart_child("m"));
}

TEST_CASE("SUPR-19 rest_for_one with a restart that fails: those after have no process, those before go on") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{.strategy = otp::rest_for_one, .intensity = 100}, plain("a"),
                                                 otp::child<moody>("m").backoff(1s, 1s), plain("c"))
                         .value();
    const auto a = pid_of(top, "a");
    moods() = {"sulks"};
    otp::server<moody>{pid_of(top, "m").shared()}.cast(worker::end{"crash"});
    sim.advance(1500ms);
    CHECK(pid_of(top, "a") == a);
    CHECK(state_of(top, "m") == otp::child_state::restarting);
    CHECK(state_of(top, "c") == otp::child_state::stopped);
    sim.advance(1s);
    CHECK(pid_of(top, "a") == a);
    CHECK(top.count_children().value().active == 3);
}

TEST_CASE("SUPR-22 a restart whose start gives ignore keeps the child without a process, and tries no more") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = with_moody(sim, {});
    moods() = {"ignore"};
    otp::server<moody>{pid_of(top, "m").shared()}.cast(worker::end{"crash"});
    sim.run_all();
    CHECK(state_of(top, "m") == otp::child_state::stopped);
    CHECK(starts() == 1);
    CHECK(otp::is_alive(top.id()));
}

TEST_CASE("SUPR-24 a restart of a whole sub-tree brings its static children back, those added later not") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{}, otp::child<otp::supervisor>("s", otp::supervisor_flags{}, plain("a"))).value();
    const otp::server<otp::supervisor> old{pid_of(top, "s").shared()};
    REQUIRE(old.start_child(plain("b")));
    otp::exit_process(old.id(), reason::kill);
    sim.run();
    const otp::server<otp::supervisor> fresh{pid_of(top, "s").shared()};
    CHECK(fresh != old);
    CHECK(ids_of(fresh) == texts{"a"});
}

TEST_CASE("SUPR-25 a restart is immediate") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = one(otp::permanent);
    const auto before = sim.now();
    end_child(sim, top, "a", "crash");
    CHECK(state_of(top, "a") == otp::child_state::running);
    CHECK(sim.now() == before);
}

TEST_CASE("with a backoff restarts wait longer each time, up to the limit, and a child that lived long begins anew") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{.intensity = 100}, plain("a").backoff(100ms, 300ms)).value();
    for (const auto delay : {100ms, 200ms, 300ms, 300ms}) {
        end_child(sim, top, "a", "crash");
        sim.advance(delay - 1ns);
        CHECK(state_of(top, "a") == otp::child_state::restarting);
        sim.advance(1ns);
        CHECK(state_of(top, "a") == otp::child_state::running);
    }
    sim.advance(300ms);
    end_child(sim, top, "a", "crash");
    sim.advance(100ms);
    CHECK(state_of(top, "a") == otp::child_state::running);
}

TEST_CASE("a restart that waits for its time counts once") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{.intensity = 1, .period = 1s}, plain("a").backoff(100ms, 100ms)).value();
    end_child(sim, top, "a", "crash");
    sim.advance(100ms);
    CHECK(state_of(top, "a") == otp::child_state::running);
    end_child(sim, top, "a", "crash");
    CHECK_FALSE(otp::is_alive(top.id()));
}

TEST_CASE("SUPR-26 a restart uses the original arguments of that child") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = one(otp::permanent);
    end_child(sim, top, "a", "crash");
    CHECK(worker_of(top, "a").call(worker::number{}).value() == 7);
    const auto pool = otp::start<otp::dynamic_supervisor<worker>>(otp::dynamic_supervisor_flags{}, otp::child<worker>("w", "w")).value();
    const auto first = pool.start_child(41).value();
    first.cast(worker::end{"crash"});
    sim.run();
    const otp::server<worker> second{pool.which_children().value().at(0).pid.shared()};
    CHECK(second != first);
    CHECK(second.call(worker::number{}).value() == 41);
}

TEST_CASE("SUPR-27 a killed child ended abnormally") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = one(otp::transient);
    const auto before = pid_of(top, "a");
    otp::exit_process(before, reason::kill);
    sim.run();
    CHECK(pid_of(top, "a"));
    CHECK(pid_of(top, "a") != before);
}

TEST_CASE("SUPR-29 the end of a linked process that is no child starts nothing and ends nothing") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = one(otp::permanent, 0);
    const auto before = pid_of(top, "a");
    const auto stranger = otp::spawn([to = top.id()] {
        otp::link(to);
        throw otp::exit{"stranger"};
    });
    CHECK(otp::wait(stranger) == reason{"stranger"});
    sim.run();
    CHECK(pid_of(top, "a") == before);
    CHECK(top.count_children().value().specs == 1);
}

TEST_CASE("SUPR-30 a message that nobody expects is reported, and the supervisor lives") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = one(otp::permanent, 0);
    const auto other = otp::spawn([] {});
    sim.run();
    CHECK(otp::sys::with_state(top, [other](const otp::supervisor&) { return otp::monitor(other).number() != 0; }));
    sim.run();
    CHECK(quiet.with("no handle_info for down") == 1);
    CHECK(state_of(top, "a") == otp::child_state::running);
}

}  // namespace tests::supervisor_restart
