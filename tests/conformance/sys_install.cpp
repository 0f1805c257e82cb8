// Debug functions of the user's own, in a running server.
#include <doctest/doctest.h>

#include <otp/gen_server.hpp>
#include <otp/runtime/simulation.hpp>

#include "support/reports.hpp"

#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tests::sys_install {

namespace sys = otp::sys;

struct pinged {
    struct ping {
        using reply_type = void;
    };
    void handle_call(ping) {}
};
inline constexpr otp::name<pinged> named{"pinged"};

using texts = std::vector<std::string>;

/// What the functions saw; each test begins with none.
texts& seen() {
    static texts all;
    return all;
}
void note(int& calls, const sys::event& e, std::string_view name) {
    seen().push_back(std::to_string(++calls) + ' ' + std::string{name} + ' ' + (e.incoming() ? "in" : "out"));
}
void note_again(int& calls, const sys::event& e, std::string_view name) { note(calls, e, name); }

/// Which of the functions were told of one ping.
texts told_by_a_ping(const otp::server<pinged>& s) {
    seen().clear();
    CHECK(s.call(pinged::ping{}));
    return seen();
}

TEST_CASE("SYS-25 an installed function runs for each event in the server's own process, until it says that it is done") {
    otp::simulation sim{1};
    const auto s = otp::start<pinged>(named).value();
    texts events;
    bool elsewhere = false;
    struct state {
        int left;
    };
    const auto f = [&](state& mine, const sys::event& e, std::string_view name) {
        events.push_back(std::string{name} + ' ' + to_string(e));
        if (otp::self() != s.id()) elsewhere = true;
        return --mine.left == 0 ? sys::done : sys::more;
    };
    REQUIRE(sys::install(s, "mine", f, state{3}));
    CHECK(s.call(pinged::ping{}));
    CHECK(s.call(pinged::ping{}));
    CHECK(events == texts{"pinged got call tests::sys_install::pinged::ping",
                          "pinged sent void, new state tests::sys_install::pinged",
                          "pinged got call tests::sys_install::pinged::ping"});
    CHECK(!elsewhere);
    REQUIRE(sys::install(s, "mine", f, state{1}));  // the first has gone: its id is free
    CHECK(s.call(pinged::ping{}));
    CHECK(events.size() == 4);
}

TEST_CASE("an installed function that throws is taken out, and the server goes on") {
    otp::simulation sim{1};
    const testing::reports log;
    const auto s = otp::start<pinged>().value();
    int calls = 0;
    REQUIRE(sys::install(s, "bad", [&calls](int&, const sys::event&, std::string_view) {
        ++calls;
        throw std::runtime_error{"mine"};
    }, 0));
    CHECK(s.call(pinged::ping{}));
    CHECK(s.call(pinged::ping{}));
    CHECK(calls == 1);
    CHECK(log.with("its debug function bad failed and is off: std::runtime_error: mine") == 1);
}

TEST_CASE("SYS-27 the same function installed twice runs once, with two ids twice; a taken id is ignored") {
    otp::simulation sim{1};
    const auto s = otp::start<pinged>(named).value();
    REQUIRE(sys::install(s, &note, 0));
    REQUIRE(sys::install(s, &note, 100));
    CHECK(told_by_a_ping(s) == texts{"1 pinged in", "2 pinged out"});
    REQUIRE(sys::no_debug(s));

    const auto lambda = [](int& calls, const sys::event& e, std::string_view name) { note(calls, e, name); };
    REQUIRE(sys::install(s, lambda, 10));
    REQUIRE(sys::install(s, lambda, 20));
    CHECK(told_by_a_ping(s) == texts{"11 pinged in", "12 pinged out"});
    REQUIRE(sys::no_debug(s));

    REQUIRE(sys::install(s, "id1", &note, 0));
    REQUIRE(sys::install(s, "id2", &note, 50));
    REQUIRE(sys::install(s, "id1", &note_again, 900));
    CHECK(told_by_a_ping(s) == texts{"1 pinged in", "51 pinged in", "2 pinged out", "52 pinged out"});
}

TEST_CASE("SYS-28 remove takes out the one with this id, or this function, and no other") {
    otp::simulation sim{1};
    const auto s = otp::start<pinged>(named).value();
    REQUIRE(sys::install(s, "id1", &note, 0));
    REQUIRE(sys::install(s, "id2", &note, 50));
    REQUIRE(sys::install(s, &note, 200));
    REQUIRE(sys::install(s, &note_again, 400));
    REQUIRE(sys::remove(s, "id1"));
    CHECK(told_by_a_ping(s) == texts{"51 pinged in", "201 pinged in", "401 pinged in", "52 pinged out", "202 pinged out", "402 pinged out"});
    REQUIRE(sys::remove(s, &note));
    CHECK(told_by_a_ping(s) == texts{"53 pinged in", "403 pinged in", "54 pinged out", "404 pinged out"});
    REQUIRE(sys::remove(s, "id1"));  // not there: nothing happens
    REQUIRE(sys::remove(s, note_again));
    REQUIRE(sys::remove(s, "id2"));
    CHECK(told_by_a_ping(s).empty());
}

TEST_CASE("on workers a server is debugged while threads call it, and no event is lost") {
    otp::runtime rt{{.workers = 2}};
    const auto s = rt.start<pinged>({.debug = {sys::counted}}).value();
    int lines = 0;  // the server's until the trace is off
    REQUIRE(sys::trace(s, [&lines](std::string_view) { ++lines; }));
    constexpr int callers = 3;
    constexpr int calls = 100;
    std::vector<std::thread> threads;
    for (int i = 0; i != callers; ++i)
        threads.emplace_back([&s] {
            for (int n = 0; n != calls; ++n) (void)s.call(pinged::ping{});
        });
    for (int n = 0; n != 20; ++n) {
        CHECK(sys::log(s, 3));
        CHECK(sys::log(s)->size() <= 3);
        CHECK(sys::get_status(s.id())->server == otp::type_name<pinged>());
        CHECK(sys::log(s, false));
    }
    for (auto& each : threads) each.join();
    const auto counted = sys::statistics(s).value();
    CHECK(counted.messages_in == callers * calls);
    CHECK(counted.messages_out == callers * calls);
    REQUIRE(sys::no_debug(s));
    CHECK(lines == 2 * callers * calls);
}

}  // namespace tests::sys_install
