// The bounded ring alone: order, overflow, stealing.
#include "otp/runtime/run_queue.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "otp/runtime/injection.hpp"

namespace tests::run_queue {

namespace {

struct item {
    item* run_next = nullptr;
    int number = 0;
    int taken = 0;  // written by whoever takes it: handing one item out twice is a race
};

template <std::size_t Capacity>
using queue = otp::exec::run_queue<item, Capacity>;

std::vector<item> numbered(int count) {
    std::vector<item> items(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) items[static_cast<std::size_t>(i)].number = i;
    return items;
}

template <class Chain>
std::vector<int> numbers(const Chain& chain) {
    std::vector<int> result;
    for (const item* i = chain.first; i; i = i->run_next) result.push_back(i->number);
    CHECK(result.size() == chain.count);
    return result;
}

}  // namespace

TEST_CASE("a run queue gives its owner the oldest item first") {
    auto items = numbered(8);
    queue<8> q;
    CHECK(q.empty());
    CHECK(q.pop() == nullptr);
    for (auto& i : items) CHECK(q.push(&i).count == 0);
    CHECK(q.size() == 8);
    for (auto& i : items) CHECK(q.pop() == &i);
    CHECK(q.pop() == nullptr);
}

TEST_CASE("a run queue keeps its order over many times its length") {
    auto items = numbered(1000);
    queue<4> q;
    std::size_t in = 0;
    std::size_t out = 0;
    while (out < items.size()) {
        for (std::size_t n = in % 4 + 1; n > 0 && in < items.size() && q.size() < 4; --n) CHECK(q.push(&items[in++]).count == 0);
        for (std::size_t n = out % 3 + 1; n > 0 && out < in; --n) CHECK(q.pop() == &items[out++]);
    }
}

TEST_CASE("a full run queue gives its older half and the new item, oldest first") {
    auto items = numbered(9);
    queue<8> q;
    for (std::size_t i = 0; i < 8; ++i) CHECK(q.push(&items[i]).count == 0);
    CHECK(numbers(q.push(&items[8])) == std::vector{0, 1, 2, 3, 8});
    CHECK(q.size() == 4);
    for (const int expected : {4, 5, 6, 7}) CHECK(q.pop()->number == expected);
}

TEST_CASE("a thief gets the older half: the oldest item at once, the others in his queue, in order") {
    auto items = numbered(7);
    queue<8> q;
    queue<8> mine;
    CHECK(q.steal_into(mine) == nullptr);
    for (auto& i : items) CHECK(q.push(&i).count == 0);
    CHECK(q.steal_into(mine)->number == 0);
    for (const int expected : {1, 2, 3}) CHECK(mine.pop()->number == expected);
    CHECK(mine.empty());
    for (const int expected : {4, 5, 6}) CHECK(q.pop()->number == expected);
    CHECK(q.empty());
}

TEST_CASE("a thief gets an only item") {
    item only;
    queue<2> q;
    queue<2> mine;
    CHECK(q.push(&only).count == 0);
    CHECK(q.steal_into(mine) == &only);
    CHECK(q.empty());
    CHECK(mine.empty());
}

TEST_CASE("owners and thieves take every item once") {
    constexpr std::size_t thieves = 3;
    constexpr int count = 60'000;
    auto items = numbered(count);
    otp::exec::injection<item> overflow;
    std::array<queue<4>, thieves + 1> queues;
    std::atomic<int> taken{0};
    std::atomic<bool> pushed_all{false};
    const auto take = [&](item* i) {
        ++i->taken;
        taken.fetch_add(1, std::memory_order_relaxed);
    };

    std::vector<std::thread> threads;
    for (std::size_t t = 1; t <= thieves; ++t) {
        threads.emplace_back([&, t] {
            while (taken.load(std::memory_order_relaxed) < count) {
                if (item* const i = queues[t].pop()) {
                    take(i);
                    continue;
                }
                item* i = nullptr;
                for (std::size_t from = 0; from < queues.size() && !i; ++from)
                    if (from != t) i = queues[from].steal_into(queues[t]);
                if (!i && pushed_all.load(std::memory_order_acquire)) i = overflow.pop(1);
                if (i) take(i);
                else std::this_thread::yield();
            }
        });
    }
    for (std::size_t n = 0; n < items.size(); ++n) {
        if (const auto over = queues[0].push(&items[n]); over.first) overflow.push(over.first, over.last, over.count);
        if (n % 3 == 0)
            if (item* const i = queues[0].pop()) take(i);
        if (n % 64 == 0) std::this_thread::yield();
    }
    pushed_all.store(true, std::memory_order_release);
    while (item* const i = queues[0].pop()) take(i);
    for (auto& t : threads) t.join();
    int wrong = 0;
    for (const auto& i : items) wrong += i.taken != 1;
    CHECK(wrong == 0);
}

namespace {

/// Links items from one number to another.
item& linked(std::vector<item>& items, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) items[i].run_next = &items[i + 1];
    items[to].run_next = nullptr;
    return items[from];
}

std::vector<int> taken(item* first) {
    std::vector<int> result;
    for (; first; first = first->run_next) result.push_back(first->number);
    return result;
}

}  // namespace

TEST_CASE("what comes from outside is taken in its order, in batches too") {
    auto items = numbered(6);
    otp::exec::injection<item> list;
    CHECK(list.empty());
    CHECK(list.pop(1) == nullptr);
    CHECK(list.pop_fairly() == nullptr);
    list.push(items[0]);
    list.push(&linked(items, 1, 3), &items[3], 3);
    list.push(items[4]);
    CHECK(list.size() == 5);
    CHECK(taken(list.pop(2)) == std::vector{0, 1});
    CHECK(taken(list.pop_fairly()) == std::vector{2});
    CHECK(taken(list.pop(100)) == std::vector{3, 4});
    CHECK(list.empty());
    list.push(items[5]);
    CHECK(taken(list.pop(1)) == std::vector{5});
}

TEST_CASE("a surplus is taken before what waits, the last one first; a fair worker takes what waits first") {
    auto items = numbered(8);
    otp::exec::injection<item> list;
    list.push(items[0]);
    list.push_surplus(&linked(items, 1, 2), &items[2], 2);
    list.push_surplus(&linked(items, 3, 5), &items[5], 3);
    list.push(items[6]);
    CHECK(list.size() == 7);
    CHECK(taken(list.pop(2)) == std::vector{3, 4});
    CHECK(taken(list.pop_fairly()) == std::vector{0});
    CHECK(taken(list.pop(2)) == std::vector{5, 1});
    CHECK(taken(list.pop_fairly()) == std::vector{6});
    CHECK(taken(list.pop_fairly()) == std::vector{2});
    CHECK(list.empty());
    list.push(items[7]);
    CHECK(taken(list.pop(1)) == std::vector{7});
}

TEST_CASE("a surplus that is never its turn becomes one that waits") {
    auto items = numbered(200);
    otp::exec::injection<item> list;
    list.push_surplus(&items[0], &items[0], 1);
    bool found = false;
    for (std::size_t i = 1; i < items.size() && !found; ++i) {
        // There is always a newer one, and always one from outside.
        if (i % 2) list.push(items[i]);
        else list.push_surplus(&items[i], &items[i], 1);
        for (const int n : taken(list.pop_fairly())) found = found || n == 0;
    }
    CHECK(found);
}

}  // namespace tests::run_queue
