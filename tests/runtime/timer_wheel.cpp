#include "otp/runtime/timer_wheel.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "otp/base/atomics.hpp"

namespace tests::timer_wheel {

namespace {

using namespace std::chrono_literals;
using otp::exec::duration;
using otp::exec::never;
using otp::exec::time_point;
using otp::exec::timer;
using otp::exec::timer_wheel;

// A timer that notes in a shared list that it has fired.
struct probe : timer {
    explicit probe(std::vector<int>& fired_list, int number = 0) : timer{&probe::note}, fired{fired_list}, id{number} {}
    static void note(timer& t) noexcept {
        auto& self = static_cast<probe&>(t);
        self.fired.push_back(self.id);
    }
    std::vector<int>& fired;
    int id;
};

constexpr time_point zero{12'345'678'901ns};

// What the wheel must do, in the simplest way.
class model {
public:
    using key = std::pair<time_point, std::uint64_t>;

    void arm(int id, time_point deadline) {
        disarm(id);
        where_[id] = armed_.emplace(key{deadline, ++order_}, id);
    }
    bool disarm(int id) {
        const auto found = where_.find(id);
        if (found == where_.end()) return false;
        armed_.erase(found->second);
        where_.erase(found);
        return true;
    }
    std::vector<int> advance(time_point now) {
        std::vector<int> due;
        while (!armed_.empty() && armed_.begin()->first.first <= now) {
            due.push_back(armed_.begin()->second);
            disarm(due.back());
        }
        return due;
    }
    [[nodiscard]] time_point next() const { return armed_.empty() ? never : armed_.begin()->first.first; }
    [[nodiscard]] std::size_t size() const { return armed_.size(); }

private:
    std::multimap<key, int> armed_;
    std::map<int, std::multimap<key, int>::iterator> where_;
    std::uint64_t order_ = 0;
};

// Two wheels and their models under the same random steps; a timer may stand in either.
class comparison {
public:
    // `reach`: distances are below 2^(10 + reach) nanoseconds, and 64^(reach / 6) milliseconds.
    comparison(std::uint64_t seed, std::size_t timers, std::size_t reach) : random_{seed}, reach_{reach} {
        for (int i = 0; timers_.size() < timers; ++i) timers_.push_back(std::make_unique<probe>(fired_, i));
    }
    ~comparison() {
        for (const auto& t : timers_) timer_wheel::disarm(*t);
    }
    comparison(const comparison&) = delete;
    comparison& operator=(const comparison&) = delete;

    // False ends the run: the clock has come to its end.
    bool step() {
        switch (below(16)) {
            case 0: case 1: case 2: return advance(below(2), now_ + some_time());
            case 3: return advance(below(2), now_);
            case 4: case 5: case 6: disarm(below(timers_.size())); return true;
            default: arm(below(timers_.size()), below(8) == 0); return true;
        }
    }
    [[nodiscard]] std::size_t fired() const { return total_; }

private:
    std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

    // Every magnitude alike; often a power of 64 milliseconds, and one nanosecond or millisecond beside it.
    duration some_time() {
        if (below(3) == 0) {
            const duration edge = 1ms * (std::int64_t{1} << (6 * below(reach_ / 6)));
            constexpr std::array<duration, 5> beside{0ns, 1ns, -1ns, 1ms, -1ms};
            return edge + beside[below(beside.size())];
        }
        const auto magnitude = 10 + (below(2) == 0 ? reach_ - 1 : below(reach_));
        return duration{static_cast<std::int64_t>(random_() & ((std::uint64_t{1} << magnitude) - 1))};
    }

    void arm(std::size_t index, bool past) {
        const std::size_t side = below(2);
        const duration distance = some_time();
        // Some equal deadlines, for the order among them.
        time_point deadline = past ? now_ - distance : now_ + distance;
        if (below(4) == 0) deadline = last_deadline_;
        last_deadline_ = deadline;
        const time_point before = wheels_[side].next_deadline();
        models_[1 - side].disarm(static_cast<int>(index));
        models_[side].arm(static_cast<int>(index), deadline);
        const bool earlier = wheels_[side].arm(*timers_[index], deadline);
        if (earlier != (deadline < before)) FAIL("arm is wrong about the earliest deadline");
        look(side);
    }

    void disarm(std::size_t index) {
        const bool first = models_[0].disarm(static_cast<int>(index));
        const bool second = models_[1].disarm(static_cast<int>(index));
        if (timer_wheel::disarm(*timers_[index]) != (first || second)) FAIL("disarm is wrong");
        look(0);
        look(1);
    }

    bool advance(std::size_t side, time_point to) {
        if (to > zero + duration::max() / 2) return false;
        now_ = to;
        fired_.clear();
        const std::vector<int> expected = models_[side].advance(to);
        const std::size_t count = wheels_[side].advance(to);
        if (count != fired_.size()) FAIL("advance returns another number than has fired");
        if (fired_ != expected) FAIL("other timers have fired, or in another order");
        total_ += count;
        look(side);
        const time_point next = wheels_[side].next_deadline();
        if (next <= to) FAIL("the next deadline is past after advance");
        return true;
    }

    void look(std::size_t side) {
        if (wheels_[side].size() != models_[side].size()) FAIL("another number of timers is armed");
        if (wheels_[side].next_deadline() > models_[side].next()) FAIL("the next deadline is later than the true one");
    }

    std::mt19937_64 random_;
    const std::size_t reach_;
    std::array<timer_wheel, 2> wheels_{timer_wheel{zero}, timer_wheel{zero}};
    std::array<model, 2> models_;
    std::vector<int> fired_;
    std::vector<std::unique_ptr<probe>> timers_;
    time_point now_ = zero;
    time_point last_deadline_ = zero + 1s;
    std::size_t total_ = 0;
};

}  // namespace

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
