// The table from which a poller learns whom an event is for: a slot number and a generation, never a pointer, so that
// an event of a descriptor that is gone finds nobody.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <new>
#include <utility>

#include <unistd.h>

#include "otp/base/intrusive_ptr.hpp"
#include "otp/base/owned.hpp"
#include "otp/config.hpp"
#include "otp/runtime/poller.hpp"

namespace otp::inline OTP_ABI::exec {

/// Registrations by ticket. Guarded by `lock()`, which the user holds around every call but `size`.
class io_slots {
public:
    struct slot {
        intrusive_ptr<io_handler> handler;  // null: the slot is free
        int fd = -1;
        std::uint32_t generation = 0;
        std::uint32_t next_free = none;
        io_events silent = io_events::none;  // what poll_poller doesn't ask for now
    };

    [[nodiscard]] std::mutex& lock() noexcept { return lock_; }

    /// Fills a slot; false, and nothing has changed, if there is no memory for one more.
    [[nodiscard]] bool insert(int fd, intrusive_ptr<io_handler>&& handler, io_ticket& ticket) noexcept {
        if (free_ == none && !grow()) return false;
        slot& s = slots_[free_];
        ticket = {free_, s.generation};
        free_ = s.next_free;
        s.fd = fd;
        s.silent = io_events::none;
        s.handler = std::move(handler);
        count_.fetch_add(1, std::memory_order_relaxed);  // a count, nothing is reached through it
        return true;
    }

    /// The slot of a ticket, null if the ticket isn't valid any more.
    [[nodiscard]] slot* find(io_ticket ticket) noexcept {
        if (ticket.slot >= capacity_) return nullptr;
        slot& s = slots_[ticket.slot];
        return s.handler && s.generation == ticket.generation ? &s : nullptr;
    }

    /// Empties the slot of a valid ticket. The caller drops the handler when it has given back the lock.
    [[nodiscard]] intrusive_ptr<io_handler> erase(io_ticket ticket) noexcept {
        slot& s = slots_[ticket.slot];
        ++s.generation;
        s.fd = -1;
        s.next_free = std::exchange(free_, ticket.slot);
        count_.fetch_sub(1, std::memory_order_relaxed);  // as above
        return std::exchange(s.handler, nullptr);
    }

    /// How many slots there are, the free ones too.
    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
    /// All slots, the free ones too.
    [[nodiscard]] slot* begin() noexcept { return slots_.get(); }
    [[nodiscard]] slot* end() noexcept { return slots_.get() + capacity_; }

    /// How many are filled. Any thread, without the lock, a hint.
    [[nodiscard]] std::size_t size() const noexcept { return count_.load(std::memory_order_relaxed); }  // as above

private:
    static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

    bool grow() noexcept {
        const std::uint32_t wanted = capacity_ == 0 ? 32 : capacity_ * 2;
        if (wanted <= capacity_) return false;
        auto* const grown = new (std::nothrow) slot[wanted];
        if (!grown) return false;
        for (std::uint32_t i = 0; i < capacity_; ++i) grown[i] = std::move(slots_[i]);
        for (std::uint32_t i = wanted; i-- > capacity_;) grown[i].next_free = std::exchange(free_, i);
        slots_.reset(grown);
        capacity_ = wanted;
        return true;
    }

    std::mutex lock_;
    base::owned_array<slot> slots_;
    std::uint32_t capacity_ = 0;
    std::uint32_t free_ = none;
    std::atomic<std::size_t> count_{0};
};

/// What one batch of events has to call, collected under the lock and called without it.
class io_batch {
public:
    static constexpr std::size_t capacity = 128;

    void push(const intrusive_ptr<io_handler>& handler, io_events events) noexcept {
        calls_[used_].handler = handler;
        calls_[used_++].events = events;
    }
    [[nodiscard]] bool full() const noexcept { return used_ == capacity; }

    /// Calls the handlers; returns how many.
    std::size_t dispatch() noexcept {
        for (std::size_t i = 0; i < used_; ++i) {
            calls_[i].handler->ready(calls_[i].events);
            calls_[i].handler = nullptr;
        }
        return std::exchange(used_, 0);
    }

private:
    struct call {
        intrusive_ptr<io_handler> handler;
        io_events events = io_events::none;
    };
    call calls_[capacity];
    std::size_t used_ = 0;
};

/// A descriptor of the poller's own.
class io_descriptor {
public:
    io_descriptor() = default;
    explicit io_descriptor(int fd) noexcept : fd_{fd} {}
    io_descriptor(io_descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    io_descriptor& operator=(io_descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~io_descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] bool open() const noexcept { return fd_ >= 0; }

private:
    int fd_ = -1;
};

}  // namespace otp::inline OTP_ABI::exec
