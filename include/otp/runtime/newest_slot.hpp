// What a worker runs next, before all that waits in its queue.
#pragma once

#include "otp/base/atomics.hpp"
#include "otp/config.hpp"

namespace otp::inline OTP_ABI::exec {

/// Room for one item. The owner puts in and takes out; a thief may take out what has stood there for too long.
template <class T, class P = std_atomics>
class newest_slot {
public:
    /// Owner: puts one in. Gives the one that it displaces, or null.
    [[nodiscard]] T* put(T* item) noexcept {
        // Only the owner puts in, so what is seen empty stays empty. Release pairs with steal.
        if (!seen()) {
            slot_.store(item, std::memory_order_release);
            return nullptr;
        }
        return slot_.exchange(item, std::memory_order_release);  // as above; what comes out is the owner's own
    }
    /// Owner: null if there is none.
    [[nodiscard]] T* take() noexcept {
        return seen() ? slot_.exchange(nullptr, std::memory_order_relaxed) : nullptr;  // the owner's own
    }
    /// Any thread: a hint, not to be looked into.
    [[nodiscard]] T* seen() const noexcept { return slot_.load(std::memory_order_relaxed); }
    /// Any thread: takes `item` if it stands there.
    [[nodiscard]] bool steal(T* item) noexcept {
        // Acquire pairs with put.
        return slot_.compare_exchange_strong(item, nullptr, std::memory_order_acquire, std::memory_order_relaxed);
    }

private:
    typename P::template atomic<T*> slot_{nullptr};
};

}  // namespace otp::inline OTP_ABI::exec
