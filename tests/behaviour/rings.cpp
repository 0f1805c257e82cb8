// Circles in which no server handles the call of the one before it, or not all of them do: no chain of callers shows them.
#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "otp/otp.hpp"

using namespace std::chrono_literals;

namespace tests::rings {

/// Calls the first of a route with the rest of it.
struct hop {
    enum class way { awaits, blocks };
    struct go {
        using reply_type = std::string;
        std::vector<otp::server<hop>> route;
        way how;
    };
    struct begin {
        go what;
        std::chrono::nanoseconds pause = 10ms;
    };
    struct last {
        using reply_type = std::optional<std::string>;
    };
    std::optional<std::string> got;

    otp::task<> handle_cast(begin b) {
        co_await otp::sleep_for(b.pause);
        got = co_await follow(std::move(b.what));
    }
    otp::task<std::string> handle_call(go g) { co_return co_await follow(std::move(g)); }
    std::optional<std::string> handle_call(last) { return std::exchange(got, std::nullopt); }

private:
    static otp::task<std::string> follow(go g) {
        if (g.route.empty()) co_return "end";
        const auto next = g.route.front();
        g.route.erase(g.route.begin());
        otp::result<std::string> answer{""};
        if (g.how == way::blocks) answer = next.call(g, otp::infinity);
        else answer = co_await next.ask<go>(g.route, g.how).timeout(otp::infinity);
        co_return answer ? *answer : answer.error().to_string();
    }
};
using hops = std::vector<otp::server<hop>>;
using way = hop::way;

hops start_hops(std::size_t n) {
    hops all;
    for (std::size_t i = 0; i != n; ++i) all.push_back(otp::start<hop>().value());
    return all;
}
/// One of them has got deadlock, the others an answer; that one's text.
std::string one_deadlock(const hops& asked) {
    std::string found;
    for (const auto& h : asked) {
        const auto got = h.call(hop::last{}).value();
        REQUIRE(got);
        if (*got == "end") continue;
        CHECK(got->starts_with("deadlock: the call closes a circle: "));
        CHECK(found.empty());
        found = *got;
    }
    return found;
}
bool names(const std::string& text, const hops& in_order) {
    std::size_t from = 0;
    for (const auto& h : in_order) {
        from = text.find(h.id().to_string() + ' ', from);
        if (from == std::string::npos) return false;
        ++from;
    }
    return true;
}

TEST_CASE("a ring of servers that call each other breaks at once at the youngest, whose reason names them all; the others get their answers") {
    for (const way how : {way::awaits, way::blocks})
        for (const std::size_t size : {2U, 3U, 4U, 7U})
            for (std::uint64_t seed = 1; seed <= 20; ++seed) {
                otp::simulation sim{seed};
                hops ring = start_hops(size);
                for (std::size_t i = 0; i != size; ++i) ring[i].cast(hop::begin{{{ring[(i + 1) % size]}, how}});
                const auto began = sim.now();
                sim.advance(10ms);
                CHECK(sim.now() == began + 10ms);
                const std::string why = one_deadlock(ring);
                CHECK(!why.empty());
                const auto youngest = ring.back();
                ring.push_back(ring.front());
                CHECK(names(why, ring));
                CHECK(why.find(youngest.id().to_string() + " tests::rings::hop -> " + ring.front().id().to_string()) != std::string::npos);
            }
}

TEST_CASE("chains of callers that meet each other's heads break at once, too") {
    for (const way how : {way::awaits, way::blocks})
        for (std::uint64_t seed = 1; seed <= 20; ++seed) {
            otp::simulation sim{seed};
            const hops h = start_hops(6);
            // 0 calls 1, 1 calls 2, 2 calls 3; 3 calls 4, 4 calls 0.
            h[0].cast(hop::begin{{{h[1], h[2], h[3]}, how}});
            h[3].cast(hop::begin{{{h[4], h[0]}, how}});
            h[5].cast(hop::begin{{{h[0]}, how}});  // no part of the circle
            sim.advance(10ms);
            const std::string why = one_deadlock({h[0], h[3], h[5]});
            CHECK(names(why, {h[0], h[1], h[2], h[3], h[4]}));
        }
}

TEST_CASE("on workers a ring breaks at one call and no other") {
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    for (const std::size_t size : {2U, 3U, 5U}) {
        const hops ring = start_hops(size);
        for (int round = 0; round != 500; ++round) {
            const way how = round % 8 == 0 ? way::blocks : way::awaits;
            for (std::size_t i = 0; i != size; ++i) ring[i].cast(hop::begin{{{ring[(i + 1) % size]}, how}, 100us});
            int deadlocks = 0;
            for (const auto& h : ring) {
                const auto got = h.call(hop::last{}, otp::infinity).value();
                REQUIRE(got);
                deadlocks += *got != "end";
            }
            REQUIRE(deadlocks <= 1);
        }
    }
}

// ---- no circle

/// Asks on; the last one answers, and then calls the first.
struct relay {
    struct ask_on {
        using reply_type = int;
        otp::ref<relay> first;
    };
    struct ping {
        using reply_type = int;
    };
    struct call_first {
        otp::ref<relay> whom;
    };
    struct noise {};
    otp::server<relay> next;
    int* pings;
    relay(otp::server<relay> n, int* p) : next{std::move(n)}, pings{p} {}

    otp::task<int> handle_call(ask_on a) {
        if (!next) {
            const auto self = otp::self<relay>();
            self.cast(call_first{a.first});
            self.cast(noise{});  // so that somebody waits for it when it calls, as far as others can see
            co_return 1;
        }
        const auto answer = co_await next.ask<ask_on>(a.first);
        co_return answer ? *answer + 1 : -100;
    }
    int handle_call(ping) { return 7; }
    otp::task<> handle_cast(call_first c) {
        const auto answer = co_await c.whom.get().ask<ping>();
        if (answer == otp::result<int>{7}) ++*pings;
    }
    void handle_cast(noise) {}
};

TEST_CASE("who has answered may call those further up while the answer is on its way: that is no circle") {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        otp::simulation sim{seed};
        int pings = 0;
        const auto d = otp::start<relay>(otp::server<relay>{}, &pings).value(), c = otp::start<relay>(d, &pings).value();
        const auto b = otp::start<relay>(c, &pings).value(), a = otp::start<relay>(b, &pings).value();
        const auto other = otp::start<relay>(otp::server<relay>{}, &pings).value();  // its call makes them look for a circle
        for (int round = 1; round <= 5; ++round) {
            other.cast(relay::call_first{a});
            other.cast(relay::noise{});
            CHECK(a.call(relay::ask_on{a}, otp::infinity).value() == 4);
            sim.run();
            CHECK(pings == 2 * round);
        }
    }
}

struct hands_on;
struct asks_first {
    struct begin {
        otp::ref<hands_on> whom;
    };
    struct ping {
        using reply_type = int;
    };
    std::string* log;
    explicit asks_first(std::string* l) : log{l} {}
    otp::task<> handle_cast(begin b);
    int handle_call(ping) { return 7; }
};
struct between {
    struct ask_first {
        using reply_type = int;
    };
    otp::server<asks_first> first;
    explicit between(otp::server<asks_first> f) : first{std::move(f)} {}
    otp::task<otp::result<int>> handle_call(ask_first) { co_return co_await first.ask<asks_first::ping>(); }
};
struct hands_on {
    struct question {
        using reply_type = int;
    };
    struct go_on {};
    otp::server<between> next;
    std::string* log;
    hands_on(otp::server<between> n, std::string* l) : next{std::move(n)}, log{l} {}
    void handle_call(question, otp::from<question> caller) {
        otp::spawn(
            [](otp::from<question> f) -> otp::task<> {
                co_await otp::sleep_for(10ms);
                f.reply(42);
            },
            std::move(caller));
        otp::self<hands_on>().cast(go_on{});
    }
    otp::task<> handle_cast(go_on) {
        const auto got = co_await next.ask<between::ask_first>();
        *log += got ? "hands_on " + std::to_string(*got) + ' ' : got.error().to_string();
    }
};
otp::task<> asks_first::handle_cast(begin b) {
    const auto got = co_await b.whom.get().ask<hands_on::question>();
    *log += got ? "first " + std::to_string(*got) + ' ' : got.error().to_string();
}

TEST_CASE("a ring with a call that was handed on is none: another one answers it") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        otp::simulation sim{seed};
        std::string log;
        const auto first = otp::start<asks_first>(&log).value();
        const auto middle = otp::start<between>(first).value();
        const auto last = otp::start<hands_on>(middle, &log).value();
        first.cast(asks_first::begin{last});
        sim.advance(1s);
        CHECK(log == "first 42 hands_on 7 ");
    }
}

// ---- room

/// Its mailbox has room for one message, and it fills that of another one.
struct crowded {
    struct item {};
    struct fill {
        otp::ref<crowded> whom;
    };
    int items = 0;
    otp::task<> handle_cast(fill f) {
        co_await otp::sleep_for(10ms);
        for (int i = 0; i != 3; ++i) f.whom.get().cast(item{});
    }
    void handle_cast(item) { ++items; }
};

TEST_CASE("servers that wait for room in each other's mailboxes don't for ever: a message is a dead letter") {
    for (const std::size_t size : {2U, 3U}) {
        otp::simulation sim{size};
        const auto lost = otp::dead_letters(otp::reason_kind::deadlock);
        std::vector<otp::server<crowded>> ring;
        for (std::size_t i = 0; i != size; ++i) ring.push_back(otp::start<crowded>({.mailbox = {.capacity = 1, .on_full = otp::wait}}).value());
        for (std::size_t i = 0; i != size; ++i) ring[i].cast(crowded::fill{ring[(i + 1) % size]});
        sim.advance(10ms);
        int items = 0;
        for (const auto& each : ring) items += otp::sys::with_state(each, [](const crowded& c) { return c.items; }).value();
        CHECK(otp::dead_letters(otp::reason_kind::deadlock) > lost);
        CHECK(static_cast<std::uint64_t>(items) + otp::dead_letters(otp::reason_kind::deadlock) == lost + 3 * size);
    }
}

}  // namespace tests::rings
