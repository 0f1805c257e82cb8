// What a worker does: runs what is ready, looks after timers and descriptors now and then, steals, sleeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <unistd.h>

#include "otp/base/order.hpp"
#include "otp/config.hpp"
#include "otp/runtime/worker_pool.hpp"

namespace otp::inline OTP_ABI::exec {

inline void worker_pool::work(worker& w) noexcept {
    const working_as here{w, *w.pool};
    do w.pool->attend(w);
    while (!w.mine && w.pool->crew_.rest(w));
}

/// Until its core is gone, or it is told to stop.
inline void worker_pool::attend(worker& w) noexcept {
    while (w.mine) {
        runnable* r = next(*w.mine);
        // Looked at when it has its next turn: what was scheduled after the order was given isn't for this thread.
        if (const auto orders = crew_.orders()) [[unlikely]] {
            if (r) {
                publish_newest(*w.mine);
                (void)w.mine->newest.put(r);
            }
            if (orders & crew::stop) return;
            obey(w, orders);
            continue;
        }
        if (r || (r = search(w)))
            turn(w, *r);
        else
            sleep(w);
    }
}

inline void worker_pool::obey(worker& w, std::uint32_t orders) noexcept {
    while (orders & crew::halt) ::pause();
    // The guests hear of it in their event loop.
    if (crew_.obey_give_back(w)) poller_->wake();
}

inline void worker_pool::turn(worker& w, runnable& r) noexcept {
    if (std::exchange(w.searching, false) && idle_.stop_search() && work_to_steal()) wake_one();
    r.run();
}

/// The newest first, but for a time only, or two that wake each other keep all others waiting.
inline runnable* worker_pool::next(core& c) noexcept {
    if (--c.upkeep_in == 0) {
        if (runnable* const r = upkeep(c)) return r;
    }
    if (c.newest_runs < core::newest_in_a_row) {
        if (runnable* const r = c.newest.take()) {
            ++c.newest_runs;
            return r;
        }
    }
    c.newest_runs = 0;
    if (runnable* const r = c.ready.pop()) {
        if (c.newest.seen()) {
            publish_newest(c);
            wake_others();
        }
        return r;
    }
    if (runnable* const r = c.newest.take()) return r;
    return from_injection(c);
}

/// Comes every 61 turns, more often where turns are long, and looks at timers and descriptors if it has been a while.
inline runnable* worker_pool::upkeep(core& c) noexcept {
    const time_point at = now();
    if (c.upkeep_at != time_point{}) {
        const duration took = at - c.upkeep_at;
        if (took > look_every)
            c.upkeep_every = base::max(c.upkeep_every / 2, 1U);
        else if (took < look_every / 2)
            c.upkeep_every = base::min(c.upkeep_every * 2, core::longest_upkeep);
    }
    c.upkeep_at = at;
    c.upkeep_in = c.upkeep_every;
    if (at - c.looked_at >= look_every) {
        c.looked_at = at;
        look(c, at, false);
        even_out(c);
        if (!c.ready.empty()) wake_others();
    }
    return injection_.pop_fairly();
}

/// Takes from a worker that has more than twice as much. Idle workers take of themselves; this is for those that always have
/// something to do, but less than others.
inline void worker_pool::even_out(core& c) noexcept {
    if (count_ == 1) return;
    const std::size_t mine = c.ready.size();
    core& other = *cores_[c.roll() % count_];
    if (&other == &c || other.ready.size() <= 2 * mine + 2) return;
    if (runnable* const r = other.ready.steal_into(c.ready)) push(c, *r);
}

/// Fires what is due; asks for events, if nobody else does and, unless `anyway`, if it has been a while.
inline void worker_pool::look(core& c, time_point at, bool anyway) noexcept {
    c.quiet = true;
    // Relaxed: a worker that looks too early or a moment late does no harm.
    const bool due = at.time_since_epoch().count() - last_look_.load(std::memory_order_relaxed) >= look_every.count();
    if ((anyway || (due && poller_->watched() != 0)) && take_driver()) {
        poller_->poll(duration::zero());
        last_look_.store(at.time_since_epoch().count(), std::memory_order_relaxed);
        take_over(c, at);
        leave_driver();
    }
    fire_timers(at);
    c.quiet = false;
}

/// The driver: takes what others should have run next and didn't, for they are busy in one turn for too long.
inline void worker_pool::take_over(core& c, time_point at) noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
        core& other = *cores_[i];
        if (&other == &c || !other.watched.load(std::memory_order_relaxed)) continue;  // a hint
        runnable* const r = other.newest.seen();
        if (r != other.suspect || !r) {
            other.suspect = r;
            other.suspected_at = at;
        } else if (at - other.suspected_at >= newest_waits) {
            other.suspect = nullptr;
            if (other.newest.steal(r)) push(c, *r);
        }
    }
}

/// One to run and, if there are many, a share for this core.
inline runnable* worker_pool::from_injection(core& c) noexcept {
    const std::size_t waiting = injection_.size();
    if (waiting == 0) return nullptr;
    runnable* const first = injection_.pop(base::min(waiting / count_ + 1, decltype(c.ready)::capacity / 2));
    if (!first) return nullptr;
    runnable* rest = std::exchange(first->run_next, nullptr);
    if (!rest) return first;
    while (rest) {
        runnable* const after = rest->run_next;
        push(c, *rest);
        rest = after;
    }
    wake_others();  // who looked meanwhile found them in neither place
    return first;
}

inline runnable* worker_pool::search(worker& w) noexcept {
    if (count_ == 1) return nullptr;
    if (!w.searching && !(w.searching = idle_.start_search())) return nullptr;
    core& c = *w.mine;
    for (unsigned round = 0; round < search_rounds; ++round) {
        if (round != 0) std_atomics::pause();
        const std::size_t begin = c.roll();
        for (std::size_t i = 0; i < count_; ++i) {
            core& victim = *cores_[(begin + i) % count_];
            if (&victim == &c || victim.ready.empty()) continue;
            if (runnable* const r = victim.ready.steal_into(c.ready)) return r;
        }
        if (runnable* const r = from_injection(c)) return r;
    }
    return nullptr;
}

inline bool worker_pool::work_to_steal() const noexcept {
    if (!injection_.empty()) return true;
    for (std::size_t i = 0; i < count_; ++i)
        if (!cores_[i]->ready.empty()) return true;
    return false;
}

inline void worker_pool::sleep(worker& w) noexcept {
    w.mine->watched.store(false, std::memory_order_relaxed);  // a hint; it has nothing to run
    if (take_driver()) {
        sleep_in_driver(w, never, nullptr);
        return;
    }
    // Whoever has the driver sleeps there, or is awake and comes back to it.
    core& c = *w.mine;
    idle_.park(c.index, parking::on_futex, std::exchange(w.searching, false));
    if (work_to_steal() || crew_.orders() != 0) {
        w.searching = idle_.unpark(c.index, parking::on_futex);
        return;
    }
    idle_.sleep<futex>(c.index);
    w.searching = true;
    c.upkeep_at = {};
}

/// With the driver, which it leaves: sleeps until there are events, until the next timer or `limit`, until it is woken, for
/// work or because the wait of `until` is over.
inline void worker_pool::sleep_in_driver(worker& w, time_point limit, const blocked* until) noexcept {
    core& c = *w.mine;
    idle_.park(c.index, parking::in_driver, std::exchange(w.searching, false));
    const time_point wake_at = announce_sleep(limit);
    // Relaxed: whoever changes the word wakes the poller afterwards.
    const bool over = until && until->word.load(std::memory_order_relaxed) != crew::driving;
    if (!over && !work_to_steal() && crew_.orders() == 0) {
        c.quiet = true;
        poller_->poll(wake_at == never ? duration::max() : base::max(wake_at - now(), duration::zero()));
        const time_point at = now();
        asleep_until_.exchange(not_asleep, std::memory_order_acq_rel);  // see arm
        take_over(c, at);
        fire_timers(at);
        c.quiet = false;
        c.upkeep_at = c.looked_at = at;
        last_look_.store(at.time_since_epoch().count(), std::memory_order_relaxed);  // as in look
    } else {
        asleep_until_.exchange(not_asleep, std::memory_order_acq_rel);  // see arm
    }
    leave_driver();
    w.searching = idle_.unpark(c.index, parking::in_driver);
    // More than one to run: somebody else takes the rest, or the driver.
    if (c.ready.size() + injection_.size() > 1) wake_others();
}

/// Says until when the driver sleeps: until the next timer, or `limit`.
inline time_point worker_pool::announce_sleep(time_point limit) noexcept {
    // The word changes by read-modify-writes only, and before the look at the timers: either a timer is seen here, or
    // who arms it sees the sleeper. Until the time is known any timer counts as earlier.
    asleep_until_.exchange(never.time_since_epoch().count(), std::memory_order_acq_rel);
    time_point until = base::min(next_timer(), limit);
    for (std::size_t i = 0; i < count_; ++i)
        if (cores_[i]->watched.load(std::memory_order_relaxed)) until = base::min(until, now() + newest_waits);  // see watch
    asleep_until_.exchange(until.time_since_epoch().count(), std::memory_order_acq_rel);
    return until;
}

inline time_point worker_pool::next_timer() const noexcept {
    time_point next = outside_.next_deadline();
    for (std::size_t i = 0; i < count_; ++i) next = base::min(next, cores_[i]->wheel.next_deadline());
    return next;
}

/// In any wheel: the core that has it may be busy, vacant or blocked.
inline void worker_pool::fire_timers(time_point at) noexcept {
    outside_.advance(at);
    for (std::size_t i = 0; i < count_; ++i) cores_[i]->wheel.advance(at);
}

}  // namespace otp::inline OTP_ABI::exec
