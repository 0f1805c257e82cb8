// The poller of Linux: one epoll instance, each descriptor registered once, edge-triggered, in both directions.
#pragma once

#if defined(__linux__)

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <utility>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "otp/base/intrusive_ptr.hpp"
#include "otp/base/order.hpp"
#include "otp/config.hpp"
#include "otp/runtime/io_slots.hpp"
#include "otp/runtime/poller.hpp"

namespace otp::inline OTP_ABI::exec {

class epoll_poller final : public poller {
public:
    epoll_poller() noexcept {
        epoll_ = io_descriptor{::epoll_create1(EPOLL_CLOEXEC)};
        if (epoll_.open()) wake_ = io_descriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
        if (!wake_.open() || !control(EPOLL_CTL_ADD, wake_.get(), EPOLLIN | EPOLLET, wake_data)) failure_ = errno;
    }

    /// 0, or the errno of what could not be opened; then there is no other call.
    [[nodiscard]] int failure() const noexcept { return failure_; }

    [[nodiscard]] int add(int fd, intrusive_ptr<io_handler> handler, io_ticket& ticket) noexcept override {
        {
            const std::lock_guard hold{slots_.lock()};
            if (!slots_.insert(fd, std::move(handler), ticket)) return ENOMEM;
        }
        if (control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, pack(ticket))) return 0;
        const int failure = errno;
        intrusive_ptr<io_handler> dropped;
        const std::lock_guard hold{slots_.lock()};
        dropped = slots_.erase(ticket);
        return failure;
    }

    void remove(int fd, io_ticket ticket) noexcept override {
        intrusive_ptr<io_handler> dropped;
        {
            const std::lock_guard hold{slots_.lock()};
            if (!slots_.find(ticket)) return;
            dropped = slots_.erase(ticket);
        }
        // An event that comes before this finds another generation. A descriptor that is closed already has left epoll.
        control(EPOLL_CTL_DEL, fd, 0, 0);
    }

    void rearm(io_ticket, io_events) noexcept override {}  // the kernel has seen the EAGAIN itself

    std::size_t poll(duration timeout) noexcept override {
        epoll_event events[io_batch::capacity];
        const int count = wait(events, timeout);
        io_batch batch;
        if (count > 0) {
            const std::lock_guard hold{slots_.lock()};
            for (int i = 0; i < count; ++i) collect(events[i], batch);
        }
        return batch.dispatch();
    }

    void wake() noexcept override {
        // Read-modify-writes on both sides: either this one is first, and the poller acquires what was written before
        // it, or the poller has cleared the flag, and there is an event to come.
        if (awake_.exchange(true, std::memory_order_acq_rel)) return;
        // Never read: each write is an edge, and the counter outlasts any machine.
        const std::uint64_t one = 1;
        while (::write(wake_.get(), &one, sizeof one) < 0 && errno == EINTR) {
        }
    }

    [[nodiscard]] int native_fd() noexcept override {
        if (!timer_.open()) {
            io_descriptor fresh{::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
            if (!fresh.open() || !control(EPOLL_CTL_ADD, fresh.get(), EPOLLIN | EPOLLET, timer_data)) return -1;
            timer_ = std::move(fresh);
            if (native_deadline_ != never) set_timer();
        }
        return epoll_.get();
    }

    void set_native_deadline(time_point deadline) noexcept override {
        if (deadline == native_deadline_) return;
        native_deadline_ = deadline;
        if (timer_.open()) set_timer();
    }

    [[nodiscard]] std::size_t watched() const noexcept override { return slots_.size(); }

private:
    // No ticket looks like these: a slot number stays below its maximum.
    static constexpr std::uint64_t wake_data = std::numeric_limits<std::uint64_t>::max();
    static constexpr std::uint64_t timer_data = wake_data - 1;

    [[nodiscard]] static std::uint64_t pack(io_ticket t) noexcept { return std::uint64_t{t.slot} << 32 | t.generation; }
    [[nodiscard]] static io_ticket unpack(std::uint64_t data) noexcept {
        return {static_cast<std::uint32_t>(data >> 32), static_cast<std::uint32_t>(data)};
    }

    bool control(int operation, int fd, std::uint32_t events, std::uint64_t data) noexcept {
        epoll_event event{};
        event.events = events;
        event.data.u64 = data;
        return ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
    }

    void collect(const epoll_event& event, io_batch& batch) noexcept {
        if (event.data.u64 == wake_data) {
            awake_.exchange(false, std::memory_order_acq_rel);  // see wake
        } else if (event.data.u64 == timer_data) {
            native_deadline_ = never;
        } else if (const auto* slot = slots_.find(unpack(event.data.u64))) {
            batch.push(slot->handler, translate(event.events));
        }
    }

    [[nodiscard]] static io_events translate(std::uint32_t events) noexcept {
        io_events result = io_events::none;
        if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) result |= io_events::readable;
        if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) result |= io_events::writable;
        if (events & (EPOLLRDHUP | EPOLLHUP)) result |= io_events::hang_up;
        if (events & EPOLLERR) result |= io_events::error;
        return result;
    }

    [[nodiscard]] int wait(epoll_event* events, duration timeout) noexcept {
        constexpr int room = io_batch::capacity;
        if (timeout <= duration::zero()) return ::epoll_wait(epoll_.get(), events, room, 0);
        if (timeout == duration::max()) return ::epoll_wait(epoll_.get(), events, room, -1);
#if defined(SYS_epoll_pwait2)
        if (exact_) {
            struct {  // the kernel's own timespec, of the same size everywhere
                std::int64_t seconds;
                std::int64_t nanoseconds;
            } const limit{timeout.count() / 1'000'000'000, timeout.count() % 1'000'000'000};
            const long count = ::syscall(SYS_epoll_pwait2, epoll_.get(), events, room, &limit, nullptr, std::size_t{0});
            if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return static_cast<int>(count);
            exact_ = false;  // an old kernel, or a sandbox that doesn't know the call: don't ask again
        }
#endif
        // Rounded up: a shorter sleep would spin through the last millisecond.
        const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
        const auto longest = std::int64_t{std::numeric_limits<int>::max()};
        const auto limit = static_cast<int>(base::min<std::int64_t>(milliseconds, longest));
        return ::epoll_wait(epoll_.get(), events, room, limit);
    }

    void set_timer() noexcept {
        itimerspec setting{};  // all zero disarms it
        if (native_deadline_ != never) {
            const auto at = base::max<std::int64_t>(native_deadline_.time_since_epoch().count(), 1);
            setting.it_value.tv_sec = static_cast<time_t>(at / 1'000'000'000);
            setting.it_value.tv_nsec = static_cast<long>(at % 1'000'000'000);
        }
        ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &setting, nullptr);
    }

    io_descriptor epoll_;
    io_descriptor wake_;
    io_descriptor timer_;                // only where a foreign loop waits
    time_point native_deadline_ = never;  // of the polling thread
    bool exact_ = true;                  // of the polling thread
    int failure_ = 0;
    io_slots slots_;
    alignas(cache_line) std::atomic<bool> awake_{false};  // a wake is on its way and not yet noticed
};

}  // namespace otp::inline OTP_ABI::exec

#endif
