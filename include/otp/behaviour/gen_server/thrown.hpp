// A callback may throw what it may return: OTP takes such a throw for a return.
#pragma once

#include <type_traits>
#include <utility>

#include "otp/behaviour/gen_server/actions.hpp"

namespace otp::inline OTP_ABI::behaviour {

// All of these are called in a catch clause. What is no result of the library's goes on as the exception that it is. They stand
// apart from the handlers, which have one `catch (...)` and nothing else for it.

/// What handle_cast, handle_info, handle_continue or terminate threw.
[[nodiscard, gnu::cold, gnu::noinline]] inline steering thrown_next() {
    try {
        throw;
    } catch (next& how) {
        return std::move(how).release();
    } catch (steered& how) {
        return std::move(how).release();
    } catch (stopped& end) {
        return next(std::move(end)).release();
    } catch (const proceed&) {
        return {};
    }
}

/// What init threw.
[[nodiscard, gnu::cold, gnu::noinline]] inline steering thrown_init() {
    try {
        throw;
    } catch (init_result& how) {
        return std::move(how).release();
    } catch (const ignored_start&) {
        return init_result(ignore).release();
    } catch (failed_start& end) {
        return init_result(std::move(end)).release();
    } catch (...) {
        return thrown_next();
    }
}

/// What handle_call threw for a request whose reply is an R: also otp::reply(value) and otp::stop(reason, value), if the value is
/// exactly an R.
template <class R>
[[nodiscard, gnu::cold, gnu::noinline]] replied<R> thrown_reply() {
    using held = std::conditional_t<std::is_void_v<R>, nothing, R>;
    try {
        throw;
    } catch (replied<R>& answer) {
        return std::move(answer);
    } catch (replying<held>& answer) {
        return replied<R>(std::move(answer));
    } catch (stopped_with<held>& answer) {
        return replied<R>(std::move(answer));
    } catch (result<R>& answer) {
        return replied<R>(std::move(answer));
    } catch (...) {
        return replied<R>(thrown_next());
    }
}

}  // namespace otp::inline OTP_ABI::behaviour
