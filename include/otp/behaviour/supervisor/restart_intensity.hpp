// How often a supervisor may restart children before it gives up.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <string>

#include "otp/base/result.hpp"
#include "otp/runtime/executor.hpp"

namespace otp::inline OTP_ABI::behaviour {

class restart_intensity {
public:
    void set(int most, std::chrono::nanoseconds period) noexcept {
        most_ = static_cast<std::size_t>(most);
        period_ = period;
    }
    [[nodiscard]] static result<void> check(int most, std::chrono::nanoseconds period) {
        if (most < 0) return reason{reason::bad_argument}.with_text("invalid_intensity: " + std::to_string(most));
        if (period <= period.zero() || period == period.max()) return reason{reason::bad_argument}.with_text("invalid_period");
        return {};
    }
    /// One more restart; false if that is one too many.
    [[nodiscard]] bool count(exec::time_point now) {
        while (!times_.empty() && now - times_.front() > period_) times_.pop_front();
        if (times_.size() >= most_) return false;
        times_.push_back(now);
        return true;
    }

private:
    std::size_t most_ = 1;
    std::chrono::nanoseconds period_ = std::chrono::seconds{5};
    std::deque<exec::time_point> times_;  // of those within the period, the oldest first
};

}  // namespace otp::inline OTP_ABI::behaviour
