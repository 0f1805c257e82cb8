// A look into running servers: OTP's sys.
#pragma once

#include <chrono>
#include <concepts>
#include <type_traits>
#include <utility>

#include "otp/behaviour/gen_server/client.hpp"
#include "otp/behaviour/gen_server/status.hpp"
#include "otp/behaviour/sys/system_request.hpp"

namespace otp::inline OTP_ABI::sys {

/// What f gives for the state; void where it takes none.
template <class F, class State>
struct look_result {
    using type = void;
};
template <class F, class State>
    requires std::invocable<F&, State>
struct look_result<F, State> {
    using type = std::invoke_result_t<F&, State>;
};

/// A copy of the state, taken between two callbacks; also of a suspended server. Errors: those of call. sys:get_state/2.
template <class T>
result<T> get_state(const client<T>& server, std::chrono::nanoseconds limit = default_timeout) {
    if constexpr (std::copy_constructible<T>) {
        return system::ask<T>(server, [](behaviour::server_base&, T& state) { return state; }, limit);
    } else {
        behaviour::report(behaviour::fault<error::state_cannot_be_copied<T>>{});
        return reason::bad_argument;
    }
}
/// What f(const T&) returns, run in the server between two callbacks. An exception of f is the error.
template <class T, class F>
auto with_state(const client<T>& server, F f, std::chrono::nanoseconds limit = default_timeout)
    -> result<typename look_result<F, const T&>::type> {
    if constexpr (std::invocable<F&, const T&>) {
        return system::ask<T>(
            server, [f = std::move(f)](behaviour::server_base&, T& state) mutable -> decltype(auto) { return f(std::as_const(state)); }, limit);
    } else {
        behaviour::report(behaviour::fault<error::function_does_not_take_state<F, const T>>{});
        return reason::bad_argument;
    }
}
/// Runs f(T&), which may change the state, in the server between two callbacks. An exception of f is the error; what it has
/// changed by then stays changed. sys:replace_state/3.
template <class T, class F>
auto replace_state(const client<T>& server, F f, std::chrono::nanoseconds limit = default_timeout) -> result<typename look_result<F, T&>::type> {
    if constexpr (std::invocable<F&, T&>) {
        return system::ask<T>(server, [f = std::move(f)](behaviour::server_base&, T& state) mutable -> decltype(auto) { return f(state); }, limit);
    } else {
        behaviour::report(behaviour::fault<error::function_does_not_take_state<F, T>>{});
        return reason::bad_argument;
    }
}

/// The server handles nothing but system requests from now on; the rest waits in its mailbox. sys:suspend/2.
template <has_target Server>
result<void> suspend(const Server& server, std::chrono::nanoseconds limit = default_timeout) {
    return target{server}.ask([](behaviour::server_base& s) { s.suspend(); }, limit);
}
/// Ends a suspension, whoever began it. A running inactivity time-out starts anew; one with a message of its own has run on, and its
/// message comes now if the time is over. sys:resume/2.
template <has_target Server>
result<void> resume(const Server& server, std::chrono::nanoseconds limit = default_timeout) {
    return target{server}.ask([](behaviour::server_base& s) { s.resume(); }, limit);
}
/// Ends the server with this reason through terminate, also when it is suspended; does not wait for the end. sys:terminate/3.
template <has_target Server>
result<void> terminate(const Server& server, reason why, std::chrono::nanoseconds limit = default_timeout) {
    return target{server}.ask([why = std::move(why)](behaviour::server_base& s) { s.stop(why); }, limit);
}
/// What is shown of the server, after its format_status. sys:get_status/2.
template <has_target Server>
result<status> get_status(const Server& server, std::chrono::nanoseconds limit = default_timeout) {
    return target{server}.ask([](behaviour::server_base& s) { return behaviour::formatted_status(s); }, limit);
}

}  // namespace otp::inline OTP_ABI::sys
