// A look into running servers: OTP's sys.
#pragma once

#include <chrono>
#include <string>
#include <type_traits>
#include <utility>

#include "otp/behaviour/client.hpp"

namespace otp::inline OTP_ABI::sys {

namespace system {

/// Something that runs in the server between two callbacks, suspended or not; `work` gets the server and its state.
template <class T, class Work>
struct order {
    Work work;
};
template <class T, class Work>
struct order_call {
    using reply = std::invoke_result_t<Work&, behaviour::server_base&, T&>;
    using block = proc::call_signal<order<T, Work>, reply>;

    static void handle(proc::process& p, proc::signal* s) {
        auto& server = static_cast<behaviour::server_base&>(p);
        auto* call = static_cast<block*>(s);
        if (server.behaviour().type != type_id_of<T>) return proc::drop(call, reason::wrong_server);
        auto taken = call->take_request();
        try {
            if constexpr (std::is_void_v<reply>) {
                taken.work(server, behaviour::state_of<T>(server));
                call->reply(result<void>{});
            } else {
                call->reply(result<reply>(taken.work(server, behaviour::state_of<T>(server))));
            }
        } catch (const proc::unwinding&) {
            server.queue().push_front(call);
            throw;
        } catch (...) {
            // The asker's function has failed, not the server.
            proc::drop(call, reason{std::current_exception()});
        }
    }
    static constexpr proc::signal_ops ops{&handle, &block::end, type_id_of<T>, nullptr, "a system request"};
};

template <class T, class Work>
[[nodiscard]] auto ask(const client<T>& server, Work work, std::chrono::nanoseconds limit) -> result<typename order_call<T, Work>::reply> {
    using call_type = order_call<T, Work>;
    auto found = server.resolve();
    if (!found) return found.error();
    auto* call = proc::make_signal<typename call_type::block>(std::in_place, order<T, Work>{std::move(work)});
    call->ops = &call_type::ops;
    call->flags |= proc::is_system;
    auto outcome = proc::call_and_block(**found, call, limit, "a system request");
    if (!outcome.answer) return std::move(outcome.why);
    return call_type::block::fetch(outcome.answer);
}

}  // namespace system

/// A copy of the state, taken between two callbacks; also of a suspended server. Errors: those of call. sys:get_state/2.
template <class T>
    requires std::copy_constructible<T>
result<T> get_state(const client<T>& server, std::chrono::nanoseconds limit = default_timeout) {
    return system::ask<T>(server, [](behaviour::server_base&, T& state) { return state; }, limit);
}
/// What f(const T&) returns, run in the server between two callbacks. An exception of f is the error.
template <class T, class F>
auto with_state(const client<T>& server, F f, std::chrono::nanoseconds limit = default_timeout)
    -> result<std::invoke_result_t<F&, const T&>> {
    return system::ask<T>(
        server, [f = std::move(f)](behaviour::server_base&, T& state) mutable -> decltype(auto) { return f(std::as_const(state)); }, limit);
}
/// Runs f(T&), which may change the state, in the server between two callbacks. An exception of f is the error; what it has
/// changed by then stays changed. sys:replace_state/3.
template <class T, class F>
auto replace_state(const client<T>& server, F f, std::chrono::nanoseconds limit = default_timeout) -> result<std::invoke_result_t<F&, T&>> {
    return system::ask<T>(server, [f = std::move(f)](behaviour::server_base&, T& state) mutable -> decltype(auto) { return f(state); }, limit);
}

/// The server handles nothing but system requests from now on; the rest waits in its mailbox. sys:suspend/2.
template <class T>
result<void> suspend(const client<T>& server, std::chrono::nanoseconds limit = default_timeout) {
    return system::ask<T>(server, [](behaviour::server_base& s, T&) { s.suspend(); }, limit);
}
/// Ends a suspension, whoever began it. A running inactivity time-out starts anew. sys:resume/2.
template <class T>
result<void> resume(const client<T>& server, std::chrono::nanoseconds limit = default_timeout) {
    return system::ask<T>(server, [](behaviour::server_base& s, T&) { s.resume(); }, limit);
}
/// Ends the server with this reason through terminate, also when it is suspended; does not wait for the end. sys:terminate/3.
template <class T>
result<void> terminate(const client<T>& server, reason why, std::chrono::nanoseconds limit = default_timeout) {
    return system::ask<T>(server, [why = std::move(why)](behaviour::server_base& s, T&) { s.stop(why); }, limit);
}

}  // namespace otp::inline OTP_ABI::sys
