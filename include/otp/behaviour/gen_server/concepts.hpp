// The questions that a program may ask about a callback struct, and the diagnoses that the entry points make. An entry
// point takes any argument, has a declared return type, and calls one of these first: one error, and no cascade.
#pragma once

#include <type_traits>

#include "otp/behaviour/gen_server/errors.hpp"
#include "otp/behaviour/gen_server/faults.hpp"
#include "otp/behaviour/gen_server/handlers.hpp"
#include "otp/behaviour/gen_server/hooks.hpp"
#include "otp/fwd.hpp"

namespace otp::inline OTP_ABI {

namespace behaviour {
template <class T>
concept defined_class = complete<T> && std::is_class_v<T>;
}

/// T is a callback struct: a class whose hooks, as far as they can be seen without a message, are all of a form that
/// gen_server knows. Every hook may be absent.
template <class T>
concept gen_server = behaviour::defined_class<T> && std::is_void_v<typename decltype(behaviour::find_server_fault<T>())::type>;

/// T answers calls of exactly this type: it has a handle_call for it, and the reply fits.
template <class T, class Request>
concept answers = behaviour::defined_class<T> &&
                  std::is_void_v<typename decltype(behaviour::find_call_fault<T, Request>())::type>;

/// T has a handle_cast for exactly this type.
template <class T, class Message>
concept accepts =
    behaviour::defined_class<T> &&
    std::is_void_v<typename decltype(behaviour::find_handler_fault<behaviour::on_cast, T, Message>())::type>;

/// T has a handle_info for exactly this type.
template <class T, class Message>
concept receives =
    behaviour::defined_class<T> &&
    std::is_void_v<typename decltype(behaviour::find_handler_fault<behaviour::on_info, T, Message>())::type>;

/// T has a handle_continue for exactly this type.
template <class T, class Message>
concept continues =
    behaviour::defined_class<T> &&
    std::is_void_v<typename decltype(behaviour::find_handler_fault<behaviour::on_continue, T, Message>())::type>;

/// T can be started with these arguments.
template <class T, class... Args>
concept starts_with = gen_server<T> && std::is_void_v<typename decltype(behaviour::find_start_fault<T, Args...>())::type>;

namespace behaviour {

// Ordinary functions, for in a consteval one clang would add lines of its own. One instance for each fault, so that two
// entry points that find the same one report it once.
template <class Fault>
constexpr void report(std::type_identity<Fault>) {
    (void)sizeof(Fault);
}
constexpr void report(no_fault) {}
template <class Reported>
constexpr void report(Reported) {}  // clang: the one above has failed already, for another entry point

template <class T>
constexpr void diagnose_server() {
    if constexpr (!complete<T>) {
        report(fault<error::server_is_only_declared<T>>{});
    } else {
        report(find_server_fault<T>());
        // A private handler for what the library sends would go unseen as if it were absent.
        if constexpr (gen_server<T> && !std::is_final_v<T> && !requires { typename on_info::only_signature<T>; })
            if constexpr (on_info::named<T>()) (void)sizeof(on_info::must_be_public<T>);
    }
}

/// call, ask, send_request. Request is a decayed type.
template <class T, class Request>
constexpr void diagnose_call() {
    diagnose_server<T>();
    if constexpr (gen_server<T>) report(find_call_fault<T, Request>());
}

template <class T, class Message>
constexpr void diagnose_cast() {
    diagnose_server<T>();
    if constexpr (gen_server<T>) report(find_handler_fault<on_cast, T, Message>());
}

/// send, and recipients and timers.
template <class T, class Message>
constexpr void diagnose_send() {
    diagnose_server<T>();
    if constexpr (gen_server<T>) report(find_handler_fault<on_info, T, Message>());
}

/// `.then(this, message)` and `.timeout(limit, this, message)`. T may be a base of the callback struct, so nothing is
/// said about the rest of it.
template <class T, class Message>
constexpr void diagnose_continue() {
    report(find_handler_fault<on_continue, std::remove_cv_t<T>, Message>());
}
template <class T, class Message>
constexpr void diagnose_timeout_message() {
    report(find_handler_fault<on_info, std::remove_cv_t<T>, Message>());
}

/// A are the forwarded types: an lvalue reference says that the argument is copied.
template <class T, class... A>
constexpr void diagnose_start() {
    diagnose_server<T>();
    if constexpr (gen_server<T>) report(find_start_fault<T, A...>());
}

/// Extra is empty or one decayed type.
template <class New, class Old, class... Extra>
constexpr void diagnose_code_change() {
    diagnose_server<New>();
    if constexpr (gen_server<New>) report(find_code_change_fault<New, Old, Extra...>());
}

/// A message can be built in place: M{arguments...}.
template <class M, class... A>
concept built_from = requires { M{std::declval<A>()...}; };

template <class M, class... A>
constexpr void diagnose_in_place() {
    if constexpr (!built_from<M, A...>) report(fault<error::message_cannot_be_made_from<M, A...>>{});
}

// A length of time; otp::infinity is one.
template <class D>
concept length_of_time = requires { typename D::rep; D::period::num; D::zero(); };

template <class D>
constexpr void diagnose_time_limit() {
    if constexpr (!length_of_time<std::remove_cvref_t<D>>)
        report(fault<error::time_limit_is_no_duration<std::remove_cvref_t<D>>>{});
}

/// Not safe as a temporary in a co_await expression (g++ 12 destroys aggregates twice; a move can't be told from one).
template <class M>
concept hazardous = !std::is_trivially_destructible_v<std::remove_cvref_t<M>>;

/// ask(request); Given is the forwarded type, so an lvalue reference is copied and safe.
template <class Given>
constexpr void diagnose_asked() {
    if constexpr (!std::is_lvalue_reference_v<Given> && hazardous<Given>)
        report(fault<error::a_temporary_in_co_await_is_unsafe_write::ask<std::remove_cvref_t<Given>>>{});
}

/// ask<Request>(arguments...): a lone argument may be such a temporary after all.
template <class Request, class... A>
constexpr void diagnose_asked_in_place() {
    if constexpr ((std::is_same_v<Request, A> || ...) && hazardous<Request>)
        report(fault<error::a_temporary_in_co_await_is_unsafe_write::ask<Request>>{});
    else diagnose_in_place<Request, A...>();
}

}  // namespace behaviour
}  // namespace otp::inline OTP_ABI
