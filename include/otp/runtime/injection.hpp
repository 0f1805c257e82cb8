// The queue that all workers share: what threads outside the pool schedule, and what a worker's own queue has no room for.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>

#include "otp/config.hpp"

namespace otp::inline OTP_ABI::exec {

/// First in, first out, linked by T::run_next. Any thread.
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

    /// Adds `count` items that are linked from `first` to `last`.
    void push(T* first, T* last, std::size_t count) noexcept {
        const std::lock_guard hold{lock_};
        if (last_)
            last_->run_next = first;
        else
            first_ = first;
        last_ = last;
        set_size(size_.load(std::memory_order_relaxed) + count);  // written under the lock only
    }

    /// Takes up to `most` items out, linked and ended by null; null if there are none.
    [[nodiscard]] T* pop(std::size_t most = 1) noexcept {
        if (empty()) return nullptr;
        const std::lock_guard hold{lock_};
        T* const taken = first_;
        T* end = nullptr;
        std::size_t count = 0;
        for (; first_ && count < most; ++count) {
            end = first_;
            first_ = first_->run_next;
        }
        if (!first_) last_ = nullptr;
        if (end) end->run_next = nullptr;
        set_size(size_.load(std::memory_order_relaxed) - count);  // written under the lock only
        return taken;
    }

    /// How many items wait: what happened before is counted, the rest is a hint.
    [[nodiscard]] std::size_t size() const noexcept {
        return size_.load(std::memory_order_relaxed);  // items are read under the lock only
    }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

private:
    void set_size(std::size_t n) noexcept { size_.store(n, std::memory_order_relaxed); }  // as in size

    std::mutex lock_;  // guards the links
    T* first_ = nullptr;
    T* last_ = nullptr;
    alignas(cache_line) std::atomic<std::size_t> size_{0};  // read by all, also while nobody takes the lock
};

}  // namespace otp::inline OTP_ABI::exec
