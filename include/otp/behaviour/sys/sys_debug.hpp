// Watching a running server: trace, log, log file, statistics, debug functions of the user's own.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "otp/behaviour/gen_server/debug_options.hpp"
#include "otp/behaviour/gen_server/status.hpp"
#include "otp/behaviour/sys/system_request.hpp"

namespace otp::inline OTP_ABI::sys {

namespace system {

template <class F, class State>
[[nodiscard]] result<void> install(const target& server, behaviour::function_key key, F f, State initial, std::chrono::nanoseconds limit) {
    if constexpr (behaviour::debug_function<F, State>) {
        return server.ask(
            [key = std::move(key), bound = behaviour::bind_debug_function(std::move(f), std::move(initial))](behaviour::server_base& s) mutable {
                s.debug().install(std::move(key), std::move(bound));
            },
            limit);
    } else {
        behaviour::report(behaviour::fault<error::debug_function_does_not_take_state_event_and_name<F, State>>{});
        return reason::bad_argument;  // the diagnosis has failed the build
    }
}
template <class Key>
[[nodiscard]] result<void> remove(const target& server, Key key, std::chrono::nanoseconds limit) {
    return server.ask(
        [key = std::move(key)](behaviour::server_base& s) {
            if (auto* debug = s.debug_if_any()) debug->remove(key);
            s.end_debug_if_idle();
        },
        limit);
}

}  // namespace system

// All of these take a server's handle, its name, or the pid of a gen_server; work also when it is suspended; take effect between
// two callbacks, in the order of its mailbox; and may be called on any thread. Their errors besides those said: noproc,
// wrong_server (a pid of no gen_server), bad_argument (a null pid), timeout, and the others of call. `limit` is how long to wait.
// bool is asked for exactly: a path, a number, a sink would become one.

/// On: each event is a line from now on ("*DBG* ch3 got call channels::alloc from <7>"), a report of level notice, which goes where
/// otp::set_logger says. Off: no more. OTP's sys:trace/3 prints to the terminal.
template <std::same_as<bool> Bool>
result<void> trace(const target& server, Bool on, std::chrono::nanoseconds limit = default_timeout) {
    return server.ask([on](behaviour::server_base& s) { behaviour::apply_trace(s, on); }, limit);
}
/// The lines go to sink(std::string_view), which runs in the server's process; one that throws is taken off.
template <std::invocable<std::string_view> Sink>
result<void> trace(const target& server, Sink sink, std::chrono::nanoseconds limit = default_timeout) {
    return server.ask(
        [line = behaviour::debugging::line_sink{std::move(sink)}](behaviour::server_base& s) mutable { s.debug().trace_to(std::move(line)); },
        limit);
}

/// On: keeps the last 10 events. Off: keeps none, and forgets those that it has. sys:log/3.
template <std::same_as<bool> Bool>
result<void> log(const target& server, Bool on, std::chrono::nanoseconds limit = default_timeout) {
    return server.ask([on](behaviour::server_base& s) { behaviour::apply_log(s, on ? 10 : 0); }, limit);
}
/// Keeps the last `events`, 1 or more; of those kept before as many as fit. Error: bad_argument.
template <std::integral Number>
    requires(!std::same_as<Number, bool>)
result<void> log(const target& server, Number events, std::chrono::nanoseconds limit = default_timeout) {
    if (events < 1) return reason{reason::bad_argument}.with_text("a log of less than one event");
    return server.ask([n = static_cast<std::size_t>(events)](behaviour::server_base& s) { behaviour::apply_log(s, n); }, limit);
}
/// The events that are kept, oldest first. sys:log(Name, get).
template <has_target Server>
result<std::vector<event>> log(const Server& server) {
    return target{server}.ask(
        [](behaviour::server_base& s) {
            auto* debug = s.debug_if_any();
            return debug ? debug->events() : std::vector<event>{};
        },
        default_timeout);
}

/// Writes each event as a line to this file from now on, in the place of a log file before; what the file held is gone. Errors: the
/// system's, with the path: then no log file is written. sys:log_to_file/3.
template <has_target Server>
result<void> log_to_file(const Server& server, std::string path, std::chrono::nanoseconds limit = default_timeout) {
    auto opened = target{server}.ask([path = std::move(path)](behaviour::server_base& s) { return behaviour::apply_log_file(s, path); }, limit);
    return opened ? *opened : opened.error();
}
/// Closes the log file. `on` is false.
template <std::same_as<bool> Bool>
result<void> log_to_file(const target& server, Bool on, std::chrono::nanoseconds limit = default_timeout) {
    if (on) return reason{reason::bad_argument}.with_text("which file?");
    return server.ask(
        [](behaviour::server_base& s) {
            if (auto* debug = s.debug_if_any()) debug->write_to({});
            s.end_debug_if_idle();
        },
        limit);
}

/// Counts messages, from zero. Off: forgets the counts. sys:statistics/3.
template <std::same_as<bool> Bool>
result<void> statistics(const target& server, Bool on, std::chrono::nanoseconds limit = default_timeout) {
    return server.ask([on](behaviour::server_base& s) { behaviour::apply_statistics(s, on); }, limit);
}
/// What has been counted. Error: not_found if nothing is counted. sys:statistics(Name, get).
template <has_target Server>
result<message_statistics> statistics(const Server& server) {
    auto asked = target{server}.ask(
        [](behaviour::server_base& s) -> result<message_statistics> {
            auto* debug = s.debug_if_any();
            if (!debug || !debug->counts()) return reason{reason::not_found}.with_text("no statistics: they are not switched on");
            auto counts = *debug->counts();
            counts.now = s.executor().now();
            return counts;
        },
        default_timeout);
    return asked ? *asked : asked.error();
}

/// Switches all of it off, installed functions included. sys:no_debug/2.
template <has_target Server>
result<void> no_debug(const Server& server, std::chrono::nanoseconds limit = default_timeout) {
    return target{server}.ask([](behaviour::server_base& s) { s.end_debug(); }, limit);
}

/// From now on f(state, const sys::event&, std::string_view name) is called for each event, in the server's own process, with a state
/// of its own that begins as `initial`. It returns void, or sys::more, or sys::done, which takes it out; so does an
/// exception. Nothing happens if a function is installed under this id. It must not call the server. sys:install/3.
template <class F, class State>
result<void> install(const target& server, std::string id, F f, State initial, std::chrono::nanoseconds limit = default_timeout) {
    return system::install(server, {std::move(id)}, std::move(f), std::move(initial), limit);
}
/// The same for a function that is its own id: a function, or a lambda without captures.
template <class F, class State>
result<void> install(const target& server, F f, State initial, std::chrono::nanoseconds limit = default_timeout) {
    if constexpr (!behaviour::own_id<F>) behaviour::report(behaviour::fault<error::debug_function_with_captures_needs_an_id<F>>{});
    else return system::install(server, behaviour::key_of(f), std::move(f), std::move(initial), limit);
    return reason::bad_argument;  // the diagnosis has failed the build
}
/// Takes out the one that was installed with this id. Nothing happens if there is none. sys:remove/2.
template <has_target Server>
result<void> remove(const Server& server, std::string id, std::chrono::nanoseconds limit = default_timeout) {
    return system::remove(target{server}, behaviour::function_key{std::move(id)}, limit);
}
/// Takes out the one that was installed without an id.
template <behaviour::own_id F>
result<void> remove(const target& server, F f, std::chrono::nanoseconds limit = default_timeout) {
    return system::remove(server, behaviour::key_of(f), limit);
}

}  // namespace otp::inline OTP_ABI::sys
