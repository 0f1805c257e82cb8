// The stack that blocks come home by, under the checker: each block comes home once, whoever owns the heap by then.
#include "otp/base/slab.hpp"

#include <doctest/doctest.h>

#include "model.hpp"
#include "mutation.hpp"

namespace tests::slab {

namespace {

using model::cell;
using model::parallel;
using model::require;
using model::semaphore;

struct block {
    cell<block*> next{nullptr};
    cell<int> payload{0};
};
using stack = otp::memory::remote_stack<block, model::model_atomics>;

// Takes what has come; a block comes home with what its last user wrote, and its memory is the owner's then.
int take(stack& remote) {
    int sum = 0;
    for (block* freed = remote.take_all(); freed;) {
        block* following = freed->next.get();
        require(freed->payload.get() > 0, "it comes twice, or without what was written");
        sum += freed->payload.get();
        freed->payload.set(0);
        freed->next.set(nullptr);
        freed = following;
    }
    return sum;
}

void take_until(stack& remote, int sum) {
    while (sum > 0) {
        const int taken = take(remote);
        if (taken == 0) model::model_atomics::pause();
        sum -= taken;
    }
    require(sum == 0, "too many");
}

void free_one(stack& remote, block& b, int payload) {
    b.payload.set(payload);
    remote.push(&b);
}

void two_free_while_the_owner_takes() {
    stack remote;
    block a, b, c;
    parallel([&] { free_one(remote, a, 1); free_one(remote, b, 2); }, [&] { free_one(remote, c, 4); }, [&] { take_until(remote, 7); });
    require(remote.take_all() == nullptr, "something is left");
}

// A block is used again while another thread still has its address in hand as the top of the stack.
void a_block_is_used_again_at_once() {
    stack remote;
    block a, b;
    semaphore again;
    parallel([&] { free_one(remote, a, 1); again.acquire(); free_one(remote, a, 2); }, [&] { free_one(remote, b, 4); },
             [&] {
                 int sum = 0;
                 bool handed = false;
                 while (sum != 7) {
                     const int taken = take(remote);
                     if (taken == 0) model::model_atomics::pause();
                     sum += taken;
                     if (taken % 2 == 1 && !std::exchange(handed, true)) again.release();
                 }
             });
}

// The slab goes with its last block: who frees must not touch it after the push, not even to ask whose it is.
void the_slab_goes_with_its_last_block() {
    struct slab {
        explicit slab(stack* s) : owner{s} {}
        cell<stack*> owner;
        block blocks[2];
    };
    stack remote;
    slab* home = model::make<slab>(&remote);
    const auto free_both = [&] {
        for (int i = 0; i < 2; ++i) free_one(*home->owner.get(), home->blocks[i], i + 1);
    };
    parallel(free_both, [&] {
        take_until(remote, 3);
        model::destroy(home);
    });
}

// The owner's thread ends, and another adopts the heap, while blocks come home.
void adoption() {
    struct heap {
        stack remote;
        cell<int> came_home{0};
        void take_remote() { came_home.set(came_home.get() + take(remote)); }
    };
    heap h;
    model::mutex mutex;
    cell<heap*> orphan{nullptr};
    block blocks[3];
    parallel([&] { free_one(h.remote, blocks[0], 1); free_one(h.remote, blocks[1], 2); }, [&] { free_one(h.remote, blocks[2], 4); },
             [&] {
                 h.take_remote();
                 mutex.lock();
                 orphan.set(&h);
                 mutex.unlock();
             },
             [&] {
                 mutex.lock();
                 heap* mine = orphan.get();
                 orphan.set(nullptr);
                 mutex.unlock();
                 if (mine) mine->take_remote();
             });
    h.take_remote();
    require(h.came_home.get() == 7, "a block is lost");
}

const model::scenario scenarios[] = {
    {"two free while the owner takes", two_free_while_the_owner_takes},
    {"a block is used again at once", a_block_is_used_again_at_once},
    {"the slab goes with its last block", the_slab_goes_with_its_last_block},
    {"adoption", adoption},
    {"adoption, and an exchange that fails without a cause", adoption, {.spurious = 1}},
};

// None: each mutation is found.
constexpr std::array<model::harmless, 0> harmless{};

}  // namespace

TEST_SUITE_BEGIN("checker" * doctest::skip(model::skipped));

TEST_CASE("the stack of freed blocks holds under every interleaving, and each of its orders is needed") {
    model::examine("remote_stack", scenarios, harmless);
}

TEST_SUITE_END();

}  // namespace tests::slab
