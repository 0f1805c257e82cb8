// Whether a process waits for one thing alone, and for which: one word, written by the process, read by everybody.
#pragma once

#include <atomic>
#include <cstdint>

#include "otp/config.hpp"

namespace otp::inline OTP_ABI::proc {

class lone_wait {
public:
    // ---- any thread

    /// Does it wait for this very thing? Acquire pairs with the release in set: who is seen waiting has sent its request already.
    [[nodiscard]] bool is_for(std::uint64_t ref) const noexcept {
        return (word_.load(std::memory_order_acquire) & ~wanted_bit) == (ref | waiting_bit);
    }
    [[nodiscard]] bool is_on() const noexcept { return (word_.load(std::memory_order_acquire) & waiting_bit) != 0; }  // as above
    /// Did others wait for the process when it began to wait, or do so since?
    [[nodiscard]] bool is_wanted() const noexcept { return (word_.load(std::memory_order_acquire) & wanted_bit) != 0; }  // pairs with set, set_wanted

    // ---- the process

    /// A number for the next wait; never used twice.
    [[nodiscard]] std::uint64_t next_ref() noexcept {
        const auto ref = (own() & ~bits) + bits + 1;
        word_.store(ref, std::memory_order_relaxed);  // not waiting yet: read by nobody
        return ref;
    }
    void set(std::uint64_t ref, bool wanted) noexcept {
        word_.store(ref | waiting_bit | (wanted ? wanted_bit : 0), std::memory_order_release);  // pairs with is_for
    }
    void set_wanted() noexcept {
        if (const auto word = own(); (word & wanted_bit) == 0) word_.store(word | wanted_bit, std::memory_order_release);  // pairs with is_wanted
    }
    void clear() noexcept { word_.store(own() & ~waiting_bit, std::memory_order_release); }  // pairs with is_for

private:
    static constexpr std::uint64_t waiting_bit = 1;
    static constexpr std::uint64_t wanted_bit = 2;
    static constexpr std::uint64_t bits = waiting_bit | wanted_bit;

    [[nodiscard]] std::uint64_t own() const noexcept { return word_.load(std::memory_order_relaxed); }  // only the process writes it

    std::atomic<std::uint64_t> word_{0};  // the last number given to a wait, and the two bits
};

}  // namespace otp::inline OTP_ABI::proc
