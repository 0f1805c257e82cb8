// The idle word under the checker: work that is published is found, however the sleepers, the searchers and the wakers meet.
#include "otp/runtime/idle_word.hpp"

#include <doctest/doctest.h>

#include "model.hpp"
#include "mutation.hpp"
#include "otp/runtime/run_queue.hpp"

namespace {

using model::atomic;
using model::cell;
using model::keeps;
using model::parallel;
using model::parallel_until_quiet;
using model::require;
using otp::exec::parking;
using enum std::memory_order;

using idle_word = otp::exec::idle_word<model::model_atomics>;

struct futex {
    template <class Word>
    static bool wait(const Word& w, std::uint32_t expected) {
        w.futex_wait(expected);
        return true;
    }
};

// Workers that take from a shared list of so many items. The list's own order is relaxed, so that what is found is owed to the idle
// word alone.
template <std::size_t Workers>
struct pool {
    idle_word idle{Workers};
    atomic<int> listed{0};
    int ran[Workers] = {};

    bool visible() const { return listed.load(relaxed) != 0; }

    bool take() {
        int seen = listed.load(relaxed);
        while (seen != 0)
            if (listed.compare_exchange_weak(seen, seen - 1, relaxed, relaxed)) return true;
        return false;
    }

    void wake(idle_word::claimed one) {
        if (one.where != parking::empty) idle.spot(one.who).notify_one();
    }

    void publish() {
        (void)listed.fetch_add(1, relaxed);
        wake(idle.claim());
    }

    void work(std::size_t me) {
        bool searching = false;
        for (;;) {
            if (!searching) searching = idle.start_search();
            if (take()) {
                // The last one to stop looks again: what was published meanwhile was left to it.
                if (std::exchange(searching, false) && idle.stop_search() && keeps("the look after a search") && visible())
                    wake(idle.claim());
                ++ran[me];
                continue;
            }
            idle.park(me, parking::on_futex, std::exchange(searching, false));
            if (keeps("the look before sleep") && visible()) {
                searching = idle.unpark(me, parking::on_futex);
                continue;
            }
            idle.template sleep<futex>(me);
            searching = true;
        }
    }

    int all() const {
        int sum = 0;
        for (const int each : ran) sum += each;
        return sum;
    }
};

void one_worker_one_item() {
    pool<1> p;
    parallel_until_quiet([&] { p.work(0); }, [&] { p.publish(); });
    require(p.all() == 1, "work waits while everybody sleeps");
}

void one_worker_two_items() {
    pool<1> p;
    parallel_until_quiet([&] { p.work(0); }, [&] { p.publish(); p.publish(); });
    require(p.all() == 2, "work waits while everybody sleeps");
}

void one_worker_two_publishers() {
    pool<1> p;
    parallel_until_quiet([&] { p.work(0); }, [&] { p.publish(); }, [&] { p.publish(); });
    require(p.all() == 2, "work waits while everybody sleeps");
}

void two_workers_one_item() {
    pool<2> p;
    parallel_until_quiet([&] { p.work(0); }, [&] { p.work(1); }, [&] { p.publish(); });
    require(p.all() == 1, "work waits while everybody sleeps");
}

const model::scenario scenarios[] = {
    {"one worker, one item", one_worker_one_item},
    {"one worker, two items", one_worker_two_items},
    {"two workers, one item", two_workers_one_item, {.stale = 0}},
    {"one worker, two publishers", one_worker_two_publishers, {.stale = 2}},
};

constexpr std::array<model::harmless, 0> harmless{};

}  // namespace

TEST_SUITE_BEGIN("checker" * doctest::skip(model::skipped));

TEST_CASE("the idle word loses no wake-up under any interleaving, and each of its orders is needed") {
    model::examine("idle_word", scenarios, harmless);
}

TEST_SUITE_END();
