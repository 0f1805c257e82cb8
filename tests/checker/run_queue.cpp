// The ring with steal under the checker: each item leaves once, whole and in order, whoever takes it.
#include "otp/runtime/run_queue.hpp"

#include <doctest/doctest.h>

#include "model.hpp"
#include "mutation.hpp"

namespace tests::run_queue {

namespace {

using model::cell;
using model::parallel;
using model::require;

struct item {
    cell<item*> run_next{nullptr};
    cell<int> number{0};
    cell<bool> done{false};
};

template <std::size_t Capacity>
struct pool {
    using queue = otp::exec::run_queue<item, Capacity, model::model_atomics>;

    // Items are numbered from 1 in the order in which they are pushed.
    void push(queue& q, item& i, int number) {
        i.number.set(number);
        auto over = q.push(&i);
        std::size_t count = 0;
        int last = 0;
        for (item* each = over.first; each; each = each->run_next.get()) {
            last = run(each, last);
            ++count;
            require(each->run_next.get() != nullptr || each == over.last, "the chain's end is wrong");
        }
        require(count == over.count, "the chain's count is wrong");
    }

    // What is run twice is a race, or this fails.
    int run(item* i, int after) {
        require(!i->done.get(), "run twice");
        i->done.set(true);
        const int number = i->number.get();
        require(number > after, "out of order");
        return number;
    }

    void run_all(queue& q) {
        int last = 0;
        while (item* i = q.pop()) last = run(i, last);
    }

    void steal(queue& from, queue& into) {
        if (item* oldest = from.steal_into(into)) {
            int last = run(oldest, 0);
            while (item* i = into.pop()) last = run(i, last);
        }
    }

    template <std::size_t N>
    void finish(queue& q, item (&items)[N]) {
        run_all(q);
        require(q.empty(), "not empty");
        for (item& i : items) require(i.done.get(), "lost");
    }
};

// The owner fills and empties while a thief steals; with two slots, so that every slot is used again.
void owner_and_thief_on_two_slots() {
    pool<2> p;
    pool<2>::queue victim, mine;
    item items[4];
    parallel(
        [&] {
            for (int i = 0; i < 4; ++i) p.push(victim, items[i], i + 1);
        },
        [&] { p.steal(victim, mine); });
    p.finish(victim, items);
    require(mine.empty(), "a thief keeps something");
}

void owner_pops_against_thief() {
    pool<2> p;
    pool<2>::queue victim, mine;
    item items[3];
    p.push(victim, items[0], 1);
    p.push(victim, items[1], 2);
    parallel(
        [&] {
            p.run_all(victim);
            p.push(victim, items[2], 3);
        },
        [&] { p.steal(victim, mine); });
    p.finish(victim, items);
}

void owner_reuses_what_was_stolen() {
    pool<2> p;
    pool<2>::queue victim, mine;
    item items[5];
    p.push(victim, items[0], 1);
    parallel(
        [&] {
            p.push(victim, items[1], 2);
            int last = 0;
            if (item* i = victim.pop()) last = p.run(i, last);
            p.push(victim, items[2], 3);
            if (item* i = victim.pop()) last = p.run(i, last);
            p.push(victim, items[3], 4);
            p.push(victim, items[4], 5);
        },
        [&] { p.steal(victim, mine); });
    p.finish(victim, items);
}

void two_thieves() {
    pool<4> p;
    pool<4>::queue victim, first, second;
    item items[4];
    for (int i = 0; i < 3; ++i) p.push(victim, items[i], i + 1);
    parallel([&] { p.push(victim, items[3], 4); if (item* i = victim.pop()) p.run(i, 0); }, [&] { p.steal(victim, first); },
             [&] { p.steal(victim, second); });
    p.finish(victim, items);
}

// What a thief has stolen may be stolen from it, and its own slots are used again.
void a_thief_is_robbed() {
    pool<4> p;
    pool<4>::queue victim, first, second;
    item items[4];
    for (int i = 0; i < 4; ++i) p.push(victim, items[i], i + 1);
    parallel(
        [&] {
            if (item* oldest = victim.steal_into(first)) p.run(oldest, 0);
            p.run_all(first);
        },
        [&] { p.steal(first, second); });
    p.run_all(first);
    p.finish(victim, items);
}

// A thief fills slots anew that another thief has read from.
void a_robbed_thief_comes_again() {
    pool<4> p;
    pool<4>::queue victim, first, second;
    item items[3], more[4];
    for (int i = 0; i < 4; ++i) p.push(first, more[i], i + 1);
    for (int i = 0; i < 3; ++i) p.push(victim, items[i], i + 1);
    parallel(
        [&] {
            p.run_all(first);
            if (item* oldest = victim.steal_into(first)) p.run(oldest, 0);
        },
        [&] { p.steal(first, second); });
    p.finish(first, more);
    p.finish(victim, items);
}

// The owner's thread hands the queue on; the next owner relies on the hand-over alone.
void the_owner_changes() {
    pool<2> p;
    pool<2>::queue victim, mine;
    item items[3];
    model::semaphore handed;
    parallel([&] { p.push(victim, items[0], 1); p.push(victim, items[1], 2); handed.release(); },
             [&] {
                 handed.acquire();
                 p.push(victim, items[2], 3);
                 p.run_all(victim);
             },
             [&] { p.steal(victim, mine); });
    p.finish(victim, items);
}

void size_is_a_hint() {
    pool<2>::queue q, mine;
    pool<2> p;
    item items[2];
    parallel([&] { p.push(q, items[0], 1); p.push(q, items[1], 2); p.run_all(q); }, [&] { require(q.size() <= 2, "more than there can be"); },
             [&] { p.steal(q, mine); });
    p.finish(q, items);
}

const model::scenario scenarios[] = {
    {"owner and thief on two slots", owner_and_thief_on_two_slots},
    {"owner pops against thief", owner_pops_against_thief},
    {"owner uses again what was stolen", owner_reuses_what_was_stolen},
    {"two thieves", two_thieves},
    {"a thief is robbed", a_thief_is_robbed},
    {"a robbed thief comes again", a_robbed_thief_comes_again},
    {"the owner changes", the_owner_changes},
    {"an exchange that fails without a cause", owner_pops_against_thief, {.spurious = 1}},
    {"size is a hint", size_is_a_hint},
};

constexpr std::array<model::harmless, 1> harmless{{
    {"steal_into: compare_exchange_weak #1, acquire as relaxed",
     "The load, or the failed exchange, that gave the expected value has acquired it; positions don't come back, so an equal word is the same."},
}};

}  // namespace

TEST_SUITE_BEGIN("checker" * doctest::skip(model::skipped));

TEST_CASE("the run queue holds under every interleaving, and each of its orders is needed") {
    model::examine("run_queue", scenarios, harmless);
}

TEST_SUITE_END();

}  // namespace tests::run_queue
