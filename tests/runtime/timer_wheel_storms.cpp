// A wheel that several threads use.
#include "timer_wheel.hpp"

namespace tests::timer_wheel {

TEST_CASE("disarm returns false only after fire has returned") {
    struct slow : timer {
        slow() : timer{&slow::due} {}
        static void due(timer& t) noexcept {
            auto& self = static_cast<slow&>(t);
            self.begun.store(true, std::memory_order_release);
            while (!self.go_on.load(std::memory_order_acquire)) std::this_thread::yield();
            self.done = 1;
        }
        std::atomic<bool> begun{false};
        std::atomic<bool> go_on{false};
        int done = 0;  // plain: what disarm has to order
    };
    for (int round = 0; round < 200; ++round) {
        timer_wheel wheel{zero};
        slow t;
        wheel.arm(t, zero);
        std::thread driver{[&] { wheel.advance(zero); }};
        while (!t.begun.load(std::memory_order_acquire)) std::this_thread::yield();
        int seen = 0;
        bool disarmed = true;
        std::thread asker{[&] {
            t.go_on.store(true, std::memory_order_release);
            disarmed = timer_wheel::disarm(t);
            seen = t.done;
        }};
        asker.join();
        driver.join();
        REQUIRE_FALSE(disarmed);
        REQUIRE(seen == 1);
    }
}

namespace {

struct counting : timer {
    counting() : timer{&counting::due} {}
    static void due(timer& t) noexcept {
        auto& self = static_cast<counting&>(t);
        if (otp::exec::clock::now() < self.deadline) self.early = true;
        ++self.fires;
    }
    std::uint64_t fires = 0;  // plain, as is `early`: the wheel's lock and disarm order it
    bool early = false;
    std::atomic<std::uint64_t> disarmed{0};
};

}  // namespace

TEST_CASE("in a storm of arming, disarming and firing, every arming ends once") {
    const time_point start = otp::exec::clock::now();
    std::array<timer_wheel, 2> wheels{timer_wheel{start}, timer_wheel{start}};
    std::vector<counting> timers(64);
    std::vector<std::uint64_t> armed(timers.size());
    std::atomic<bool> over{false};
    std::array<std::thread, 2> others{
        std::thread{[&] {
            while (!over.load(std::memory_order_acquire))
                for (auto& wheel : wheels) wheel.advance(otp::exec::clock::now());
        }},
        std::thread{[&] {
            std::mt19937_64 random{1};
            while (!over.load(std::memory_order_acquire)) {
                auto& t = timers[random() % timers.size()];
                if (timer_wheel::disarm(t)) t.disarmed.fetch_add(1, std::memory_order_relaxed);
            }
        }}};
    std::mt19937_64 random{2};
    for (int n = 0; n < 300'000; ++n) {
        const std::size_t index = random() % timers.size();
        auto& t = timers[index];
        if (timer_wheel::disarm(t)) t.disarmed.fetch_add(1, std::memory_order_relaxed);
        // Nobody else arms, so from here on no fire runs.
        if (t.fires + t.disarmed.load(std::memory_order_relaxed) > armed[index]) over = true;
        wheels[random() % 2].arm(t, otp::exec::clock::now() + duration{random() % 200'000});
        ++armed[index];
    }
    over = true;
    for (auto& other : others) other.join();
    std::uint64_t fires = 0;
    for (std::size_t i = 0; i < timers.size(); ++i) {
        auto& t = timers[i];
        if (timer_wheel::disarm(t)) t.disarmed.fetch_add(1, std::memory_order_relaxed);
        CHECK(t.fires + t.disarmed.load(std::memory_order_relaxed) == armed[i]);
        CHECK_FALSE(t.early);
        fires += t.fires;
    }
    CHECK(fires > 0);
    CHECK(wheels[0].size() + wheels[1].size() == 0);
}

TEST_CASE("in a storm of re-arming between wheels that fire, no timer is lost, doubled or early") {
    const time_point start = otp::exec::clock::now();
    std::array<timer_wheel, 2> wheels{timer_wheel{start}, timer_wheel{start}};
    std::vector<counting> timers(8);
    std::atomic<bool> over{false};
    std::vector<std::thread> drivers;
    for (auto& wheel : wheels)
        drivers.emplace_back([&] {
            while (!over.load(std::memory_order_acquire)) wheel.advance(otp::exec::clock::now());
        });
    std::mt19937_64 random{3};
    constexpr std::uint64_t armings = 300'000;
    for (std::uint64_t n = 0; n < armings; ++n) {
        auto& t = timers[random() % timers.size()];
        wheels[random() % 2].arm(t, otp::exec::clock::now() + duration{random() % 20'000});
    }
    const time_point last = otp::exec::clock::now() + 20'000ns;
    over = true;
    for (auto& driver : drivers) driver.join();
    while (otp::exec::clock::now() < last) std::this_thread::yield();
    for (auto& wheel : wheels) wheel.advance(otp::exec::clock::now());
    std::uint64_t fires = 0;
    for (auto& t : timers) {
        CHECK_FALSE(timer_wheel::disarm(t));
        CHECK_FALSE(t.early);
        CHECK(t.fires >= 1);
        fires += t.fires;
    }
    CHECK(fires <= armings);
    CHECK(wheels[0].size() + wheels[1].size() == 0);
}

TEST_CASE("a thread that goes to sleep and one that arms an earlier deadline never miss each other") {
    timer_wheel wheel{zero};
    std::vector<int> fired;
    probe t{fired};
    std::atomic<bool> asleep{false};
    std::atomic<int> turn{0};  // odd: both sides run; even: both are done
    std::atomic<int> done{0};
    constexpr int rounds = 30'000;
    time_point sleeper_saw{};
    std::thread sleeper{[&] {
        for (int round = 0; round < rounds; ++round) {
            while (turn.load(std::memory_order_acquire) <= round) std::this_thread::yield();
            asleep.store(true, std::memory_order_seq_cst);
            sleeper_saw = wheel.next_deadline();
            done.store(round + 1, std::memory_order_release);
        }
    }};
    int missed = 0;
    for (int round = 0; round < rounds; ++round) {
        turn.store(round + 1, std::memory_order_release);
        for (int delay = 0; delay < round % 64; ++delay) otp::std_atomics::pause();
        const bool earlier = wheel.arm(t, zero + 1s * (round + 1));
        const bool armer_saw = asleep.load(std::memory_order_seq_cst);
        while (done.load(std::memory_order_acquire) <= round) std::this_thread::yield();
        if (!earlier || (sleeper_saw == never && !armer_saw)) ++missed;
        asleep.store(false, std::memory_order_relaxed);
        timer_wheel::disarm(t);
        wheel.advance(zero + 1s * (round + 1));
    }
    sleeper.join();
    CHECK(missed == 0);
}

}  // namespace tests::timer_wheel
