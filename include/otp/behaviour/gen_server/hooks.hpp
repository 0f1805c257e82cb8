// Looks into a callback struct: is a hook there, does it take exactly these types, how does it take them. Overload
// resolution for the real arguments says which function is called, and the address of the overload set shows its type.
#pragma once

#include <type_traits>
#include <utility>

#include "otp/config.hpp"

namespace otp::inline OTP_ABI::behaviour {

template <class R, class... P>
struct signature {};
template <class... P>
struct parameters {};

// The type of a function that is neither overloaded nor a template.
template <class R, class C, class... P> signature<R, P...> signature_of(R (C::*)(P...));
template <class R, class C, class... P> signature<R, P...> signature_of(R (C::*)(P...) const);
template <class R, class C, class... P> signature<R, P...> signature_of(R (C::*)(P...) &);
template <class R, class C, class... P> signature<R, P...> signature_of(R (C::*)(P...) const&);
template <class R, class... P> signature<R, P...> signature_of(R (*)(P...));

// One of an overload set without templates, by its parameters alone.
template <class... P>
struct overload {
    template <class R, class C> static R with(R (C::*)(P...));
    template <class R, class C> static R with(R (C::*)(P...) const);
    template <class R> static R with(R (*)(P...));
};

template <class U>
consteval unsigned fingerprint() {
    unsigned sum = 0;
    for (const char* c = __PRETTY_FUNCTION__; *c; ++c) sum = sum * 31 + static_cast<unsigned char>(*c);
    return sum ^ (sum >> 7);
}

// Converts to about half of all types. What one of these calls without ambiguity is public: the names of private and of
// overloaded functions look the same from outside, and the two need different words.
template <int N>
struct some {
    template <class U>
        requires(((fingerprint<U>() >> (N / 2)) & 1) == N % 2)
    operator U() const;
};
struct anything {
    template <class U> operator U() const;
};

// A member's name can't be a template parameter, so each hook gets its own copy of the questions.
#define OTP_HOOK(hook)                                                                                              \
    struct hook##_hook {                                                                                            \
        /* What the call gives; doesn't exist where there is no such call. */                                       \
        template <class T, class... A>                                                                              \
        using returned = decltype(std::declval<T&>().hook(std::declval<A>()...));                                   \
                                                                                                                    \
        /* Is there one of exactly this type? Static, const and noexcept count. */                                  \
        template <class T, class R, class... P>                                                                     \
        static constexpr bool exactly = requires { static_cast<R (T::*)(P...)>(&T::hook); } ||                      \
                                        requires { static_cast<R (T::*)(P...) const>(&T::hook); } ||                \
                                        requires { static_cast<R (*)(P...)>(&T::hook); } ||                         \
                                        requires { static_cast<R (T::*)(P...) &>(&T::hook); } ||                    \
                                        requires { static_cast<R (T::*)(P...) const&>(&T::hook); };                 \
                                                                                                                    \
        template <class T, class... P>                                                                              \
        static constexpr bool overloaded_for = requires { overload<P...>::with(&T::hook); };                        \
                                                                                                                    \
        /* The whole type, of the only one there is. */                                                             \
        template <class T>                                                                                          \
        using only_signature = decltype(signature_of(&T::hook));                                                    \
                                                                                                                    \
        /* Is the name there at all, private, overloaded, templated, inherited? */                                  \
        struct name {                                                                                               \
            int hook;                                                                                               \
        };                                                                                                          \
        template <class T>                                                                                          \
        struct beside : T, name {};                                                                                 \
        template <class T>                                                                                          \
        static consteval bool named() {                                                                             \
            if constexpr (std::is_final_v<T>) return requires { &T::hook; };                                        \
            else return !requires { &beside<T>::hook; };                                                            \
        }                                                                                                           \
                                                                                                                    \
        /* An error of the compiler, once for each T, if a function of the name is private. */                      \
        template <class T>                                                                                          \
        struct must_be_public : T {                                                                                 \
            using T::hook;                                                                                          \
        };                                                                                                          \
                                                                                                                    \
        template <class T, int N>                                                                                   \
        static constexpr bool calls_some = requires(T& t) { t.hook(some<N>{}); } ||                                 \
                                           requires(T& t) { t.hook(some<N>{}, anything{}); };                       \
        template <class T>                                                                                          \
        static consteval bool surely_public() {                                                                     \
            if constexpr (requires { &T::hook; }) return true;                                                      \
            else return []<int... N>(std::integer_sequence<int, N...>) {                                            \
                return (calls_some<T, N> || ...);                                                                   \
            }(std::make_integer_sequence<int, 16>{});                                                               \
        }                                                                                                           \
                                                                                                                    \
        template <class T, class... A>                                                                              \
        static decltype(auto) invoke(T& t, A&&... arguments) {                                                      \
            return t.hook(static_cast<A&&>(arguments)...);                                                          \
        }                                                                                                           \
    };

OTP_HOOK(init)
OTP_HOOK(handle_call)
OTP_HOOK(handle_cast)
OTP_HOOK(handle_info)
OTP_HOOK(handle_continue)
OTP_HOOK(terminate)
OTP_HOOK(format_status)
OTP_HOOK(code_change)
#undef OTP_HOOK

}  // namespace otp::inline OTP_ABI::behaviour
