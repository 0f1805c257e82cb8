// terminate: when it runs, when not, and what it sees.
#include "servers.hpp"

#include <otp/behaviour/testing/simulated.hpp>
#include <otp/supervisor.hpp>

#include <memory>

namespace tests::termination {

using namespace std::chrono_literals;
using testing::end_of;
using testing::log;
using testing::run_in;
using testing::server;
using testing::witness;

namespace {

/// Tells what it hears, and ends when its supervisor or parent says so.
struct child {
    void init(log* seen, bool traps) {
        seen_ = seen;
        otp::trap_exit(traps);
    }
    void handle_info(otp::exit_signal e) { seen_->push_back("info " + e.reason.to_string()); }
    void terminate(const otp::reason& why) {
        CHECK(otp::self<child>().id() == otp::self());
        seen_->push_back("terminate " + why.to_string());
    }
    log* seen_ = nullptr;
};

/// A child of a witness.
otp::server<child> child_of(const otp::server<witness>& parent, log& seen, bool traps) {
    otp::server<child> made;
    run_in(parent, [&] { made = otp::start_link<child>(&seen, traps).value(); });
    return made;
}

}  // namespace

TEST_CASE("TERM-01 after a stop from any callback terminate runs once, in the server's process, with the reason") {
    const testing::reports quiet;
    for (const int way : {0, 1, 2}) {
        log seen;
        otp::simulation sim{1};
        const auto s = otp::start<server>(&seen).value();
        otp::inbox<otp::down> in;
        (void)in.monitor(s.id());
        if (way == 0) s.cast(server::stop_order{"enough"});
        if (way == 1) s.send(server::stop_order{"enough"});
        if (way == 2) CHECK(s.call(server::stop_without_reply{"enough"}).error() == "enough");
        CHECK(std::get<0>(*in.receive()).reason == "enough");
        CHECK(seen == log{"terminate enough"});
    }
    log seen;
    otp::simulation sim{1};
    CHECK(otp::start<child>(&seen, false).value().stop("in its own process"));
    CHECK(seen == log{"terminate in its own process"});
}

TEST_CASE("TERM-02 a server without terminate just ends with its reason, and its state is destroyed") {
    const testing::reports quiet;
    struct plain {
        std::shared_ptr<int> held;
        otp::next handle_cast(otp::reason why) { return otp::stop(std::move(why)); }
    };
    otp::simulation sim{1};
    auto token = std::make_shared<int>(1);
    const std::weak_ptr<int> watch = token;
    const auto s = otp::start<plain>(std::exchange(token, nullptr)).value();
    s.cast(otp::reason{"enough"});
    CHECK(end_of(s.id()) == "enough");
    CHECK(watch.expired());
}

TEST_CASE("TERM-03 the parent's exit ends a server that traps exits through terminate") {
    const testing::reports quiet;
    log seen;
    otp::simulation sim{1};
    const auto parent = otp::start<witness>(false).value();
    const auto c = child_of(parent, seen, true);
    otp::inbox<otp::down> in;
    (void)in.monitor(c.id());
    otp::exit_process(parent.id(), "parent is gone");
    CHECK(std::get<0>(*in.receive()).reason == "parent is gone");
    CHECK(seen == log{"terminate parent is gone"});
}

TEST_CASE("TERM-06 without trapping a server dies by the exit of its parent or another linked process at once, without terminate") {
    for (const bool by_parent : {true, false}) {
        log seen;
        otp::simulation sim{1};
        const auto parent = otp::start<witness>(!by_parent).value();
        const auto c = child_of(parent, seen, false);
        const auto other = otp::spawn([to = c.id()]() -> otp::task<> {
            otp::link(to);
            co_await otp::sleep_for(1h);
        });
        sim.run();
        otp::inbox<otp::down> in;
        (void)in.monitor(c.id());
        otp::exit_process(by_parent ? parent.id() : other, "boom");
        CHECK(std::get<0>(*in.receive()).reason == "boom");
        CHECK(seen.empty());
        sim.run();
        CHECK_FALSE(otp::is_alive(other));
    }
}

TEST_CASE("TERM-07 the exit of a linked process that is not the parent is an info to one that traps, and no end") {
    const testing::reports quiet;
    log seen;
    otp::simulation sim{1};
    const auto parent = otp::start<witness>(true).value();
    const auto c = child_of(parent, seen, true);
    const auto other = otp::spawn([to = c.id()] {
        otp::link(to);
        throw otp::exit{"boom"};
    });
    CHECK(otp::wait(other) == "boom");
    sim.run();
    CHECK(seen == log{"info boom"});
    CHECK(otp::is_alive(c.id()));
    CHECK(testing::exits_of(parent).empty());
}

TEST_CASE("TERM-08 kill ends a server with killed and without terminate, whether it traps or not") {
    for (const bool traps : {false, true}) {
        log seen;
        otp::simulation sim{1};
        const auto s = otp::start<child>(&seen, traps).value();
        otp::inbox<otp::down> in;
        (void)in.monitor(s.id());
        otp::exit_process(s.id(), otp::reason::kill);
        CHECK(std::get<0>(*in.receive()).reason == otp::reason::killed);
        CHECK(seen.empty());
    }
}

TEST_CASE("TERM-09 a server that traps exits runs terminate when its supervisor ends it") {
    log seen;
    otp::simulation sim{1};
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{}, otp::child<child>("c", &seen, true).shutdown(2s)).value();
    CHECK(top.stop());
    CHECK(seen == log{"terminate shutdown"});
}

TEST_CASE("TERM-10 one that doesn't trap dies by the shutdown without terminate, which is a proper stop") {
    const testing::reports reported;
    log seen;
    otp::simulation sim{1};
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{}, otp::child<child>("c", &seen, false).shutdown(2s)).value();
    otp::inbox<otp::down> in;
    (void)in.monitor(top.which_child("c").value().pid);
    const auto before = sim.now();
    CHECK(top.stop());
    CHECK(std::get<0>(*in.receive()).reason == otp::reason::shutdown);
    CHECK(sim.now() == before);
    CHECK(seen.empty());
    CHECK(reported.with("shutdown_error") == 0);
}

TEST_CASE("TERM-11 a brutal_kill runs no terminate") {
    log seen;
    otp::simulation sim{1};
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{}, otp::child<child>("c", &seen, true).shutdown(otp::brutal_kill)).value();
    otp::inbox<otp::down> in;
    (void)in.monitor(top.which_child("c").value().pid);
    CHECK(top.stop());
    CHECK(std::get<0>(*in.receive()).reason == otp::reason::killed);
    CHECK(seen.empty());
}

TEST_CASE("TERM-12 after an exception terminate gets it as the reason, and sees the state as the callback has left it") {
    // The choice: the state is the object itself, so what the callback had changed when it threw stays changed.
    struct account {
        struct move {
            using reply_type = int;
            int amount;
        };
        int* left;
        int from = 10, to = 0;
        int handle_call(move m) {
            from -= m.amount;
            if (from < 0) throw std::runtime_error{"overdrawn"};
            return to += m.amount;
        }
        void terminate(const otp::reason& why) {
            CHECK(why.is_exception());
            CHECK(why.text() == "overdrawn");
            *left = from;
        }
    };
    const testing::reports quiet;
    int left = 0;
    otp::simulation sim{1};
    const auto s = otp::start<account>(account{&left}).value();
    otp::inbox<otp::down> in;
    (void)in.monitor(s.id());
    CHECK(s.call(account::move{3}).value() == 3);
    CHECK(s.call(account::move{8}).error().text() == "overdrawn");
    CHECK(left == -1);
    CHECK(std::get<0>(*in.receive()).reason.text() == "overdrawn");
}

TEST_CASE("TERM-13 after otp::exit terminate gets its reason, and the server ends with it") {
    const testing::reports quiet;
    log seen;
    otp::simulation sim{1};
    const auto s = otp::start<server>(&seen).value();
    CHECK(s.call(server::exit_with{"mine"}).error() == "mine");
    sim.run();
    CHECK(seen == log{"terminate mine"});
}

TEST_CASE("TERM-14 after an action that is illegal at run time terminate gets bad_argument") {
    struct hasty {
        otp::reason* why;
        otp::next handle_cast(std::chrono::nanoseconds limit) { return otp::noreply.timeout(limit); }
        void terminate(const otp::reason& ended) { *why = ended; }
    };
    const testing::reports quiet;
    otp::reason why;
    otp::simulation sim{1};
    const auto s = otp::start<hasty>(&why).value();
    s.cast(std::chrono::nanoseconds{-1});
    CHECK(end_of(s.id()) == otp::reason::bad_argument);
    CHECK(why == otp::reason::bad_argument);
}

TEST_CASE("TERM-15 what terminate returns or throws as a result is ignored; another exception becomes the reason") {
    struct ends {
        int way;
        int terminate(const otp::reason&) {
            if (way == 1) throw otp::next{otp::stop("other")};
            if (way == 2) throw otp::stop("other");
            if (way == 3) throw otp::noreply;
            if (way == 4) throw std::runtime_error{"at the end"};
            return 4711;
        }
    };
    const testing::reports quiet;
    for (const int way : {0, 1, 2, 3, 4}) {
        otp::simulation sim{1};
        const auto s = otp::start<ends>(way).value();
        otp::inbox<otp::down> in;
        (void)in.monitor(s.id());
        const auto stopped = s.stop("planned");
        CHECK(stopped.has_value() == (way != 4));
        CHECK(std::get<0>(*in.receive()).reason.text() == (way == 4 ? "at the end" : "planned"));
    }
}

TEST_CASE("TERM-17 terminate does not run when init fails, in whatever way") {
    using way = testing::starter::how;
    const testing::reports quiet;
    for (const way what : {way::ignore, way::stop, way::exit, way::error, way::negative}) {
        log seen;
        otp::simulation sim{1};
        CHECK_FALSE(otp::start<testing::starter>(what, &seen));
        sim.run();
        CHECK(sim.live() == 0);
        CHECK(seen.empty());
    }
    struct slow_start {
        log* seen;
        otp::task<> init(log* to) {
            seen = to;
            co_await otp::sleep_for(1h);
        }
        void terminate(const otp::reason&) { seen->push_back("terminate"); }
    };
    log seen;
    otp::simulation sim{1};
    CHECK(otp::start<slow_start>({.timeout = 1s}, &seen).error() == otp::reason::timeout);
    sim.run();
    CHECK(seen.empty());
}

TEST_CASE("TERM-19 what is left in the mailbox at the end is dropped, and all pending callers get the reason") {
    const testing::reports quiet;
    const auto lost = otp::dead_letters(otp::reason_kind::text);
    log seen;
    otp::simulation sim{1};
    const auto s = otp::start<server>(&seen).value();
    auto kept = s.send_request(server::later{});
    sim.run();
    auto handled = s.send_request(server::exit_with{"over"});
    auto queued = s.send_request(server::plain{"x"});
    s.cast(server::note{"cast"});
    s.send(server::note{"info"});
    CHECK(handled.receive().error() == "over");
    CHECK(kept.receive().error() == "over");
    CHECK(queued.receive().error() == "over");
    CHECK(seen == log{"terminate over"});
    CHECK(otp::dead_letters(otp::reason_kind::text) == lost + 2);
}

TEST_CASE("the state is destroyed and the name is free before anybody hears of the end") {
    struct holder {
        std::shared_ptr<int> held;
    };
    otp::simulation sim{1};
    auto token = std::make_shared<int>(1);
    std::weak_ptr<int> watch = token;
    const auto s = otp::start<holder>({.name = "holder"}, std::exchange(token, nullptr)).value();
    otp::inbox<otp::down> in;
    (void)in.monitor(s.id());
    otp::exit_process(s.id(), otp::reason::kill);
    REQUIRE(in.receive());
    CHECK(watch.expired());
    CHECK_FALSE(otp::whereis("holder"));
}

}  // namespace tests::termination
