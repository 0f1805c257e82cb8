// The checker and its mutations, tried on what is known to be wrong: bugs that other runtimes have had, each next to its repair.
#include <doctest/doctest.h>

#include "model.hpp"
#include "mutation.hpp"

namespace tests::mutations {

namespace {

using model::atomic;
using model::cell;
using model::parallel;
using model::require;
using model::semaphore;
using enum std::memory_order;

// A spin lock on the policy, with one order that is stronger than it need be.
template <class P>
class spin_lock {
public:
    void lock() {
        while (taken_.exchange(true, std::memory_order_acq_rel)) P::pause();
    }
    void unlock() { taken_.store(false, std::memory_order_release); }

private:
    typename P::template atomic<bool> taken_{false};
};

void two_use_a_spin_lock() {
    spin_lock<model::model_atomics> lock;
    cell<int> sum{0};
    const auto add = [&] {
        lock.lock();
        sum.set(sum.get() + 1);
        lock.unlock();
    };
    parallel(add, add);
    require(sum.get() == 2, "an addition is lost");
}

struct node {
    atomic<node*> next{nullptr};
};

// Vyukov's queue: a producer takes its place, and links it a moment later. In between, all that comes after it is hidden.
struct linked_queue {
    node stub;
    atomic<node*> head{&stub};
    node* tail = &stub;

    void push(node& n) {
        node* before = head.exchange(&n, acq_rel);
        before->next.store(&n, release);
    }
    node* pop() {
        node* next = tail->next.load(acquire);
        if (next) tail = next;
        return next;
    }
};

}  // namespace

TEST_SUITE_BEGIN("checker" * doctest::skip(model::skipped));

TEST_CASE("mutations: every order of a spin lock that is needed is found, and the one that is not") {
    const model::scenario scenarios[] = {{"spin lock", two_use_a_spin_lock}};
    const auto all = model::try_mutations("spin lock", scenarios);
    std::vector<std::string> unnoticed;
    for (const auto& t : all.trials)
        if (t.failure.empty()) unnoticed.push_back(t.name);
    CHECK(all.trials.size() == 4);
    CHECK(unnoticed == std::vector<std::string>{"lock: exchange, acq_rel as acquire"});
}

TEST_CASE("known bugs: a queue that is linked after the exchange hides what was pushed behind a slow producer") {
    const auto r = model::explore([] {
        linked_queue q;
        node a, b;
        semaphore pushed;
        parallel([&] { q.push(a); }, [&] { q.push(b); pushed.release(); },
                 [&] {
                     pushed.acquire();
                     require(q.pop() != nullptr, "empty, though a push has returned");
                 });
    });
    CHECK(r.failure.find("a push has returned") != std::string::npos);
}

TEST_CASE("known bugs: a load of the idle count, even a seq_cst one, loses the wake-up that a read-modify-write does not") {
    const auto with = [](bool load) {
        return model::explore([=] {
            atomic<int> queued{0}, awake{1};
            semaphore wake;
            int ran = 0;
            model::parallel_until_quiet(
                [&] {
                    queued.store(1, release);
                    const int others = load ? awake.load(seq_cst) : awake.fetch_add(0, seq_cst);
                    if (others == 0) wake.release();
                },
                [&] {
                    (void)awake.fetch_sub(1, seq_cst);
                    if (queued.load(acquire) == 0) wake.acquire();
                    ran = 1;
                });
            require(ran == 1, "asleep while something is queued");
        });
    };
    CHECK(with(true).failure.find("asleep") != std::string::npos);
    CHECK(with(false).ok());
}

TEST_CASE("known bugs: a stack that pops single nodes takes a node that came back for one that never left") {
    struct item {
        cell<item*> next{nullptr};
    };
    const auto r = model::explore([] {
        item a, b;
        b.next.set(nullptr);
        a.next.set(&b);
        atomic<item*> top{&a};
        item* got = nullptr;
        parallel(
            [&] {
                item* seen = top.load(acquire);
                item* next = seen->next.get();
                if (top.compare_exchange_strong(seen, next, acq_rel, relaxed)) got = seen;
            },
            [&] {
                // Takes both, and brings the first back.
                item* seen = top.exchange(nullptr, acq_rel);
                if (seen != &a) return;
                item* none = nullptr;
                (void)top.compare_exchange_strong(none, seen, acq_rel, relaxed);
            });
        if (got) require(top.load(relaxed) != &b, "the stack has a node that is in use");
    });
    CHECK(r.failure.find("in use") != std::string::npos);
}

TEST_CASE("known bugs: a flag that is looked at before the wait, not by it, loses the wake-up") {
    const auto with = [](bool word_changes) {
        return model::explore([=] {
            atomic<int> word{0}, flag{0};
            parallel([&] { while (flag.load(acquire) == 0) word.futex_wait(0); },
                     [&] {
                         flag.store(1, release);
                         if (word_changes) word.store(1, release);
                         word.notify_one();
                     });
        });
    };
    CHECK(with(false).failure.find("lost") != std::string::npos);
    CHECK(with(true).ok());
}

TEST_CASE("known bugs: a lock that is tested and then set lets two in") {
    const auto r = model::explore([] {
        atomic<bool> taken{false};
        cell<int> sum{0};
        const auto add = [&] {
            while (taken.load(acquire)) model::model_atomics::pause();
            taken.store(true, relaxed);
            sum.set(sum.get() + 1);
            taken.store(false, release);
        };
        parallel(add, add);
    });
    CHECK(r.failure.find("data race") != std::string::npos);
}

TEST_SUITE_END();

}  // namespace tests::mutations
