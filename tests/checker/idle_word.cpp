// The idle word under the checker: work that is published is found, however the sleepers, the searchers and the wakers meet.
#include "otp/runtime/idle_word.hpp"

#include <doctest/doctest.h>

#include "model.hpp"
#include "mutation.hpp"
#include "otp/runtime/run_queue.hpp"

namespace tests::idle_word {

namespace {

using model::atomic;
using model::cell;
using model::keeps;
using model::parallel;
using model::parallel_until_quiet;
using model::require;
using model::semaphore;
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

// Workers that take from a list of so many items, and from each other's lists. The lists' own order is relaxed, so that what is found is owed
// to the idle word alone.
template <std::size_t Workers>
struct pool {
    idle_word idle{Workers};
    atomic<int> injected{0};
    atomic<int> own[Workers];
    atomic<bool> stopped{false};
    semaphore poller{0};  // what wakes the driver: kept until it is taken
    semaphore never{0};   // where a turn that doesn't end waits
    int ran[Workers] = {};

    bool turns_end = true;

    bool visible() const {
        if (injected.load(relaxed) != 0) return true;
        if constexpr (Workers > 2)
            for (const auto& each : own)
                if (each.load(relaxed) != 0) return true;
        return false;
    }

    static bool take(atomic<int>& from) {
        int seen = from.load(relaxed);
        while (seen != 0)
            if (from.compare_exchange_weak(seen, seen - 1, relaxed, relaxed)) return true;
        return false;
    }

    void wake(idle_word::claimed one) {
        if (one.where == parking::on_futex) idle.spot(one.who).notify_one();
        if (one.where == parking::in_driver) poller.release();
    }

    void publish() {
        (void)injected.fetch_add(1, relaxed);
        wake(idle.claim());
    }

    void stop() {
        stopped.store(true, relaxed);
        for (;;) {
            const auto one = idle.claim_anyway();
            if (one.where == parking::empty) break;
            wake(one);
        }
    }

    bool search(std::size_t me) {
        if (take(injected)) return true;
        if constexpr (Workers > 2)
            for (std::size_t i = 0; i < Workers; ++i)
                if (i != me && take(own[i])) return true;
        return false;
    }

    void turn(std::size_t me, bool& searching) {
        // The last one to stop looks again: what was published meanwhile was left to it.
        if (std::exchange(searching, false) && idle.stop_search() && keeps("the look after a search") && visible()) wake(idle.claim());
        ++ran[me];
        if (!turns_end) never.acquire();
    }

    void sleep(std::size_t me, bool& searching, parking where) {
        idle.park(me, where, std::exchange(searching, false));
        if (keeps("the look before sleep") && (visible() || stopped.load(relaxed))) {
            searching = idle.unpark(me, where);
        } else if (where == parking::on_futex) {
            sleep_on(me, searching);
        } else {
            poller.acquire();
            searching = idle.unpark(me, where);
        }
    }
    void sleep_on(std::size_t me, bool& searching) {
        idle.template sleep<futex>(me);
        searching = true;
    }

    void work(std::size_t me, bool searching = false, parking where = parking::on_futex) {
        while (!stopped.load(relaxed)) {
            if (!searching) searching = idle.start_search();
            if (search(me))
                turn(me, searching);
            else
                sleep(me, searching, where);
        }
    }
    // One that is parked already.
    void work_when_woken(std::size_t me) {
        bool searching = false;
        sleep_on(me, searching);
        work(me, searching);
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

void a_sleeper_and_two_publishers() {
    pool<2> p;
    p.idle.park(0, parking::on_futex, false);
    p.idle.park(1, parking::on_futex, false);
    parallel_until_quiet([&] { p.work_when_woken(0); }, [&] { p.publish(); }, [&] { p.publish(); });
    // Worker 1 doesn't come, so an item may have been left to it; but not both.
    require(p.all() >= 1, "work waits while everybody sleeps");
}

void a_worker_in_the_driver() {
    pool<1> p;
    parallel_until_quiet([&] { p.work(0, false, parking::in_driver); }, [&] { p.publish(); p.publish(); }, [&] { p.poller.release(); });
    require(p.all() == 2, "work waits while everybody sleeps");
}

void one_on_the_futex_one_in_the_driver() {
    pool<2> p;
    p.turns_end = false;
    parallel_until_quiet([&] { p.work(0, false, parking::in_driver); }, [&] { p.work(1); }, [&] { p.publish(); p.publish(); });
    require(p.all() == 2, "work waits while a worker sleeps");
}

// The turn that a searcher has found doesn't end, so what was left to the searcher needs another.
void a_turn_that_does_not_end() {
    pool<2> p;
    p.turns_end = false;
    require(p.idle.start_search(), "nobody searches");
    p.idle.park(1, parking::on_futex, false);
    parallel_until_quiet([&] { p.work(0, true); }, [&] { p.work_when_woken(1); }, [&] { p.publish(); p.publish(); });
    require(p.all() == 2, "work waits while a worker sleeps");
}

// Of two searchers one takes two items, keeps the second in its own list, and has a turn that doesn't end.
void a_searcher_keeps_a_batch() {
    pool<3> p;
    p.turns_end = false;
    p.injected.store(2, relaxed);
    require(p.idle.start_search() && p.idle.start_search(), "only one searches");
    parallel_until_quiet(
        [&] {
            bool searching = true;
            if (const int taken = p.injected.exchange(0, relaxed); taken != 0) {
                p.own[0].store(taken - 1, relaxed);
                p.turn(0, searching);
            }
        },
        [&] { p.work(1, true); });
    require(p.all() == 2, "work waits while a worker sleeps");
}

// What was there before the claim is seen by the worker that is woken, before it looks at the counts again.
void the_woken_worker_sees_the_work() {
    pool<2> p;
    cell<int> work{0};
    p.idle.park(0, parking::on_futex, false);
    p.idle.park(1, parking::in_driver, false);
    parallel_until_quiet(
        [&] {
            work.set(1);
            p.wake(p.idle.claim());
            p.wake(p.idle.claim_anyway());
        },
        [&] {
            p.idle.sleep<futex>(0);
            require(work.get() == 1, "woken for nothing");
        },
        [&] {
            // It may be awake by itself, for a timer.
            if (p.idle.unpark(1, parking::in_driver)) require(work.get() == 1, "woken for nothing");
        });
}

void the_pool_stops() {
    pool<2> p;
    parallel([&] { p.work(0); }, [&] { p.work(1); }, [&] { p.stop(); });
}

// The order to stop meets the only worker anywhere on its way to sleep.
void the_only_worker_stops() {
    pool<1> p;
    parallel([&] { p.work(0); }, [&] { p.stop(); });
}

// A worker sleeps while another is chosen, for work, in the middle of its parking: the numbers alone would say that all are awake.
void the_pool_stops_while_work_comes() {
    pool<2> p;
    semaphore parked{0};
    parallel([&] { p.idle.park(0, parking::on_futex, false); },
             [&] {
                 p.idle.park(1, parking::on_futex, false);
                 parked.release();
                 if (!p.stopped.load(relaxed)) p.idle.sleep<futex>(1);
             },
             [&] {
                 parked.acquire();
                 p.wake(p.idle.claim());
             },
             [&] { p.stop(); });
}

const model::scenario scenarios[] = {
    {"one worker, one item", one_worker_one_item},
    {"one worker, two items", one_worker_two_items},
    {"a worker in the driver", a_worker_in_the_driver},
    {"a turn that doesn't end", a_turn_that_does_not_end},
    {"a searcher keeps a batch", a_searcher_keeps_a_batch},
    {"the woken worker sees the work", the_woken_worker_sees_the_work},
    {"the only worker stops", the_only_worker_stops},
    {"the pool stops", the_pool_stops, {.stale = 0}},
    {"the pool stops while work comes", the_pool_stops_while_work_comes, {.stale = 1}},
    {"a sleeper and two publishers", a_sleeper_and_two_publishers},
    {"two workers, one item", two_workers_one_item, {.stale = 0}},
    {"one worker, two publishers", one_worker_two_publishers, {.stale = 2}},
    {"one on the futex, one in the driver", one_on_the_futex_one_in_the_driver, {.stale = 0}},
};

constexpr std::array<model::harmless, 0> harmless{};

}  // namespace

TEST_SUITE_BEGIN("checker" * doctest::skip(model::skipped));

TEST_CASE("the idle word loses no wake-up under any interleaving, and each of its orders is needed") {
    model::examine("idle_word", scenarios, harmless);
}

TEST_SUITE_END();

}  // namespace tests::idle_word
