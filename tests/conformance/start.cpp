// Starting a gen_server, and what its init may do.
#include "servers.hpp"

namespace tests::start {

using namespace std::chrono_literals;
using testing::downs_of;
using testing::end_of;
using testing::exits_of;
using testing::in_process;
using testing::log;
using testing::run_in;
using testing::starter;
using testing::is_unbound;
using testing::witness;
using way = testing::starter::how;

namespace {

struct slow_start {
    struct get {
        using reply_type = int;
    };
    otp::task<otp::init_result> init(std::chrono::milliseconds time) {
        co_await otp::sleep_for(time);
        n = 5;
        co_return otp::ok;
    }
    int handle_call(get) { return n; }
    int n = 0;
};

struct named {
    struct who {
        using reply_type = bool;
    };
    void init() { knows_itself = otp::whereis("me") == otp::self(); }
    bool handle_call(who) { return knows_itself; }
    bool knows_itself = false;
};
inline constexpr otp::name<named> me{"me"};
inline constexpr otp::name<starter> wrong_me{"me"};

}  // namespace

TEST_CASE("START-01 start gives a living server that is neither linked to nor monitored by the caller") {
    in_process([] {
        log seen;
        const auto depth = testing::depth_of(otp::self());
        const auto s = otp::start<starter>(way::fine, &seen).value();
        CHECK(otp::is_alive(s.id()));
        CHECK(s.call(starter::get{}).value() == 7);
        CHECK(is_unbound(otp::self()));
        CHECK(testing::depth_of(otp::self()) == depth);
        CHECK(s.stop());
    });
}

TEST_CASE("START-02 start_link links from the very creation: an end right after init reaches a trapping starter and kills another") {
    const testing::reports quiet;
    struct brief {
        void init() { otp::self<brief>().send(0); }
        otp::next handle_info(int) { return otp::stop("boom"); }
    };
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        otp::simulation sim{seed};
        const auto traps = otp::start<witness>(true).value();
        run_in(traps, [] { CHECK(otp::start_link<brief>()); });
        const auto dies = otp::spawn([]() -> otp::task<> {
            (void)otp::start_link<brief>();
            co_await otp::sleep_for(1h);
        });
        CHECK(otp::wait(dies) == "boom");
        sim.run();
        REQUIRE(exits_of(traps).size() == 1);
        CHECK(exits_of(traps)[0].reason == "boom");
    }
}

TEST_CASE("START-03 start_monitor: exactly one down, and no exit") {
    const testing::reports quiet;
    log seen;
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    otp::monitor_ref ref;
    otp::server<starter> s;
    run_in(w, [&] {
        auto started = otp::start_monitor<starter>(way::fine, &seen);
        REQUIRE(started);
        ref = started->monitor;
        s = started->server;
    });
    CHECK(s.stop("done"));
    sim.run();
    REQUIRE(downs_of(w).size() == 1);
    CHECK(downs_of(w)[0].ref == ref);
    CHECK(downs_of(w)[0].reason == "done");
    CHECK(exits_of(w).empty());
}

TEST_CASE("START-04 start returns after init has, also when init is a coroutine") {
    otp::simulation sim{1};
    const auto before = sim.now();
    const auto s = otp::start<slow_start>(100ms).value();
    CHECK(sim.now() - before >= 100ms);
    CHECK(s.call(slow_start::get{}).value() == 5);
}

TEST_CASE("START-05 init that ignores: the error ignored, a normal end, no terminate, no report") {
    const testing::reports reported;
    log seen;
    otp::simulation sim{1};
    CHECK(otp::start<starter>(way::ignore, &seen).error() == otp::reason::ignored);
    CHECK(otp::start<starter>({.name = "later"}, way::ignore, &seen).error() == otp::reason::ignored);
    CHECK_FALSE(otp::whereis("later"));
    const auto w = otp::start<witness>(true).value();
    run_in(w, [&seen] { CHECK(otp::start_link<starter>(way::ignore, &seen).error() == otp::reason::ignored); });
    sim.run();
    REQUIRE(exits_of(w).size() == 1);
    CHECK(exits_of(w)[0].reason == otp::reason::normal);
    CHECK(seen.empty());
    CHECK(sim.live() == 1);
    CHECK(reported.lines.empty());
}

namespace {

/// What a linked start fails with, and what the process that should have been ended with.
struct failed_start {
    otp::reason error, end;
};
failed_start fail_to_start(way what, log& seen) {
    otp::simulation sim{1};
    failed_start both;
    const auto w = otp::start<witness>(true).value();
    run_in(w, [&] { both.error = otp::start_link<starter>({.name = "n"}, what, &seen).error(); });
    sim.run();
    REQUIRE(exits_of(w).size() == 1);
    both.end = exits_of(w)[0].reason;
    CHECK_FALSE(otp::whereis("n"));
    CHECK(sim.live() == 1);
    return both;
}

}  // namespace

TEST_CASE("START-06 init that stops: start gives its reason, the process ends with it, no terminate") {
    const testing::reports quiet;
    log seen;
    const auto [error, end] = fail_to_start(way::stop, seen);
    CHECK(error == "not today");
    CHECK(end == "not today");
    CHECK(seen.empty());
}

TEST_CASE("START-08 an exception of init is the error of the start, with its type and text, and the process ends with it") {
    const testing::reports quiet;
    log seen;
    const auto [error, end] = fail_to_start(way::error, seen);
    CHECK(error.is_exception());
    CHECK(error.text() == "broken");
    CHECK(error.exception_type() == "std::runtime_error");
    CHECK_THROWS_AS(error.rethrow(), std::runtime_error);
    CHECK(end == error);
    CHECK(seen.empty());
}

TEST_CASE("START-09 otp::exit out of init is that very reason, with nothing round it") {
    const testing::reports quiet;
    log seen;
    const auto [error, end] = fail_to_start(way::exit, seen);
    CHECK_FALSE(error.is_exception());
    CHECK(error == "own reason");
    CHECK(error.text() == "own reason");
    CHECK(end == error);
}

TEST_CASE("START-10 a result of the library's that init throws counts as returned; anything else is an error") {
    struct thrower {
        struct get {
            using reply_type = int;
        };
        struct load {};
        otp::init_result init(int what) {
            if (what == 0) throw otp::init_result{otp::ok};
            if (what == 1) throw otp::ok;
            if (what == 2) throw otp::ok.then(this, load{});
            if (what == 3) throw otp::ignore;
            if (what == 4) throw otp::stop("thrown stop");
            throw 4711;
        }
        int handle_call(get) { return loaded; }
        void handle_continue(load) { loaded = 1; }
        int loaded = 0;
    };
    struct waits_first {
        otp::task<otp::init_result> init() {
            co_await otp::sleep_for(1s);
            throw otp::stop("thrown later");
        }
    };
    const testing::reports quiet;
    otp::simulation sim{1};
    for (const int what : {0, 1, 2}) {
        const auto s = otp::start<thrower>(what);
        REQUIRE(s);
        CHECK(s->call(thrower::get{}).value() == (what == 2 ? 1 : 0));
    }
    CHECK(otp::start<thrower>(3).error() == otp::reason::ignored);
    CHECK(otp::start<thrower>(4).error() == "thrown stop");
    CHECK(otp::start<thrower>(5).error().exception_type() == "int");
    CHECK(otp::start<waits_first>().error() == "thrown later");
}

TEST_CASE("START-12 a negative time-out that init answers is a bad argument, and the name is free first") {
    const testing::reports quiet;
    log seen;
    const auto [error, end] = fail_to_start(way::negative, seen);
    CHECK(error == otp::reason::bad_argument);
    CHECK(end == otp::reason::bad_argument);
    CHECK(seen.empty());
}

TEST_CASE("START-15 a linked start that fails takes down a starter that doesn't trap exits") {
    const testing::reports quiet;
    otp::simulation sim{1};
    log seen;
    bool went_on = false;
    const auto p = otp::spawn([&]() -> otp::task<> {
        (void)otp::start_link<starter>(way::stop, &seen);
        co_await otp::sleep_for(1h);
        went_on = true;
    });
    CHECK(otp::wait(p) == "not today");
    CHECK_FALSE(went_on);
    CHECK(sim.live() == 0);
}

TEST_CASE("START-18 a start in time is not touched by its limit") {
    otp::simulation sim{1};
    const auto s = otp::start<slow_start>({.timeout = 1s}, 10ms).value();
    sim.advance(3s);
    CHECK(otp::is_alive(s.id()));
}

TEST_CASE("START-19 without a limit start waits for init as long as it takes") {
    otp::simulation sim{1};
    const auto before = sim.now();
    CHECK(otp::start<slow_start>(std::chrono::milliseconds{10'000h}));
    CHECK(sim.now() - before == 10'000h);
}

TEST_CASE("START-20 a name is held from before init on, and calls by it reach the server") {
    otp::simulation sim{1};
    const auto s = otp::start<named>(me).value();
    CHECK(me.call(named::who{}).value());
    CHECK(otp::whereis("me") == s.id());
    CHECK(otp::whereis(me) == s);
    CHECK(wrong_me.call(starter::get{}).error() == otp::reason::wrong_server);
}

TEST_CASE("START-22 a start under a taken name gives already_started with its holder, and no link, monitor or message") {
    otp::simulation sim{1};
    const auto s = otp::start<named>(me).value();
    const auto w = otp::start<witness>(true).value();
    run_in(w, [s] {
        const auto linked = otp::start_link<named>(me);
        CHECK(linked.error() == otp::reason::already_started);
        CHECK(linked.error().pid() == s.id());
        const auto monitored = otp::start_monitor<named>(me);
        CHECK(monitored.error() == otp::reason::already_started);
        CHECK(monitored.error().pid() == s.id());
    });
    sim.run();
    CHECK(is_unbound(w.id()));
    CHECK(testing::depth_of(w.id()) == 0);
    CHECK(me.stop());
    sim.run();
    CHECK(exits_of(w).empty());
    CHECK(downs_of(w).empty());
}

TEST_CASE("START-25 after stop has returned the name is free at once") {
    otp::simulation sim{1};
    for (int i = 0; i < 100; ++i) {
        REQUIRE(otp::start<named>(me));
        CHECK(me.stop());
        CHECK(me.call(named::who{}).error() == otp::reason::noproc);
        CHECK(otp::registered().empty());
    }
}

namespace {
struct orphan {
    void init(log* seen) {
        seen_ = seen;
        otp::trap_exit(true);
    }
    void handle_info(otp::exit_signal e) { seen_->push_back("info " + e.reason.to_string()); }
    void terminate(const otp::reason& why) { seen_->push_back("terminate " + why.to_string()); }
    log* seen_;
};
}  // namespace

TEST_CASE("START-28 the starter is the parent of what it links or monitors, and of nothing else") {
    const testing::reports quiet;
    for (const bool linked : {true, false}) {
        log seen;
        otp::simulation sim{1};
        const auto parent = otp::start<witness>(true).value();
        otp::pid child, other;
        run_in(parent, [&] {
            child = linked ? otp::start_link<orphan>(&seen).value().id() : otp::start_monitor<orphan>(&seen).value().server.id();
            other = otp::start<orphan>(&seen).value().id();
        });
        run_in(parent, [&] { otp::exit_process(child, "foo"); });
        CHECK(end_of(child) == "foo");
        CHECK(seen == log{"terminate foo"});
        seen.clear();
        run_in(parent, [&] { otp::exit_process(other, "foo"); });
        sim.run();
        CHECK(otp::is_alive(other));
        CHECK(seen == log{"info foo"});
        otp::exit_process(other, otp::reason::kill);
    }
}

TEST_CASE("START-29 what is sent before init has returned is handled after it, in order") {
    struct eager {
        struct get {
            using reply_type = log;
        };
        otp::task<otp::init_result> init() {
            const auto mine = otp::self<eager>();
            mine.send(1);
            mine.cast(2);
            co_await otp::sleep_for(1s);
            mine.send(3);
            co_await otp::sleep_for(1s);
            seen.push_back("init");
            co_return otp::ok;
        }
        void handle_info(int n) { seen.push_back("info " + std::to_string(n)); }
        void handle_cast(int n) { seen.push_back("cast " + std::to_string(n)); }
        log handle_call(get) { return seen; }
        log seen;
    };
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        otp::simulation sim{seed};
        static constexpr otp::name<eager> early{"early"};
        const auto other = otp::spawn([]() -> otp::task<> {
            co_await otp::sleep_for(500ms);
            early.send(10);
            early.cast(11);
            co_await otp::sleep_for(1s);
            early.send(12);
        });
        const auto s = otp::start<eager>(early).value();
        CHECK(s.call(eager::get{}).value() == log{"init", "info 1", "cast 2", "info 10", "cast 11", "info 3", "info 12"});
        CHECK(otp::wait(other) == otp::reason::normal);
    }
}

TEST_CASE("START-31 a plain thread may start a server, but not link to it") {
    log seen;
    otp::simulation sim{1};
    CHECK(otp::start<starter>(way::fine, &seen));
    CHECK(otp::start_link<starter>(way::fine, &seen).error() == otp::reason::no_process);
    CHECK(otp::start<starter>({.name = "n"}, way::fine, &seen));
}

TEST_CASE("PROC-04 a start that takes too long fails with timeout, and leaves nothing with the starter") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    run_in(w, [] {
        CHECK(otp::start_link<slow_start>({.name = "slow", .timeout = 50ms}, 10s).error() == otp::reason::timeout);
        CHECK(otp::start_monitor<slow_start>({.timeout = 50ms}, 10s).error() == otp::reason::timeout);
    });
    sim.advance(500ms);
    CHECK(exits_of(w).empty());
    CHECK(downs_of(w).empty());
    CHECK_FALSE(otp::whereis("slow"));
    CHECK(sim.live() == 1);
    CHECK(otp::start<slow_start>({.timeout = -1s}, 1ms).error() == otp::reason::bad_argument);
}

}  // namespace tests::start
