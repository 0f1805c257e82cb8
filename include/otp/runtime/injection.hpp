// The queue that all workers share: what threads outside the pool schedule, and what a worker's own queue has no room for.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

#include "otp/config.hpp"

namespace otp::inline OTP_ABI::exec {

/// Linked by T::run_next. Any thread.
///
/// Two lists. What comes from outside, and what yields, waits first in, first out. What turns have scheduled beyond their
/// worker's room is taken last in, first out: a program that starts more than it finishes then works on what it began
/// last, and comes to an end of that before it begins the rest; the other order would keep much more of it in memory at
/// once. So that nothing waits for ever, a worker that is never idle takes from the first list now and then, and at
/// times all of the second one moves there.
template <class T>
class injection {
public:
    injection() = default;
    injection(const injection&) = delete;
    injection& operator=(const injection&) = delete;

    void push(T& item) noexcept {
        item.run_next = nullptr;
        push(&item, &item, 1);
    }
    /// Items that wait their turn, `number` of them, linked from `first` to `last`.
    void push(T* first, T* last, std::size_t number) noexcept {
        const std::lock_guard hold{lock_};
        waiting_.append(first, last);
        count(static_cast<std::ptrdiff_t>(number));
    }
    /// Items that a turn has scheduled beyond its worker's room.
    void push_surplus(T* first, T* last, std::size_t number) noexcept {
        const std::lock_guard hold{lock_};
        surplus_.prepend(first, last);
        count(static_cast<std::ptrdiff_t>(number));
    }

    /// An idle worker takes up to `most` items, linked and ended by null: from one list, the surplus first.
    /// Null if there are none.
    [[nodiscard]] T* pop(std::size_t most) noexcept {
        if (empty()) return nullptr;
        const std::lock_guard hold{lock_};
        return take(surplus_.first ? surplus_ : waiting_, most);
    }

    /// A busy worker takes one item, one that waits first; null if there is none.
    [[nodiscard]] T* pop_fairly() noexcept {
        if (empty()) return nullptr;
        const std::lock_guard hold{lock_};
        if (++fair_ % fairness == 0 && surplus_.first) {
            waiting_.append(surplus_.first, surplus_.last);
            surplus_ = {};
        }
        return take(waiting_.first ? waiting_ : surplus_, 1);
    }

    /// How many items wait: what happened before is counted, the rest is a hint.
    [[nodiscard]] std::size_t size() const noexcept {
        return size_.load(std::memory_order_relaxed);  // items are read under the lock only
    }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

private:
    static constexpr std::uint32_t fairness = 64;

    struct list {
        T* first = nullptr;
        T* last = nullptr;
        void append(T* from, T* to) noexcept {
            (last ? last->run_next : first) = from;
            last = to;
        }
        void prepend(T* from, T* to) noexcept {
            to->run_next = std::exchange(first, from);
            if (!last) last = to;
        }
    };

    T* take(list& from, std::size_t most) noexcept {
        T* const taken = from.first;
        T* end = nullptr;
        std::ptrdiff_t number = 0;
        for (; from.first && most > 0; --most, ++number) end = std::exchange(from.first, from.first->run_next);
        if (!from.first) from.last = nullptr;
        if (end) end->run_next = nullptr;
        count(-number);
        return taken;
    }

    void count(std::ptrdiff_t change) noexcept {
        // Relaxed: written under the lock only; read as in size.
        size_.store(size_.load(std::memory_order_relaxed) + static_cast<std::size_t>(change), std::memory_order_relaxed);
    }

    std::mutex lock_;  // guards the lists
    list waiting_;
    list surplus_;
    std::uint32_t fair_ = 0;
    alignas(cache_line) std::atomic<std::size_t> size_{0};  // read by all, also while nobody takes the lock
};

}  // namespace otp::inline OTP_ABI::exec
