// The checker itself: litmus tests whose answers are known from the memory model of C++20.
#include <doctest/doctest.h>

#include "explored.hpp"
#include "model.hpp"

namespace tests::litmus {

using model::atomic;
using model::cell;
using model::outcome;
using model::parallel;
using enum std::memory_order;

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

TEST_SUITE_END();

}  // namespace tests::litmus
