// The slot of what runs next under the checker: each item leaves once and whole, to its owner or to a thief.
#include "otp/runtime/newest_slot.hpp"

#include <doctest/doctest.h>

#include "model.hpp"
#include "mutation.hpp"

namespace tests::newest_slot {

namespace {

using model::cell;
using model::parallel;
using model::require;

struct item {
    cell<int> number{0};
    cell<bool> done{false};
};
using slot = otp::exec::newest_slot<item, model::model_atomics>;

// What is run twice, or before it is whole, is a race or fails.
void run(item* i) {
    if (!i) return;
    require(i->number.get() != 0, "not whole");
    require(!i->done.get(), "run twice");
    i->done.set(true);
}
void steal(slot& from) {
    item* const there = from.seen();
    if (there && from.steal(there)) run(there);
}

void owner_and_thief() {
    slot s;
    item items[3];
    parallel(
        [&] {
            for (item& i : items) {
                i.number.set(1);
                run(s.put(&i));
            }
            run(s.take());
        },
        [&] {
            steal(s);
            steal(s);
        });
    for (item& i : items) require(i.done.get(), "lost");
}

void two_thieves() {
    slot s;
    item items[2];
    parallel(
        [&] {
            for (item& i : items) {
                i.number.set(1);
                run(s.put(&i));
            }
        },
        [&] { steal(s); }, [&] { steal(s); });
    run(s.take());
    for (item& i : items) require(i.done.get(), "lost");
}

const model::scenario scenarios[] = {
    {"owner and thief", owner_and_thief},
    {"two thieves", two_thieves},
};

constexpr std::array<model::harmless, 0> harmless{};

}  // namespace

TEST_SUITE_BEGIN("checker" * doctest::skip(model::skipped));

TEST_CASE("the slot of what runs next holds under every interleaving, and each of its orders is needed") {
    model::examine("newest_slot", scenarios, harmless);
}

TEST_SUITE_END();

}  // namespace tests::newest_slot
