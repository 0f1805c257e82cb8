// Managing children at run time, dynamic supervisors, changes of code, reports.
#include "supervised.hpp"

#include <stdexcept>

namespace tests::supervisor_children {

using namespace std::chrono_literals;
using namespace supervised;
using otp::reason;

namespace {

using pool_of_workers = otp::dynamic_supervisor<worker>;

otp::server<pool_of_workers> start_pool(otp::restart_type restart, otp::dynamic_supervisor_flags flags = {}) {
    auto pool = otp::start<pool_of_workers>(flags, otp::child<worker>("w", "w").restart(restart)).value();
    record().clear();
    return pool;
}
struct tiny {
    void init(int) {}
};
struct sleeper {
    void init() {
        otp::inbox<int> never;
        (void)never.receive(200ms);
    }
};

}  // namespace

TEST_CASE("SUPC-01 start_child gives the new child, which is the last in order") {
    otp::simulation sim{1};
    const auto top = three({});
    const otp::result<otp::server<worker>> d = top.start_child(otp::child<worker>("d", "d", 4));
    REQUIRE(d);
    CHECK(d->call(worker::number{}).value() == 4);
    CHECK(ids_of(top).front() == "d");
}

TEST_CASE("SUPC-02 start_child with the id of a running child: already_started with its pid, nothing is started") {
    otp::simulation sim{1};
    const auto top = three({});
    const auto again = top.start_child(plain("b"));
    CHECK(again.error() == reason::already_started);
    CHECK(again.error().pid() == pid_of(top, "b"));
    CHECK(take_record().empty());
    CHECK(top.terminate_child("b"));
    CHECK(top.start_child(plain("b")).error() == reason::already_present);
}

TEST_CASE("a child that start_child can't start is its reason, and leaves no specification") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = three({});
    moods() = {"sulks"};
    CHECK(top.start_child(otp::child<moody>("m")).error() == "sulks");
    CHECK(top.which_child("m").error() == reason::not_found);
    const auto thrown = top.start_child(otp::child("f", []() -> otp::pid { throw std::runtime_error{"no factory today"}; }));
    CHECK(thrown.error().text() == "no factory today");
    CHECK(ids_of(top) == texts{"c", "b", "a"});
}

TEST_CASE("SUPC-06 start_child that gives ignore: a null handle; the specification stays unless it is temporary or dynamic") {
    otp::simulation sim{1};
    const auto top = three({});
    moods() = {"ignore", "ignore", "ignore"};
    const auto kept = top.start_child(otp::child<moody>("m"));
    REQUIRE(kept);
    CHECK_FALSE(*kept);
    CHECK(state_of(top, "m") == otp::child_state::stopped);
    CHECK_FALSE(top.start_child(otp::child<moody>("t").restart(otp::temporary)).value());
    CHECK(top.which_child("t").error() == reason::not_found);
    const auto pool = otp::start<otp::dynamic_supervisor<moody>>(otp::dynamic_supervisor_flags{}, otp::child<moody>("m")).value();
    CHECK_FALSE(pool.start_child().value());
    CHECK(pool.count_children().value() == otp::child_count{.specs = 1});
}

TEST_CASE("SUPC-07 start_child with an illegal specification is refused, and the supervisor goes on") {
    otp::simulation sim{1};
    const auto top = three({});
    CHECK(top.start_child(plain("d").shutdown(-1s)).error() == reason::bad_argument);
    CHECK(ids_of(top) == texts{"c", "b", "a"});
}

TEST_CASE("SUPC-08 terminate_child returns when the child is gone; its specification stays, and it is not restarted") {
    otp::simulation sim{1};
    const auto top = three({});
    const auto b = pid_of(top, "b");
    CHECK(top.terminate_child("b"));
    CHECK_FALSE(otp::is_alive(b));
    sim.run_all();
    CHECK(state_of(top, "b") == otp::child_state::stopped);
    REQUIRE(top.start_child(plain("t").restart(otp::temporary)));
    CHECK(top.terminate_child("t"));
    CHECK(top.which_child("t").error() == reason::not_found);
}

TEST_CASE("SUPC-09 terminate_child of a stopped child succeeds; of an unknown one: not_found") {
    otp::simulation sim{1};
    const auto top = three({});
    CHECK(top.terminate_child("b"));
    CHECK(top.terminate_child("b"));
    CHECK(top.terminate_child("x").error() == reason::not_found);
}

TEST_CASE("SUPC-11 restart_child: a new process for a stopped one; running, not_found, the child's reason") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{}, otp::child<moody>("m")).value();
    const auto before = pid_of(top, "m");
    CHECK(top.restart_child("m").error() == reason::running);
    CHECK(top.restart_child("x").error() == reason::not_found);
    CHECK(top.terminate_child("m"));
    moods() = {"sulks"};
    CHECK(top.restart_child("m").error() == "sulks");
    CHECK(state_of(top, "m") == otp::child_state::stopped);
    const auto fresh = top.restart_child("m").value();
    CHECK(fresh != before);
    CHECK(fresh == pid_of(top, "m"));
}

TEST_CASE("SUPC-12 delete_child: a stopped one; running, not_found") {
    otp::simulation sim{1};
    const auto top = three({});
    CHECK(top.delete_child("b").error() == reason::running);
    CHECK(top.delete_child("x").error() == reason::not_found);
    CHECK(top.terminate_child("b"));
    CHECK(top.delete_child("b"));
    CHECK(ids_of(top) == texts{"c", "a"});
}

TEST_CASE("SUPC-13 which_children tells each child, the newest first") {
    otp::simulation sim{1};
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{}, plain("a"), otp::child<otp::supervisor>("s", otp::supervisor_flags{})).value();
    CHECK(top.terminate_child("a"));
    const auto all = top.which_children().value();
    REQUIRE(all.size() == 2);
    CHECK(all[0].id == "s");
    CHECK(otp::is_alive(all[0].pid));
    CHECK(all[0].type == otp::child_type::supervisor);
    CHECK(all[0].module == "otp::supervisor");
    CHECK(all[1].id == "a");
    CHECK_FALSE(all[1].pid);
    CHECK(all[1].state == otp::child_state::stopped);
    CHECK(all[1].type == otp::child_type::worker);
}

TEST_CASE("SUPC-14 which_child tells one child, or not_found") {
    otp::simulation sim{1};
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{}, plain("a"), otp::child<otp::supervisor>("s", otp::supervisor_flags{})).value();
    const auto one = top.which_child("a").value();
    CHECK(one.id == "a");
    CHECK(otp::is_alive(one.pid));
    CHECK(one.state == otp::child_state::running);
    CHECK(one.type == otp::child_type::worker);
    CHECK(one.module == "supervised::worker");
    CHECK(top.terminate_child("a"));
    CHECK(top.which_child("a").value().state == otp::child_state::stopped);
    CHECK_FALSE(top.which_child("a").value().pid);
    CHECK(top.which_child("s").value().type == otp::child_type::supervisor);
    CHECK(top.which_child("x").error() == reason::not_found);
}

TEST_CASE("SUPC-16 a child that is restarting counts in workers, not in active") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{}, plain("a").backoff(1s, 1s), plain("b")).value();
    end_child(sim, top, "a", "crash");
    CHECK(top.count_children().value() == otp::child_count{.specs = 2, .active = 1, .supervisors = 0, .workers = 2});
}

TEST_CASE("SUPC-17 every call on a supervisor that is gone gives noproc") {
    otp::simulation sim{1};
    const auto top = three({});
    CHECK(top.stop());
    CHECK(top.start_child(plain("d")).error() == reason::noproc);
    CHECK(top.terminate_child("a").error() == reason::noproc);
    CHECK(top.restart_child("a").error() == reason::noproc);
    CHECK(top.delete_child("a").error() == reason::noproc);
    CHECK(top.which_children().error() == reason::noproc);
    CHECK(top.which_child("a").error() == reason::noproc);
    CHECK(top.count_children().error() == reason::noproc);
}

TEST_CASE("SUPC-18 a dynamic child is made with the arguments of the specification and its own, and has no id") {
    otp::simulation sim{1};
    const auto pool = start_pool(otp::temporary);
    const auto w = pool.start_child(5).value();
    CHECK(w.call(worker::number{}).value() == 5);
    CHECK(take_record() == texts{"+w"});
    const auto all = pool.which_children().value();
    REQUIRE(all.size() == 1);
    CHECK(all[0].id.empty());
    CHECK(all[0].pid == w.id());
    CHECK(pool.start_child().error() == reason::bad_argument);
    CHECK(pool.start_child(std::string{"5"}).error() == reason::bad_argument);
    const auto made = otp::start<pool_of_workers>(otp::dynamic_supervisor_flags{}, otp::child("f", [](const std::string& id, int n) {
                                                      return otp::start_link<worker>(id, n);
                                                  }))
                          .value();
    CHECK(made.start_child("x", 6).value().call(worker::number{}).value() == 6);
}

TEST_CASE("SUPC-19 terminate_child by pid: a child; one that is dead; a living stranger is not_found and unharmed") {
    otp::simulation sim{1};
    const auto pool = start_pool(otp::permanent);
    const auto w = pool.start_child(1).value();
    CHECK(pool.terminate_child(w));
    CHECK_FALSE(otp::is_alive(w.id()));
    CHECK(pool.terminate_child(w));
    const auto stranger = otp::start<moody>().value();
    CHECK(pool.terminate_child(stranger).error() == reason::not_found);
    CHECK(otp::is_alive(stranger.id()));
    sim.run();
    CHECK(pool.count_children().value() == otp::child_count{.specs = 1});
}

TEST_CASE("SUPC-21 a dynamic child that can't be started gives its reason, and nothing is kept") {
    otp::simulation sim{1};
    const auto pool = otp::start<otp::dynamic_supervisor<moody>>(otp::dynamic_supervisor_flags{}, otp::child<moody>("m")).value();
    moods() = {"sulks"};
    CHECK(pool.start_child().error() == "sulks");
    CHECK(pool.count_children().value() == otp::child_count{.specs = 1});
}

TEST_CASE("SUPC-23 only the dead dynamic child is restarted, and the limit counts over all of them") {
    otp::simulation sim{1};
    const reports quiet;
    const auto pool = start_pool(otp::transient, {.intensity = 2});
    const auto first = pool.start_child(1).value();
    const auto second = pool.start_child(2).value();
    const auto third = pool.start_child(3).value();
    first.cast(worker::end{"crash"});
    second.cast(worker::end{"crash"});
    sim.run();
    CHECK(pool.count_children().value().active == 3);
    CHECK(otp::is_alive(third.id()));
    third.cast(worker::end{reason::normal});
    sim.run();
    CHECK(pool.count_children().value().active == 2);
    otp::server<worker>{pool.which_children().value().at(0).pid.shared()}.cast(worker::end{"crash"});
    sim.run();
    CHECK_FALSE(otp::is_alive(pool.id()));
    CHECK(sim.live() == 0);
}

TEST_CASE("a dynamic child whose restart fails is tried again, each try counts, and terminate_child ends the tries") {
    otp::simulation sim{1};
    const reports quiet;
    const auto pool = otp::start<otp::dynamic_supervisor<moody>>(otp::dynamic_supervisor_flags{.intensity = 5},
                                                                 otp::child<moody>("m").backoff(1s, 1s))
                          .value();
    const auto m = pool.start_child().value();
    moods() = {"sulks"};
    m.cast(worker::end{"crash"});
    sim.advance(1500ms);
    CHECK(pool.count_children().value() == otp::child_count{.specs = 1, .active = 0, .supervisors = 0, .workers = 1});
    CHECK(pool.which_children().value().at(0).state == otp::child_state::restarting);
    sim.advance(1s);
    const auto again = pool.which_children().value().at(0).pid;
    REQUIRE(again);
    otp::server<moody>{again.shared()}.cast(worker::end{"crash"});
    sim.advance(500ms);
    CHECK(pool.terminate_child(again));
    sim.run_all();
    CHECK(pool.count_children().value() == otp::child_count{.specs = 1});
}

TEST_CASE("SUPC-25 dynamic children by the ten thousand: each start and stop does as many steps as among a thousand") {
    const auto steps_for = [](int n) {
        otp::simulation sim{1};
        const auto pool = otp::start<otp::dynamic_supervisor<tiny>>(otp::dynamic_supervisor_flags{}, otp::child<tiny>("t", 1).restart(otp::temporary)).value();
        std::vector<otp::pid> all;
        for (int i = 0; i != n; ++i) all.push_back(pool.start_child().value().id());
        for (const auto& p : all) REQUIRE(pool.terminate_child(p));
        CHECK(pool.count_children().value().active == 0);
        return sim.steps();
    };
    const auto few = steps_for(1000);
    const auto many = steps_for(10000);
    CHECK(many < 11 * few);
}

TEST_CASE("a hundred thousand dynamic children are ended in parallel") {
    otp::simulation sim{1};
    const auto pool = otp::start<otp::dynamic_supervisor<tiny>>(otp::dynamic_supervisor_flags{}, otp::child<tiny>("t").restart(otp::temporary)).value();
    for (int i = 0; i != 100000; ++i) REQUIRE(pool.start_child(i));
    CHECK(pool.count_children().value().active == 100000);
    CHECK(pool.stop());
    CHECK(sim.live() == 0);
}

TEST_CASE("SUPC-27 start_child calls are served one at a time: a slow init delays the next by its time") {
    otp::simulation sim{1};
    const auto top = three({});
    std::vector<otp::exec::time_point> done;
    for (const char* id : {"x", "y"})
        (void)otp::spawn([&done, top, id] {
            (void)top.start_child(otp::child<sleeper>(id));
            done.push_back(otp::now());
        });
    const auto begun = sim.now();
    sim.advance(1s);
    REQUIRE(done.size() == 2);
    CHECK(done[0] == begun + 200ms);
    CHECK(done[1] == begun + 400ms);
}

TEST_CASE("SUPC-31 a change of code with an illegal specification or flags is an error, and the old ones stay") {
    otp::simulation sim{1};
    const auto top = three({});
    const auto before = pids(top, abc);
    CHECK(otp::sys::change_code<otp::supervisor>(top, otp::supervision{{}, {plain("a"), plain("a")}}).error() == reason::bad_argument);
    CHECK(otp::sys::change_code<otp::supervisor>(top, otp::supervision{{.intensity = -1}, {plain("a")}}).error() == reason::bad_argument);
    CHECK(pids(top, abc) == before);
    REQUIRE(otp::sys::change_code<otp::supervisor>(top, otp::supervision{{.intensity = 7}, {plain("a"), plain("b"), plain("c"), plain("d")}}));
    CHECK(pids(top, abc) == before);
    CHECK(state_of(top, "d") == otp::child_state::stopped);
    CHECK(top.restart_child("d"));
}

TEST_CASE("SUPC-32 a change of code of a dynamic supervisor gives it exactly one other specification") {
    otp::simulation sim{1};
    const auto pool = start_pool(otp::temporary);
    CHECK(otp::sys::change_code<pool_of_workers>(pool, otp::child<worker>("w", "new").shutdown(-1s)).error() == reason::bad_argument);
    CHECK(pool.start_child(1));
    CHECK(take_record() == texts{"+w"});
    REQUIRE(otp::sys::change_code<pool_of_workers>(pool, otp::child<worker>("w", "new")));
    CHECK(pool.start_child(1));
    CHECK(take_record() == texts{"+new"});
}

TEST_CASE("LOG-01 reports say which supervisor, what happened, why, and which child") {
    otp::simulation sim{1};
    const reports seen;
    const auto top = otp::start<otp::supervisor>({.name = "overseer"}, otp::supervisor_flags{.intensity = 1}, otp::child<moody>("m")).value();
    moods() = {"sulks"};
    otp::server<moody>{pid_of(top, "m").shared()}.cast(worker::end{"crash"});
    sim.run();
    CHECK(seen.with("child_terminated: crash") == 1);
    CHECK(seen.with("start_error: sulks") == 1);
    CHECK(seen.with("shutdown: reached_max_restart_intensity") == 1);
    CHECK(seen.with("\"overseer\"") == 3);
    CHECK(seen.with("child \"m\"") == 3);
}

TEST_CASE("LOG-03 a permanent child's normal end is reported, a transient one's is not") {
    otp::simulation sim{1};
    const reports seen;
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{.intensity = 10}, plain("a"), plain("t").restart(otp::transient)).value();
    for (const reason& why : {reason{reason::normal}, reason{reason::shutdown}, reason::shutdown_for("x")}) {
        end_child(sim, top, "a", why);
        end_child(sim, top, "t", why);
        CHECK(top.restart_child("t"));
    }
    CHECK(seen.with("child_terminated") == 3);
    CHECK(seen.with("child \"t\"") == 0);
}

TEST_CASE("LOG-07 without a sink crashes are silent, and reasons still travel") {
    otp::simulation sim{1};
    const auto before = otp::set_logger(nullptr);
    const auto top = three({.intensity = 0});
    otp::inbox<otp::down> in;
    (void)in.monitor(pid_of(top, "a"));
    (void)in.monitor(top.id());
    end_child(sim, top, "a", "crash");
    (void)otp::set_logger(before.sink, before.context);
    CHECK(std::get<0>(*in.receive()).reason == "crash");
    CHECK(std::get<0>(*in.receive()).reason == reason::shutdown);
}

}  // namespace tests::supervisor_children
