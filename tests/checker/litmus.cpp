// The checker itself: litmus tests whose answers are known from the memory model of C++20.
#include <doctest/doctest.h>

#include "model.hpp"

namespace tests::litmus {

using model::atomic;
using model::cell;
using model::outcome;
using model::parallel;
using enum std::memory_order;

namespace {

template <class Scenario>
model::result run(Scenario scenario) {
    const auto r = model::explore(scenario);
    INFO(r.failure);
    CHECK(r.ok());
    return r;
}

}  // namespace

TEST_SUITE_BEGIN("checker" * doctest::skip(model::skipped));

TEST_CASE("SB: release and acquire let both threads miss the other's store") {
    const auto r = run([] {
        atomic<int> x{0}, y{0};
        int a = 0, b = 0;
        parallel([&] { x.store(1, release); a = y.load(acquire); }, [&] { y.store(1, release); b = x.load(acquire); });
        outcome({a, b});
    });
    CHECK(r.outcomes.size() == 4);
}

TEST_CASE("SB: seq_cst forbids that both miss") {
    const auto stores = run([] {
        atomic<int> x{0}, y{0};
        int a = 0, b = 0;
        parallel([&] { x.store(1, seq_cst); a = y.load(seq_cst); }, [&] { y.store(1, seq_cst); b = x.load(seq_cst); });
        outcome({a, b});
    });
    CHECK(!stores.allows({0, 0}));
    CHECK(stores.outcomes.size() == 3);
    const auto exchanges = run([] {
        atomic<int> x{0}, y{0};
        int a = 0, b = 0;
        parallel([&] { (void)x.exchange(1, seq_cst); a = y.load(seq_cst); }, [&] { (void)y.exchange(1, seq_cst); b = x.load(seq_cst); });
        outcome({a, b});
    });
    CHECK(!exchanges.allows({0, 0}));
    CHECK(exchanges.outcomes.size() == 3);
}

TEST_CASE("SB: a release store with a seq_cst load has no guarantee") {
    const auto r = run([] {
        atomic<int> x{0}, y{0};
        int a = 0, b = 0;
        parallel([&] { x.store(1, release); a = y.load(seq_cst); }, [&] { y.store(1, release); b = x.load(seq_cst); });
        outcome({a, b});
    });
    CHECK(r.allows({0, 0}));
}

TEST_CASE("Dekker: read-modify-writes of one word, acquire and release, never miss each other") {
    const auto r = run([] {
        atomic<int> work{0}, word{1};
        int notified = 0, found = 0;
        parallel([&] { work.store(1, relaxed); notified = word.fetch_add(0, acq_rel) == 0; },
                 [&] { (void)word.fetch_sub(1, acq_rel); found = work.load(relaxed); });
        outcome({notified, found});
    });
    CHECK(!r.allows({0, 0}));
    CHECK(r.allows({0, 1}));
    CHECK(r.allows({1, 0}));
    CHECK(r.allows({1, 1}));
}

TEST_CASE("Dekker: a load in place of the read-modify-write misses") {
    const auto r = run([] {
        atomic<int> work{0}, word{1};
        int notified = 0, found = 0;
        parallel([&] { work.store(1, seq_cst); notified = word.load(acquire) == 0; },
                 [&] { (void)word.fetch_sub(1, acq_rel); found = work.load(acquire); });
        outcome({notified, found});
    });
    CHECK(r.allows({0, 0}));
}

TEST_CASE("MP: release and acquire carry the message, relaxed does not") {
    const auto with = [](std::memory_order out, std::memory_order in) {
        return run([=] {
            atomic<int> data{0}, flag{0};
            int a = 0, b = 0;
            parallel([&] { data.store(1, relaxed); flag.store(1, out); }, [&] { a = flag.load(in); b = data.load(relaxed); });
            outcome({a, b});
        });
    };
    CHECK(!with(release, acquire).allows({1, 0}));
    CHECK(with(release, acquire).outcomes.size() == 3);
    CHECK(with(relaxed, acquire).allows({1, 0}));
    CHECK(with(release, relaxed).allows({1, 0}));
    CHECK(with(relaxed, relaxed).outcomes.size() == 4);
    CHECK(!with(seq_cst, seq_cst).allows({1, 0}));
}

TEST_CASE("MP: plain data behind a relaxed flag is a race, behind an acquired one it is not") {
    const auto with = [](std::memory_order out, std::memory_order in) {
        return model::explore([=] {
            cell<int> data{0};
            atomic<int> flag{0};
            parallel([&] { data.set(1); flag.store(1, out); },
                     [&] { if (flag.load(in) == 1) model::require(data.get() == 1, "an old value"); });
        });
    };
    CHECK(with(release, acquire).ok());
    CHECK(with(release, relaxed).failure.find("data race") != std::string::npos);
    CHECK(with(relaxed, acquire).failure.find("data race") != std::string::npos);
}

TEST_CASE("LB: no load reads a later store: C++ allows it when relaxed, the model can't show it") {
    // The stores of a run are made in the order in which its threads run, so a load never reads from the future. No
    // compiler or processor does that across a release or an acquire, and all that matters here has one.
    const auto r = run([] {
        atomic<int> x{0}, y{0};
        int a = 0, b = 0;
        parallel([&] { a = x.load(relaxed); y.store(1, relaxed); }, [&] { b = y.load(relaxed); x.store(1, relaxed); });
        outcome({a, b});
    });
    CHECK(!r.allows({1, 1}));
    CHECK(r.outcomes.size() == 3);
}

TEST_CASE("IRIW: readers may see two stores in different orders, but for seq_cst") {
    const auto with = [](std::memory_order out, std::memory_order in) {
        return run([=] {
            atomic<int> x{0}, y{0};
            int a = 0, b = 0, c = 0, d = 0;
            parallel([&] { x.store(1, out); }, [&] { y.store(1, out); }, [&] { a = x.load(in); b = y.load(in); },
                     [&] { c = y.load(in); d = x.load(in); });
            outcome({a, b, c, d});
        });
    };
    CHECK(with(release, acquire).allows({1, 0, 1, 0}));
    CHECK(with(release, acquire).outcomes.size() == 16);
    CHECK(!with(seq_cst, seq_cst).allows({1, 0, 1, 0}));
    CHECK(with(seq_cst, seq_cst).outcomes.size() == 15);
}

TEST_CASE("WRC: happens-before goes on through a third thread") {
    const auto with = [](std::memory_order middle) {
        return run([=] {
            atomic<int> x{0}, y{0};
            int a = 0, b = 0, c = 0;
            parallel([&] { x.store(1, relaxed); }, [&] { a = x.load(relaxed); y.store(1, middle); },
                     [&] { b = y.load(acquire); c = x.load(relaxed); });
            outcome({a, b, c});
        });
    };
    CHECK(!with(release).allows({1, 1, 0}));
    CHECK(with(relaxed).allows({1, 1, 0}));
}

TEST_CASE("2+2W: each thread's first store may end up last, but for seq_cst") {
    const auto with = [](std::memory_order order) {
        return run([=] {
            atomic<int> x{0}, y{0};
            parallel([&] { x.store(1, order); y.store(2, order); }, [&] { y.store(1, order); x.store(2, order); });
            outcome({x.load(relaxed), y.load(relaxed)});
        });
    };
    CHECK(with(relaxed).allows({1, 1}));
    CHECK(with(release).allows({1, 1}));
    CHECK(!with(seq_cst).allows({1, 1}));
    CHECK(with(seq_cst).outcomes.size() == 3);
}

TEST_CASE("2+2W: a read-modify-write may stand before a store that its thread doesn't know, never between another and its source") {
    const auto r = run([] {
        atomic<int> x{0}, y{0};
        parallel([&] { x.store(1, relaxed); (void)y.exchange(2, acq_rel); }, [&] { y.store(1, relaxed); (void)x.exchange(2, acq_rel); });
        outcome({x.load(relaxed), y.load(relaxed)});
    });
    CHECK(r.outcomes.size() == 4);
    const auto updates = run([] {
        atomic<int> x{0};
        int a = 0, b = 0;
        parallel([&] { a = x.exchange(1, relaxed); }, [&] { b = x.exchange(2, relaxed); }, [&] { x.store(3, relaxed); });
        outcome({a, b, x.load(relaxed)});
    });
    // The six orders of the three, each in which everyone reads its predecessor.
    CHECK(updates.outcomes == std::set<std::vector<int>>{{0, 1, 3}, {0, 3, 2}, {2, 0, 3}, {3, 0, 1}, {3, 1, 2}, {2, 3, 1}});
}

TEST_CASE("S: a store that happens after another never goes before it") {
    const auto with = [](std::memory_order out, std::memory_order in) {
        return run([=] {
            atomic<int> x{0}, y{0};
            int a = 0;
            parallel([&] { x.store(2, relaxed); y.store(1, out); }, [&] { a = y.load(in); x.store(1, relaxed); });
            outcome({a, x.load(relaxed)});
        });
    };
    CHECK(!with(release, acquire).allows({1, 2}));
    CHECK(with(relaxed, acquire).allows({1, 2}));
    CHECK(with(release, relaxed).allows({1, 2}));
}

TEST_CASE("R: a store and a load don't keep order with two stores, but for seq_cst") {
    const auto with = [](std::memory_order order, std::memory_order in) {
        return run([=] {
            atomic<int> x{0}, y{0};
            int a = 0;
            parallel([&] { x.store(1, order); y.store(1, order); }, [&] { y.store(2, order); a = x.load(in); });
            outcome({y.load(relaxed), a});
        });
    };
    CHECK(with(release, acquire).allows({2, 0}));
    CHECK(!with(seq_cst, seq_cst).allows({2, 0}));
}

TEST_CASE("coherence: a thread never reads a location backwards, and two agree on its order") {
    const auto own = run([] {
        atomic<int> x{0};
        int a = 0, b = 0;
        parallel([&] { x.store(1, relaxed); a = x.load(relaxed); x.store(2, relaxed); b = x.load(relaxed); });
        outcome({a, b});
    });
    CHECK(own.outcomes == std::set<std::vector<int>>{{1, 2}});
    const auto reads = run([] {
        atomic<int> x{0};
        int a = 0, b = 0;
        parallel([&] { x.store(1, relaxed); x.store(2, relaxed); }, [&] { a = x.load(relaxed); b = x.load(relaxed); });
        outcome({a, b});
    });
    CHECK(reads.outcomes == std::set<std::vector<int>>{{0, 0}, {0, 1}, {0, 2}, {1, 1}, {1, 2}, {2, 2}});
    const auto agree = run([] {
        atomic<int> x{0};
        int a = 0, b = 0, c = 0, d = 0;
        parallel([&] { x.store(1, relaxed); }, [&] { x.store(2, relaxed); }, [&] { a = x.load(relaxed); b = x.load(relaxed); },
                 [&] { c = x.load(relaxed); d = x.load(relaxed); });
        outcome({a, b, c, d});
    });
    CHECK(agree.allows({1, 2, 1, 2}));
    CHECK(agree.allows({2, 1, 2, 1}));
    CHECK(!agree.allows({1, 2, 2, 1}));
    CHECK(!agree.allows({2, 1, 1, 2}));
    const auto write_after_read = run([] {
        atomic<int> x{0};
        int a = 0;
        parallel([&] { a = x.load(relaxed); x.store(2, relaxed); }, [&] { x.store(1, relaxed); });
        outcome({a, x.load(relaxed)});
    });
    CHECK(write_after_read.outcomes == std::set<std::vector<int>>{{0, 1}, {0, 2}, {1, 2}});
}

TEST_CASE("release sequence: a relaxed read-modify-write passes it on, a relaxed store ends it") {
    const auto passed_on = run([] {
        atomic<int> data{0}, flag{0};
        int a = 0, b = 0;
        parallel([&] { data.store(1, relaxed); flag.store(1, release); }, [&] { (void)flag.fetch_add(1, relaxed); },
                 [&] { a = flag.load(acquire); b = data.load(relaxed); });
        outcome({a, b});
    });
    CHECK(!passed_on.allows({2, 0}));
    CHECK(passed_on.allows({2, 1}));
    CHECK(passed_on.allows({1, 0}));  // the addition alone, first
    const auto ended = run([] {
        atomic<int> data{0}, flag{0};
        int a = 0, b = 0;
        parallel([&] { data.store(1, relaxed); flag.store(1, release); flag.store(2, relaxed); },
                 [&] { a = flag.load(acquire); b = data.load(relaxed); });
        outcome({a, b});
    });
    CHECK(!ended.allows({1, 0}));
    CHECK(ended.allows({2, 0}));
}

TEST_CASE("atomicity: increments are never lost; as a load and a store they are") {
    const auto whole = run([] {
        atomic<int> x{0};
        parallel([&] { (void)x.fetch_add(1, relaxed); }, [&] { (void)x.fetch_add(1, relaxed); }, [&] { (void)x.fetch_add(1, relaxed); });
        outcome({x.load(relaxed)});
    });
    CHECK(whole.outcomes == std::set<std::vector<int>>{{3}});
    const auto in_two = run([] {
        atomic<int> x{0};
        parallel([&] { x.store(x.load(relaxed) + 1, relaxed); }, [&] { x.store(x.load(relaxed) + 1, relaxed); });
        outcome({x.load(relaxed)});
    });
    CHECK(in_two.outcomes == std::set<std::vector<int>>{{1}, {2}});
}

TEST_CASE("atomicity: one of two strong compare-and-swaps wins; a weak one may fail without a cause when told to") {
    const auto scenario = [] {
        atomic<int> x{0};
        bool a = false, b = false;
        int seen_a = 0, seen_b = 0;
        parallel([&] { a = x.compare_exchange_weak(seen_a, 1, relaxed, relaxed); },
                 [&] { b = x.compare_exchange_strong(seen_b, 2, relaxed, relaxed); });
        outcome({a, b});
    };
    CHECK(run(scenario).outcomes == std::set<std::vector<int>>{{0, 1}, {1, 0}});
    CHECK(model::explore(scenario, {.spurious = 1}).outcomes == std::set<std::vector<int>>{{0, 1}, {1, 0}});
    const auto alone = [] {
        atomic<int> x{0};
        int seen = 0;
        bool done = false;
        parallel([&] { done = x.compare_exchange_weak(seen, 1, relaxed, relaxed); });
        outcome({done, seen});
    };
    CHECK(run(alone).outcomes == std::set<std::vector<int>>{{1, 0}});
    CHECK(model::explore(alone, {.spurious = 1}).outcomes == std::set<std::vector<int>>{{1, 0}, {0, 0}});
}

TEST_CASE("plain data: reads may overlap, writes may not, and a lock keeps them apart") {
    CHECK(run([] {
              cell<int> data{7};
              parallel([&] { (void)data.get(); }, [&] { (void)data.get(); });
          }).ok());
    CHECK(!model::explore([] {
               cell<int> data{7};
               parallel([&] { data.set(1); }, [&] { data.set(1); });
           }).ok());
    const auto locked = run([] {
        cell<int> data{0};
        model::mutex mutex;
        const auto add = [&] {
            mutex.lock();
            data.set(data.get() + 1);
            mutex.unlock();
        };
        parallel(add, add, add);
        outcome({data.get()});
    });
    CHECK(locked.outcomes == std::set<std::vector<int>>{{3}});
}

TEST_CASE("memory: a use after the end is found, an orderly end is not blamed") {
    struct thing {
        atomic<int> references{2};
        cell<int> data{0};
    };
    const auto with = [](std::memory_order order) {
        return model::explore([=] {
            thing* shared = model::make<thing>();
            const auto drop = [&] {
                (void)shared->data.get();
                if (shared->references.fetch_sub(1, order) == 1) model::destroy(shared);
            };
            parallel(drop, drop);
        });
    };
    CHECK(with(acq_rel).ok());
    CHECK(!with(release).ok());
    CHECK(!with(acquire).ok());
    const auto early = model::explore([] {
        thing* shared = model::make<thing>();
        parallel([&] { model::destroy(shared); }, [&] { (void)shared->references.load(relaxed); });
    });
    CHECK(!early.ok());
}

TEST_CASE("waiting: a wake-up between the look and the wait is lost, and found") {
    const auto lost = model::explore([] {
        atomic<int> flag{0}, bell{0};
        parallel([&] { if (flag.load(acquire) == 0) bell.futex_wait(0); }, [&] { flag.store(1, release); bell.notify_one(); });
    });
    CHECK(lost.failure.find("lost") != std::string::npos);
    const auto kept = run([] {
        atomic<int> flag{0};
        cell<int> data{0};
        parallel([&] { flag.wait(0, acquire); model::require(data.get() == 1, "woken too early"); },
                 [&] { data.set(1); flag.store(1, release); flag.notify_one(); });
    });
    CHECK(kept.ended > 0);
}

TEST_CASE("waiting: one wake-up wakes one, all wakes all") {
    const auto with = [](bool all) {
        return model::explore([=] {
            atomic<int> flag{0};
            const auto wait = [&] { flag.wait(0, acquire); };
            parallel(wait, wait, [&] {
                flag.store(1, release);
                if (all) flag.notify_all();
                else flag.notify_one();
            });
        });
    };
    CHECK(with(true).ok());
    CHECK(!with(false).ok());
}

TEST_CASE("spinning: a loop that pauses ends when its flag comes, and one that can't end is found") {
    const auto ends = run([] {
        atomic<int> flag{0};
        cell<int> data{0};
        parallel([&] { data.set(1); flag.store(1, release); },
                 [&] {
                     while (flag.load(acquire) == 0) model::model_atomics::pause();
                     model::require(data.get() == 1, "an old value");
                 });
    });
    CHECK(ends.ended > 0);
    const auto never = model::explore([] {
        atomic<int> flag{0};
        parallel([&] { while (flag.load(acquire) == 0) model::model_atomics::pause(); });
    });
    CHECK(never.failure.find("for ever") != std::string::npos);
}

TEST_CASE("exploration: three threads of independent operations are not run in every order") {
    const auto r = run([] {
        atomic<int> x{0}, y{0}, z{0};
        const auto three = [](atomic<int>& each) {
            for (int i = 0; i < 4; ++i) each.store(i, relaxed);
        };
        parallel([&] { three(x); }, [&] { three(y); }, [&] { three(z); });
    });
    CHECK(r.states < 150);  // 5 * 5 * 5, and the end; there are 34,650 orders
}

namespace {

// A program of two or three threads, drawn by lot: loads, stores and updates of two locations, some plain data behind them.
struct random_program {
    struct step {
        unsigned what, where;
        std::memory_order order;
    };
    step steps[3][3];
    unsigned threads;

    explicit random_program(unsigned seed) {
        const auto draw = [&](unsigned n) {
            seed = seed * 1664525u + 1013904223u;
            return (seed >> 16) % n;
        };
        threads = 2 + draw(2);
        for (auto& thread : steps)
            for (auto& s : thread) {
                constexpr std::memory_order loads[] = {relaxed, acquire, seq_cst};
                constexpr std::memory_order stores[] = {relaxed, release, seq_cst};
                constexpr std::memory_order updates[] = {relaxed, acquire, release, acq_rel, seq_cst};
                s.what = draw(5);
                s.where = draw(2);
                s.order = s.what == 0 ? loads[draw(3)] : s.what == 1 ? stores[draw(3)] : updates[draw(5)];
            }
    }

    void operator()() const {
        atomic<int> at[2];
        cell<int> plain{0};
        int got[3][3] = {};
        const auto thread = [&](unsigned me) {
            for (unsigned i = 0; i < 3; ++i) {
                const step& s = steps[me][i];
                const int value = static_cast<int>(10 * me + i + 1);
                int expected = 0;
                switch (s.what) {
                    case 0: got[me][i] = at[s.where].load(s.order); break;
                    case 1: at[s.where].store(value, s.order); break;
                    case 2: got[me][i] = at[s.where].exchange(value, s.order); break;
                    case 3: got[me][i] = at[s.where].compare_exchange_strong(expected, value, s.order, relaxed) ? -1 : expected; break;
                    default: if (at[s.where].load(acquire) == value - 1) plain.set(value); break;
                }
            }
        };
        if (threads == 2)
            parallel([&] { thread(0); }, [&] { thread(1); });
        else
            parallel([&] { thread(0); }, [&] { thread(1); }, [&] { thread(2); });
        outcome({got[0][0], got[0][1], got[0][2], got[1][0], got[1][1], got[1][2], got[2][0], got[2][1], got[2][2], at[0].load(relaxed),
                 at[1].load(relaxed)});
    }
};

}  // namespace

TEST_CASE("exploration: no outcome and no race is lost where runs that have met are explored once") {
    std::size_t merged = 0, unmerged = 0, races = 0;
    for (unsigned seed = 1; seed <= 100; ++seed) {
        const random_program program{seed};
        const auto once = model::explore(program);
        const auto each = model::explore(program, {.merge = false});
        CHECK(once.ok() == each.ok());
        if (once.ok()) CHECK(once.outcomes == each.outcomes);
        merged += once.runs;
        unmerged += each.runs;
        races += !once.ok();
    }
    CHECK(races > 0);
    CHECK(races < 50);
    CHECK(merged < unmerged / 4);
}

TEST_SUITE_END();

}  // namespace tests::litmus
