// A process's mailbox: many threads push, one owner takes all. One word says whether the owner is busy, idle or gone,
// so that a push, a wake-up and a refusal are each one compare-and-swap.
#pragma once

#include <concepts>
#include <cstdint>

#include "otp/base/atomics.hpp"
#include "otp/config.hpp"

namespace otp::inline OTP_ABI::proc {

/// What became of a pushed node.
enum class pushed : std::uint8_t {
    queued,  ///< the owner is busy and comes to it
    woke,    ///< the owner was idle: this caller, and nobody else, must schedule or unblock it
    closed,  ///< refused, for ever: the caller keeps the node
};

/// Node has a member `Node* next`, or one of type P::cell<Node*>; it belongs to the mailbox from an accepted push until
/// take or close hands the node out. Order is kept between two pushes of which one happens before the other.
/// The owner is whoever runs the process. It may change while the mailbox is idle: the push that answers `woke`
/// has taken over all that the last owner did.
template <class Node, class P = std_atomics>
class mailbox {
public:
    /// Starts empty: busy, its owner about to run. Nobody needs to wake it.
    mailbox() noexcept = default;
    mailbox(const mailbox&) = delete;
    mailbox& operator=(const mailbox&) = delete;

    /// Any thread.
    [[nodiscard]] pushed push(Node* node) noexcept {
        static_assert(alignof(Node) > closed_word, "small odd words are states, not nodes");
        // Relaxed: a guess for the exchange below; no node is read through it.
        auto seen = word_.load(std::memory_order_relaxed);
        do {
            if (seen == closed_word) {
                // Acquire pairs with close: the caller sees all that the owner did before it closed.
                (void)word_.load(std::memory_order_acquire);
                return pushed::closed;
            }
            set_next(node, seen == idle_word ? nullptr : to_node(seen));
            // Release pairs with take and close: the owner sees the node whole. Acquire pairs with try_idle: whoever
            // wakes the owner has all that it did, without leaning on how the schedule is queued. Relaxed on failure:
            // a guess again.
        } while (!word_.compare_exchange_weak(seen, to_word(node), std::memory_order_acq_rel, std::memory_order_relaxed));
        return seen == idle_word ? pushed::woke : pushed::queued;
    }

    /// Owner, busy: all nodes, linked by next, oldest first; null if there are none.
    [[nodiscard]] Node* take() noexcept {
        // Relaxed: what it misses was pushed a moment ago and makes try_idle fail.
        if (word_.load(std::memory_order_relaxed) == empty_word) return nullptr;
        // Acquire pairs with the release of every push of the stack: each later push carries the earlier ones on.
        return reversed(to_node(word_.exchange(empty_word, std::memory_order_acquire)));
    }

    /// Somebody else, under a lock that the owner holds, too, when it takes, closes or says that it is idle: what a busy owner has not
    /// taken, oldest first.
    [[nodiscard]] Node* take_from_busy() noexcept {
        auto seen = word_.load(std::memory_order_relaxed);  // a guess for the exchange
        while (seen > closed_word)
            // Acquire as in take. Relaxed on failure: a guess again.
            if (word_.compare_exchange_weak(seen, empty_word, std::memory_order_acquire, std::memory_order_relaxed)) return reversed(to_node(seen));
        return nullptr;
    }

    /// Owner, busy: says that nobody runs any more. False: something came, the owner stays busy. True: the owner must not
    /// touch the process again, unless it is the one thread that comes back by try_busy.
    [[nodiscard]] bool try_idle() noexcept {
        auto expected = empty_word;
        // Release pairs with the push that wakes. Relaxed on failure: take reads the nodes.
        return word_.compare_exchange_strong(expected, idle_word, std::memory_order_release, std::memory_order_relaxed);
    }

    /// The thread whose try_idle succeeded and whose wait is over: takes the idle state back. False: a push was first, and
    /// its wake-up comes, or has come.
    [[nodiscard]] bool try_busy() noexcept {
        auto expected = idle_word;
        // Relaxed: it reads what this thread itself wrote; after a failure the wake-up brings what the pusher did.
        return word_.compare_exchange_strong(expected, empty_word, std::memory_order_relaxed, std::memory_order_relaxed);
    }

    /// Owner, busy: refuses all later pushes. Gives what was left, oldest first; it is all that was accepted and not taken.
    [[nodiscard]] Node* close() noexcept {
        // Acquire as in take. Release pairs with the loads that find it closed.
        return reversed(to_node(word_.exchange(closed_word, std::memory_order_acq_rel)));
    }

    /// Any thread. True is final; the caller sees all that the owner did before it closed.
    [[nodiscard]] bool closed() const noexcept { return word_.load(std::memory_order_acquire) == closed_word; }  // pairs with close

    /// Any thread: a hint; relaxed, nothing is read through it.
    [[nodiscard]] bool has_mail() const noexcept { return word_.load(std::memory_order_relaxed) > closed_word; }

    /// Any thread: a hint; relaxed, nothing is read through it.
    [[nodiscard]] bool idle() const noexcept { return word_.load(std::memory_order_relaxed) == idle_word; }

    /// Where nobody else runs, as in a simulation: look(node) for each one, newest first.
    template <class Look>
    void look_through(Look&& look) const {
        const auto top = word_.load(std::memory_order_relaxed);  // one thread
        for (Node* node = top > closed_word ? to_node(top) : nullptr; node; node = get_next(node)) look(*node);
    }

private:
    using word = std::uintptr_t;
    static constexpr word empty_word = 0;
    static constexpr word idle_word = 1;
    static constexpr word closed_word = 2;

    static word to_word(Node* node) noexcept { return reinterpret_cast<word>(node); }
    static Node* to_node(word top) noexcept { return reinterpret_cast<Node*>(top); }

    static Node* get_next(Node* node) noexcept {
        if constexpr (std::same_as<decltype(node->next), Node*>)
            return node->next;
        else
            return node->next.get();
    }
    static void set_next(Node* node, Node* next) noexcept {
        if constexpr (std::same_as<decltype(node->next), Node*>)
            node->next = next;
        else
            node->next.set(next);
    }

    static Node* reversed(Node* newest) noexcept {
        Node* first = nullptr;
        while (newest) {
            Node* older = get_next(newest);
            set_next(newest, first);
            first = newest;
            newest = older;
        }
        return first;
    }

    typename P::template atomic<word> word_{empty_word};
};

}  // namespace otp::inline OTP_ABI::proc
