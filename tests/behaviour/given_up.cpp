// What a server sees of callers that don't wait any more, and what is left of calls that were answered.
#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

#include "otp/otp.hpp"

namespace tests::given_up {

using namespace std::chrono_literals;

namespace {

struct add {
    using reply_type = int;
};
struct later {
    using reply_type = int;
};
struct at_once {
    using reply_type = int;
};
struct slowly {
    using reply_type = int;
};
struct stall {};

struct counter {
    int count = 0;
    std::vector<otp::from<later>> owed;
    int handle_call(add) { return ++count; }
    otp::task<int> handle_call(slowly) {
        co_await otp::sleep_for(500ms);
        co_return ++count;
    }
    void handle_call(later, otp::from<later> caller) { owed.push_back(std::move(caller)); }
    void handle_call(at_once, otp::from<at_once> caller) { caller.reply(++count); }
    otp::task<> handle_cast(stall) { co_await otp::sleep_for(1s); }
};

struct asks {
    struct both {
        using reply_type = bool;
    };
    using interleaves = otp::messages<both>;
    otp::server<counter> to;
    otp::task<bool> handle_call(both) { co_return (co_await to.ask<add>().timeout(1ms)).error() == otp::reason::timeout; }
};

using handle = otp::server<counter>;
int count_of(const otp::server<counter>& s) {
    return otp::sys::with_state(s, [](const counter& c) { return c.count; }).value();
}

}  // namespace

TEST_CASE("no request of a caller that has died is handled, also if it waited for several at once") {
    otp::simulation sim{1};
    const auto a = otp::start<counter>().value(), b = otp::start<counter>().value();
    a.cast(stall{});
    b.cast(stall{});
    sim.run();
    const auto several = otp::spawn([a, b]() -> otp::task<> { (void)co_await otp::all(a.ask<add>(), b.ask<add>()); });
    const auto one = otp::spawn([a]() -> otp::task<> { (void)co_await a.ask<add>(); });
    sim.run();
    otp::exit_process(several, otp::reason::kill);
    otp::exit_process(one, otp::reason::kill);
    sim.advance(2s);
    CHECK(count_of(a) == 0);
    CHECK(count_of(b) == 0);
}

TEST_CASE("no request of a caller whose time is over is handled, also if it was one of several, and none that was answered is missing") {
    otp::simulation sim{1};
    const auto busy = otp::start<counter>().value(), free = otp::start<counter>().value();
    const auto while_busy = [&](auto body) {
        busy.cast(stall{});
        sim.run();
        body();
        sim.advance(2s);
        return count_of(busy);
    };
    CHECK(while_busy([&] {
              const auto timed_out = otp::run([](handle b, handle f) -> otp::task<bool> {
                  // The first is given up a second before the other.
                  auto [no, yes] = co_await otp::all(b.ask<add>().timeout(1ms), f.ask<slowly>());
                  auto [x, y] = co_await otp::all(b.ask<add>().timeout(1ms), b.ask<add>().timeout(1ms));
                  co_return no.error() == otp::reason::timeout && yes.value() == 1 && !x && !y;
              }(busy, free));
              CHECK(timed_out.value());
          }) == 0);
    CHECK(while_busy([&] {
              const auto which = otp::run([](handle b, handle f) -> otp::task<std::size_t> {
                  co_return (co_await otp::any(b.ask<add>(), f.ask<add>())).index();
              }(busy, free));
              CHECK(which.value() == 1);
          }) == 0);
    CHECK(while_busy([&] {
              const auto all = otp::multi_call({busy, free}, add{}, 1ms);
              CHECK(all.replies.size() == 1);
              CHECK(all.bad.size() == 1);
          }) == 0);
    CHECK(while_busy([&] {
              const auto all = otp::run([](handle b, handle f) -> otp::task<int> {
                  auto [one, two] = co_await otp::all(b.ask<add>(), f.ask<add>());
                  co_return one.value() + two.value();
              }(busy, free));
              CHECK(all.value() == 5);
          }) == 1);
}

TEST_CASE("a server that lets others in asks, gives up, and its request is not handled") {
    otp::simulation sim{1};
    const auto busy = otp::start<counter>().value();
    const auto asking = otp::start<asks>(asks{busy}).value();
    busy.cast(stall{});
    sim.run();
    CHECK(asking.call(asks::both{}).value());
    sim.advance(2s);
    CHECK(count_of(busy) == 0);
}

TEST_CASE("a from shows that its caller's time is over, and that it has died") {
    otp::simulation sim{1};
    const auto s = otp::start<counter>().value();
    const auto alive = [s] { return otp::sys::with_state(s, [](const counter& c) { return c.owed.back().alive(); }).value(); };
    otp::spawn([s]() -> otp::task<> {
        (void)co_await s.ask<later>().timeout(100ms);
        co_await otp::sleep_for(1h);
    });
    sim.run();
    CHECK(alive());
    sim.advance(200ms);
    CHECK_FALSE(alive());
    const auto caller = otp::spawn([s] { (void)s.call(later{}); });
    sim.run();
    CHECK(alive());
    otp::exit_process(caller, otp::reason::kill);
    sim.run();
    CHECK_FALSE(alive());
}

TEST_CASE("calls that were answered through their from are not kept: a server of many takes no more memory") {
    otp::simulation sim{1};
    const auto s = otp::start<counter>().value();
    const auto call = [&s](int times) {
        for (int i = 0; i != times; ++i) REQUIRE(s.call(at_once{}));
    };
    call(100);
    const auto before = otp::memory::in_use();
    call(5000);
    CHECK(otp::memory::in_use() <= before + 4096);
}

TEST_CASE("any is over at once when one of its requests can't be sent") {
    otp::simulation sim{1};
    const auto gone = otp::start<counter>().value(), busy = otp::start<counter>().value();
    CHECK(gone.stop());
    busy.cast(stall{});
    sim.run();
    std::size_t first = 2;
    otp::spawn([&]() -> otp::task<> {
        const auto answer = co_await otp::any(busy.ask<add>(), gone.ask<add>());
        first = answer.index();
        CHECK(std::get<1>(answer).error() == otp::reason::noproc);
    });
    sim.run();
    CHECK(first == 1);
}

}  // namespace tests::given_up
