// Waiting for a word to change, in the kernel.
#pragma once

#if defined(__linux__)

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdint>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "otp/base/order.hpp"
#include "otp/config.hpp"
#include "otp/runtime/executor.hpp"

namespace otp::inline OTP_ABI::exec {

/// Waits may return at any time; the caller looks at the word again, with acquire if it reads more than the word. A wake
/// may name a word that is gone already: whoever waits at that address now looks once in vain.
struct futex {
    using word = std::atomic<std::uint32_t>;
    static_assert(sizeof(word) == 4 && word::is_always_lock_free, "the kernel compares four bytes");

    /// Waits while the word is `expected`, until the deadline at most. False: the deadline is over.
    static bool wait(const word& w, std::uint32_t expected, time_point deadline = never) noexcept {
        timespec limit{};
        if (deadline != never) {
            const auto at = base::max<std::int64_t>(deadline.time_since_epoch().count(), 0);
            limit.tv_sec = static_cast<time_t>(at / 1'000'000'000);
            limit.tv_nsec = static_cast<long>(at % 1'000'000'000);
        }
        // The bitset form takes a point in time, on the clock that time_point counts by.
        const long outcome = ::syscall(SYS_futex, address(w), FUTEX_WAIT_BITSET_PRIVATE, expected,
                                       deadline == never ? nullptr : &limit, nullptr, FUTEX_BITSET_MATCH_ANY);
        return outcome == 0 || errno != ETIMEDOUT;
    }

    static void wake_one(const word& w) noexcept { ::syscall(SYS_futex, address(w), FUTEX_WAKE_PRIVATE, 1); }
    static void wake_all(const word& w) noexcept { ::syscall(SYS_futex, address(w), FUTEX_WAKE_PRIVATE, INT_MAX); }

private:
    static const void* address(const word& w) noexcept { return &w; }
};

}  // namespace otp::inline OTP_ABI::exec

#else

#include "otp/config.hpp"
#include "otp/runtime/portable_futex.hpp"

namespace otp::inline OTP_ABI::exec {

using futex = portable_futex;

}  // namespace otp::inline OTP_ABI::exec

#endif
