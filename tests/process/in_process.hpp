// Runs a test's body as a process of a simulation: it may link, trap exits, block.
#pragma once

#include <doctest/doctest.h>

#include <otp/gen_server.hpp>
#include <otp/runtime/simulation.hpp>

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace testing {

/// What the body throws, a failed REQUIRE among it, fails the test.
template <class F>
void in_process(F body, std::uint64_t seed = 1) {
    otp::simulation sim{seed};
    const auto self = otp::spawn([&body] { body(); });
    const auto why = otp::wait(self);
    INFO("the test's process ended with ", why.to_string());
    CHECK(why == otp::reason::normal);
}

/// A process that does nothing until it is told to go.
inline otp::pid idle_process() {
    return otp::spawn([]() -> otp::task<> { co_await otp::sleep_for(std::chrono::hours{1}); });
}
inline otp::pid idle_trapping_process() {
    return otp::spawn([]() -> otp::task<> {
        otp::trap_exit(true);
        co_await otp::sleep_for(std::chrono::hours{1});
    });
}

/// Collects what a process that traps exits and watches others is told.
struct witness {
    struct seen_exits {
        using reply_type = std::vector<otp::exit_signal>;
    };
    struct seen_downs {
        using reply_type = std::vector<otp::down>;
    };
    struct do_in {
        using reply_type = void;
        std::function<void()> what;
    };
    void init(bool traps) { otp::trap_exit(traps); }
    std::vector<otp::exit_signal> handle_call(seen_exits) { return exits; }
    std::vector<otp::down> handle_call(seen_downs) { return downs; }
    void handle_call(const do_in& request) { request.what(); }
    void handle_info(otp::exit_signal e) { exits.push_back(std::move(e)); }
    void handle_info(otp::down d) { downs.push_back(std::move(d)); }
    std::vector<otp::exit_signal> exits;
    std::vector<otp::down> downs;
};

/// Runs `what` in the witness's process.
template <class F>
void run_in(const otp::server<witness>& in, F what) {
    REQUIRE(in.call<witness::do_in>(std::function<void()>(std::move(what))));
}
inline std::vector<otp::exit_signal> exits_of(const otp::server<witness>& w) { return w.call(witness::seen_exits{}).value(); }
inline std::vector<otp::down> downs_of(const otp::server<witness>& w) { return w.call(witness::seen_downs{}).value(); }

}  // namespace testing
