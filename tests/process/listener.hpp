// Servers and questions that the tests of timers, inboxes, names and order have in common.
#pragma once

#include "in_process.hpp"
#include "support/looks.hpp"

#include <otp/behaviour/testing/simulated.hpp>

#include <chrono>
#include <cstdint>
#include <vector>

namespace testing {

/// Notes what it is sent, and when.
struct listener {
    struct seen {
        using reply_type = std::vector<int>;
    };
    struct times {
        using reply_type = std::vector<otp::exec::time_point>;
    };
    struct pause {
        using reply_type = void;
        std::chrono::nanoseconds time;
    };
    struct me {
        using reply_type = otp::server<listener>;
    };
    std::vector<int> handle_call(seen) { return got; }
    std::vector<otp::exec::time_point> handle_call(times) { return when; }
    otp::task<> handle_call(pause p) { co_await otp::sleep_for(p.time); }
    otp::server<listener> handle_call(me) { return otp::self<listener>(); }
    void handle_info(int n) {
        got.push_back(n);
        when.push_back(otp::now());
    }
    void handle_info(otp::timer_message<int> m) {
        handle_info(m.message);
        fired.push_back(m.timer);
    }
    void handle_cast(int n) { handle_info(n); }
    std::vector<int> got;
    std::vector<otp::exec::time_point> when;
    std::vector<otp::timer_ref> fired;
};
struct stranger {};

using numbers = std::vector<int>;

inline numbers seen_by(const otp::server<listener>& s) { return s.call(listener::seen{}).value(); }

using testing::depth_of;
inline std::uint64_t handled_by(const otp::pid& p) { return p ? p.block()->handled() : 0; }

/// All that is in an inbox of numbers.
inline numbers rest_of(otp::inbox<int>& in) {
    numbers all;
    while (auto m = in.try_receive()) all.push_back(std::get<0>(*m));
    return all;
}


}  // namespace testing
