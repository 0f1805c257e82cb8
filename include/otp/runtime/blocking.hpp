// Waiting without keeping a worker from its work; and turns on threads of the user's own, in a pool without workers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "otp/base/atomics.hpp"
#include "otp/config.hpp"
#include "otp/runtime/worker_pool.hpp"

namespace otp::inline OTP_ABI::exec {

inline block_result worker_pool::block(blocked& b, time_point deadline) noexcept {
    const auto result = [](bool over) { return over ? block_result::unblocked : block_result::timed_out; };
    if (!runs_here()) {
        if (crew_.orders() & crew::halt) return block_result::deadlock;
        return result(guests_only_ ? await_as_guest(b, deadline) : await(b, deadline));
    }
    // A second wait with the same frame: the unblock is on its way, whatever becomes of this core.
    if (std::exchange(b.implementation, this) == this) return result(await(b, deadline));
    if (b.word.load(std::memory_order_acquire) == crew::unblocked) return block_result::unblocked;  // pairs with unblock
    if (deadline != never && deadline <= now()) return block_result::timed_out;

    worker& w = *this_worker();
    if (core* const c = w.mine) {
        publish_newest(*c);
        c->watched.store(false, std::memory_order_relaxed);  // a hint: nothing is left there
        if (c->ready.size() > 1) wake_others();  // the heir takes one
    }
    switch (crew_.hand_over(w)) {
        case crew::handed::refused: return block_result::no_spare_worker;
        case crew::handed::vacated: wake_one(); break;
        case crew::handed::over: break;
    }
    const bool over = await(b, deadline);
    if (crew_.take_up(w)) poller_->wake();
    return result(over);
}

inline void worker_pool::unblock(blocked& b) noexcept {
    // Relaxed: the exchanges below decide.
    auto seen = b.word.load(std::memory_order_relaxed);
    for (;;) {
        if (seen == crew::driving) {
            // The guest may not leave before its poller is woken: it might end the pool.
            if (!b.word.compare_exchange_weak(seen, crew::poked, std::memory_order_relaxed, std::memory_order_relaxed))
                continue;
            poller_->wake();
            seen = b.word.exchange(crew::unblocked, std::memory_order_acq_rel);
            break;
        }
        // Release pairs with await: the waiter sees what was done for it.
        if (b.word.compare_exchange_weak(seen, crew::unblocked, std::memory_order_release, std::memory_order_relaxed)) break;
    }
    // From here on neither the frame nor, on a thread of the user's, the pool need be there.
    if (seen == crew::asleep) futex::wake_one(b.word);
}

/// True: unblocked. False: the deadline is over.
inline bool worker_pool::await(blocked& b, time_point deadline) noexcept {
    auto seen = std::uint32_t{crew::waiting};
    // Relaxed: a mark for unblock. It fails after unblock, or if an earlier wait has left the mark.
    (void)b.word.compare_exchange_strong(seen, crew::asleep, std::memory_order_relaxed, std::memory_order_relaxed);
    for (;;) {
        if (b.word.load(std::memory_order_acquire) == crew::unblocked) return true;  // pairs with unblock, as below
        if (!futex::wait(b.word, crew::asleep, deadline)) return b.word.load(std::memory_order_acquire) == crew::unblocked;
    }
}

/// The same on a thread that may run turns meanwhile, since the pool has no other.
inline bool worker_pool::await_as_guest(blocked& b, time_point deadline) noexcept {
    bool over = false;
    bool late = false;
    bool was_asleep = false;
    for (;;) {
        over = b.word.load(std::memory_order_acquire) == crew::unblocked;  // pairs with unblock
        if (over || late) break;
        worker guest{*this, nullptr};
        crew::waiting_guest turn{&b};
        was_asleep = !crew_.enter(guest, &turn);
        if (was_asleep) {
            late = !futex::wait(b.word, crew::asleep, deadline);
            crew_.forget(turn);
            auto seen = std::uint32_t{crew::asleep};
            // Relaxed: takes its own mark back.
            (void)b.word.compare_exchange_strong(seen, crew::waiting, std::memory_order_relaxed, std::memory_order_relaxed);
        } else {
            drive(guest, b, deadline);
            leave_as_guest(guest);
            late = deadline != never && deadline <= now();
        }
    }
    if (was_asleep) crew_.pass_on();
    return over;
}

/// Runs turns until the wait is over, the deadline has passed or the core is gone.
inline void worker_pool::drive(worker& guest, blocked& b, time_point deadline) noexcept {
    auto seen = std::uint32_t{crew::waiting};
    // Relaxed: a mark for unblock; the caller acquires.
    if (!b.word.compare_exchange_strong(seen, crew::driving, std::memory_order_relaxed, std::memory_order_relaxed)) return;
    {
        const working_as here{guest, *this};
        while (guest.mine && b.word.load(std::memory_order_relaxed) == crew::driving &&
               (deadline == never || now() < deadline)) {
            if (runnable* const r = next(*guest.mine))
                turn(guest, *r);
            else if (take_driver())
                sleep_in_driver(guest, deadline, &b);
        }
    }
    seen = crew::driving;
    if (b.word.compare_exchange_strong(seen, crew::waiting, std::memory_order_relaxed, std::memory_order_relaxed)) return;
    // The unblock is under way; it wakes a sleeper. Relaxed as above.
    if (seen == crew::poked &&
        b.word.compare_exchange_strong(seen, crew::asleep, std::memory_order_relaxed, std::memory_order_relaxed))
        (void)await(b, never);
}

inline void worker_pool::leave_as_guest(worker& guest) noexcept {
    bool more = false;
    if (core* const c = guest.mine) {
        poller_->set_native_deadline(announce_sleep(never));
        more = c->newest.seen() || !c->ready.empty() || !injection_.empty();
    }
    crew_.exit(guest);
    if (more) poller_->wake();
}

inline std::size_t worker_pool::poll() noexcept {
    if (!guests_only_ || runs_here()) return 0;
    worker guest{*this, nullptr};
    if (!crew_.enter(guest, nullptr)) return 0;
    std::size_t turns = 0;
    {
        const working_as here{guest, *this};
        look(*guest.mine, now(), true);
        for (; guest.mine && turns < turns_of_a_poll && crew_.orders() == 0; ++turns) {
            runnable* const r = next(*guest.mine);
            if (!r) break;
            turn(guest, *r);
        }
    }
    leave_as_guest(guest);
    return turns;
}

inline void worker_pool::quiescent() noexcept {
    // A read-modify-write, as that of who waits for it: either the wait is seen here, or live() == 0 is seen there.
    if (quiet_wanted_.fetch_add(0, std::memory_order_acq_rel) == 0) return;
    const std::lock_guard hold{quiet_lock_};
    while (quiet_waiter* const q = quiet_waiters_) {
        quiet_waiters_ = q->next;
        q->told = true;
        unblock(q->by);
    }
}

inline bool worker_pool::wait_quiescent(time_point deadline) noexcept {
    const tenant* const processes = current_tenant();
    if (!processes) return true;
    for (;;) {
        quiet_waiter me;
        {
            const std::lock_guard hold{quiet_lock_};
            me.next = std::exchange(quiet_waiters_, &me);
        }
        quiet_wanted_.fetch_add(1, std::memory_order_acq_rel);  // see quiescent
        // Looked at without the lock, since the tenant may hold its own around quiescent.
        const bool told = processes->live() != 0 && block(me.by, deadline) == block_result::unblocked;
        if (!told && !withdraw(me)) (void)block(me.by, never);  // it is on its way
        quiet_wanted_.fetch_sub(1, std::memory_order_relaxed);  // nobody looks for this wait any more
        if (processes->live() == 0) return true;
        if (!told) return false;
    }
}

/// False: it has been told, and its unblock comes or has come. When it returns no quiescent() is about to tell it.
inline bool worker_pool::withdraw(quiet_waiter& q) noexcept {
    const std::lock_guard hold{quiet_lock_};
    if (q.told) return false;
    quiet_waiter** at = &quiet_waiters_;
    while (*at != &q) at = &(*at)->next;
    *at = q.next;
    return true;
}

}  // namespace otp::inline OTP_ABI::exec
