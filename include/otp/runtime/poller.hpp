// What tells processes that a descriptor can be read or written: the interface that the kernel's mechanisms share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "otp/base/intrusive_ptr.hpp"
#include "otp/config.hpp"
#include "otp/runtime/executor.hpp"

namespace otp::inline OTP_ABI::exec {

/// What a descriptor has become. `hang_up`: the peer sends no more, or the connection is gone; it comes together with
/// `readable`, and if writing is over too with `writable`. `error` comes with both: the next operation tells which.
enum class io_events : std::uint8_t { none = 0, readable = 1, writable = 2, hang_up = 4, error = 8 };

[[nodiscard]] constexpr io_events operator|(io_events a, io_events b) noexcept {
    return static_cast<io_events>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
[[nodiscard]] constexpr io_events operator&(io_events a, io_events b) noexcept {
    return static_cast<io_events>(static_cast<unsigned>(a) & static_cast<unsigned>(b));
}
[[nodiscard]] constexpr io_events operator~(io_events a) noexcept {
    return static_cast<io_events>(~static_cast<unsigned>(a) & 15U);
}
constexpr io_events& operator|=(io_events& a, io_events b) noexcept { return a = a | b; }
constexpr io_events& operator&=(io_events& a, io_events b) noexcept { return a = a & b; }
[[nodiscard]] constexpr bool any(io_events a) noexcept { return a != io_events::none; }

/// Who hears of a descriptor. The poller holds a reference for as long as the descriptor is watched, and one more
/// while it calls `ready`.
class io_handler : public ref_counted {
public:
    /// Called on the thread that polls, without a lock; must not block. May add, remove and rearm.
    virtual void ready(io_events events) noexcept = 0;
};

/// Names one registration; that of a descriptor number used again is another.
struct io_ticket {
    std::uint32_t slot = std::numeric_limits<std::uint32_t>::max();
    std::uint32_t generation = 0;
    friend bool operator==(const io_ticket&, const io_ticket&) = default;
};

/// Watches descriptors. A descriptor is registered once, for both directions. What is true of it at that moment is
/// reported, then each change ("edge-triggered"): after a direction was reported, it is promised to be reported again
/// only after an operation in it came to EAGAIN and `rearm` was called.
///
/// After fork the child must not use the parent's poller, not even to remove a descriptor: the kernel's object is
/// shared between them. A child that lives on makes a runtime of its own.
class poller {
public:
    poller() = default;
    poller(const poller&) = delete;
    poller& operator=(const poller&) = delete;
    virtual ~poller() = default;

    /// Watches `fd`, which doesn't block, and sets `ticket` before the first event may come. Returns 0 or an errno:
    /// EEXIST (watched already), EBADF, ENOMEM, ENOSPC (the system's limit), EPERM (not a thing to be watched).
    /// Any thread.
    [[nodiscard]] virtual int add(int fd, intrusive_ptr<io_handler> handler, io_ticket& ticket) noexcept = 0;

    /// Ends the watching; called before close(fd). A call of `ready` that has begun, or one more from a batch that was
    /// fetched before, may still run on the polling thread; the handler lives until then. A later owner of the same
    /// number never hears of it. A ticket that isn't valid any more is ignored. Any thread.
    virtual void remove(int fd, io_ticket ticket) noexcept = 0;

    /// Says that an operation in the directions of `events` came to EAGAIN, so they are to be reported again. Any
    /// thread; a ticket that isn't valid any more is ignored.
    virtual void rearm(io_ticket ticket, io_events events) noexcept = 0;

    /// Waits for events for `timeout` at most (0: not at all, max: for ever) and calls the handlers. Returns how many
    /// it has called. May return earlier, with 0: the caller looks at its clock. One thread at a time.
    virtual std::size_t poll(duration timeout) noexcept = 0;

    /// Ends a poll, the one that runs or the next one. What was written before the call is seen after that poll. Costs
    /// one atomic operation while an earlier wake has not been noticed. Any thread.
    virtual void wake() noexcept = 0;

    /// A descriptor for a foreign event loop: readable whenever poll(0) would call a handler, wake() was called or the
    /// native deadline is over. -1 if this poller has none. By the thread that polls.
    [[nodiscard]] virtual int native_fd() noexcept = 0;

    /// Until when native_fd() may stay quiet; `never` for as long as it likes. Lasts until it is over and was polled,
    /// or is set anew. By the thread that polls.
    virtual void set_native_deadline(time_point deadline) noexcept = 0;

    /// How many descriptors are watched. Any thread, a hint.
    [[nodiscard]] virtual std::size_t watched() const noexcept = 0;
};

/// Which mechanism to use; `automatic` takes epoll where there is one, unless the environment says OTP_POLLER=poll.
enum class poller_kind : std::uint8_t { automatic, epoll, poll };

}  // namespace otp::inline OTP_ABI::exec
