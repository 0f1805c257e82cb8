// Waiting for a word to change where the kernel has no call for it: a mutex and a condition for each of a few crowds.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "otp/config.hpp"
#include "otp/runtime/executor.hpp"

namespace otp::inline OTP_ABI::exec {

/// The same contract as exec::futex.
struct portable_futex {
    using word = std::atomic<std::uint32_t>;

    static bool wait(const word& w, std::uint32_t expected, time_point deadline = never) noexcept {
        crowd& c = crowd_of(w);
        std::unique_lock hold{c.lock};
        // Relaxed: a waker takes the lock after it has changed the word.
        if (w.load(std::memory_order_relaxed) != expected) return true;
        if (deadline != never) return c.changed.wait_until(hold, deadline) == std::cv_status::no_timeout;
        c.changed.wait(hold);
        return true;
    }

    static void wake_one(const word& w) noexcept { wake_all(w); }  // the others in the crowd wait for other words
    static void wake_all(const word& w) noexcept {
        crowd& c = crowd_of(w);
        { const std::lock_guard hold{c.lock}; }
        c.changed.notify_all();
    }

private:
    struct crowd {
        std::mutex lock;
        std::condition_variable changed;
    };
    static crowd& crowd_of(const word& w) noexcept {
        static crowd* const crowds = new crowd[64];  // never deleted: static destructors may still wait
        return crowds[(reinterpret_cast<std::uintptr_t>(&w) >> 4) % 64];
    }
};

}  // namespace otp::inline OTP_ABI::exec
