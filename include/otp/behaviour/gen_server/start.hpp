// Starting gen_servers.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "otp/behaviour/gen_server/client.hpp"
#include "otp/behaviour/gen_server/debug_options.hpp"
#include "otp/process/launch.hpp"
#include "otp/process/links.hpp"
#include "otp/runtime/runtime.hpp"

namespace otp::inline OTP_ABI {

/// How a server is started; written as braces with designators: otp::start<channels>({.name = "ch3", .timeout = 1s}, 10).
struct start_options {
    // Takes the first place, so that nothing can be given by position.
    struct designators {
        explicit designators() = default;
    };
    designators by_name_only{designators()};
    std::string name{};                                                  ///< to be registered under; "" for none
    otp::registry* registry = nullptr;                                   ///< who keeps that name; null: the runtime
    std::chrono::nanoseconds timeout = std::chrono::nanoseconds::max();  ///< how long init may take
    mailbox_options mailbox{};                                           ///< how many messages may wait, and what becomes of more
    /// Hibernates by itself when nothing was there to do for so long and no time-out ran.
    std::chrono::nanoseconds hibernate_after = std::chrono::nanoseconds::max();
    /// What debugs it from its first message on: {otp::sys::traced, otp::sys::logged(20), otp::sys::counted,
    /// otp::sys::logged_to("path"), otp::sys::installed(id, f, initial)}. One that fails is ignored, with a line in the log.
    std::vector<sys::debug_option> debug{};
};

/// What start_monitor gives: the server and the monitor of its end.
template <class T>
struct monitored_server {
    otp::server<T> server;
    monitor_ref monitor;
};

namespace behaviour {

/// Where and how a server is started.
struct starting {
    exec::executor& executor;
    std::string_view name{};
    registry* where = nullptr;  // who keeps the name; null: the runtime
    std::chrono::nanoseconds limit = infinity;
    proc::bond with_starter = proc::bond::none;
    std::uint64_t monitor = 0;
    mailbox_options mailbox{};
    std::chrono::nanoseconds hibernate_after = infinity;
    const std::vector<sys::debug_option>* debug = nullptr;
};

/// The process will take a name in a registry of the user's. Errors: bad_argument, already_started.
[[nodiscard]] inline result<void> claim_name(server_base& fresh, registry& where, std::string_view name) {
    if (name.empty()) return reason{reason::bad_argument}.with_text("an empty name can't be registered");
    if (const pid holder = where.whereis_name(name); is_alive(holder)) return proc::name_claim::taken_by(holder, name);
    fresh.will_be_named(where, name);
    return {};
}

template <class T, class... A>
[[nodiscard]] result<server<T>> start_server(starting& how, A&&... arguments) {
    if constexpr (starts_with<T, A...>) {
        using init = init_call<T, std::decay_t<A>...>;
        if (how.limit < std::chrono::nanoseconds::zero() || how.hibernate_after < std::chrono::nanoseconds::zero())
            return reason{reason::bad_argument}.with_text("a negative time limit");
        if (how.mailbox.capacity == 0) return reason{reason::bad_argument}.with_text("a mailbox for no message");
        auto fresh = server_process<T>::make(how.executor, how.mailbox);
        fresh->hibernate_after(how.hibernate_after);
        if (how.where) {
            if (auto claimed = claim_name(*fresh, *how.where, how.name); !claimed) return claimed.error();
            how.name = {};
        }
        if (how.debug) apply_debug_options(*fresh, *how.debug);
        auto* call = proc::make_signal<typename init::block>(std::in_place, std::tuple<std::decay_t<A>...>{std::forward<A>(arguments)...});
        call->ops = &init::ops;
        auto begun = proc::launch_and_block(fresh, {.name = how.name, .with_starter = how.with_starter, .runs_here = true}, call, how.limit, "init");
        if (!begun.outcome.answer) return std::move(begun.outcome.why);
        how.monitor = begun.monitor;
        if (auto started = init::block::fetch(begun.outcome.answer); !started) {
            if (how.monitor != 0) (void)proc::demonitor(proc::caller(how.executor), how.monitor, true);
            return started.error();
        }
        return server<T>{std::move(fresh)};
    } else {
        return reason::bad_argument;  // the diagnosis has failed the build
    }
}

// What may stand in front of the arguments for T.
template <class T, class... A>
inline constexpr bool leads_with_options = false;
template <class T, class First, class... A>
inline constexpr bool leads_with_options<T, First, A...> =
    std::is_same_v<std::remove_cvref_t<First>, start_options> || std::is_same_v<std::remove_cvref_t<First>, name<T>>;
template <class T, class... A>
inline constexpr bool leads_with_via = false;
template <class T, class First, class... A>
inline constexpr bool leads_with_via<T, First, A...> = std::is_same_v<std::remove_cvref_t<First>, via<T>>;

[[nodiscard]] inline starting start_as(exec::executor& ex, proc::bond bond, const start_options& options) {
    return {ex, options.name, options.registry, options.timeout, bond, 0, options.mailbox, options.hibernate_after, &options.debug};
}
template <class T>
[[nodiscard]] starting start_as(exec::executor& ex, proc::bond bond, const name<T>& called) {
    return {ex, called.text(), nullptr, infinity, bond};
}
template <class T>
[[nodiscard]] starting start_as(exec::executor& ex, proc::bond bond, const via<T>& called) {
    return {ex, called.key(), &called.where(), infinity, bond};
}

template <class T, class... A>
[[nodiscard]] result<server<T>> begin(starting how, A&&... arguments) {
    diagnose_start<T, A...>();
    return start_server<T>(how, std::forward<A>(arguments)...);
}
template <class T, class... A>
[[nodiscard]] result<monitored_server<T>> begin_monitored(starting how, A&&... arguments) {
    diagnose_start<T, A...>();
    auto started = start_server<T>(how, std::forward<A>(arguments)...);
    if (!started) return started.error();
    return monitored_server<T>{std::move(*started), monitor_ref{how.monitor}};
}

/// Starts a T on a runtime; the arguments may begin with options or a name.
template <proc::bond Bond, class T, class... A>
[[nodiscard]] auto start_on(exec::executor& ex, A&&... arguments) {
    if constexpr (Bond == proc::bond::monitored) return begin_monitored<T>({ex, {}, nullptr, infinity, Bond}, std::forward<A>(arguments)...);
    else return begin<T>({ex, {}, nullptr, infinity, Bond}, std::forward<A>(arguments)...);
}
template <proc::bond Bond, class T, class First, class... A>
    requires(leads_with_options<T, First> || leads_with_via<T, First>)
[[nodiscard]] auto start_on(exec::executor& ex, First&& first, A&&... arguments) {
    if constexpr (Bond == proc::bond::monitored) return begin_monitored<T>(start_as(ex, Bond, first), std::forward<A>(arguments)...);
    else return begin<T>(start_as(ex, Bond, first), std::forward<A>(arguments)...);
}

}  // namespace behaviour

/// Starts a gen_server process and blocks until its init has returned. Arguments go to T's `init`, or to its constructor if it has
/// none; the server gets copies of its own. In front of them may stand an otp::name or otp::via of T, or options in braces. Errors: what
/// init stopped with or threw, ignored, already_started (pid() is who has the name), timeout, system_limit, shutdown.
/// Any thread. gen_server:start/3,4.
template <class T, class... A>
    requires(!behaviour::leads_with_options<T, A...>)
result<server<T>> start(A&&... arguments) {
    return behaviour::start_on<proc::bond::none, T>(exec::current_executor(), std::forward<A>(arguments)...);
}
template <class T, class... A>
result<server<T>> start(const start_options& options, A&&... arguments) {
    return behaviour::start_on<proc::bond::none, T>(exec::current_executor(), options, std::forward<A>(arguments)...);
}
template <class T, class... A>
result<server<T>> start(const name<T>& called, A&&... arguments) {
    return behaviour::start_on<proc::bond::none, T>(exec::current_executor(), called, std::forward<A>(arguments)...);
}

/// The same, linked to the calling process from the very creation. On a plain thread: no_process. gen_server:start_link/3,4.
template <class T, class... A>
    requires(!behaviour::leads_with_options<T, A...>)
result<server<T>> start_link(A&&... arguments) {
    return behaviour::start_on<proc::bond::linked, T>(exec::current_executor(), std::forward<A>(arguments)...);
}
template <class T, class... A>
result<server<T>> start_link(const start_options& options, A&&... arguments) {
    return behaviour::start_on<proc::bond::linked, T>(exec::current_executor(), options, std::forward<A>(arguments)...);
}
template <class T, class... A>
result<server<T>> start_link(const name<T>& called, A&&... arguments) {
    return behaviour::start_on<proc::bond::linked, T>(exec::current_executor(), called, std::forward<A>(arguments)...);
}

/// The same, monitored by the caller from the very creation: its end comes as otp::down. gen_server:start_monitor/3,4.
template <class T, class... A>
    requires(!behaviour::leads_with_options<T, A...>)
result<monitored_server<T>> start_monitor(A&&... arguments) {
    return behaviour::start_on<proc::bond::monitored, T>(exec::current_executor(), std::forward<A>(arguments)...);
}
template <class T, class... A>
result<monitored_server<T>> start_monitor(const start_options& options, A&&... arguments) {
    return behaviour::start_on<proc::bond::monitored, T>(exec::current_executor(), options, std::forward<A>(arguments)...);
}
template <class T, class... A>
result<monitored_server<T>> start_monitor(const name<T>& called, A&&... arguments) {
    return behaviour::start_on<proc::bond::monitored, T>(exec::current_executor(), called, std::forward<A>(arguments)...);
}

namespace behaviour {
template <class T>
[[nodiscard]] std::optional<server<T>> whereis_on(exec::executor& ex, const name<T>& called) {
    auto found = called.resolve_on(ex);
    if (!found) return std::nullopt;
    return server<T>{std::move(*found)};
}
[[nodiscard]] inline std::optional<pid> whereis_on(exec::executor& ex, std::string_view called) {
    auto found = proc::node::of(ex).names().find(called);
    if (!found) return std::nullopt;
    return pid{std::move(found)};
}
}  // namespace behaviour

/// The server that is registered under a typed name in the current runtime, if it lives and is one of T.
template <class T>
[[nodiscard]] std::optional<server<T>> whereis(const name<T>& called) {
    return behaviour::whereis_on(exec::current_executor(), called);
}

/// The same, of a name in a registry of the user's.
template <class T>
[[nodiscard]] std::optional<server<T>> whereis(const via<T>& called) {
    auto found = called.resolve();
    if (!found) return std::nullopt;
    return server<T>{std::move(*found)};
}

template <class T, class... A>
auto runtime::start(A&&... args) {
    return behaviour::start_on<proc::bond::none, T>(executor(), std::forward<A>(args)...);
}
template <class T, class... A>
auto runtime::start(const start_options& options, A&&... args) {
    return behaviour::start_on<proc::bond::none, T>(executor(), options, std::forward<A>(args)...);
}
template <class T, class... A>
auto runtime::start_link(A&&... args) {
    return behaviour::start_on<proc::bond::linked, T>(executor(), std::forward<A>(args)...);
}
template <class T, class... A>
auto runtime::start_link(const start_options& options, A&&... args) {
    return behaviour::start_on<proc::bond::linked, T>(executor(), options, std::forward<A>(args)...);
}
template <class T, class... A>
auto runtime::start_monitor(A&&... args) {
    return behaviour::start_on<proc::bond::monitored, T>(executor(), std::forward<A>(args)...);
}
template <class T, class... A>
auto runtime::start_monitor(const start_options& options, A&&... args) {
    return behaviour::start_on<proc::bond::monitored, T>(executor(), options, std::forward<A>(args)...);
}
/// The server that is registered under a typed name in this runtime, or who has a name.
template <class Name>
auto runtime::whereis(const Name& name) {
    return behaviour::whereis_on(executor(), name);
}

}  // namespace otp::inline OTP_ABI
