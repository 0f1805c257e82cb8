// How a supervisor starts: flags, specifications, order, failures.
#include "supervised.hpp"

#include <stdexcept>
#include <type_traits>

namespace tests::supervisor_start {

using namespace std::chrono_literals;
using namespace supervised;
using otp::reason;

namespace {

/// Starts a supervisor as its own linked child, and can end.
struct parent {
    otp::server<otp::supervisor> below;
    void init() { below = otp::start_link<otp::supervisor>(otp::supervisor_flags{}, plain("a"), plain("b")).value(); }
    struct child {
        using reply_type = otp::server<otp::supervisor>;
    };
    otp::server<otp::supervisor> handle_call(child) { return below; }
    struct end_child_with {
        otp::reason why;
    };
    void handle_cast(const end_child_with& e) { otp::exit_process(below.id(), e.why); }
};

reason end_of(const otp::pid& who) {
    otp::inbox<otp::down> in;
    (void)in.monitor(who);
    auto end = in.receive(1h);
    return end ? std::get<0>(*end).reason : reason{"alive"};
}

template <class... C>
reason failure(otp::supervisor_flags flags, C... children) {
    auto started = otp::start<otp::supervisor>(flags, std::move(children)...);
    return started ? reason{"started"} : started.error();
}

}  // namespace

TEST_CASE("SUPI-01 a supervisor without children starts, and its parent's shutdown ends it with shutdown") {
    otp::simulation sim{1};
    CHECK(otp::start<otp::supervisor>(otp::supervisor_flags{}).value().count_children().value() == otp::child_count{});
    const auto p = otp::start<parent>().value();
    const auto below = p.call(parent::child{}).value();
    otp::inbox<otp::down> in;
    (void)in.monitor(below.id());
    otp::exit_process(p.id(), reason::shutdown);
    CHECK(std::get<0>(*in.receive(1h)).reason == reason::shutdown);
    record().clear();
}

TEST_CASE("SUPI-02 a supervisor whose setting up gives ignore is not started, and nothing is left") {
    otp::simulation sim{1};
    const auto started = otp::start<otp::supervisor>([]() -> otp::result<otp::supervision> { return reason::ignored; });
    CHECK(started.error() == reason::ignored);
    sim.run();
    CHECK(sim.live() == 0);
}

TEST_CASE("SUPI-03 a set-up function with another return type is no argument for a supervisor") {
    CHECK_FALSE(otp::starts_with<otp::supervisor, int (*)()>);
    CHECK(otp::starts_with<otp::supervisor, otp::supervision (*)()>);
}

TEST_CASE("SUPI-04 a set-up function that throws is the error of the start") {
    otp::simulation sim{1};
    const auto started = otp::start<otp::supervisor>([]() -> otp::supervision { throw std::runtime_error{"no set-up"}; });
    CHECK(started.error().is_exception());
    CHECK(started.error().text() == "no set-up");
}

TEST_CASE("SUPI-05 children start in the order of the list, and the start returns after the last") {
    otp::simulation sim{1};
    record().clear();
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{}, plain("a"), plain("b"), plain("c"));
    REQUIRE(top);
    CHECK(take_record() == texts{"+a", "+b", "+c"});
}

TEST_CASE("SUPI-07 a factory that returns something illegal is no factory") {
    const auto bad = [] { return 7; };
    CHECK_FALSE(otp::behaviour::child_factory<std::remove_const_t<decltype(bad)>>);
    const auto good = [] { return otp::start_link<moody>(); };
    CHECK(otp::behaviour::child_factory<std::remove_const_t<decltype(good)>>);
}

TEST_CASE("a child that fails to start ends those before it, newest first, and is the error of the start") {
    otp::simulation sim{1};
    const reports quiet;
    record().clear();
    moods() = {"sulks"};
    const auto why = failure({}, plain("a"), plain("b"), otp::child<moody>("m"), plain("c"));
    CHECK(why == reason::failed_child);
    CHECK(why.text() == "m");
    CHECK(why.cause() == "sulks");
    CHECK(take_record() == texts{"+a", "+b", "-b", "-a"});
    CHECK(quiet.with("start_error") == 1);
    sim.run();
    CHECK(sim.live() == 0);
}

TEST_CASE("SUPI-09 a child that gives ignore keeps its specification without a process, and restart_child may start it") {
    otp::simulation sim{1};
    moods() = {"ignore"};
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{}, otp::child<moody>("m")).value();
    CHECK(state_of(top, "m") == otp::child_state::stopped);
    CHECK_FALSE(pid_of(top, "m"));
    const auto begun = top.restart_child("m").value();
    CHECK(begun);
    CHECK(begun == pid_of(top, "m"));
    moods() = {"ignore"};
    const auto other = otp::start<otp::supervisor>(otp::supervisor_flags{}, otp::child<moody>("m").restart(otp::temporary)).value();
    CHECK(other.count_children().value() == otp::child_count{});
}

TEST_CASE("SUPI-11 a child's start may give an info: start_child and restart_child return it, the supervisor ignores it") {
    otp::simulation sim{1};
    const reports quiet;
    int port = 7000;
    const auto listening = [&port](const char* id) {
        return otp::child(id, [&port, id]() -> otp::result<otp::child_and_info<otp::server<worker>, int>> {
            auto made = otp::start_link<worker>(id, 1);
            if (!made) return made.error();
            return otp::child_and_info<otp::server<worker>, int>{std::move(*made), ++port};
        });
    };
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{}, listening("first"), plain("plain")).value();
    CHECK(port == 7001);
    const auto second = top.start_child(listening("second").restart(otp::transient)).value();
    CHECK(second.info == 7002);
    CHECK(second.child.call(worker::number{}).value() == 1);
    CHECK(top.which_child("second").value().pid == second.child.id());
    CHECK(top.start_child(listening("second")).error() == reason::already_started);

    // A restart of its own has nobody to tell.
    second.child.cast(worker::end{"crash"});
    sim.run();
    CHECK(port == 7003);
    CHECK(top.terminate_child("second"));
    const auto again = top.restart_child<int>("second").value();
    CHECK(again.info == 7004);
    CHECK(top.which_child("second").value().pid == again.child);
    CHECK(top.terminate_child("second"));
    CHECK(top.restart_child("second"));  // whoever doesn't want it
    CHECK(top.terminate_child("second"));
    CHECK(top.restart_child<std::string>("second").error() == reason::bad_argument);
    CHECK(top.terminate_child("plain"));
    CHECK(top.restart_child<int>("plain").error() == reason::bad_argument);

    const auto ignoring = otp::child("none", []() -> otp::result<otp::child_and_info<otp::pid, int>> { return reason::ignored; });
    CHECK(top.start_child(ignoring).error() == reason::ignored);
    CHECK(top.stop());
}

TEST_CASE("SUPI-12 the flags are one_for_one, 1 restart in 5 s, no automatic shutdown unless said") {
    const otp::supervisor_flags flags;
    CHECK(flags.strategy == otp::one_for_one);
    CHECK(flags.intensity == 1);
    CHECK(flags.period == 5s);
    CHECK(flags.auto_shutdown == otp::auto_shutdown_type::never);
}

TEST_CASE("SUPI-13 a child is permanent, a worker, has 5 s to end and is not significant; a supervisor has no limit") {
    const auto worker_plan = plain("a").plan();
    CHECK(worker_plan.restart == otp::permanent);
    CHECK(worker_plan.type == otp::child_type::worker);
    CHECK(worker_plan.shutdown == 5s);
    CHECK_FALSE(worker_plan.significant);
    const auto below = otp::child<otp::supervisor>("s", otp::supervisor_flags{}).plan();
    CHECK(below.type == otp::child_type::supervisor);
    CHECK(below.shutdown == otp::infinity);
}

TEST_CASE("SUPI-16 a negative shutdown time is refused, and an empty id, and a backoff that shrinks") {
    otp::simulation sim{1};
    CHECK(failure({}, plain("a").shutdown(-1s)) == reason::bad_argument);
    CHECK(failure({}, plain("")) == reason::bad_argument);
    CHECK(failure({}, plain("a").backoff(2s, 1s)) == reason::bad_argument);
    CHECK(failure({}, plain("a").shutdown(0s)) == "started");
}

TEST_CASE("SUPI-17 two children of the same id: nothing is started") {
    otp::simulation sim{1};
    record().clear();
    const auto why = failure({}, plain("a"), plain("b"), plain("a"));
    CHECK(why == reason::bad_argument);
    CHECK(why.text().find("duplicate_child_name") != std::string_view::npos);
    CHECK(take_record().empty());
}

TEST_CASE("SUPI-18 a negative intensity and a period of none or without end are refused") {
    otp::simulation sim{1};
    CHECK(failure({.intensity = -1}) == reason::bad_argument);
    CHECK(failure({.period = 0s}) == reason::bad_argument);
    CHECK(failure({.period = -1s}) == reason::bad_argument);
    CHECK(failure({.period = otp::infinity}) == reason::bad_argument);
    CHECK(failure({.intensity = 0}) == "started");
}

TEST_CASE("a dynamic supervisor takes the flags of any supervisor, but no strategy and no automatic shutdown") {
    otp::simulation sim{1};
    const auto start = [](otp::supervisor_flags flags) { return otp::start<otp::dynamic_supervisor<worker>>(flags, otp::child<worker>("w", "w")); };
    CHECK(start({.strategy = otp::one_for_all}).error() == reason::bad_argument);
    CHECK(start({.auto_shutdown = otp::any_significant}).error() == reason::bad_argument);
    const auto pool = start({.intensity = 0}).value();
    const auto w = pool.start_child(1).value();
    otp::exit_process(w.id(), reason::kill);
    CHECK(otp::wait(pool) == reason::shutdown);  // the intensity counts
    sim.run();
    CHECK(sim.live() == 0);
}

TEST_CASE("SUPI-20 check_childspecs says what is wrong and starts nothing") {
    otp::simulation sim{1};
    record().clear();
    for (const auto restart : {otp::permanent, otp::transient, otp::temporary}) {
        CHECK(otp::check_childspecs({plain("a").restart(restart).shutdown(otp::brutal_kill), plain("b").restart(restart).shutdown(otp::infinity)}));
        CHECK(otp::check_childspecs({plain("a").restart(restart).significant()}).has_value() == (restart != otp::permanent));
    }
    CHECK(otp::check_childspecs({plain("a"), plain("a")}).error() == reason::bad_argument);
    CHECK(take_record().empty());
}

TEST_CASE("SUPI-22 a taken name is already_started with the pid of who has it") {
    otp::simulation sim{1};
    const auto first = otp::start<otp::supervisor>({.name = "top"}, otp::supervisor_flags{}).value();
    const auto second = otp::start<otp::supervisor>({.name = "top"}, otp::supervisor_flags{});
    CHECK(second.error() == reason::already_started);
    CHECK(second.error().pid() == first.id());
}

TEST_CASE("SUPI-23 a tree of three levels starts depth first, left to right, and ends in exact reverse") {
    otp::simulation sim{1};
    record().clear();
    const auto leaf = [](const std::string& id) { return otp::child<otp::supervisor>(id, otp::supervisor_flags{}, plain(id + "1"), plain(id + "2")); };
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{}, plain("a"),
                                                 otp::child<otp::supervisor>("m", otp::supervisor_flags{}, leaf("x"), plain("b"), leaf("y")), plain("c"))
                         .value();
    CHECK(take_record() == texts{"+a", "+x1", "+x2", "+b", "+y1", "+y2", "+c"});
    CHECK(top.stop());
    CHECK(take_record() == texts{"-c", "-y2", "-y1", "-b", "-x2", "-x1", "-a"});
    CHECK(sim.live() == 0);
}

TEST_CASE("a factory may return a supervisor, a server, or a pid") {
    otp::simulation sim{1};
    const auto top = otp::start<otp::supervisor>(
                         otp::supervisor_flags{}, otp::child("s", [] { return otp::start_link<otp::supervisor>(otp::supervisor_flags{}, plain("a")); }),
                         otp::child("w", [] { return otp::start_link<moody>(); }),
                         otp::child("p", []() -> otp::pid { return otp::spawn_link([]() -> otp::task<> { co_await otp::sleep_for(1h); }); }))
                         .value();
    CHECK(top.count_children().value() == otp::child_count{.specs = 3, .active = 3, .supervisors = 1, .workers = 2});
    CHECK(top.which_child("s").value().type == otp::child_type::supervisor);
}

TEST_CASE("a named child is found under its name, also after its restart") {
    otp::simulation sim{1};
    const reports quiet;
    static constexpr otp::name<worker> called{"called"};
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{}, otp::child<worker>("w", "w", 3).named(called)).value();
    CHECK(called.call(worker::number{}).value() == 3);
    const auto before = called.id();
    called.cast(worker::end{"crash"});
    sim.run();
    CHECK(called.id() != before);
    CHECK(called.call(worker::number{}).value() == 3);
}

TEST_CASE("SUPX-02 the parent's exit signal of any reason, also normal, ends the supervisor with that reason") {
    for (const reason& why : {reason{reason::normal}, reason{reason::shutdown}, reason{"boom"}}) {
        otp::simulation sim{1};
        const auto p = otp::start<parent>().value();
        const auto below = p.call(parent::child{}).value();
        record().clear();
        p.cast(parent::end_child_with{why});
        CHECK(end_of(below.id()) == why);
        CHECK(take_record() == texts{"-b", "-a"});
    }
}

}  // namespace tests::supervisor_start
