// When timers fire.
#include "timer_wheel.hpp"

namespace tests::timer_wheel {

TEST_CASE("a wheel does what a sorted map does, over millions of random steps") {
    std::size_t steps = 0;
    std::size_t fired = 0;
    for (std::uint64_t seed = 1; steps < 3'000'000; ++seed) {
        CAPTURE(seed);
        constexpr std::array<std::size_t, 3> timers{3, 40, 1000};
        constexpr std::array<std::size_t, 4> reach{12, 24, 36, 50};  // milliseconds to decades
        comparison both{seed, timers[seed % 3], reach[seed / 3 % 4]};
        for (std::size_t n = 0; n < 100'000 && both.step(); ++n) ++steps;
        fired += both.fired();
    }
    CHECK(fired > 300'000);
}

TEST_CASE("a timer fires at its very nanosecond and not before, whatever the distance") {
    for (int power = 0; power < 8; ++power) {
        for (const duration beside : {duration{-1ms}, duration{-1}, duration{0}, duration{1}, duration{999'999}}) {
            CAPTURE(power);
            CAPTURE(beside.count());
            timer_wheel wheel{zero};
            std::vector<int> fired;
            probe t{fired};
            const time_point deadline = zero + 1ms * (std::int64_t{1} << (6 * std::min(power, 7))) + beside;
            CHECK(wheel.arm(t, deadline));
            CHECK(wheel.next_deadline() == deadline);
            CHECK(wheel.advance(deadline - 1ns) == 0);
            CHECK(fired.empty());
            CHECK(wheel.next_deadline() == deadline);
            CHECK(wheel.advance(deadline) == 1);
            CHECK(fired.size() == 1);
            CHECK(wheel.next_deadline() == never);
            CHECK(wheel.size() == 0);
        }
    }
}

TEST_CASE("a lone timer wakes its wheel once, also when the wheel is looked at on the way") {
    timer_wheel wheel{zero};
    std::vector<int> fired;
    probe near{fired, 1};
    probe far{fired, 2};
    const time_point deadline = zero + 100h + 7ns;
    wheel.arm(far, deadline);
    for (time_point at = zero; at < deadline - 1h; at += 1h) {
        wheel.arm(near, at + 5ms);
        CHECK(wheel.advance(at + 5ms) == 1);
        CHECK(wheel.next_deadline() == deadline);
    }
    CHECK(wheel.advance(deadline) == 1);
    CHECK(fired.back() == 2);
}

TEST_CASE("among many timers far away the earliest still isn't overslept") {
    std::vector<int> fired;
    std::vector<std::unique_ptr<probe>> timers;
    probe near{fired};
    timer_wheel wheel{zero};
    for (int i = 0; i < 100; ++i) {
        timers.push_back(std::make_unique<probe>(fired, i));
        wheel.arm(*timers.back(), zero + 10h + 100ms - 1ms * i);
    }
    wheel.arm(near, zero + 1s);
    CHECK(wheel.advance(zero + 1s) == 1);
    while (fired.size() == 1) wheel.advance(wheel.next_deadline());
    CHECK(fired == std::vector{0, 99});
}

TEST_CASE("the ends of time can be armed") {
    timer_wheel wheel{zero};
    std::vector<int> fired;
    probe first{fired, 1};
    probe last{fired, 2};
    wheel.arm(last, never);
    CHECK(wheel.next_deadline() == never);
    CHECK(wheel.arm(first, time_point::min()));
    CHECK(wheel.advance(zero) == 1);
    CHECK(wheel.advance(never - 1ns) == 0);
    CHECK(wheel.size() == 1);
    CHECK(timer_wheel::disarm(last));
    CHECK(fired == std::vector{1});
}

TEST_CASE("a century passes at once") {
    std::vector<int> fired;
    std::vector<std::unique_ptr<probe>> timers;
    timer_wheel wheel{zero};
    for (int year = 0; year < 200; ++year) {
        timers.push_back(std::make_unique<probe>(fired, year));
        wheel.arm(*timers.back(), zero + 24h * 365 * year);
    }
    CHECK(wheel.advance(zero + 24h * 365 * 100 - 1ns) == 100);
    CHECK(wheel.advance(zero + 24h * 365 * 199) == 100);
    CHECK(std::is_sorted(fired.begin(), fired.end()));
}

TEST_CASE("a hundred thousand timers of one millisecond fire by deadline, equal ones in the order of arming") {
    std::vector<int> fired;
    std::vector<std::unique_ptr<probe>> timers;
    timer_wheel wheel{zero};
    std::mt19937_64 random{7};
    for (int i = 0; i < 100'000; ++i) {
        timers.push_back(std::make_unique<probe>(fired, i));
        wheel.arm(*timers.back(), zero + 5s + duration{random() % 1000 * 1000});
    }
    CHECK(wheel.advance(zero + 5s + 500us) > 40'000);
    CHECK(wheel.next_deadline() > zero + 5s + 500us);
    wheel.advance(zero + 6s);
    REQUIRE(fired.size() == timers.size());
    const auto before = [&](int a, int b) {
        const auto& first = *timers[static_cast<std::size_t>(a)];
        const auto& second = *timers[static_cast<std::size_t>(b)];
        return first.deadline != second.deadline ? first.deadline < second.deadline : a < b;
    };
    CHECK(std::is_sorted(fired.begin(), fired.end(), before));
}

TEST_CASE("an advance with an older clock fires what is due for it, and moves nothing back") {
    timer_wheel wheel{zero};
    std::vector<int> fired;
    probe a{fired, 1};
    probe b{fired, 2};
    probe c{fired, 3};
    wheel.arm(a, zero + 1h);
    wheel.arm(b, zero + 2h);
    CHECK(wheel.advance(zero + 1h) == 1);
    wheel.arm(a, zero + 1min);
    wheel.arm(c, zero + 2min);
    CHECK(wheel.advance(zero + 90s) == 1);
    CHECK(wheel.next_deadline() == zero + 2min);
    CHECK(wheel.advance(zero + 100s) == 0);
    CHECK(timer_wheel::disarm(b));
    CHECK(wheel.advance(zero + 2min) == 1);
    CHECK(fired == std::vector{1, 1, 3});
    CHECK(wheel.advance(zero + 1h) == 0);
    CHECK(wheel.next_deadline() == never);
}

TEST_CASE("a thread with an older clock doesn't fire what one with a later clock is about to") {
    std::vector<int> fired;
    std::vector<std::unique_ptr<probe>> timers;
    timer_wheel wheel{zero};
    for (int i = 0; i < 200'000; ++i) {
        timers.push_back(std::make_unique<probe>(fired, i));
        wheel.arm(*timers.back(), zero + 1h);
    }
    probe due{fired, -1};
    wheel.arm(due, zero);
    std::atomic<bool> over{false};
    std::thread later{[&] {
        wheel.advance(zero + 2h);
        over.store(true, std::memory_order_release);
    }};
    const std::size_t armed = timers.size() + 1;
    while (wheel.size() == armed) std::this_thread::yield();
    std::size_t older = 0;
    while (!over.load(std::memory_order_acquire)) older += wheel.advance(zero + 1min);
    later.join();
    CHECK(older == 0);
    CHECK(fired.size() == armed);
}

TEST_CASE("a disarmed timer leaves a lower bound, which one advance clears up") {
    timer_wheel wheel{zero};
    std::vector<int> fired;
    probe t{fired};
    CHECK(wheel.arm(t, zero + 1s));
    CHECK(timer_wheel::disarm(t));
    CHECK_FALSE(timer_wheel::disarm(t));
    CHECK_FALSE(wheel.arm(t, zero + 2s));
    CHECK(wheel.next_deadline() == zero + 1s);
    CHECK(wheel.advance(zero + 1s) == 0);
    CHECK(wheel.next_deadline() == zero + 2s);
    CHECK(timer_wheel::disarm(t));
    CHECK(wheel.advance(zero + 2s) == 0);
    CHECK(wheel.next_deadline() == never);
    CHECK(fired.empty());
}

TEST_CASE("a wheel that ends lets go of its timers without firing them") {
    std::vector<int> fired;
    probe a{fired};
    probe b{fired};
    {
        timer_wheel wheel{zero};
        wheel.arm(a, zero + 1s);
        wheel.arm(b, zero + 1s);
    }
    CHECK_FALSE(timer_wheel::disarm(a));
    timer_wheel other{zero};
    other.arm(b, zero + 1s);
    CHECK(other.advance(zero + 1s) == 1);
    CHECK(fired.size() == 1);
}

}  // namespace tests::timer_wheel
