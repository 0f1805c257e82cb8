// Exit signals, cases EXIT: what ends a process, and with what reason.
#include "../process/in_process.hpp"

#include <memory>
#include <stdexcept>
#include <string>

namespace tests::exits {

using namespace std::chrono_literals;
using testing::downs_of;
using testing::exits_of;
using testing::idle_process;
using testing::idle_trapping_process;
using testing::run_in;
using testing::witness;

TEST_CASE("EXIT-01 an exit signal normal is ignored by another process that doesn't trap") {
    otp::simulation sim{1};
    const auto p = idle_process();
    otp::exit_process(p, otp::reason::normal);
    sim.run();
    CHECK(otp::is_alive(p));
}

TEST_CASE("a trapping process gets exit signals as messages") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    const auto told = [&](const otp::reason& why) {
        otp::exit_process(w.id(), why);
        sim.run();
        const auto seen = exits_of(w);
        REQUIRE(seen.size() == 1);
        CHECK_FALSE(seen[0].pid);  // the thread of the test is no process
        CHECK(seen[0].reason == why);
        CHECK(otp::is_alive(w.id()));
    };
    SUBCASE("EXIT-02 normal") { told(otp::reason::normal); }
    SUBCASE("EXIT-04 a reason of one's own") { told("other"); }
    SUBCASE("EXIT-07 killed, an ordinary reason") { told(otp::reason::killed); }
}

TEST_CASE("EXIT-04 an exit signal that is trapped says who has sent it") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    const auto p = otp::spawn([w] { otp::exit_process(w.id(), "other"); });
    sim.run();
    REQUIRE(exits_of(w).size() == 1);
    CHECK(exits_of(w)[0].pid == p);
    CHECK(exits_of(w)[0].reason == "other");
}

TEST_CASE("a process that doesn't trap dies with the reason of the signal") {
    otp::simulation sim{1};
    const auto dies_of = [&](const otp::reason& why) {
        const auto p = idle_process();
        sim.run();
        otp::inbox<otp::down> in;
        (void)in.monitor(p);
        otp::exit_process(p, why);
        const auto seen = in.receive();
        REQUIRE(seen);
        CHECK(std::get<0>(*seen).reason == why);
        CHECK_FALSE(otp::is_alive(p));
    };
    SUBCASE("EXIT-03 shutdown or a reason of one's own") {
        dies_of(otp::reason::shutdown);
        dies_of("other");
    }
    SUBCASE("EXIT-08 killed") { dies_of(otp::reason::killed); }
}

TEST_CASE("kill ends a process") {
    otp::simulation sim{1};
    const auto dies_of_kill = [](const otp::pid& p) {
        otp::inbox<otp::down> in;
        (void)in.monitor(p);
        otp::exit_process(p, otp::reason::kill);
        CHECK(std::get<0>(*in.receive()).reason == otp::reason::killed);
        CHECK_FALSE(otp::is_alive(p));
    };
    SUBCASE("EXIT-05 that doesn't trap, with the reason killed") { dies_of_kill(idle_process()); }
    SUBCASE("EXIT-06 that traps, just so") {
        const auto p = idle_trapping_process();
        sim.run();
        dies_of_kill(p);
        const auto w = otp::start<witness>(true).value();
        dies_of_kill(w.id());
    }
}

TEST_CASE("EXIT-11 links and monitors of a killed process see killed, and links that don't trap die with killed") {
    for (const bool traps : {false, true}) {
        otp::simulation sim{1};
        const auto p = traps ? idle_trapping_process() : idle_process();
        sim.run();
        const auto w = otp::start<witness>(true).value(), plain = otp::start<witness>(false).value();
        run_in(w, [p] {
            otp::link(p);
            (void)otp::monitor(p);
        });
        run_in(plain, [p] { otp::link(p); });
        otp::inbox<otp::down> in;
        (void)in.monitor(plain.id());
        otp::exit_process(p, otp::reason::kill);
        sim.run();
        REQUIRE(exits_of(w).size() == 1);
        CHECK(exits_of(w)[0].reason == otp::reason::killed);
        REQUIRE(downs_of(w).size() == 1);
        CHECK(downs_of(w)[0].reason == otp::reason::killed);
        CHECK(std::get<0>(*in.receive()).reason == otp::reason::killed);
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

TEST_CASE("EXIT-25 a process killed in the middle of handling gives back its queued messages") {
    struct load {
        std::shared_ptr<int> held;
    };
    struct busy {
        otp::task<> handle_info(load l) {
            co_await otp::sleep_for(1h);
            (void)l;
        }
    };
    const auto before = otp::memory::in_use();
    const auto value = std::make_shared<int>(1);
    {
        otp::simulation sim{1};
        const auto s = otp::start<busy>().value();
        for (int i = 0; i < 100; ++i) s.send(load{value});
        sim.run();
        CHECK(value.use_count() == 101);  // one is being handled, the others wait
        otp::exit_process(s.id(), otp::reason::kill);
        sim.run();
        CHECK_FALSE(otp::is_alive(s.id()));
        CHECK(value.use_count() == 1);
    }
    CHECK(otp::memory::in_use() == before);
}

}  // namespace tests::exits
