// What the dispatcher must know of a handler, at compile time: is there one for this message, how it takes it, what it
// gives back, whether it is a coroutine.
#pragma once

#include <concepts>
#include <type_traits>

#include "otp/behaviour/gen_server/errors.hpp"
#include "otp/behaviour/gen_server/hooks.hpp"
#include "otp/fwd.hpp"

namespace otp::inline OTP_ABI {

/// Which reply a request gets: its `reply_type`. Specialise it, with a member `type`, for a request that can't name one.
template <class Request>
struct reply_of {};
template <class Request>
    requires requires { typename Request::reply_type; }
struct reply_of<Request> {
    using type = typename Request::reply_type;
};

/// The type is a request: it names the type of its reply.
template <class Request>
concept names_reply = requires { typename reply_of<Request>::type; };

/// The reply of a request, an object type or void.
template <names_reply Request>
using reply_t = typename reply_of<Request>::type;

namespace behaviour {

template <class T>
concept complete = requires { sizeof(T); };

template <class P>
consteval bool is_reply_type() {
    if constexpr (std::is_void_v<P>) return std::same_as<P, void>;
    else if constexpr (!std::is_object_v<P> || std::is_array_v<P> || !complete<P>) return false;
    else return std::same_as<P, std::remove_cv_t<P>> && !std::same_as<P, reason> && std::is_move_constructible_v<P>;
}

template <class T>
struct reply_or_none_of {
    using type = void;
};
template <names_reply T>
    requires(is_reply_type<reply_t<T>>())
struct reply_or_none_of<T> {
    using type = reply_t<T>;
};
// For the declared types of entry points, so that nothing else goes wrong where the request does.
template <class Request>
using reply_or_none = typename reply_or_none_of<Request>::type;

/// How a handler takes its message.
enum class taking : unsigned char { nothing, value, rvalue, const_reference };

/// What a handler gives back, a coroutine's task taken off. `wrong` never gets past the entry points.
enum class outcome : unsigned char { nothing, reply, result, replied, next, init_result, wrong };

// The kinds of handlers, each with the words for what may be wrong with one.
struct on_call : handle_call_hook {
    template <class T, class M> using missing = error::no_handle_call_for<T, M>;
    template <class T, class M> using unfit = error::handle_call_is_private_or_not_exactly_for<T, M>;
    template <class T> using wrong_form = error::handle_call_has_the_wrong_form<T>;
};
struct on_cast : handle_cast_hook {
    template <class T, class M> using missing = error::no_handle_cast_for<T, M>;
    template <class T, class M> using unfit = error::handle_cast_is_private_or_not_exactly_for<T, M>;
    template <class T, class M, class R> using wrong_return = error::handle_cast_returns_another_type<T, M, R>;
    template <class T> using wrong_form = error::handle_cast_has_the_wrong_form<T>;
};
struct on_info : handle_info_hook {
    template <class T, class M> using missing = error::no_handle_info_for<T, M>;
    template <class T, class M> using unfit = error::handle_info_is_private_or_not_exactly_for<T, M>;
    template <class T, class M, class R> using wrong_return = error::handle_info_returns_another_type<T, M, R>;
    template <class T> using wrong_form = error::handle_info_has_the_wrong_form<T>;
};
struct on_continue : handle_continue_hook {
    template <class T, class M> using missing = error::no_handle_continue_for<T, M>;
    template <class T, class M> using unfit = error::handle_continue_is_private_or_not_exactly_for<T, M>;
    template <class T, class M, class R> using wrong_return = error::handle_continue_returns_another_type<T, M, R>;
    template <class T> using wrong_form = error::handle_continue_has_the_wrong_form<T>;
};

// A template takes a message in each way; the order is that of what the call does with it.
template <class Hook, class T, class M, class... From>
consteval taking how_taken() {
    if constexpr (requires { typename Hook::template returned<T, M, From...>; }) {
        using returned = typename Hook::template returned<T, M, From...>;
        if constexpr (Hook::template exactly<T, returned, M, From...>) return taking::value;
        else if constexpr (Hook::template exactly<T, returned, M&&, From...>) return taking::rvalue;
        else if constexpr (Hook::template exactly<T, returned, const M&, From...>) return taking::const_reference;
        else return taking::nothing;
    } else {
        return taking::nothing;
    }
}

template <class R>
struct awaited {
    using type = R;
    static constexpr bool is_task = false;
};
template <class X>
struct awaited<task<X>> {
    using type = X;
    static constexpr bool is_task = true;
};

// Between numbers a conversion may lose something without a word.
template <class V, class P>
concept becomes = std::convertible_to<V, P> &&
                  (!std::is_arithmetic_v<std::remove_cvref_t<V>> || !std::is_arithmetic_v<P> || requires(V v) { P{v}; });

template <class V, class P>
inline constexpr outcome call_outcome = becomes<V, P> ? outcome::reply : outcome::wrong;
template <class P>
inline constexpr outcome call_outcome<P, P> = outcome::reply;  // also where P itself is a result
template <class Q, class P>
    requires(!std::same_as<result<Q>, P>)
inline constexpr outcome call_outcome<result<Q>, P> = becomes<Q, P> ? outcome::result : outcome::wrong;
template <class P>
inline constexpr outcome call_outcome<replied<P>, P> = outcome::replied;

template <class V>
inline constexpr outcome quiet_outcome = outcome::wrong;
template <>
inline constexpr outcome quiet_outcome<void> = outcome::nothing;
template <>
inline constexpr outcome quiet_outcome<next> = outcome::next;

template <class V>
inline constexpr outcome init_outcome = outcome::wrong;
template <>
inline constexpr outcome init_outcome<void> = outcome::nothing;
template <>
inline constexpr outcome init_outcome<init_result> = outcome::init_result;

/// The handler of kind K (on_call, on_cast, on_info, on_continue) that T has for messages of exactly type M.
template <class K, class T, class M>
struct handler_traits {
private:
    static constexpr bool is_call = std::same_as<K, on_call> && names_reply<M>;

    static consteval taking find_late() {
        if constexpr (is_call) return how_taken<K, T, M, from<M>>();
        else return taking::nothing;
    }
    static constexpr taking now_ = how_taken<K, T, M>();
    static constexpr taking late_ = find_late();

    static consteval auto find_returned() {
        if constexpr (late_ != taking::nothing)
            return std::type_identity<typename K::template returned<T, M, from<M>>>{};
        else if constexpr (now_ != taking::nothing) return std::type_identity<typename K::template returned<T, M>>{};
        else return std::type_identity<void>{};
    }

public:
    static constexpr bool found = now_ != taking::nothing || late_ != taking::nothing;
    static constexpr bool twice = now_ != taking::nothing && late_ != taking::nothing;
    /// It replies later, through the otp::from that it takes as well.
    static constexpr bool late = late_ != taking::nothing;
    static constexpr taking takes = late ? late_ : now_;

    /// As declared; void if there is none.
    using returned = typename decltype(find_returned())::type;
    static constexpr bool is_coroutine = awaited<returned>::is_task;
    /// As declared, or what the coroutine gives.
    using value = typename awaited<returned>::type;

private:
    static consteval outcome find_outcome() {
        if constexpr (!is_call) return quiet_outcome<value>;
        else if constexpr (!late) return call_outcome<value, reply_t<M>>;
        else if constexpr (std::same_as<value, replied<reply_t<M>>>) return outcome::replied;
        else return quiet_outcome<value>;
    }

public:
    static constexpr outcome gives = found ? find_outcome() : outcome::wrong;
};

/// `init` of T for these arguments, which it gets as rvalues.
template <class T, class... A>
    requires requires { typename init_hook::returned<T, A...>; }
struct init_traits {
    using returned = init_hook::returned<T, A...>;
    static constexpr bool is_coroutine = awaited<returned>::is_task;
    using value = typename awaited<returned>::type;
    static constexpr outcome gives = init_outcome<value>;
};

/// T has an `init`, whatever it takes: T is default-constructed then, and `init` gets the arguments.
template <class T, class... A>
concept has_init = requires { typename init_hook::returned<T, A...>; } || init_hook::named<T>();

/// T has a `terminate` that can be called: it takes the reason, and what it returns is dropped. No coroutine: nothing
/// runs in the process any more that could resume it; it may block.
template <class T>
struct terminate_traits {
private:
    static consteval bool find() {
        if constexpr (requires { typename terminate_hook::returned<T, const reason&>; }) {
            using returned = terminate_hook::returned<T, const reason&>;
            return !awaited<returned>::is_task && (terminate_hook::exactly<T, returned, const reason&> ||
                                                   terminate_hook::exactly<T, returned, reason>);
        } else {
            return false;
        }
    }

public:
    static constexpr bool found = find();
};

/// T shows a status of its own: `void format_status(otp::status&) const`.
template <class T>
concept formats_status = requires { requires std::is_void_v<format_status_hook::returned<const T, status&>>; } &&
                         format_status_hook::exactly<T, void, status&>;

}  // namespace behaviour
}  // namespace otp::inline OTP_ABI
