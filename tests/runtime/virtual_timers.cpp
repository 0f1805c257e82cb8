#include "otp/runtime/virtual_timers.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace tests::virtual_timers {

namespace {

using namespace std::chrono_literals;
using otp::exec::duration;
using otp::exec::never;
using otp::exec::time_point;
using otp::exec::timer;
using otp::exec::virtual_timers;

struct numbered : timer {
    explicit numbered(int number) : timer{[](timer&) noexcept {}}, id{number} {}
    int id;
};

constexpr time_point zero{};

int pop(virtual_timers& timers, time_point now, std::size_t choice = 0) {
    const timer* const t = timers.pop_due(now, [choice](std::size_t n) { return choice % n; });
    return t ? static_cast<const numbered*>(t)->id : -1;
}

std::vector<int> pop_all_by_seed(std::uint64_t seed) {
    std::vector<std::unique_ptr<numbered>> all;
    virtual_timers timers;
    std::mt19937_64 random{seed};
    for (int i = 0; i < 50; ++i) {
        all.push_back(std::make_unique<numbered>(i));
        timers.arm(*all.back(), zero + 1s * (i % 3));
    }
    std::vector<int> order;
    while (timer* t = timers.pop_due(zero + 1h, [&](std::size_t n) { return random() % n; }))
        order.push_back(static_cast<numbered*>(t)->id);
    return order;
}

}  // namespace

TEST_CASE("virtual timers do what a sorted map does, over random steps") {
    std::vector<std::unique_ptr<numbered>> all;
    for (int i = 0; i < 200; ++i) all.push_back(std::make_unique<numbered>(i));
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random{seed};
        virtual_timers timers;
        using key = std::pair<time_point, std::uint64_t>;
        std::map<key, int> model;
        std::map<int, key> where;
        std::uint64_t order = 0;
        time_point now = zero;
        const auto forget = [&](int id) {
            const auto found = where.find(id);
            if (found == where.end()) return false;
            model.erase(found->second);
            where.erase(found);
            return true;
        };
        for (int step = 0; step < 20'000; ++step) {
            const int id = static_cast<int>(random() % all.size());
            numbered& t = *all[static_cast<std::size_t>(id)];
            switch (random() % 4) {
                case 0:
                case 1: {
                    const time_point deadline = now + duration{random() % 50};
                    forget(id);
                    where[id] = {deadline, ++order};
                    model[where[id]] = id;
                    timers.arm(t, deadline);
                    break;
                }
                case 2:
                    if (timers.disarm(t) != forget(id)) FAIL("disarm is wrong");
                    break;
                default: {
                    now += duration{random() % 3};
                    // Choosing the first is the order of arming.
                    const bool due = !model.empty() && model.begin()->first.first <= now;
                    const int expected = due ? model.begin()->second : -1;
                    if (due) forget(expected);
                    if (pop(timers, now) != expected) FAIL("another timer is due");
                }
            }
            if (timers.size() != model.size()) FAIL("another number is armed");
            const time_point next = model.empty() ? never : model.begin()->first.first;
            if (timers.next_deadline() != next) FAIL("wrong next deadline");
        }
    }
}

TEST_CASE("a virtual timer is due at its nanosecond") {
    virtual_timers timers;
    numbered t{1};
    timers.arm(t, zero + 10ns);
    CHECK(timers.next_deadline() == zero + 10ns);
    CHECK(pop(timers, zero + 9ns) == -1);
    CHECK(pop(timers, zero + 10ns) == 1);
    CHECK(pop(timers, zero + 10ns) == -1);
    CHECK(timers.next_deadline() == never);
    CHECK_FALSE(timers.disarm(t));
}

TEST_CASE("the chooser decides among all timers of one deadline, and is asked about no others") {
    std::set<int> seen;
    for (std::size_t choice = 0; choice < 5; ++choice) {
        std::vector<std::unique_ptr<numbered>> all;
        virtual_timers timers;
        for (int i = 0; i < 9; ++i) {
            all.push_back(std::make_unique<numbered>(i));
            timers.arm(*all.back(), zero + (i % 2 == 0 ? 1ns : 2ns));
        }
        std::size_t asked = 0;
        timer* const t = timers.pop_due(zero + 5ns, [&](std::size_t n) {
            asked = n;
            return choice;
        });
        CHECK(asked == 5);
        REQUIRE(t);
        CHECK(t->deadline == zero + 1ns);
        seen.insert(static_cast<numbered*>(t)->id);
    }
    CHECK(seen == std::set{0, 2, 4, 6, 8});
}

TEST_CASE("a lone timer is no choice") {
    numbered a{1};
    numbered b{2};
    virtual_timers timers;
    timers.arm(a, zero + 1ns);
    timers.arm(b, zero + 2ns);
    bool asked = false;
    CHECK(timers.pop_due(zero + 2ns, [&](std::size_t) {
        asked = true;
        return 0;
    }) == &a);
    CHECK_FALSE(asked);
}

TEST_CASE("one seed gives one order, another seed another") {
    CHECK(pop_all_by_seed(1) == pop_all_by_seed(1));
    CHECK(pop_all_by_seed(1) != pop_all_by_seed(2));
    auto order = pop_all_by_seed(3);
    CHECK(std::is_sorted(order.begin(), order.end(), [](int a, int b) { return a % 3 < b % 3; }));
    std::sort(order.begin(), order.end());
    CHECK(order.size() == 50);
    CHECK(std::adjacent_find(order.begin(), order.end()) == order.end());
}

TEST_CASE("a timer armed for never stays until it is disarmed") {
    virtual_timers timers;
    numbered t{1};
    timers.arm(t, never);
    CHECK(timers.size() == 1);
    CHECK(pop(timers, never - 1ns) == -1);
    CHECK(timers.disarm(t));
    CHECK(timers.size() == 0);
}

TEST_CASE("virtual timers that end let go of what is armed") {
    numbered t{1};
    {
        virtual_timers timers;
        timers.arm(t, zero + 1s);
    }
    CHECK(t.home.load() == nullptr);
    virtual_timers others;
    others.arm(t, zero + 1s);
    CHECK(pop(others, zero + 1s) == 1);
}

}  // namespace tests::virtual_timers
