// The atomics policy: what every lock-free part of the library is a template on, so that the very same code runs
// on std::atomic and under the exhaustive interleaving checker of the tests.
#pragma once

#include <atomic>

#include "otp/config.hpp"

namespace otp::inline OTP_ABI {

/// The real machine. A policy has `atomic<T>` (load, store, exchange, compare_exchange_strong/weak, fetch_add,
/// fetch_sub, fetch_or, fetch_and; memory orders always written out) and `cell<T>`: plain data that one side at a
/// time uses, which a checker watches for races.
struct std_atomics {
    template <class T>
    using atomic = std::atomic<T>;

    template <class T>
    class cell {
    public:
        cell() = default;
        explicit cell(T value) noexcept : value_{value} {}
        [[nodiscard]] T get() const noexcept { return value_; }
        void set(T value) noexcept { value_ = value; }

    private:
        T value_{};
    };

    /// Tells the processor, or a checker's scheduler, that this thread spins.
    static void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
    }
};

}  // namespace otp::inline OTP_ABI
