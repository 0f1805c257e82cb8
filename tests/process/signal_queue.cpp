// What a server whose handler waits may take out of turn: found in order, and looked at once.
#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

#include "otp/process/signal.hpp"

namespace tests::signal_queue {

using otp::proc::is_counted;
using otp::proc::is_interleaved;
using otp::proc::is_urgent;
using otp::proc::signal;

struct looker {
    otp::proc::signal_queue queue;
    std::size_t looks = 0;

    signal* next() {
        return queue.take_next([this](const signal& s) {
            ++looks;
            return s.has(is_interleaved);
        });
    }
    std::vector<std::size_t> drain() {
        std::vector<std::size_t> refs;
        while (signal* s = queue.pop()) refs.push_back(s->ref);
        return refs;
    }
};
std::vector<signal> signals(std::size_t n) {
    std::vector<signal> made(n);
    for (std::size_t i = 0; i != n; ++i) made[i].ref = i;
    return made;
}

TEST_CASE("behind 10,000 messages that wait, each that may go ahead is found by one look") {
    looker l;
    auto backlog = signals(10'000), others = signals(1'000);
    for (auto& s : backlog) l.queue.push(&s);
    CHECK(l.next() == nullptr);
    CHECK(l.looks == 10'000);
    for (auto& s : others) {
        s.flags = is_interleaved;
        l.queue.push(&s);
        CHECK(l.next() == &s);
        CHECK(l.next() == nullptr);
    }
    CHECK(l.looks == 11'000);
}

TEST_CASE("a backlog of which each message waits in its turn is looked at once") {
    looker l;
    auto backlog = signals(1'000);
    for (auto& s : backlog) l.queue.push(&s);
    for (auto& s : backlog) {
        CHECK(l.queue.pop() == &s);
        CHECK(l.next() == nullptr);
    }
    CHECK(l.queue.empty());
    CHECK(l.looks == 999);
}

TEST_CASE("what comes, goes or stands in front of what was passed is found all the same") {
    looker l;
    auto s = signals(8);
    for (std::size_t i = 0; i != 4; ++i) l.queue.push(&s[i]);
    s[3].flags = is_interleaved;
    CHECK(l.next() == &s[3]);
    SUBCASE("all that were passed have gone") {
        while (l.queue.pop()) {}
        s[4].flags = is_interleaved;
        l.queue.push(&s[4]);
        CHECK(l.next() == &s[4]);
        CHECK(l.queue.empty());
    }
    SUBCASE("the last that was passed is taken by another predicate") {
        s[2].flags = is_counted;
        CHECK(l.queue.take_if([](const signal& at) { return at.has(is_counted); }) == &s[2]);
        CHECK(l.next() == nullptr);
        s[4].flags = is_interleaved;
        l.queue.push(&s[4]);
        CHECK(l.next() == &s[4]);
        CHECK(l.drain() == std::vector<std::size_t>{0, 1});
    }
    SUBCASE("one in front of all") {
        s[4].flags = is_interleaved;
        l.queue.push_front(&s[4]);
        l.queue.push_front(&s[5]);
        CHECK(l.next() == &s[4]);
        CHECK(l.drain() == std::vector<std::size_t>{5, 0, 1, 2});
    }
    SUBCASE("one with priority") {
        s[4].flags = is_urgent;
        l.queue.push_urgent(&s[4]);
        CHECK(l.next() == nullptr);
        s[5].flags = is_urgent | is_interleaved;
        l.queue.push_urgent(&s[5]);
        CHECK(l.next() == &s[5]);
        CHECK(l.drain() == std::vector<std::size_t>{4, 0, 1, 2});
    }
    SUBCASE("another predicate, from the beginning") {
        l.queue.start_over();
        s[0].flags = is_interleaved;
        CHECK(l.next() == &s[0]);
        CHECK(l.drain() == std::vector<std::size_t>{1, 2});
    }
}

}  // namespace tests::signal_queue
