// Exit signals, links and monitors: what one process hears of another's end.
#include "in_process.hpp"

#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using testing::downs_of;
using testing::exits_of;
using testing::idle_process;
using testing::idle_trapping_process;
using testing::in_process;
using testing::run_in;
using testing::witness;

TEST_CASE("EXIT-01 an exit signal normal is ignored by another process that doesn't trap") {
    otp::simulation sim{1};
    const auto p = idle_process();
    otp::exit_process(p, otp::reason::normal);
    sim.run();
    CHECK(otp::is_alive(p));
}

TEST_CASE("EXIT-02 EXIT-04 EXIT-07 a trapping process gets exit signals as messages: normal, others, killed") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    for (const otp::reason& why : {otp::reason{otp::reason::normal}, otp::reason{"other"}, otp::reason{otp::reason::killed}})
        otp::exit_process(w.id(), why);
    sim.run();
    const auto seen = exits_of(w);
    REQUIRE(seen.size() == 3);
    CHECK(seen[0].reason == otp::reason::normal);
    CHECK(seen[1].reason == "other");
    CHECK(seen[2].reason == otp::reason::killed);
}

TEST_CASE("EXIT-03 EXIT-08 a process that doesn't trap dies with the reason of the signal") {
    for (const otp::reason& why : {otp::reason{otp::reason::shutdown}, otp::reason{"other"}, otp::reason{otp::reason::killed}}) {
        otp::simulation sim{1};
        const auto p = idle_process();
        sim.run();
        otp::inbox<otp::down> in;
        (void)in.monitor(p);
        otp::exit_process(p, why);
        const auto seen = in.receive();
        REQUIRE(seen);
        CHECK(std::get<0>(*seen).reason == why);
        CHECK_FALSE(otp::is_alive(p));
    }
}

TEST_CASE("EXIT-05 EXIT-06 EXIT-11 kill ends a process whether it traps or not, and others see killed") {
    for (const bool traps : {false, true}) {
        otp::simulation sim{1};
        const auto p = traps ? idle_trapping_process() : idle_process();
        sim.run();
        const auto w = otp::start<witness>(true).value();
        run_in(w, [p] {
            otp::link(p);
            (void)otp::monitor(p);
        });
        otp::exit_process(p, otp::reason::kill);
        sim.run();
        REQUIRE(exits_of(w).size() == 1);
        CHECK(exits_of(w)[0].reason == otp::reason::killed);
        REQUIRE(downs_of(w).size() == 1);
        CHECK(downs_of(w)[0].reason == otp::reason::killed);
    }
}

TEST_CASE("a process that ends itself with kill passes on a kill that can be trapped") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    run_in(w, [] { (void)otp::spawn_link([] { throw otp::exit{otp::reason::kill}; }); });
    sim.run();
    REQUIRE(exits_of(w).size() == 1);
    CHECK(exits_of(w)[0].reason == otp::reason::kill);
}

TEST_CASE("EXIT-13 an exit signal to oneself while trapping is a message, also normal") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    run_in(w, [] {
        otp::exit_process(otp::self(), otp::reason::normal);
        otp::exit_process(otp::self(), "again");
    });
    sim.run();
    const auto seen = exits_of(w);
    REQUIRE(seen.size() == 2);
    CHECK(seen[0].pid == w.id());
    CHECK(seen[0].reason == otp::reason::normal);
    CHECK(seen[1].reason == "again");
}

TEST_CASE("EXIT-14 kill to oneself kills, trapping or not") {
    for (const bool traps : {false, true}) {
        otp::simulation sim{1};
        const auto p = otp::spawn([traps]() -> otp::task<> {
            otp::trap_exit(traps);
            otp::exit_process(otp::self(), otp::reason::kill);
            co_await otp::sleep_for(1h);
        });
        CHECK(otp::wait(p) == otp::reason::killed);
    }
}

TEST_CASE("EXIT-16 an exit signal to a dead process has no effect") {
    otp::simulation sim{1};
    const auto p = otp::spawn([] {});
    sim.run();
    otp::exit_process(p, "late");
    otp::exit_process(p, otp::reason::kill);
    sim.run();
    CHECK_FALSE(otp::is_alive(p));
}

TEST_CASE("EXIT-17 of two exit signals in a row the first counts") {
    otp::simulation sim{1};
    const auto p = idle_process();
    otp::inbox<otp::down> in;
    (void)in.monitor(p);
    otp::exit_process(p, "first");
    otp::exit_process(p, "second");
    CHECK(std::get<0>(*in.receive()).reason == "first");
}

TEST_CASE("EXIT-19 an exit during a wait with a time-out ends it, and the time-out never fires") {
    otp::simulation sim{1};
    bool went_on = false;
    const auto p = otp::spawn([&went_on]() -> otp::task<> {
        co_await otp::sleep_for(1s);
        went_on = true;
    });
    sim.run();
    otp::exit_process(p, "enough");
    sim.run_all();
    CHECK_FALSE(went_on);
    CHECK_FALSE(otp::is_alive(p));
    CHECK(sim.now() < otp::exec::time_point{} + 1h);
}

TEST_CASE("EXIT-21 a function that returns ends normally; an exception is the reason; otp::exit carries its own") {
    otp::simulation sim{1};
    otp::inbox<otp::down> in;
    const auto ended = [&in](const otp::pid& p) {
        (void)in.monitor(p);
        return std::get<0>(*in.receive()).reason;
    };
    CHECK(ended(otp::spawn([] {})) == otp::reason::normal);
    CHECK(ended(otp::spawn([]() -> otp::task<> { co_return; })) == otp::reason::normal);
    const auto failed = ended(otp::spawn([] { throw std::runtime_error{"broken"}; }));
    CHECK(failed.is_exception());
    CHECK(failed.text() == "broken");
    CHECK_THROWS_AS(failed.rethrow(), std::runtime_error);
    CHECK(ended(otp::spawn([]() -> otp::task<> {
              throw otp::exit{"own reason"};
              co_return;
          })) == "own reason");
    CHECK(ended(otp::spawn([] { throw 7; })).is_exception());
}

TEST_CASE("EXIT-22 a reason of 128 KiB arrives unchanged") {
    otp::simulation sim{1};
    const std::string big(128 * 1024, 'x');
    const auto w = otp::start<witness>(true).value();
    run_in(w, [&big] {
        const auto p = otp::spawn_link([&big] { throw otp::exit{big}; });
        (void)otp::monitor(p);
    });
    sim.run();
    CHECK(exits_of(w).at(0).reason == otp::reason{big});
    CHECK(downs_of(w).at(0).reason.text() == big);
}

TEST_CASE("EXIT-23 a process is dead to whoever has sent it kill") {
    otp::simulation sim{1};
    const auto p = idle_trapping_process();
    sim.run();
    CHECK(otp::is_alive(p));
    otp::exit_process(p, otp::reason::kill);
    CHECK_FALSE(otp::is_alive(p));
}

TEST_CASE("LINK-01 LINK-02 LINK-03 links end both sides with the reason") {
    otp::simulation sim{1};
    otp::inbox<otp::down> in;
    otp::pid child;
    const auto parent = otp::spawn([&child]() -> otp::task<> {
        child = otp::spawn_link([]() -> otp::task<> { co_await otp::sleep_for(1h); });
        co_await otp::sleep_for(1h);
    });
    sim.run();
    (void)in.monitor(parent);
    (void)in.monitor(child);
    otp::exit_process(parent, "boom");
    CHECK(std::get<0>(*in.receive()).reason == "boom");
    CHECK(std::get<0>(*in.receive()).reason == "boom");

    const auto other = otp::spawn([]() -> otp::task<> {
        (void)otp::spawn_link([] { throw otp::exit{"at once"}; });
        co_await otp::sleep_for(1h);
    });
    (void)in.monitor(other);
    CHECK(std::get<0>(*in.receive()).reason == "at once");
}

TEST_CASE("LINK-04 a normal end leaves a linked process alone, and is a message to one that traps") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    const auto plain = otp::start<witness>(false).value();
    run_in(w, [] { (void)otp::spawn_link([] {}); });
    run_in(plain, [] { (void)otp::spawn_link([] {}); });
    sim.run();
    REQUIRE(exits_of(w).size() == 1);
    CHECK(exits_of(w)[0].reason == otp::reason::normal);
    CHECK(exits_of(plain).empty());
}

TEST_CASE("LINK-05 two links of the same two are one, and one unlink removes it") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    const auto p = idle_process(), q = idle_process();
    run_in(w, [p, q] {
        otp::link(p);
        otp::link(p);
        otp::link(q);
        otp::link(q);
        otp::unlink(q);
    });
    otp::exit_process(p, "p");
    otp::exit_process(q, "q");
    sim.run();
    REQUIRE(exits_of(w).size() == 1);
    CHECK(exits_of(w)[0].reason == "p");
}

TEST_CASE("LINK-06 LINK-07 LINK-09 a link to oneself is nothing, one to the dead is the exit noproc, unlinking a stranger is nothing") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    const auto dead = otp::spawn([] {});
    sim.run();
    run_in(w, [dead] {
        otp::link(otp::self());
        otp::unlink(idle_process());
        otp::unlink(dead);
        otp::link(dead);
    });
    sim.run();
    REQUIRE(exits_of(w).size() == 1);
    CHECK(exits_of(w)[0].pid == dead);
    CHECK(exits_of(w)[0].reason == otp::reason::noproc);
}

TEST_CASE("LINK-11 a trapped exit that came before the unlink stays") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    run_in(w, [] {
        const auto p = otp::spawn_link([] { throw otp::exit{"early"}; });
        otp::inbox<otp::down> in;
        (void)in.monitor(p);
        (void)in.receive();  // it is gone, and its exit is in this mailbox
        otp::unlink(p);
    });
    sim.run();
    CHECK(exits_of(w).size() == 1);
}

TEST_CASE("an exit on its way does not pass an unlink") {
    // The peer dies while the unlink happens: either order, never an exit after unlink has returned.
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        otp::simulation sim{seed};
        std::size_t before = 0, after = 0;
        const auto w = otp::start<witness>(true).value();
        const auto p = otp::spawn([] {});
        auto first = w.send_request<witness::do_in>(std::function<void()>([p] { otp::link(p); }));
        auto second = w.send_request<witness::do_in>(std::function<void()>([p] { otp::unlink(p); }));
        REQUIRE(first.wait());
        REQUIRE(second.wait());
        before = exits_of(w).size();
        sim.run();
        after = exits_of(w).size();
        CHECK(before == after);
    }
}

TEST_CASE("links made and unmade by both sides at once end up the same on both") {
    for (std::uint64_t seed = 1; seed <= 500; ++seed) {
        otp::simulation sim{seed};
        const auto a = otp::start<witness>(true).value(), b = otp::start<witness>(true).value();
        auto toggle = [](const otp::server<witness>& on, otp::pid peer, bool up) {
            return on.send_request<witness::do_in>(std::function<void()>([peer, up] { up ? otp::link(peer) : otp::unlink(peer); }));
        };
        const otp::request<witness::do_in> all[] = {toggle(a, b.id(), true), toggle(b, a.id(), true), toggle(a, b.id(), false), toggle(b, a.id(), true)};
        sim.run();
        otp::exit_process(a.id(), otp::reason::kill);
        otp::exit_process(b.id(), otp::reason::normal);  // only for its mailbox: trapped
        sim.run();
        const auto links_of_b = b.id().block()->related_if_any();
        CHECK((!links_of_b || links_of_b->links.empty()));  // the death of a has ended whatever there was
        std::size_t heard = 0;
        for (const auto& e : exits_of(b)) heard += e.pid == a.id() ? 1 : 0;
        CHECK(heard <= 1);
    }
}

TEST_CASE("LINK-14 LINK-16 an exit runs along a chain of links up to a process that traps") {
    otp::simulation sim{1};
    std::vector<otp::pid> chain;
    const auto w = otp::start<witness>(true).value();
    chain.push_back(w.id());
    for (int i = 0; i < 10; ++i) {
        const auto previous = chain.back();
        chain.push_back(otp::spawn([previous]() -> otp::task<> {
            otp::link(previous);
            co_await otp::sleep_for(1h);
        }));
        sim.run();
    }
    otp::exit_process(chain.back(), "boom");
    sim.run();
    for (std::size_t i = 1; i < chain.size(); ++i) CHECK_FALSE(otp::is_alive(chain[i]));
    REQUIRE(exits_of(w).size() == 1);
    CHECK(exits_of(w)[0].reason == "boom");
    CHECK(exits_of(w)[0].pid == chain[1]);
}

TEST_CASE("LINK-17 LINK-18 trap_exit gives back what was set, and counts when a signal is received") {
    in_process([] {
        CHECK(otp::trap_exit(true) == false);
        CHECK(otp::trap_exit(true) == true);
        const auto self = otp::self();
        otp::inbox<int> in;
        const otp::recipient<int> done = in;
        otp::spawn([self, done] {
            otp::exit_process(self, "trapped");
            done.send(1);
        });
        CHECK(in.receive());
        CHECK(otp::trap_exit(false) == true);
        CHECK(otp::is_alive(self));
    });
}

TEST_CASE("LINK-19 of a process that dies each of 1,000 links hears once") {
    otp::simulation sim{1};
    const auto p = idle_process();
    std::vector<otp::server<witness>> all;
    for (int i = 0; i < 1000; ++i) {
        all.push_back(otp::start<witness>(true).value());
        run_in(all.back(), [p] { otp::link(p); });
    }
    otp::exit_process(p, "boom");
    sim.run();
    for (const auto& w : all) CHECK(exits_of(w).size() == 1);
}

TEST_CASE("MON-01 MON-06 each monitor tells of an end once, with its own ref, also of a normal one") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(false).value();
    otp::monitor_ref one, two;
    run_in(w, [&] {
        const auto p = otp::spawn([] {});
        one = otp::monitor(p);
        two = otp::monitor(p);
        const auto q = otp::spawn([] { throw otp::exit{"boom"}; });
        (void)otp::monitor(q);
    });
    sim.run();
    const auto seen = downs_of(w);
    REQUIRE(seen.size() == 3);
    CHECK(one != two);
    int ones = 0, twos = 0, booms = 0;
    for (const auto& d : seen) {
        ones += d.ref == one ? 1 : 0;
        twos += d.ref == two ? 1 : 0;
        booms += d.reason == "boom" ? 1 : 0;
    }
    CHECK(ones == 1);
    CHECK(twos == 1);
    CHECK(booms == 1);
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

TEST_CASE("MON-08 MON-09 MON-10 MON-12 demonitor before the end, twice, after it, and with flush") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(false).value();
    run_in(w, [] {
        const auto p = idle_process();
        const auto ref = otp::monitor(p);
        CHECK(otp::demonitor(ref));
        CHECK_FALSE(otp::demonitor(ref));
        CHECK_FALSE(otp::demonitor(otp::monitor_ref{}));
        otp::exit_process(p, otp::reason::kill);
        // One whose down is here already: it stays, or goes with flush.
        for (const bool flush : {false, true}) {
            const auto q = otp::spawn([] {});
            const auto watched = otp::monitor(q);
            otp::inbox<otp::down> in;
            (void)in.monitor(q);
            (void)in.receive();
            if (flush) CHECK_FALSE(otp::demonitor(watched, otp::flush));
            else CHECK(otp::demonitor(watched) == false);
        }
    });
    sim.run();
    CHECK(downs_of(w).size() == 1);
}

TEST_CASE("MON-14 a monitor of oneself never fires") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(false).value();
    run_in(w, [] { CHECK(otp::monitor(otp::self())); });
    sim.run();
    CHECK(downs_of(w).empty());
}

TEST_CASE("MON-19 two that watch and kill each other both end") {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        otp::simulation sim{seed};
        const auto a = idle_process(), b = idle_process();
        const auto kill = [](otp::pid other) {
            return otp::spawn([other] {
                (void)otp::monitor(other);
                otp::exit_process(other, otp::reason::kill);
            });
        };
        kill(a);
        kill(b);
        sim.run();
        CHECK_FALSE(otp::is_alive(a));
        CHECK_FALSE(otp::is_alive(b));
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

TEST_CASE("MON-21 of a process that dies each of 10,000 monitors hears once") {
    otp::simulation sim{1};
    const auto p = idle_process();
    otp::inbox<otp::down> in;
    for (int i = 0; i < 10'000; ++i) (void)in.monitor(p);
    otp::exit_process(p, "boom");
    int heard = 0;
    while (in.receive()) ++heard;
    CHECK(heard == 10'000);
}

TEST_CASE("links and monitors of a plain thread are refused") {
    otp::simulation sim{1};
    const auto p = idle_process();
    CHECK_THROWS_AS(otp::link(p), otp::exit);
    CHECK_THROWS_AS((void)otp::monitor(p), otp::exit);
    CHECK_THROWS_AS((void)otp::spawn_link([] {}), otp::exit);
    CHECK(otp::start_link<witness>(false).error() == otp::reason::no_process);
    CHECK_FALSE(otp::self());
}
