// The checker itself: memory, waiting, spinning, and that it leaves nothing out.
#include <doctest/doctest.h>

#include "explored.hpp"
#include "model.hpp"

namespace tests::exploration {

using model::atomic;
using model::cell;
using model::outcome;
using model::parallel;
using enum std::memory_order;

TEST_SUITE_BEGIN("checker" * doctest::skip(model::skipped));

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

}  // namespace tests::exploration
