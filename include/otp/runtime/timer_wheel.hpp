// A hierarchical timer wheel: arming and disarming take constant time, a jump over hours costs a few bit scans. Each
// worker has one; it has a lock of its own, so that any thread may disarm a timer or fire what a busy worker can't.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

#include "otp/base/order.hpp"
#include "otp/config.hpp"
#include "otp/runtime/executor.hpp"

namespace otp::inline OTP_ABI::exec {

/// Timers by deadline. A timer fires at the first `advance` whose time has reached its deadline, to the nanosecond:
/// never early, and late only by how late `advance` is called.
///
/// A timer has one user who arms it; disarming is anybody's. `fire` runs under the wheel's lock, and the wheel
/// touches the timer once more after `fire` has returned. So whoever ends a timer's life calls `disarm` first, from
/// outside `fire`, even if it is known to have fired: false then means that the wheel has let go of it.
///
/// The sleeper's protocol, which lets a thread sleep until the earliest deadline and lets nobody oversleep one:
///   sleeper: word = asleep, then next_deadline() of every wheel, then sleep until the earliest of them, at most;
///   armer:   arm(), and if it returned true: look at `word`, wake the sleeper if it is asleep.
/// Either the sleeper sees the deadline or the armer sees the sleeper, if both use `word` by seq_cst operations (arm()
/// stores a new earliest deadline, and next_deadline() loads it, by seq_cst too), or both by read-modify-writes that
/// are acq_rel at least. An arm() that returned false needs no wake-up: what is published already is not later than its
/// deadline, and who published it wakes the sleeper. Only arm() makes the published time earlier.
class timer_wheel {
public:
    /// `zero`: a time from before the first deadlines; what is armed for a time before it counts as due.
    explicit timer_wheel(time_point zero) noexcept : zero_{zero} {}
    timer_wheel(const timer_wheel&) = delete;
    timer_wheel& operator=(const timer_wheel&) = delete;
    /// Lets go of what is still armed, without firing it; those timers still live. Nobody else uses the wheel any more.
    ~timer_wheel();

    /// Arms `t` for `deadline`, taking it first out of the wheel it stands in, be it this one or another. Any thread,
    /// one caller at a time for each timer. True: the earliest published deadline of this wheel has become earlier, so
    /// whoever sleeps until it must be woken.
    bool arm(timer& t, time_point deadline) noexcept;

    /// True: `t` was armed, and will not fire. False: it was not, or its fire has returned. Any thread.
    static bool disarm(timer& t) noexcept;

    /// A time that is not later than the earliest deadline; `never` if nothing is armed since the last advance that
    /// looked. It lags behind disarmed timers until advance has been called at that time. Any thread, takes no lock.
    [[nodiscard]] time_point next_deadline() const noexcept {
        // Half of the sleeper's protocol above; pairs with the store in arm.
        return time_point{duration{next_.load(std::memory_order_seq_cst)}};
    }

    /// Fires what is due at `now`, by deadline, and by the order of arming where deadlines are equal. Returns how many
    /// have fired. Costs one load when nothing is due. Any thread, several at once.
    std::size_t advance(time_point now) noexcept;

    /// How many timers are armed. Any thread, a hint.
    [[nodiscard]] std::size_t size() const noexcept {
        return size_.load(std::memory_order_relaxed);  // a count, nothing is reached through it
    }

private:
    using tick = std::uint64_t;  // milliseconds since zero_
    static constexpr unsigned bits = 6;
    static constexpr std::size_t slots = std::size_t{1} << bits;
    // 48 bits of milliseconds are more than 63 bits of nanoseconds: no deadline lies beyond the top level.
    static constexpr std::size_t levels = 8;
    static constexpr std::uint64_t tick_length = 1'000'000;
    static constexpr std::size_t batch = 256;  // how many fire in one hold of the lock
    static constexpr std::size_t glance = 16;  // how many timers of a slot are looked at to find its earliest

    struct place {
        std::size_t level;
        std::size_t slot;
    };

    [[nodiscard]] tick tick_of(time_point at) const noexcept {
        if (at <= zero_) return 0;
        // Unsigned, for a difference that a signed number can't hold.
        return (static_cast<std::uint64_t>(at.time_since_epoch().count()) -
                static_cast<std::uint64_t>(zero_.time_since_epoch().count())) /
               tick_length;
    }
    [[nodiscard]] time_point time_of(tick at) const noexcept {
        return time_point{duration{static_cast<std::int64_t>(
            static_cast<std::uint64_t>(zero_.time_since_epoch().count()) + at * tick_length)}};
    }

    // The level is the highest group of six bits in which the timer's tick differs from elapsed_, the slot is that
    // group. Both stay the same until elapsed_ comes to the slot's first tick, since it never steps over one that isn't
    // empty. So a timer's place is computed, not stored, and within one slot the order of arming lasts.
    [[nodiscard]] place place_of(const timer& t) const noexcept {
        const tick at = base::max(tick_of(t.deadline), elapsed_);
        const auto level = static_cast<std::size_t>(std::bit_width((at ^ elapsed_) | 1) - 1) / bits;
        return {level, static_cast<std::size_t>(at >> (level * bits)) & (slots - 1)};
    }
    [[nodiscard]] tick first_tick(place where) const noexcept {
        const tick above = (tick{slots} << (where.level * bits)) - 1;
        return (elapsed_ & ~above) | (tick{where.slot} << (where.level * bits));
    }

    // Takes the lock by turns: a mutex alone lets an advance of many batches take it again and again before one who
    // waits has woken up. This way who waits comes after one batch.
    void lock_in_turn() noexcept {
        const std::lock_guard turn{turn_};
        lock_.lock();
    }
    [[nodiscard]] std::unique_lock<std::mutex> locked() noexcept {
        if (!lock_.try_lock()) lock_in_turn();
        return std::unique_lock{lock_, std::adopt_lock};
    }

    static void append(timer*& head, timer& t) noexcept;
    void insert(timer& t) noexcept;
    void unlink(timer& t) noexcept;
    timer* take(place where) noexcept;
    bool collect(time_point now) noexcept;
    time_point split(place where, time_point now) noexcept;
    [[nodiscard]] time_point earliest_in(place where) const noexcept;
    bool fire_some(time_point now, std::size_t& fired) noexcept;
    static timer* merged(timer* older, timer* newer) noexcept;
    static timer* sorted(timer* chain) noexcept;
    void publish(time_point next) noexcept {
        // Only makes it later, so it takes no part in the sleeper's protocol: a reader of the old value wakes early.
        next_.store(next.time_since_epoch().count(), std::memory_order_relaxed);
    }
    void count(std::ptrdiff_t change) noexcept {
        // Relaxed: written under the lock only, read as a hint.
        const auto before = size_.load(std::memory_order_relaxed);
        size_.store(before + static_cast<std::size_t>(change), std::memory_order_relaxed);
    }

    // Written at times, read by all who go to sleep: not on the line of the lock.
    alignas(cache_line) std::atomic<std::int64_t> next_{never.time_since_epoch().count()};
    alignas(cache_line) std::mutex lock_;  // guards all that follows, and the links of every timer in here
    std::mutex turn_;                      // held by the next one who gets lock_, and only while it waits
    const time_point zero_;
    tick elapsed_ = 0;                      // no slot before this tick holds a timer
    std::atomic<std::size_t> size_{0};
    timer* due_ = nullptr;                  // a circular list that is fired from the front; sorted
    std::array<std::uint64_t, levels> filled_{};  // a bit for each slot that isn't empty
    std::array<std::array<timer*, slots>, levels> heads_{};  // circular lists in the order of arming
};

inline timer_wheel::~timer_wheel() {
    const auto forget = [](timer* head) {
        if (!head) return;
        head->previous->next = nullptr;
        while (head) {
            timer* const t = head;
            head = t->next;
            t->next = t->previous = nullptr;
            t->home.store(nullptr, std::memory_order_release);  // pairs with the load in disarm
        }
    };
    forget(due_);
    for (auto& level : heads_)
        for (timer* head : level) forget(head);
}

inline bool timer_wheel::arm(timer& t, time_point deadline) noexcept {
    // Acquire pairs with the release after fire. Null stays null: only the caller of arm changes that.
    void* const home = t.home.load(std::memory_order_acquire);
    if (home && home != this) disarm(t);
    const auto hold = locked();
    // Relaxed, here and below: this lock guards it, or it is null.
    if (t.home.load(std::memory_order_relaxed) == this) {
        unlink(t);
    } else {
        t.home.store(this, std::memory_order_relaxed);
        count(1);
    }
    t.deadline = deadline;
    insert(t);
    const auto at = deadline.time_since_epoch().count();
    if (at >= next_.load(std::memory_order_relaxed)) return false;
    next_.store(at, std::memory_order_seq_cst);  // half of the sleeper's protocol; pairs with next_deadline
    return true;
}

inline bool timer_wheel::disarm(timer& t) noexcept {
    for (;;) {
        // Acquire pairs with the release after fire: who sees null sees all that fire did.
        auto* const home = static_cast<timer_wheel*>(t.home.load(std::memory_order_acquire));
        if (!home) return false;
        const auto hold = home->locked();
        // Fired, disarmed or armed elsewhere in the meantime? Relaxed: if it is this wheel, its lock guards it.
        if (t.home.load(std::memory_order_relaxed) != home) continue;
        home->unlink(t);
        home->count(-1);
        t.next = t.previous = nullptr;
        t.home.store(nullptr, std::memory_order_release);  // as after fire
        return true;
    }
}

inline std::size_t timer_wheel::advance(time_point now) noexcept {
    std::size_t fired = 0;
    if (now < next_deadline()) return 0;
    while (fire_some(now, fired)) {
    }
    return fired;
}

inline bool timer_wheel::fire_some(time_point now, std::size_t& fired) noexcept {
    lock_in_turn();
    const std::lock_guard hold{lock_, std::adopt_lock};
    for (std::size_t n = 0; n < batch; ++n) {
        if (!due_ && !collect(now)) return false;
        timer& t = *due_;
        if (t.deadline > now) return false;  // collected by a thread with a later clock, who is about to fire it
        unlink(t);
        count(-1);
        t.next = t.previous = nullptr;
        t.fire(t);
        t.home.store(nullptr, std::memory_order_release);  // pairs with the loads in arm and disarm: fire is over
        ++fired;
    }
    return true;
}

// Moves what is due in the first slot that has something due to due_; publishes the next deadline if there is none.
inline bool timer_wheel::collect(time_point now) noexcept {
    const tick limit = base::max(tick_of(now), elapsed_);
    for (;;) {
        place first{0, 0};
        while (first.level < levels && !filled_[first.level]) ++first.level;
        if (first.level == levels) {
            elapsed_ = limit;
            publish(never);
            return false;
        }
        first.slot = static_cast<std::size_t>(std::countr_zero(filled_[first.level]));
        const tick start = first_tick(first);
        if (start > limit) {
            publish(earliest_in(first));
            elapsed_ = limit;
            return false;
        }
        if (first.level == 0) {
            elapsed_ = start;
            const time_point rest = split(first, now);
            if (due_) return true;
            publish(rest);
            return false;
        }
        timer* t = take(first);
        elapsed_ = start;
        while (t) {
            timer* const following = t->next;
            insert(*t);
            t = following;
        }
    }
}

// Moves the timers of a slot of the lowest level that are due to due_, and tells the earliest of the others.
inline time_point timer_wheel::split(place where, time_point now) noexcept {
    time_point rest = never;
    timer* due = nullptr;
    timer** last = &due;
    timer* t = take(where);
    while (t) {
        timer* const following = t->next;
        if (t->deadline <= now) {
            *last = t;
            last = &t->next;
        } else {
            rest = base::min(rest, t->deadline);
            insert(*t);
        }
        t = following;
    }
    *last = nullptr;
    due = sorted(due);
    while (due) {
        timer* const following = due->next;
        append(due_, *due);
        due = following;
    }
    return rest;
}

// The first tick of a crowded slot will do: it brings the timers down a level when its time comes.
inline time_point timer_wheel::earliest_in(place where) const noexcept {
    const timer* const head = heads_[where.level][where.slot];
    time_point earliest = never;
    const timer* t = head;
    for (std::size_t n = 0; n < glance; ++n) {
        earliest = base::min(earliest, t->deadline);
        t = t->next;
        if (t == head) return earliest;
    }
    return time_of(first_tick(where));
}

inline void timer_wheel::append(timer*& head, timer& t) noexcept {
    if (!head) {
        head = t.next = t.previous = &t;
        return;
    }
    t.next = head;
    t.previous = head->previous;
    head->previous->next = &t;
    head->previous = &t;
}

inline void timer_wheel::insert(timer& t) noexcept {
    const place where = place_of(t);
    append(heads_[where.level][where.slot], t);
    filled_[where.level] |= std::uint64_t{1} << where.slot;
}

inline void timer_wheel::unlink(timer& t) noexcept {
    timer* const following = t.next == &t ? nullptr : t.next;
    t.previous->next = t.next;
    t.next->previous = t.previous;
    if (due_ == &t) {
        due_ = following;
        return;
    }
    const place where = place_of(t);  // of no meaning to a timer in due_, which is no slot's head
    timer*& head = heads_[where.level][where.slot];
    if (head != &t) return;
    head = following;
    if (!head) filled_[where.level] &= ~(std::uint64_t{1} << where.slot);
}

// Empties a slot; its timers come as a chain that ends with null.
inline timer* timer_wheel::take(place where) noexcept {
    timer* const head = std::exchange(heads_[where.level][where.slot], nullptr);
    filled_[where.level] &= ~(std::uint64_t{1} << where.slot);
    head->previous->next = nullptr;
    return head;
}

inline timer* timer_wheel::merged(timer* older, timer* newer) noexcept {
    timer* result = nullptr;
    timer** last = &result;
    while (older && newer) {
        timer*& least = newer->deadline < older->deadline ? newer : older;
        *last = least;
        last = &least->next;
        least = least->next;
    }
    *last = older ? older : newer;
    return result;
}

// A stable merge sort of a chain; bins[i] is empty or holds 2^i timers, older than those of the bins before it.
inline timer* timer_wheel::sorted(timer* chain) noexcept {
    if (!chain || !chain->next) return chain;
    std::array<timer*, 48> bins{};
    std::size_t used = 0;
    while (chain) {
        timer* carry = chain;
        chain = chain->next;
        carry->next = nullptr;
        std::size_t i = 0;
        for (; bins[i]; ++i) carry = merged(std::exchange(bins[i], nullptr), carry);
        bins[i] = carry;
        used = base::max(used, i + 1);
    }
    timer* result = nullptr;
    for (std::size_t i = 0; i < used; ++i) result = merged(bins[i], result);
    return result;
}

}  // namespace otp::inline OTP_ABI::exec
