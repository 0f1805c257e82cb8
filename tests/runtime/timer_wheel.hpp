// A wheel beside a sorted map that does the same.
#pragma once

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

}  // namespace tests::timer_wheel
