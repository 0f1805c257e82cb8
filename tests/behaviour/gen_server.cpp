// What a gen_server does while its handlers wait, and where its callbacks send it next, in virtual time.
#include "../conformance/servers.hpp"

#include <vector>

namespace tests::gen_server {

using namespace std::chrono_literals;
using testing::log;
using testing::server;

namespace {
struct store {
    struct put {
        using reply_type = void;
        int value;
    };
    struct get {
        using reply_type = int;
    };
    struct peek {
        using reply_type = int;
    };
    using interleaves = otp::messages<peek>;
    otp::task<> handle_call(put p) {
        co_await otp::sleep_for(1s);
        value = p.value;
    }
    int handle_call(get) { return value; }
    int handle_call(peek) { return value; }
    int value = 0;
};
}  // namespace

TEST_CASE("while a handler waits, other messages stay queued in order; those that interleave are let in") {
    otp::simulation sim{1};
    const auto s = otp::start<store>().value();
    auto put = s.send_request(store::put{7});
    auto get = s.send_request(store::get{});
    sim.run();
    CHECK(s.call(store::peek{}).value() == 0);
    CHECK_FALSE(get.check());
    CHECK(get.receive().value() == 7);
    CHECK(put.check());
    CHECK(s.call(store::peek{}).value() == 7);
}

namespace {
/// Passes calls on; while one is on its way others are let in.
struct relay {
    struct pass {
        using reply_type = int;
        std::chrono::milliseconds time;
    };
    using interleaves = otp::messages<pass>;
    otp::server<server> to;
    otp::task<int> handle_call(pass p) {
        auto answer = co_await to.ask<server::slow>(p.time);
        co_return answer.value();
    }
};
}  // namespace

TEST_CASE("handlers that wait at the same time each get their own reply, and none counts as given up") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    const auto r = otp::start<relay>(relay{s}).value();
    auto one = r.send_request(relay::pass{100ms}), two = r.send_request(relay::pass{20ms}), three = r.send_request(relay::pass{3ms});
    CHECK(one.receive().value() == 100);
    CHECK(two.receive().value() == 20);
    CHECK(three.receive().value() == 3);
}

TEST_CASE("an exit signal, a kill and the end of the runtime reach a server whose handler waits; its frames go once") {
    struct guard {
        int* ended;
        explicit guard(int* n) : ended{n} {}
        ~guard() { ++*ended; }
    };
    struct waits {
        struct go {
            using reply_type = void;
        };
        int* ended;
        otp::task<> inner() {
            const guard g{ended};
            co_await otp::sleep_for(1h);
        }
        otp::task<> handle_call(go) {
            const guard g{ended};
            co_await inner();
        }
    };
    int ended = 0;
    for (const int way : {0, 1, 2}) {
        ended = 0;
        otp::reason why;
        {
            otp::simulation sim{1};
            const auto s = otp::start<waits>(&ended).value();
            auto pending = s.send_request(waits::go{});
            sim.run();
            if (way == 0) otp::exit_process(s.id(), "signal");
            if (way == 1) otp::exit_process(s.id(), otp::reason::kill);
            if (way == 2) continue;
            why = pending.receive().error();
        }
        CHECK(ended == 2);
        CHECK(why == (way == 0 ? otp::reason{"signal"} : otp::reason{otp::reason::killed}));
    }
    CHECK(ended == 2);
}

TEST_CASE("all and any await several replies at once") {
    otp::simulation sim{1};
    const auto a = otp::start<server>().value(), b = otp::start<server>().value();
    const auto began = sim.now();
    const auto sum = otp::run([](otp::server<server> x, otp::server<server> y) -> otp::task<int> {
        auto [one, two] = co_await otp::all(x.ask<server::slow>(30ms), y.ask<server::slow>(20ms));
        auto first = co_await otp::any(x.ask<server::slow>(30ms), y.ask<server::slow>(10ms));
        auto [late, fine] = co_await otp::all(x.ask<server::slow>(500ms).timeout(100ms), y.ask<server::slow>(1ms));
        co_return one.value() + two.value() + (first.index() == 1 ? 1000 : 0) + (late.error() == otp::reason::timeout ? 100 : 0) + fine.value();
    }(a, b));
    CHECK(sum.value() == 30 + 20 + 1000 + 100 + 1);
    CHECK(sim.now() - began == 30ms + 10ms + 100ms);
}

// ---- steering

namespace {
struct steered_server {
    struct load {
        std::string what;
    };
    struct set_limit {
        using reply_type = void;
        std::chrono::nanoseconds limit;
    };
    struct get {
        using reply_type = log;
    };
    otp::init_result init() {
        otp::self<steered_server>().cast(load{"sent in init"});
        return otp::ok.then(this, load{"first"});
    }
    void handle_continue(load l) { seen.push_back("continue " + l.what); }
    void handle_cast(load l) { seen.push_back("cast " + l.what); }
    otp::replied<void> handle_call(set_limit s) { return otp::reply().timeout(s.limit); }
    log handle_call(get) { return seen; }
    void handle_info(otp::timeout) { seen.push_back("timeout"); }
    log seen;
};
}  // namespace

TEST_CASE("CONT-01 the continue of an init runs before any message, also one that came during init") {
    otp::simulation sim{1};
    const auto s = otp::start<steered_server>().value();
    CHECK(s.call(steered_server::get{}).value() == log{"continue first", "cast sent in init"});
}

TEST_CASE("TMO-01 when no message comes for its time a time-out fires once, and again only if a callback asks for it anew") {
    otp::simulation sim{1};
    const auto s = otp::start<steered_server>().value();
    const auto fired = [&] { return s.call(steered_server::get{}).value().size() - 2; };
    CHECK(s.call<steered_server::set_limit>(100ms));
    sim.advance(99ms);
    CHECK(otp::sys::with_state(s, [](const steered_server& state) { return state.seen.size(); }).value() == 2);
    sim.advance(1ms);
    CHECK(otp::sys::with_state(s, [](const steered_server& state) { return state.seen.size(); }).value() == 3);
    sim.advance(5s);
    CHECK(fired() == 1);
    CHECK(s.call<steered_server::set_limit>(100ms));
    sim.advance(5s);
    CHECK(fired() == 2);
}

TEST_CASE("TMO-15 a negative time-out ends the server, and the reply is not sent") {
    const testing::reports quiet;
    otp::simulation sim{1};
    const auto s = otp::start<steered_server>().value();
    CHECK(s.call<steered_server::set_limit>(-1ns).error() == otp::reason::bad_argument);
    CHECK_FALSE(otp::is_alive(s.id()));
}

TEST_CASE("while a process blocks in a call the simulation's thread is no process, and may start others") {
    otp::result<int> answer{0};
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    const auto blocked = otp::spawn([s, &answer] { answer = s.call(server::slow{1s}); });
    sim.advance(500ms);
    CHECK_FALSE(otp::self());
    const auto other = otp::start<server>().value();
    CHECK(other.call(server::plain{"x"}).value() == "x!");
    CHECK(otp::start_link<server>().error() == otp::reason::no_process);
    CHECK(otp::wait(blocked) == otp::reason::normal);
    CHECK(answer.value() == 1000);
}

namespace {
struct late {
    struct pair {
        int a, b;
    };
    struct ask {
        using reply_type = pair;
        int how;
    };
    void handle_call(ask request, otp::from<ask> caller) {
        if (request.how == 0) caller.reply({1, 2});
        if (request.how == 1) caller.reply(pair{3, 4});
        if (request.how == 2) caller.reply(otp::result<pair>{otp::reason{"no pair"}});
        if (request.how == 3) caller.reply(otp::reason::closed);
        if (request.how == 4) caller.fail("none left");
    }
};
}  // namespace

TEST_CASE("a late reply may be braces, a value, a result or a reason") {
    otp::simulation sim{1};
    const auto s = otp::start<late>().value();
    CHECK(s.call(late::ask{0})->b == 2);
    CHECK(s.call(late::ask{1})->b == 4);
    CHECK(s.call(late::ask{2}).error() == "no pair");
    CHECK(s.call(late::ask{3}).error() == otp::reason::closed);
    CHECK(s.call(late::ask{4}).error() == "none left");
    CHECK(s.call(late::ask{5}).error() == otp::reason::no_reply);
}

namespace {
/// Waits for an hour, and hears of a process.
struct guard {
    otp::init_result init(otp::pid who, bool links) {
        otp::trap_exit(true);
        if (links) otp::link(who);
        else (void)otp::monitor(who).number();
        return otp::ok.timeout(1h);
    }
    void handle_info(const otp::exit_signal&) { ++heard; }
    void handle_info(const otp::down&) { ++heard; }
    void handle_info(otp::timeout) { ++timeouts; }
    int heard = 0;
    int timeouts = 0;
};
}  // namespace

TEST_CASE("the end of a process that it watches or is linked with ends a server's inactivity time-out, as any message does") {
    for (const bool links : {false, true}) {
        otp::simulation sim{1};
        const auto other = otp::spawn([]() -> otp::task<> { co_await otp::sleep_for(1min); });
        const auto s = otp::start<guard>(other, links).value();
        sim.advance(3h);
        CHECK(otp::sys::get_state(s)->heard == 1);
        CHECK(otp::sys::get_state(s)->timeouts == 0);
    }
}

TEST_CASE("alive() of a `from` tells when nobody waits for its reply any more") {
    struct keeper {
        struct ask {
            using reply_type = int;
        };
        struct look {
            using reply_type = bool;
        };
        void handle_call(ask, otp::from<ask> caller) { kept.push_back(std::move(caller)); }
        bool handle_call(look) { return kept.back().alive(); }
        std::vector<otp::from<ask>> kept;
    };
    otp::simulation sim{1};
    const auto s = otp::start<keeper>().value();
    const auto waits = [&s] { return s.call(keeper::look{}).value(); };
    SUBCASE("a call") {
        otp::spawn([s] {
            (void)s.call(keeper::ask{}, 100ms);
            (void)otp::inbox<int>{}.receive(1h);
        });
        sim.run();
        CHECK(waits());
        sim.advance(100ms);
    }
    SUBCASE("a coroutine's call") {
        otp::spawn([s]() -> otp::task<> {
            (void)co_await s.ask<keeper::ask>().timeout(100ms);
            co_await otp::sleep_for(1h);
        });
        sim.run();
        CHECK(waits());
        sim.advance(100ms);
    }
    SUBCASE("a request that is dropped") {
        const auto asked = s.send_request(keeper::ask{});
        sim.run();
        CHECK(waits());
    }
    SUBCASE("a request whose time is over") {
        auto asked = s.send_request(keeper::ask{});
        CHECK_FALSE(asked.wait(10ms));
        CHECK(waits());
        CHECK(asked.receive(10ms).error() == otp::reason::timeout);
    }
    SUBCASE("a caller that is killed") {
        const auto caller = otp::spawn([s] { (void)s.call(keeper::ask{}); });
        sim.run();
        CHECK(waits());
        otp::exit_process(caller, otp::reason::kill);
        sim.run();
    }
    CHECK_FALSE(waits());
}

}  // namespace tests::gen_server
