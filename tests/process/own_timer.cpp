// The one timer of a process: set for the earliest of all that it waits for, and off when nothing is waited for.
#include "in_process.hpp"

#include <chrono>

namespace tests::own_timer {

using namespace std::chrono_literals;

namespace {

struct get {
    using reply_type = int;
};
struct wait_a_bit {};
struct enough {};

struct slow {
    otp::task<int> handle_call(get) {
        co_await otp::sleep_for(1h);
        co_return 1;
    }
};
struct patient {
    otp::next handle_cast(wait_a_bit) { return otp::noreply.timeout(1h); }
    otp::next handle_cast(enough) { return otp::noreply; }
    void handle_info(otp::timeout) {}
};

}  // namespace

TEST_CASE("of several waits each ends in its own time, whichever began first") {
    for (const bool first_is_short : {true, false}) {
        otp::simulation sim{1};
        const auto a = otp::start<slow>().value(), b = otp::start<slow>().value();
        std::chrono::nanoseconds took{0};
        otp::spawn([&, first_is_short]() -> otp::task<> {
            const auto begun = otp::now();
            const auto first = first_is_short ? 1s : 60s, second = first_is_short ? 60s : 1s;
            (void)co_await otp::any(a.ask<get>().timeout(first), b.ask<get>().timeout(second));
            took = otp::now() - begun;
        });
        sim.advance(10s);
        CHECK(took == 1s);
    }
}

TEST_CASE("a time-out that a message has ended leaves no moment behind: nothing is left that could run") {
    otp::simulation sim{1};
    const auto s = otp::start<patient>().value();
    s.cast(wait_a_bit{});
    sim.run();
    s.cast(enough{});
    sim.run();
    const auto begun = sim.now();
    sim.run_all();
    CHECK(sim.now() == begun);
}

}  // namespace tests::own_timer
