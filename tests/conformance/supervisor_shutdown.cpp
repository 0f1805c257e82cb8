// How children are ended, and the automatic shutdown by significant children.
#include "supervised.hpp"

namespace tests::supervisor_shutdown {

using namespace std::chrono_literals;
using namespace supervised;
using otp::reason;

namespace {

/// Tells its supervisor to stop, from inside.
struct mutineer {
    struct go {
        otp::server<otp::supervisor> above;
    };
    void handle_cast(const go& g) { (void)g.above.stop(); }
};
struct slow_start {
    void init(std::chrono::nanoseconds span) {
        otp::inbox<int> never;
        (void)never.receive(span);
        record().push_back("+slow");
    }
};

reason end_of(const otp::pid& who) {
    otp::inbox<otp::down> in;
    (void)in.monitor(who);
    auto end = in.receive(1000h);
    return end ? std::get<0>(*end).reason : reason{"alive"};
}
template <class... C>
otp::server<otp::supervisor> start(otp::supervisor_flags flags, C... children) {
    auto top = otp::start<otp::supervisor>(flags, std::move(children)...).value();
    record().clear();
    return top;
}

}  // namespace

TEST_CASE("SUPX-01 stop ends the children in reverse order, each gone before the next is told") {
    otp::simulation sim{1};
    const auto top = start({}, plain("a"), otp::child<stubborn>("s", 2s), plain("b"));
    const auto before = sim.now();
    CHECK(top.stop());
    CHECK(take_record() == texts{"-b", "-stubborn", "-a"});
    CHECK(sim.now() == before + 2s);
}

TEST_CASE("SUPX-13 stop returns when all children are gone, and the supervisor has ended with normal") {
    otp::simulation sim{1};
    const auto top = start({}, plain("a"), otp::child<stubborn>("s", 2s), plain("b"));
    const auto children = pids(top, {"a", "s", "b"});
    otp::inbox<otp::down> in;
    (void)in.monitor(top.id());
    CHECK(top.stop());
    for (const auto& c : children) CHECK_FALSE(otp::is_alive(c));
    CHECK(std::get<0>(*in.receive()).reason == reason::normal);
    CHECK(sim.live() == 0);
}

TEST_CASE("SUPX-03 exit signals of processes that are neither parent nor child don't end the supervisor") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = start({}, plain("a"));
    for (const reason& why : {reason{reason::shutdown}, reason{reason::normal}, reason{reason::killed}, reason{"boom"}}) {
        CHECK(otp::wait(otp::spawn([to = top.id(), why] { otp::exit_process(to, why); })) == reason::normal);
        otp::exit_process(top.id(), why);
    }
    sim.run();
    CHECK(otp::is_alive(top.id()));
    CHECK(take_record().empty());
    CHECK(state_of(top, "a") == otp::child_state::running);
}

TEST_CASE("SUPX-04 a child that is not gone in its time is killed, and the supervisor waits for its end") {
    otp::simulation sim{1};
    const reports quiet;
    const auto deaf = [] {
        return otp::spawn_link([]() -> otp::task<> {
            otp::trap_exit(true);
            co_await otp::sleep_for(1000h);
        });
    };
    const auto top = start({}, otp::child("s", deaf).shutdown(300ms));
    const auto child = pid_of(top, "s");
    otp::inbox<otp::down> in;
    (void)in.monitor(child);
    const auto before = sim.now();
    CHECK(top.stop());
    CHECK(sim.now() == before + 300ms);
    CHECK(std::get<0>(*in.receive()).reason == reason::killed);
    CHECK(quiet.with("shutdown_error: killed") == 1);
}

TEST_CASE("a child that hangs in its terminate is killed when its time is over") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = start({}, plain("a"), otp::child<stubborn>("s", -1s).shutdown(300ms));
    const auto before = sim.now();
    CHECK(top.stop());
    CHECK(sim.now() == before + 300ms);
    CHECK(take_record() == texts{"-a"});
    CHECK(sim.live() == 0);
}

TEST_CASE("SUPX-05 brutal_kill kills a child at once, and that is no error") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = start({}, plain("a").shutdown(otp::brutal_kill));
    otp::inbox<otp::down> in;
    (void)in.monitor(pid_of(top, "a"));
    CHECK(top.terminate_child("a"));
    CHECK(std::get<0>(*in.receive()).reason == reason::killed);
    CHECK(take_record().empty());
    CHECK(quiet.lines.empty());
}

TEST_CASE("SUPX-06 with infinity a child is waited for without limit, a worker too") {
    otp::simulation sim{1};
    const auto top = start({}, otp::child<stubborn>("s", 100h).shutdown(otp::infinity));
    const auto before = sim.now();
    CHECK(top.stop());
    CHECK(sim.now() == before + 100h);
    CHECK(take_record() == texts{"-stubborn"});
}

TEST_CASE("SUPX-07 a child that doesn't trap dies by the signal itself, without a report") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = start({}, otp::child<moody>("m"));
    otp::inbox<otp::down> in;
    (void)in.monitor(pid_of(top, "m"));
    CHECK(top.terminate_child("m"));
    CHECK(std::get<0>(*in.receive()).reason == reason::shutdown);
    CHECK(quiet.lines.empty());
}

TEST_CASE("a child that has taken off its link is ended all the same") {
    otp::simulation sim{1};
    const auto top = start({}, plain("a"));
    const auto a = worker_of(top, "a");
    CHECK(otp::sys::with_state(a, [top](const worker&) { otp::unlink(top.id()); }));
    CHECK(top.terminate_child("a"));
    CHECK_FALSE(otp::is_alive(a.id()));
    CHECK(state_of(top, "a") == otp::child_state::stopped);
}

TEST_CASE("a child that ended in another way than it was told is reported, and one that crashed just before too") {
    otp::simulation sim{1};
    const reports seen;
    const auto top = start({.intensity = 5}, otp::child("own", [] {
                               return otp::spawn_link([]() -> otp::task<> {
                                   otp::trap_exit(true);
                                   co_await otp::sleep_for(1s);
                                   throw otp::exit{"in my own time"};
                               });
                           }));
    CHECK(top.terminate_child("own"));
    CHECK(seen.with("shutdown_error: in my own time") == 1);
}

TEST_CASE("SUPX-11 dynamic children with brutal_kill are all killed") {
    otp::simulation sim{1};
    record().clear();
    const auto pool =
        otp::start<otp::dynamic_supervisor<worker>>(otp::dynamic_supervisor_flags{}, otp::child<worker>("w", "w").shutdown(otp::brutal_kill)).value();
    otp::inbox<otp::down> in;
    for (int i = 0; i != 10; ++i) (void)in.monitor(pool.start_child(i).value().id());
    record().clear();
    CHECK(pool.stop());
    for (int i = 0; i != 10; ++i) CHECK(std::get<0>(*in.receive(1h)).reason == reason::killed);
    CHECK(take_record().empty());
    CHECK(sim.live() == 0);
}

TEST_CASE("SUPX-12 dynamic children that end with mixed reasons: the supervisor ends as it was told, all in the time of one") {
    otp::simulation sim{1};
    const reports seen;
    const auto odd = [](int n) -> otp::pid {
        return otp::spawn_link([n]() -> otp::task<> {
            otp::trap_exit(n != 0);
            co_await otp::sleep_for(1s);
            if (n == 2) throw otp::exit{"odd"};
            if (n == 3) co_await otp::sleep_for(1h);
        });
    };
    const auto pool = otp::start<otp::dynamic_supervisor<void>>(otp::dynamic_supervisor_flags{}, otp::child("odd", odd).shutdown(2s)).value();
    for (int i = 0; i != 40; ++i) REQUIRE(pool.start_child(i % 4));
    CHECK(pool.count_children().value().active == 40);
    otp::inbox<otp::down> in;
    (void)in.monitor(pool.id());
    const auto before = sim.now();
    otp::exit_process(pool.id(), reason::shutdown);
    sim.run();
    CHECK(otp::is_alive(pool.id()));
    CHECK(pool.stop(reason::shutdown));
    CHECK(std::get<0>(*in.receive(1h)).reason == reason::shutdown);
    CHECK(sim.now() == before + 2s);
    CHECK(seen.with("shutdown_error: odd") == 10);
    CHECK(seen.with("shutdown_error: killed") == 10);
    CHECK(sim.live() == 0);
}

TEST_CASE("SUPX-14 stop with a time limit: the caller gets timeout, the shutdown goes on to its end") {
    otp::simulation sim{1};
    const auto top = start({}, plain("a"), otp::child<stubborn>("s", 3s));
    CHECK(top.stop(reason::normal, 1s).error() == reason::timeout);
    CHECK(otp::is_alive(top.id()));
    sim.advance(3s);
    CHECK_FALSE(otp::is_alive(top.id()));
    CHECK(take_record() == texts{"-stubborn", "-a"});
}

TEST_CASE("SUPX-15 a child that stops its supervisor is ended by it, and doesn't block it for ever") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = start({}, otp::child<mutineer>("m").shutdown(1s));
    otp::server<mutineer>{pid_of(top, "m").shared()}.cast(mutineer::go{top});
    CHECK(end_of(top.id()) == reason::normal);
    CHECK(sim.live() == 0);
}

TEST_CASE("SUPX-18 a shutdown while the supervisor starts its children comes after the start, and nothing is left") {
    otp::simulation sim{1};
    record().clear();
    otp::result<otp::server<otp::supervisor>> started = reason::noproc;
    const auto p = otp::spawn([&started] { started = otp::start_link<otp::supervisor>(otp::supervisor_flags{}, plain("a"), otp::child<slow_start>("s", 1s)); });
    sim.advance(500ms);
    CHECK(record() == texts{"+a"});
    otp::exit_process(p, reason::shutdown);
    sim.run();
    CHECK(record() == texts{"+a"});
    sim.advance(600ms);
    CHECK(take_record() == texts{"+a", "+slow", "-a"});
    CHECK(sim.live() == 0);
}

TEST_CASE("SUPX-19 giving up ends the remaining children in reverse order, with shutdown") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = three({.intensity = 0});
    end_child(sim, top, "b", "crash");
    CHECK(take_record() == texts{"-b", "-c", "-a"});
    CHECK_FALSE(otp::is_alive(top.id()));
}

TEST_CASE("the end of a simulation ends a tree in order") {
    record().clear();
    {
        otp::simulation sim{1};
        REQUIRE(otp::start<otp::supervisor>(otp::supervisor_flags{}, plain("a"),
                                            otp::child<otp::supervisor>("s", otp::supervisor_flags{}, plain("b"), plain("c")), plain("d")));
        record().clear();
    }
    CHECK(take_record() == texts{"-d", "-c", "-b", "-a"});
}

TEST_CASE("the end of a simulation while a child is being ended ends the rest, too") {
    record().clear();
    {
        otp::simulation sim{1};
        const auto top = start({}, plain("a"), otp::child<stubborn>("s", 3s), plain("b"));
        (void)otp::spawn([top] { (void)top.terminate_child("s"); });
        sim.advance(1s);
    }
    CHECK(take_record() == texts{"-b", "-stubborn", "-a"});
}

// ---- significant children

TEST_CASE("SUPS-02 any_significant: a transient one that crashes is restarted, and the supervisor goes on") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = start({.auto_shutdown = otp::any_significant}, plain("a"), plain("s").restart(otp::transient).significant(), plain("b"));
    const auto before = pid_of(top, "s");
    end_child(sim, top, "s", "crash");
    CHECK(state_of(top, "s") == otp::child_state::running);
    CHECK(pid_of(top, "s") != before);
    CHECK(take_record() == texts{"-s", "+s"});
}

TEST_CASE("SUPS-01 any_significant: a transient one that ends normally ends the supervisor, and all of its children") {
    otp::simulation sim{1};
    const auto top = start({.auto_shutdown = otp::any_significant}, plain("a"), plain("s").restart(otp::transient).significant(), plain("b"));
    otp::inbox<otp::down> in;
    (void)in.monitor(top.id());
    end_child(sim, top, "s", reason::normal);
    CHECK(std::get<0>(*in.receive(1h)).reason == reason::shutdown);
    CHECK(take_record() == texts{"-s", "-b", "-a"});
}

TEST_CASE("SUPS-03 any_significant: a temporary one ends the supervisor by any end") {
    for (const reason& why : {reason{reason::normal}, reason{"crash"}}) {
        otp::simulation sim{1};
        const reports quiet;
        const auto top = start({.auto_shutdown = otp::any_significant}, plain("a"), plain("s").restart(otp::temporary).significant());
        end_child(sim, top, "s", why);
        CHECK_FALSE(otp::is_alive(top.id()));
        CHECK(sim.live() == 0);
    }
}

TEST_CASE("SUPS-04 all_significant: only the end of the last active significant child ends the supervisor") {
    for (const auto restart : {otp::transient, otp::temporary}) {
        otp::simulation sim{1};
        const auto top = start({.auto_shutdown = otp::all_significant}, plain("a"), plain("s").restart(restart).significant(),
                               plain("t").restart(restart).significant());
        end_child(sim, top, "s", reason::normal);
        CHECK(otp::is_alive(top.id()));
        end_child(sim, top, "t", reason::normal);
        CHECK_FALSE(otp::is_alive(top.id()));
    }
}

TEST_CASE("SUPS-08 children that are not significant never end the supervisor") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = start({.auto_shutdown = otp::any_significant}, plain("a").restart(otp::transient), plain("b").restart(otp::temporary),
                           plain("s").restart(otp::transient).significant());
    end_child(sim, top, "a", reason::normal);
    end_child(sim, top, "b", "crash");
    CHECK(otp::is_alive(top.id()));
    CHECK(state_of(top, "s") == otp::child_state::running);
}

TEST_CASE("an order to end a significant child doesn't end the supervisor") {
    otp::simulation sim{1};
    const auto top = start({.auto_shutdown = otp::any_significant}, plain("s").restart(otp::transient).significant());
    CHECK(top.terminate_child("s"));
    sim.run();
    CHECK(otp::is_alive(top.id()));
}

TEST_CASE("SUPS-09 significant with auto_shutdown never, or permanent, is refused") {
    otp::simulation sim{1};
    CHECK(otp::start<otp::supervisor>(otp::supervisor_flags{}, plain("s").restart(otp::transient).significant()).error() == reason::bad_argument);
    CHECK(otp::start<otp::supervisor>(otp::supervisor_flags{.auto_shutdown = otp::any_significant}, plain("s").significant()).error() == reason::bad_argument);
    const auto top = start({}, plain("a"));
    CHECK(top.start_child(plain("s").restart(otp::transient).significant()).error() == reason::bad_argument);
    CHECK(ids_of(top) == texts{"a"});
}

TEST_CASE("SUPS-11 a significant supervisor that ends itself ends its own supervisor; one that is not doesn't") {
    for (const bool significant : {true, false}) {
        otp::simulation sim{1};
        const auto top = start({.auto_shutdown = otp::any_significant},
                               otp::child<otp::supervisor>("below", otp::supervisor_flags{.auto_shutdown = otp::any_significant},
                                                           plain("s").restart(otp::transient).significant())
                                   .restart(otp::transient)
                                   .significant(significant));
        const otp::server<otp::supervisor> below{pid_of(top, "below").shared()};
        end_child(sim, below, "s", reason::normal);
        CHECK_FALSE(otp::is_alive(below.id()));
        CHECK(otp::is_alive(top.id()) != significant);
    }
}

TEST_CASE("SUPS-12 a change of auto_shutdown by a change of code counts for later ends") {
    otp::simulation sim{1};
    const auto top = start({.auto_shutdown = otp::all_significant}, plain("s").restart(otp::transient).significant(),
                           plain("t").restart(otp::transient).significant());
    const auto changed = otp::sys::change_code<otp::supervisor>(
        top, otp::supervision{{.auto_shutdown = otp::any_significant},
                              {plain("s").restart(otp::transient).significant(), plain("t").restart(otp::transient).significant()}});
    REQUIRE(changed);
    end_child(sim, top, "s", reason::normal);
    CHECK_FALSE(otp::is_alive(top.id()));
}

}  // namespace tests::supervisor_shutdown
