// A mailbox with a limit. The lock-free mailbox stays as it is; what is here decides who may push, and makes room.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

#include "otp/base/order.hpp"
#include "otp/base/owned.hpp"
#include "otp/process/mailbox_options.hpp"
#include "otp/process/process.hpp"
#include "otp/process/token.hpp"

namespace otp::inline OTP_ABI::proc {

struct bounds {
    struct sender {
        intrusive_ptr<process> who;
        std::uint64_t ref;
        sender* next = nullptr;
    };
    explicit bounds(const mailbox_options& options) noexcept : capacity{options.capacity}, policy{options.on_full} {}
    bounds(const bounds&) = delete;
    bounds& operator=(const bounds&) = delete;
    ~bounds() {
        while (first_waiting) delete std::exchange(first_waiting, first_waiting->next);
    }

    const std::uint64_t capacity;
    const mailbox_policy policy;
    std::mutex lock;
    sender* first_waiting = nullptr;      // for room; under the lock
    sender** end_of_waiting = &first_waiting;
    std::atomic<std::size_t> waiters{0};  // their number, written under the lock; see process::is_full
    // drop_oldest: what senders took out of the mailbox to shorten it, older than what is in there. Under the lock, as is then
    // every take, close and idling of the owner.
    signal_queue overflow;
    std::uint64_t overflowing = 0;  // the counted ones in it

    [[nodiscard]] bool drops_oldest() const noexcept { return policy == mailbox_policy::drop_oldest; }
};

/// Sequential consistency, here, for the number of waiters and in count_taken: a sender that has entered itself as waiting and then
/// finds no room is seen by the owner after the owner has made some.
inline bool process::is_full(std::uint64_t arrived) const noexcept {
    const auto handled = handled_.load(std::memory_order_seq_cst);
    return arrived > handled && arrived - handled >= limits()->capacity;
}

/// Takes one place, if one is free: never above the capacity, whoever else tries.
inline bool process::take_place() noexcept {
    auto seen = arrived_.load(std::memory_order_relaxed);  // a guess for the exchange, which fails if it is out of date
    do {
        if (is_full(seen)) return false;
    } while (!arrived_.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed));  // a count: orders nothing
    return true;
}

inline offered process::offer_bounded(signal* s) noexcept {
    bounds& limit = *limits();
    if (limit.drops_oldest()) {
        if (!send_counted(s)) return offered::gone;
        if (waiting_in_all() / 2 >= limit.capacity) shorten();
        return offered::taken;
    }
    const bool waits = limit.policy == mailbox_policy::wait;
    if (waits && current_process() == this) return send_counted(s) ? offered::taken : offered::gone;
    // While somebody waits nobody is let past; seq_cst as in is_full.
    if ((waits && limit.waiters.load(std::memory_order_seq_cst) != 0) || !take_place()) {
        if (mailbox_.closed()) return offered::gone;
        return waits ? offered::must_wait : offered::refused;
    }
    s->flags |= is_counted;
    if (send(s)) return offered::taken;
    arrived_.fetch_sub(1, std::memory_order_relaxed);  // a count
    return offered::gone;
}

/// Enters `who` to be told by a token when there is room. False: there is some, or the process is gone; try again.
inline bool process::await_room(process& who, std::uint64_t ref) {
    bounds& limit = *limits();
    const std::lock_guard hold{limit.lock};
    if (mailbox_.closed()) return false;
    base::owned<bounds::sender> fresh{new bounds::sender{intrusive_ptr<process>::share(&who), ref}};
    const bool first = limit.waiters.fetch_add(1, std::memory_order_seq_cst) == 0;  // as in is_full
    // Behind another one it waits even if there is room: who has found none is told, and all with it. Else what it misses was
    // taken a moment ago, by one who was not waiting.
    if (first && !is_full(arrived_.load(std::memory_order_relaxed))) {
        limit.waiters.store(0, std::memory_order_seq_cst);  // as in is_full
        return false;
    }
    *limit.end_of_waiting = fresh.release();
    limit.end_of_waiting = &(*limit.end_of_waiting)->next;
    return true;
}

/// It waits no more: its time is over, or it was killed.
inline void process::leave_room(const process& who, std::uint64_t ref) noexcept {
    bounds& limit = *limits();
    const std::lock_guard hold{limit.lock};
    bounds::sender** at = &limit.first_waiting;
    while (*at && !((*at)->who.get() == &who && (*at)->ref == ref)) at = &(*at)->next;
    bounds::sender* const gone = *at;
    if (!gone) return;
    *at = gone->next;
    if (limit.end_of_waiting == &gone->next) limit.end_of_waiting = at;
    delete gone;
    limit.waiters.fetch_sub(1, std::memory_order_seq_cst);  // as in is_full
}

/// Tells all who wait. They are told together when half of the mailbox is free, so that not each message costs a wake-up.
inline void process::tell_waiting() noexcept {
    bounds& limit = *limits();
    base::owned<bounds::sender> told;
    {
        const std::lock_guard hold{limit.lock};
        told.reset(std::exchange(limit.first_waiting, nullptr));
        limit.end_of_waiting = &limit.first_waiting;
        limit.waiters.store(0, std::memory_order_seq_cst);  // as in is_full
    }
    while (told) {
        send_token(*told->who, told->ref);
        told.reset(told->next);
    }
}

/// The owner has taken a message from its queue, or dropped it.
inline void process::count_taken_bounded() noexcept {
    const auto taken = handled_.load(std::memory_order_relaxed) + 1;  // only the owner writes it
    handled_.store(taken, std::memory_order_seq_cst);                 // as in is_full
    if (limits()->waiters.load(std::memory_order_seq_cst) == 0) return;
    if (arrived_.load(std::memory_order_relaxed) - taken <= limits()->capacity / 2) tell_waiting();
}

/// drop_oldest, a sender: the owner is busy and doesn't come to it. What waits in the mailbox is older than `s`; the owner's queue is
/// its own, and as long as the capacity at most.
inline void process::shorten() noexcept {
    signal_queue dropped;
    {
        bounds& limit = *limits();
        const std::lock_guard hold{limit.lock};
        for (signal* s = mailbox_.take_from_busy(); s;) {
            signal* const after = s->next;
            if (s->has(is_counted)) ++limit.overflowing;
            limit.overflow.push(s);
            s = after;
        }
        for (; limit.overflowing > limit.capacity; --limit.overflowing) {
            dropped.push(limit.overflow.take_if([](const signal& s) { return s.has(is_counted); }));
            arrived_.fetch_sub(1, std::memory_order_relaxed);  // a count
        }
    }
    while (signal* s = dropped.pop()) drop(s, reason::overloaded);
}

/// drop_oldest, the owner: what is above the capacity goes, oldest first.
inline void process::trim() noexcept {
    while (waiting_in_all() > limits()->capacity) {
        signal* s = queue_.take_if([](const signal& q) { return q.has(is_counted); });
        if (!s) return;
        count_taken();
        drop(s, reason::overloaded);
    }
}

inline signal* process::take_mail_bounded() noexcept {
    const std::lock_guard hold{limits()->lock};
    signal* const newer = mailbox_.take();
    limits()->overflowing = 0;
    return limits()->overflow.release_before(newer);
}
inline signal* process::close_mail_bounded() noexcept {
    signal* rest;
    {
        const std::lock_guard hold{limits()->lock};
        rest = mailbox_.close();
        rest = limits()->overflow.release_before(rest);
    }
    tell_waiting();  // that it is gone
    return rest;
}
inline bool process::go_idle_bounded() noexcept {
    const std::lock_guard hold{limits()->lock};
    return limits()->overflow.empty() && mailbox_.try_idle();
}

inline signal* process::take_mail() noexcept { return is_bounded() && limits()->drops_oldest() ? take_mail_bounded() : mailbox_.take(); }
inline signal* process::close_mail() noexcept { return is_bounded() ? close_mail_bounded() : mailbox_.close(); }
inline bool process::go_idle() noexcept { return is_bounded() && limits()->drops_oldest() ? go_idle_bounded() : mailbox_.try_idle(); }
inline std::uint64_t process::depth() const noexcept {
    const auto all = waiting_in_all();
    return is_bounded() && limits()->drops_oldest() ? base::min(all, limits()->capacity) : all;
}

}  // namespace otp::inline OTP_ABI::proc
