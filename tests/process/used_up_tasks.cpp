// A task is awaited once: the coroutine that awaits it owns its frame from then on.
#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "otp/otp.hpp"

using namespace std::chrono_literals;

namespace tests::used_up_tasks {

using shared = std::shared_ptr<int>;

otp::task<int> later(shared value) {
    co_await otp::sleep_for(1ms);
    co_return *value;
}
otp::task<int> fails(shared value) {
    co_await otp::sleep_for(1ms);
    throw otp::exit{"broken " + std::to_string(*value)};
}
otp::task<int> number(int n) { co_return n; }

/// Awaits a member, and changes it meanwhile.
struct holder {
    struct begin {};
    struct change {
        using reply_type = void;
    };
    using interleaves = otp::messages<change>;
    otp::task<int> pending;
    shared value;
    std::vector<int>* got;
    holder(shared v, std::vector<int>* g) : value{std::move(v)}, got{g} {}
    otp::task<> handle_cast(begin) {
        pending = later(value);
        const int n = co_await pending;
        got->push_back(n);
    }
    void handle_call(change) {
        pending = fails(value);
        pending = {};
    }
};

TEST_CASE("what becomes of the variable doesn't touch the coroutine that was awaited by its name") {
    const auto value = std::make_shared<int>(5);
    {
        otp::simulation sim{1};
        std::vector<int> got;
        const auto h = otp::start<holder>(value, &got).value();
        for (const bool kills : {false, true}) {
            h.cast(holder::begin{});
            sim.run();
            CHECK(h.call(holder::change{}));
            if (kills) otp::exit_process(h.id(), otp::reason::kill);
            sim.advance(1ms);
        }
        CHECK(got == std::vector{5});
        CHECK_FALSE(otp::is_alive(h.id()));
    }
    CHECK(value.use_count() == 1);
}

TEST_CASE("the value or the exception comes once, and the frame goes with the await") {
    otp::simulation sim{1};
    const auto value = std::make_shared<int>(7);
    const auto outcome = otp::run([](shared v) -> otp::task<int> {
        auto seven = later(v), broken = fails(v);
        const int n = co_await std::move(seven);
        if (v.use_count() != 3) co_return -1;  // the test's, this one, and that of broken
        try {
            (void)co_await broken;
        } catch (const otp::exit& e) {
            if (e.why() == "broken 7") co_return n;
        }
        co_return -2;
    }(value));
    CHECK(outcome.value() == 7);
    CHECK(value.use_count() == 1);
}

TEST_CASE("an empty task gives bad_argument") {
    otp::simulation sim{1};
    const auto twice = otp::run([]() -> otp::task<int> {
        auto once = number(1);
        const int first = co_await once;
        const int second = co_await once;
        co_return first + second;
    }());
    CHECK(twice.error() == otp::reason::bad_argument);
    CHECK(otp::run(otp::task<int>{}).error() == otp::reason::bad_argument);
    CHECK(otp::wait(otp::spawn(otp::task<>{})) == otp::reason::bad_argument);
}

}  // namespace tests::used_up_tasks
