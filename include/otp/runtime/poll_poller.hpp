// The poller of every other system, and the second one in tests: poll(2), made to look edge-triggered.
#pragma once

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "otp/base/intrusive_ptr.hpp"
#include "otp/base/order.hpp"
#include "otp/base/owned.hpp"
#include "otp/config.hpp"
#include "otp/runtime/io_slots.hpp"
#include "otp/runtime/poller.hpp"

namespace otp::inline OTP_ABI::exec {

/// A direction that was reported isn't asked for again before `rearm`; that is how it doesn't spin. Its cost grows with
/// the number of descriptors.
class poll_poller final : public poller {
public:
    poll_poller() noexcept {
        int ends[2] = {-1, -1};
        if (::pipe(ends) != 0) {
            failure_ = errno;
            return;
        }
        wake_read_ = io_descriptor{ends[0]};
        wake_write_ = io_descriptor{ends[1]};
        for (const int fd : ends)
            if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || ::fcntl(fd, F_SETFL, O_NONBLOCK) != 0) failure_ = errno;
    }

    /// 0, or the errno of what could not be opened; then there is no other call.
    [[nodiscard]] int failure() const noexcept { return failure_; }

    [[nodiscard]] int add(int fd, intrusive_ptr<io_handler> handler, io_ticket& ticket) noexcept override {
        if (::fcntl(fd, F_GETFD) < 0) return errno;
        const std::lock_guard hold{slots_.lock()};
        for (const auto& slot : slots_)
            if (slot.handler && slot.fd == fd) return EEXIST;
        if (!slots_.insert(fd, std::move(handler), ticket)) return ENOMEM;
        interrupt();
        return 0;
    }

    void remove(int, io_ticket ticket) noexcept override {
        intrusive_ptr<io_handler> dropped;
        const std::lock_guard hold{slots_.lock()};
        if (!slots_.find(ticket)) return;
        dropped = slots_.erase(ticket);
        interrupt();  // the kernel keeps a socket from closing for as long as it is polled
    }

    void rearm(io_ticket ticket, io_events events) noexcept override {
        const std::lock_guard hold{slots_.lock()};
        auto* const slot = slots_.find(ticket);
        if (!slot) return;
        events |= io_events::error;  // comes with any direction
        if (!any(slot->silent & events)) return;
        slot->silent &= ~events;
        interrupt();
    }

    std::size_t poll(duration timeout) noexcept override {
        {
            const std::lock_guard hold{slots_.lock()};
            list();
            asleep_ = true;
        }
        const int count = wait(timeout);
        std::size_t called = 0;
        std::size_t next = 1;
        do {
            io_batch batch;
            {
                const std::lock_guard hold{slots_.lock()};
                asleep_ = false;
                if (count > 0) collect(next, batch);
            }
            called += batch.dispatch();
        } while (count > 0 && next < used_);
        return called;
    }

    void wake() noexcept override {
        // As in epoll_poller: read-modify-writes on both sides. The one that the poller has read before it clears the
        // flag covers all that came before the clearing.
        if (awake_.exchange(true, std::memory_order_acq_rel)) return;
        const char one = 1;
        while (::write(wake_write_.get(), &one, 1) < 0 && errno == EINTR) {
        }
    }

    [[nodiscard]] int native_fd() noexcept override { return -1; }
    void set_native_deadline(time_point) noexcept override {}
    [[nodiscard]] std::size_t watched() const noexcept override { return slots_.size(); }

private:
#if defined(POLLRDHUP)
    static constexpr short peer_closed = POLLRDHUP;
#else
    static constexpr short peer_closed = 0;
#endif

    static constexpr int broken = POLLERR | POLLNVAL;

    // Under the lock: has a poll that sleeps look at the table again.
    void interrupt() noexcept {
        if (asleep_) wake();
    }

    // Under the lock: writes down what poll(2) is to look at, the pipe first.
    void list() {
        if (room_ <= slots_.capacity()) {
            room_ = std::size_t{slots_.capacity()} + 1;
            asked_.reset(new pollfd[room_]);
            tickets_.reset(new io_ticket[room_]);
        }
        asked_[0] = {wake_read_.get(), POLLIN, 0};
        used_ = 1;
        std::uint32_t index = 0;
        for (const auto& slot : slots_) {
            const io_ticket ticket{index++, slot.generation};
            // POLLHUP and POLLERR come without being asked for, so one that was reported means not to ask at all.
            if (!slot.handler || any(slot.silent & io_events::error)) continue;
            int events = 0;
            if (!any(slot.silent & io_events::readable)) events |= POLLIN | peer_closed;
            if (!any(slot.silent & io_events::writable)) events |= POLLOUT;
            asked_[used_] = {slot.fd, static_cast<short>(events), 0};
            tickets_[used_++] = ticket;
        }
    }

    // Under the lock: takes as many answers as there is room for.
    void collect(std::size_t& next, io_batch& batch) noexcept {
        if (next == 1 && asked_[0].revents != 0) {
            char drained[16];
            while (::read(wake_read_.get(), drained, sizeof drained) > 0) {
            }
            awake_.exchange(false, std::memory_order_acq_rel);  // after the reading, see wake
        }
        for (; next < used_ && !batch.full(); ++next) {
            if (asked_[next].revents == 0) continue;
            auto* const slot = slots_.find(tickets_[next]);
            if (!slot) continue;
            const io_events events = translate(asked_[next].revents);
            slot->silent |= events & (io_events::readable | io_events::writable);
            if (asked_[next].revents & (POLLHUP | broken)) slot->silent |= io_events::error;
            batch.push(slot->handler, events);
        }
    }

    [[nodiscard]] static io_events translate(int events) noexcept {
        io_events result = io_events::none;
        if (events & (POLLIN | peer_closed | POLLHUP | broken)) result |= io_events::readable;
        if (events & (POLLOUT | POLLHUP | broken)) result |= io_events::writable;
        if (events & (peer_closed | POLLHUP)) result |= io_events::hang_up;
        if (events & broken) result |= io_events::error;
        return result;
    }

    [[nodiscard]] int wait(duration timeout) noexcept {
        const auto size = static_cast<nfds_t>(used_);
        if (timeout == duration::max()) return ::poll(asked_.get(), size, -1);
        timeout = base::max(timeout, duration::zero());
#if defined(__linux__)
        timespec limit{};
        limit.tv_sec = static_cast<time_t>(timeout.count() / 1'000'000'000);
        limit.tv_nsec = static_cast<long>(timeout.count() % 1'000'000'000);
        return ::ppoll(asked_.get(), size, &limit, nullptr);
#else
        // Rounded up: a shorter sleep would spin through the last millisecond.
        const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
        constexpr std::int64_t longest = std::numeric_limits<int>::max();
        return ::poll(asked_.get(), size, static_cast<int>(base::min<std::int64_t>(milliseconds, longest)));
#endif
    }

    io_descriptor wake_read_;
    io_descriptor wake_write_;
    int failure_ = 0;
    io_slots slots_;
    bool asleep_ = false;            // guarded by the lock of slots_
    // Of the polling thread:
    base::owned_array<pollfd> asked_;
    base::owned_array<io_ticket> tickets_;  // whom each of them is for
    std::size_t room_ = 0;                  // of both
    std::size_t used_ = 0;
    alignas(cache_line) std::atomic<bool> awake_{false};  // a wake is on its way and not yet noticed
};

}  // namespace otp::inline OTP_ABI::exec
