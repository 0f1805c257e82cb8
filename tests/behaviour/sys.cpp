// Looking into a running server, and changing its code.
#include <doctest/doctest.h>

#include <otp/gen_server.hpp>
#include <otp/runtime/simulation.hpp>

#include <stdexcept>
#include <string>

namespace tests::sys {

using namespace std::chrono_literals;

namespace {

struct hits {
    struct hit {
        using reply_type = int;
    };
    struct old_only {
        using reply_type = int;
    };
    struct bump {
        int by;
    };
    struct rest {};
    int handle_call(hit) { return ++n; }
    int handle_call(old_only) { return -1; }
    void handle_cast(bump b) { n += b.by; }
    otp::task<> handle_cast(rest) { co_await otp::sleep_for(1h); }
    void handle_info(bump b) { n += 100 * b.by; }
    int n = 0;
};
struct hits_2 {
    using messages = otp::messages<hits::hit, hits::bump>;
    struct twice {
        using reply_type = std::string;
    };
    static otp::result<hits_2> code_change(hits&& old, int extra) {
        if (extra < 0) return otp::reason{"no way"};
        if (extra > 1000) throw std::runtime_error{"broken"};
        return hits_2{old.n + extra, "new"};
    }
    int handle_call(hits::hit) { return n += 10; }
    std::string handle_call(twice) { return label + std::to_string(2 * n); }
    void handle_cast(hits::bump b) { n += b.by; }
    int n;
    std::string label;
};
inline constexpr otp::name<hits> first{"hits"};
inline constexpr otp::name<hits_2> second{"hits"};

}  // namespace

TEST_CASE("SYS-01 get_state gives the current state, by handle, name or pid, and waits 5 s at most") {
    otp::simulation sim{1};
    const auto s = otp::start<hits>(first).value();
    CHECK(s.call(hits::hit{}).value() == 1);
    CHECK(otp::sys::get_state(s)->n == 1);
    CHECK(otp::sys::get_state(first)->n == 1);
    CHECK(otp::sys::get_state(otp::server_cast<hits>(s.id()).value())->n == 1);
    CHECK(otp::sys::with_state(s, [](const hits& h) { return h.n + 1; }).value() == 2);
    s.cast(hits::rest{});
    const auto began = sim.now();
    CHECK(otp::sys::get_state(s).error() == otp::reason::timeout);
    CHECK(sim.now() - began == 5s);
}

TEST_CASE("SYS-04 replace_state changes what the next callback sees; a function that throws harms only itself") {
    otp::simulation sim{1};
    const auto s = otp::start<hits>().value();
    CHECK(otp::sys::replace_state(s, [](hits& h) { return h.n = 41; }).value() == 41);
    CHECK(otp::sys::replace_state(s, [](hits&) { throw std::runtime_error{"mine"}; }).error().text() == "mine");
    CHECK(s.call(hits::hit{}).value() == 42);
}

TEST_CASE("SYS-12 calls to a suspended server time out, and get_status answers") {
    otp::simulation sim{1};
    const auto s = otp::start<hits>().value();
    CHECK(otp::sys::suspend(s));
    CHECK(s.call(hits::hit{}, 1s).error() == otp::reason::timeout);
    s.cast(hits::bump{5});
    CHECK(otp::sys::get_status(s)->suspended);
    CHECK(otp::sys::get_state(s)->n == 0);
    CHECK(otp::sys::resume(s));
    CHECK(s.call(hits::hit{}).value() == 6);  // the call that was given up is not served
}

TEST_CASE("SYS-18 terminate is answered at once and ends a server through its terminate, also a suspended one") {
    struct ending {
        void terminate(const otp::reason& why) { *told = why; }
        otp::reason* told = nullptr;
    };
    for (const bool suspended : {false, true}) {
        otp::simulation sim{1};
        otp::reason told;
        const auto s = otp::start<ending>().value();
        CHECK(otp::sys::replace_state(s, [&told](ending& e) { e.told = &told; }));
        otp::inbox<otp::down> in;
        (void)in.monitor(s.id());
        if (suspended) CHECK(otp::sys::suspend(s));
        const auto began = sim.now();
        CHECK(otp::sys::terminate(s, otp::reason::shutdown_for("from outside")));
        CHECK(sim.now() == began);
        CHECK(std::get<0>(*in.receive()).reason == otp::reason::shutdown_for("from outside"));
        CHECK(told == otp::reason::shutdown_for("from outside"));
    }
}

TEST_CASE("SYS-31 a running server becomes one of another struct, and old handles go on") {
    otp::simulation sim{1};
    const auto s = otp::start<hits>(first).value();
    CHECK(s.call(hits::hit{}).value() == 1);
    auto queued = s.send_request(hits::hit{});
    const auto changed = otp::sys::change_code<hits_2>(s, 100);
    REQUIRE(changed);
    CHECK(queued.receive().value() == 2);
    CHECK(changed->id() == s.id());
    CHECK(changed->call(hits_2::twice{}).value() == "new204");
    CHECK(s.call(hits::hit{}).value() == 112);
    s.cast(hits::bump{1});
    const auto lost = otp::dead_letters(otp::reason_kind::unhandled);
    s.send(hits::bump{1});
    CHECK(s.call(hits::old_only{}).error() == otp::reason::unhandled);
    CHECK(otp::dead_letters(otp::reason_kind::unhandled) == lost + 1);
    CHECK(second.call(hits_2::twice{}).value() == "new226");
    CHECK(first.call(hits::hit{}).error() == otp::reason::wrong_server);
    CHECK(changed->stop());
}

TEST_CASE("SYS-31 a suspended server takes on another struct, and goes on with it when it is resumed") {
    otp::simulation sim{1};
    const auto s = otp::start<hits>().value();
    CHECK(s.call(hits::hit{}).value() == 1);
    CHECK(otp::sys::suspend(s));
    auto waiting = s.send_request(hits::hit{});
    const auto changed = otp::sys::change_code<hits_2>(s, 100);
    REQUIRE(changed);
    CHECK(otp::sys::get_state(*changed)->n == 101);
    sim.advance(1s);
    CHECK(!waiting.check());
    CHECK(otp::sys::resume(*changed));
    CHECK(waiting.receive().value() == 111);
}

TEST_CASE("SYS-32 a code_change that fails or throws leaves the old server alive") {
    otp::simulation sim{1};
    const auto s = otp::start<hits>().value();
    CHECK(otp::sys::change_code<hits_2>(s, -1).error() == "no way");
    CHECK(otp::sys::change_code<hits_2>(s, 2000).error().text() == "broken");
    CHECK(s.call(hits::hit{}).value() == 1);
}

TEST_CASE("SYS-34 a system request has a time limit of its own") {
    struct busy {
        struct work {};
        otp::task<> handle_cast(work) { co_await otp::sleep_for(10s); }
    };
    otp::simulation sim{1};
    const auto s = otp::start<busy>().value();
    s.cast(busy::work{});
    const auto began = sim.now();
    CHECK(otp::sys::with_state(s, [](const busy&) { return 1; }).error() == otp::reason::timeout);
    CHECK(sim.now() - began == 5s);
    CHECK(otp::sys::with_state(s, [](const busy&) { return 2; }, 1s).error() == otp::reason::timeout);
    CHECK(sim.now() - began == 6s);
    CHECK(otp::sys::with_state(s, [](const busy&) { return 3; }).value() == 3);  // and not a late 1 or 2
    CHECK(sim.now() - began == 10s);
}

}  // namespace tests::sys
