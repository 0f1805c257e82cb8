// A worker's own queue of what is ready: a bounded ring that its owner fills and empties, and from which idle workers
// steal half at a time.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "otp/base/atomics.hpp"
#include "otp/config.hpp"

namespace otp::inline OTP_ABI::exec {

/// T has a member `T* run_next`, or one of type P::cell<T*>, which is written only to chain what overflows. One thread at
/// a time is the owner; the owner may change where one owner's last use happens before the next one's first.
///
/// The head is two positions in one word: slots before `real` are taken, slots from `steal` to `real` are being copied
/// out by the one thief who took them. Both only grow and wrap after 2^32, so a word that looks unchanged to a
/// compare-and-swap is unchanged unless 2^32 items went by in between. Follows tokio's queue.
template <class T, std::size_t Capacity = 256, class P = std_atomics>
class run_queue {
    static_assert(std::has_single_bit(Capacity) && Capacity >= 2 && Capacity <= (std::size_t{1} << 30),
                  "the capacity is a power of two");

public:
    static constexpr std::size_t capacity = Capacity;

    /// Items that leave the queue together, linked by run_next, oldest first, ended by null.
    struct chain {
        T* first = nullptr;
        T* last = nullptr;
        std::size_t count = 0;
    };

    run_queue() = default;
    run_queue(const run_queue&) = delete;
    run_queue& operator=(const run_queue&) = delete;

    /// Owner: adds an item behind all others. Gives what there is no room for, to be queued elsewhere: usually nothing;
    /// of a full queue the older half and the new item behind it, or the new item alone while a thief is at work.
    [[nodiscard]] chain push(T* item) noexcept {
        for (;;) {
            // Acquire pairs with the thief's release of its slots: they have been read before they are written again.
            const word head = head_.load(std::memory_order_acquire);
            const position tail = tail_.load(std::memory_order_relaxed);  // only the owner writes it
            if (tail - steal_of(head) < Capacity) {
                slot(tail).set(item);
                // Release pairs with the acquire of a thief: it sees the slot, and the item as it is now.
                tail_.store(tail + 1, std::memory_order_release);
                return {};
            }
            if (steal_of(head) != real_of(head)) {
                set_next(item, nullptr);
                return {item, item, 1};
            }
            chain over;
            if (take_half(head, over)) {
                link(over, item);
                return over;
            }
            // A thief has just made room.
        }
    }

    /// Owner: the oldest item; null if there is none.
    [[nodiscard]] T* pop() noexcept {
        // Relaxed, here and on failure: the slots that the owner reads were written by the owner.
        word head = head_.load(std::memory_order_relaxed);
        for (;;) {
            const position real = real_of(head);
            if (real == tail_.load(std::memory_order_relaxed)) return nullptr;  // only the owner writes it
            // A thief at work keeps its mark.
            const position steal = steal_of(head) == real ? real + 1 : steal_of(head);
            // Release pairs with the acquire of a thief: who sees this position sees a tail that is no less. It continues
            // the release sequence of the last thief, so that push still acquires that.
            if (head_.compare_exchange_weak(head, pack(steal, real + 1), std::memory_order_release,
                                            std::memory_order_relaxed))
                return slot(real).get();
        }
    }

    /// The owner of `into`: moves the older half of this queue there, behind what it has, but for the oldest item, which
    /// it returns. Null if there is nothing, or another thief is at work here, or there may be no room for half a queue.
    [[nodiscard]] T* steal_into(run_queue& into) noexcept {
        const position to = into.tail_.load(std::memory_order_relaxed);  // only this thread writes it
        // Acquire as in push: the slots that will be written have been read.
        if (to - steal_of(into.head_.load(std::memory_order_acquire)) > Capacity / 2) return nullptr;

        // Acquire, here and below, pairs with the release of whoever moved the head: the tail, loaded after it, is no less.
        word head = head_.load(std::memory_order_acquire);
        position from;
        position count;
        do {
            from = real_of(head);
            if (steal_of(head) != from) return nullptr;
            // Acquire pairs with push: the slots are written, the items are as they were then.
            const position present = tail_.load(std::memory_order_acquire) - from;
            count = present - present / 2;
            if (count == 0) return nullptr;
            // Marks the slots as being read, so that the owner doesn't write them.
        } while (!head_.compare_exchange_weak(head, pack(from, from + count), std::memory_order_acquire,
                                              std::memory_order_acquire));

        T* const oldest = slot(from).get();
        for (position i = 1; i < count; ++i) into.slot(to + i - 1).set(slot(from + i).get());
        head = pack(from, from + count);
        // Release pairs with push: the slots are the owner's again. Relaxed on failure: the owner has popped, no more.
        while (!head_.compare_exchange_weak(head, pack(real_of(head), real_of(head)), std::memory_order_release,
                                            std::memory_order_relaxed)) {
        }
        // Release as in push.
        if (count > 1) into.tail_.store(to + count - 1, std::memory_order_release);
        return oldest;
    }

    /// How many items wait. Any thread, a hint; exact for the owner while nobody steals. What happens before the call is
    /// counted.
    [[nodiscard]] std::size_t size() const noexcept {
        // Relaxed: nothing is read through it. The tail last, so that the difference isn't negative.
        const position real = real_of(head_.load(std::memory_order_relaxed));
        const position present = tail_.load(std::memory_order_relaxed) - real;
        return present <= Capacity ? present : Capacity;  // owner and thieves may have moved on between the two loads
    }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

private:
    using position = std::uint32_t;
    using word = std::uint64_t;

    static constexpr word pack(position steal, position real) noexcept { return word{steal} << 32 | real; }
    static constexpr position steal_of(word head) noexcept { return static_cast<position>(head >> 32); }
    static constexpr position real_of(word head) noexcept { return static_cast<position>(head); }

    typename P::template cell<T*>& slot(position at) noexcept { return slots_[at & (Capacity - 1)]; }

    static void set_next(T* item, T* next) noexcept {
        if constexpr (requires { item->run_next = next; })
            item->run_next = next;
        else
            item->run_next.set(next);
    }

    static void link(chain& c, T* item) noexcept {
        set_next(item, nullptr);
        if (c.last)
            set_next(c.last, item);
        else
            c.first = item;
        c.last = item;
        ++c.count;
    }

    // Owner of a full queue without a thief: takes the older half out. False: a thief came first.
    bool take_half(word head, chain& out) noexcept {
        constexpr auto half = static_cast<position>(Capacity / 2);
        const position real = real_of(head);
        // Orders as in pop.
        if (!head_.compare_exchange_strong(head, pack(real + half, real + half), std::memory_order_release,
                                           std::memory_order_relaxed))
            return false;
        for (position i = 0; i < half; ++i) link(out, slot(real + i).get());
        return true;
    }

    alignas(cache_line) typename P::template atomic<word> head_{0};  // the owner and thieves write it
    alignas(cache_line) typename P::template atomic<position> tail_{0};  // the owner writes it
    typename P::template cell<T*> slots_[Capacity];
};

}  // namespace otp::inline OTP_ABI::exec
