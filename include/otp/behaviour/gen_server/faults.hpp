// The first thing that is wrong with a callback struct, or with a use of it: a sentence of otp::error, or void. The
// concepts and the diagnoses of the entry points are both made of these, so they never disagree.
#pragma once

#include <concepts>
#include <type_traits>

#include "otp/behaviour/gen_server/errors.hpp"
#include "otp/behaviour/gen_server/handlers.hpp"
#include "otp/behaviour/gen_server/hooks.hpp"
#include "otp/fwd.hpp"

namespace otp::inline OTP_ABI::behaviour {

template <class Fault>
using fault = std::type_identity<Fault>;
using no_fault = fault<void>;

consteval no_fault first_fault() { return {}; }
template <class First, class... Rest>
consteval auto first_fault(First first, Rest... rest) {
    if constexpr (std::same_as<First, no_fault>) return first_fault(rest...);
    else return first;
}

template <class M>
consteval auto find_message_fault() {
    if constexpr (!std::is_move_constructible_v<M>) return fault<error::message_is_not_movable<M>>{};
    else if constexpr (!std::is_nothrow_destructible_v<M>) return fault<error::message_has_a_throwing_destructor<M>>{};
    else return no_fault{};
}

template <class K, class T, class M, class... From>
concept takes_mutable = K::template exactly<T, typename K::template returned<T, M&, From...>, M&, From...>;

// Nothing takes exactly M: what comes nearest tells why.
template <class K, class T, class M, class... From>
consteval auto find_misfit() {
    if constexpr (takes_mutable<K, T, M> || takes_mutable<K, T, M, From...>)
        return fault<error::handler_takes_message_by_mutable_reference<T, M>>{};
    else if constexpr (K::template overloaded_for<T, M> && K::template overloaded_for<T, const M&>)
        return fault<error::two_handlers_for<T, M>>{};
    else if constexpr (requires { typename K::template returned<T, M>; }) return fault<typename K::template unfit<T, M>>{};
    else if constexpr (K::template named<T>() && !K::template surely_public<T>())
        return fault<typename K::template unfit<T, M>>{};
    else return fault<typename K::template missing<T, M>>{};
}

/// For a cast, an info or a continue message.
template <class K, class T, class M>
consteval auto find_handler_fault() {
    using handler = handler_traits<K, T, M>;
    if constexpr (!std::same_as<decltype(find_message_fault<M>()), no_fault>) return find_message_fault<M>();
    else if constexpr (!handler::found) return find_misfit<K, T, M>();
    else if constexpr (handler::gives == outcome::wrong)
        return fault<typename K::template wrong_return<T, M, typename handler::value>>{};
    else if constexpr (handler::is_coroutine && handler::takes != taking::value)
        return fault<error::coroutine_handler_takes_message_by_reference<T, M>>{};
    else return no_fault{};
}

template <class T, class M>
consteval auto find_call_fault() {
    if constexpr (!names_reply<M>) return fault<error::request_names_no_reply_type<M>>{};
    else if constexpr (!is_reply_type<reply_t<M>>())
        return fault<error::reply_type_is_no_object_type_nor_void<M, reply_t<M>>>{};
    else if constexpr (!std::same_as<decltype(find_message_fault<M>()), no_fault>) return find_message_fault<M>();
    else {
        using handler = handler_traits<on_call, T, M>;
        using value = typename handler::value;
        if constexpr (!handler::found) return find_misfit<on_call, T, M, from<M>>();
        else if constexpr (handler::twice) return fault<error::two_handlers_for<T, M>>{};
        else if constexpr (handler::gives == outcome::wrong && handler::late)
            return fault<error::handle_call_with_from_returns_another_type<T, M, value>>{};
        else if constexpr (handler::gives == outcome::wrong)
            return fault<error::handle_call_returns_another_type<T, M, value, reply_t<M>>>{};
        else if constexpr (handler::is_coroutine && handler::takes != taking::value)
            return fault<error::coroutine_handler_takes_message_by_reference<T, M>>{};
        else return no_fault{};
    }
}

// A handler that is the only one of its name shows its form before any message is known.
template <class K, class T, class R>
consteval auto find_form_fault(signature<R>) {
    return fault<typename K::template wrong_form<T>>{};
}
template <class K, class T, class R, class P, class... More>
consteval auto find_form_fault(signature<R, P, More...>) {
    using message = std::remove_cvref_t<P>;
    constexpr bool is_call = std::same_as<K, on_call>;
    if constexpr (!complete<message>) return no_fault{};
    else if constexpr (sizeof...(More) != 0 && !(is_call && std::same_as<signature<void, More...>, signature<void, from<message>>>))
        return fault<typename K::template wrong_form<T>>{};
    else if constexpr (is_call) return find_call_fault<T, message>();
    else return find_handler_fault<K, T, message>();
}
template <class K, class T>
consteval auto find_form_fault() {
    if constexpr (requires { typename K::template only_signature<T>; })
        return find_form_fault<K, T>(typename K::template only_signature<T>{});
    else return no_fault{};
}

// What the library itself sends: no entry point would see that its handler is wrong.
template <class T, class M>
consteval auto find_system_fault() {
    if constexpr (!complete<M>) return no_fault{};
    else if constexpr (handler_traits<on_info, T, M>::found || takes_mutable<on_info, T, M>)
        return find_handler_fault<on_info, T, M>();
    else return no_fault{};
}

template <class T, class R, class... P>
consteval auto find_init_form_fault(signature<R, P...>) {
    if constexpr (init_outcome<typename awaited<R>::type> == outcome::wrong)
        return fault<error::init_returns_another_type<T, typename awaited<R>::type>>{};
    else if constexpr (awaited<R>::is_task && (std::is_reference_v<P> || ...))
        return fault<error::coroutine_init_takes_argument_by_reference<T>>{};
    else return no_fault{};
}
template <class T>
consteval auto find_init_form_fault() {
    if constexpr (!has_init<T>) return no_fault{};
    else if constexpr (!std::is_default_constructible_v<T>)
        return fault<error::server_with_init_has_no_default_constructor<T>>{};
    else if constexpr (requires { typename init_hook::only_signature<T>; })
        return find_init_form_fault<T>(init_hook::only_signature<T>{});
    else return no_fault{};
}

template <class T>
consteval auto find_terminate_fault() {
    if constexpr (terminate_traits<T>::found || !terminate_hook::named<T>()) return no_fault{};
    else return fault<error::terminate_has_the_wrong_form<T>>{};
}

template <class T>
consteval auto find_format_status_fault() {
    if constexpr (formats_status<T> || !format_status_hook::named<T>()) return no_fault{};
    else return fault<error::format_status_has_the_wrong_form<T>>{};
}

template <class T, class M>
consteval auto find_interleaved_fault() {
    if constexpr (std::same_as<decltype(find_call_fault<T, M>()), no_fault>) return no_fault{};
    else return fault<error::interleaves_names_what_no_handle_call_takes<T, M>>{};
}
template <class T, class... M>
consteval auto find_interleaves_fault(messages<M...>) {
    return first_fault(find_interleaved_fault<T, M>()...);
}
template <class T>
consteval auto find_interleaves_fault() {
    if constexpr (requires { typename T::interleaves; }) return find_interleaves_fault<T>(typename T::interleaves{});
    else return no_fault{};
}

/// What can be seen in T alone, whatever is sent to it.
template <class T>
consteval auto find_server_fault() {
    if constexpr (!std::is_class_v<T> || !std::same_as<T, std::remove_cv_t<T>>)
        return fault<error::server_is_no_class_type<T>>{};
    else if constexpr (!std::is_destructible_v<T>) return fault<error::server_has_no_public_destructor<T>>{};
    else
        return first_fault(find_form_fault<on_call, T>(), find_form_fault<on_cast, T>(), find_form_fault<on_info, T>(),
                           find_form_fault<on_continue, T>(), find_system_fault<T, exit_signal>(),
                           find_system_fault<T, down>(), find_system_fault<T, timeout>(), find_system_fault<T, tcp::data>(),
                           find_system_fault<T, tcp::closed>(), find_system_fault<T, tcp::error>(),
                           find_system_fault<T, tcp::passive>(), find_init_form_fault<T>(), find_terminate_fault<T>(),
                           find_format_status_fault<T>(), find_interleaves_fault<T>());
}

template <class A>
consteval auto find_argument_fault() {
    if constexpr (std::is_constructible_v<std::decay_t<A>, A>) return no_fault{};
    else return fault<error::start_argument_cannot_be_copied<std::decay_t<A>>>{};
}

/// Can T begin with these? They are what start is given; T gets copies of its own.
template <class T, class... A>
consteval auto find_start_fault() {
    using argument = decltype(first_fault(find_argument_fault<A>()...));
    if constexpr (!std::same_as<argument, no_fault>) return argument{};
    else if constexpr (requires { typename init_hook::returned<T, std::decay_t<A>...>; }) {
        using init = init_traits<T, std::decay_t<A>...>;
        if constexpr (init::gives == outcome::wrong) return fault<error::init_returns_another_type<T, typename init::value>>{};
        else return no_fault{};
    } else if constexpr (!init_hook::named<T>()) {
        if constexpr (std::is_constructible_v<T, std::decay_t<A>...>) return no_fault{};
        else return fault<error::constructor_does_not_take<T, std::decay_t<A>...>>{};
    } else if constexpr (init_hook::surely_public<T>()) {
        return fault<error::init_does_not_take<T, std::decay_t<A>...>>{};
    } else {
        return fault<error::init_is_private_or_does_not_take<T, std::decay_t<A>...>>{};
    }
}

// The two parameters of code_change, each in any of the three ways.
template <class New, class R, class... P>
inline constexpr bool migrates = code_change_hook::exactly<New, R, P...>;
template <class New, class R, class Old>
consteval bool is_exact_migration(parameters<Old>) {
    return migrates<New, R, Old> || migrates<New, R, Old&&> || migrates<New, R, const Old&>;
}
template <class New, class R, class Old, class Extra>
consteval bool is_exact_migration(parameters<Old, Extra>) {
    return migrates<New, R, Old, Extra> || migrates<New, R, Old, Extra&&> || migrates<New, R, Old, const Extra&> ||
           migrates<New, R, Old&&, Extra> || migrates<New, R, Old&&, Extra&&> || migrates<New, R, Old&&, const Extra&> ||
           migrates<New, R, const Old&, Extra> || migrates<New, R, const Old&, Extra&&> ||
           migrates<New, R, const Old&, const Extra&>;
}

template <class New, class M>
consteval auto find_taken_over_fault() {
    if constexpr (std::same_as<decltype(find_call_fault<New, M>()), no_fault> || handler_traits<on_cast, New, M>::found ||
                  handler_traits<on_info, New, M>::found)
        return no_fault{};
    else return fault<error::messages_names_what_no_handler_takes<New, M>>{};
}
template <class New, class... M>
consteval auto find_taken_over_fault(messages<M...>) {
    return first_fault(find_taken_over_fault<New, M>()...);
}

/// Can New take over from Old, with at most one Extra?
template <class New, class Old, class... Extra>
consteval auto find_code_change_fault() {
    if constexpr (requires(Old old, Extra... extra) { New::code_change(std::move(old), std::move(extra)...); }) {
        using returned = decltype(New::code_change(std::declval<Old>(), std::declval<Extra>()...));
        if constexpr (!is_exact_migration<New, returned>(parameters<Old, Extra...>{}))
            return fault<error::code_change_has_the_wrong_form<New, Old, Extra...>>{};
        else if constexpr (!std::same_as<returned, result<New>> && !std::same_as<returned, New>)
            return fault<error::code_change_returns_another_type<New, returned>>{};
        else if constexpr (requires { typename New::messages; })
            return find_taken_over_fault<New>(typename New::messages{});
        else return no_fault{};
    } else if constexpr (code_change_hook::named<New>()) {
        return fault<error::code_change_has_the_wrong_form<New, Old, Extra...>>{};
    } else {
        return fault<error::no_code_change_from<New, Old, Extra...>>{};
    }
}

}  // namespace otp::inline OTP_ABI::behaviour
