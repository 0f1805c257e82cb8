// Limits of a server's mailbox: how many messages may wait in it, and what becomes of those that find it full.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "otp/config.hpp"

namespace otp::inline OTP_ABI {

/// What becomes of a message that finds a mailbox full. In each case a caller whose request is given up gets `overloaded` at
/// once, and a cast or info that is given up is a dead letter of that reason. Exits, links, monitors, replies and system
/// requests never count; what timers and sockets send counts, but is always taken.
enum class mailbox_policy : std::uint8_t {
    reject,       ///< it is refused
    drop_newest,  ///< it is dropped: to its sender the same as a refusal
    drop_oldest,  ///< it is taken, and the oldest that waits is dropped for it
    wait,         ///< its sender waits for room: a coroutine's ask suspends, everything else blocks its thread; a call no longer
                  ///< than its limit. What a process sends to itself is taken at once.
};

inline constexpr mailbox_policy reject = mailbox_policy::reject;
inline constexpr mailbox_policy drop_newest = mailbox_policy::drop_newest;
inline constexpr mailbox_policy drop_oldest = mailbox_policy::drop_oldest;
// The fourth, otp::wait, is also the function that waits for the end of a process: see links.hpp.

/// The mailbox of a server: otp::start<T>({.mailbox = {.capacity = 1000, .on_full = otp::reject}}, …).
struct mailbox_options {
    std::size_t capacity = std::numeric_limits<std::size_t>::max();  ///< messages that may wait, besides the one being handled; not 0
    mailbox_policy on_full = mailbox_policy::reject;
};

}  // namespace otp::inline OTP_ABI
