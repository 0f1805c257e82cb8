// What a callback may answer to steer its server: go on, wait only so long, go on with something first, stop.
#pragma once

#include <chrono>
#include <optional>
#include <type_traits>
#include <utility>

#include "otp/base/reason.hpp"
#include "otp/base/result.hpp"
#include "otp/fwd.hpp"
#include "otp/process/signal.hpp"
#include "otp/runtime/executor.hpp"

namespace otp::inline OTP_ABI {

/// No time limit.
inline constexpr std::chrono::nanoseconds infinity = std::chrono::nanoseconds::max();
/// A moment of a runtime's clock: otp::now() + 30s for instance. time_point::max() never comes.
using time_point = exec::time_point;

namespace behaviour {

/// A message bound to the handler of an object, to be handled by it later.
template <class T, class M>
[[nodiscard]] proc::signal_ptr bind_continue(T* self, M&& message);
template <class T, class M>
[[nodiscard]] proc::signal_ptr bind_info(T* self, M&& message);

/// The untyped part of what a callback answers.
struct steering {
    std::chrono::nanoseconds limit = infinity;  // of inactivity
    bool is_moment = false;                     // not `limit` counts, but
    exec::time_point until = exec::never;
    proc::signal_ptr when_idle;                 // instead of otp::timeout
    proc::signal_ptr first;                     // to be continued with
    bool hibernates = false;
    bool stops = false;
    bool never_began = false;  // it ends normally, and the starter hears why
    reason why;
};

}  // namespace behaviour

/// A steering answer with something added: what otp::ok.timeout(30s) and its like return. Use it at once.
class [[nodiscard]] steered {
public:
    steered() = default;
    /// otp::timeout arrives by handle_info if no message came for so long; OTP's {noreply, S, Timeout}.
    steered timeout(std::chrono::nanoseconds limit) && { return std::move(*this).idle(limit, false, exec::never, {}); }
    /// `message` goes to handle_info if no other came for so long; after a time of zero it does so at once, before what waits in the
    /// mailbox. OTP 29's {timeout, T, Message}.
    template <class T, class M>
    steered timeout(std::chrono::nanoseconds limit, T* self, M message) && {
        return std::move(*this).idle(limit, false, exec::never, behaviour::bind_info(self, std::move(message)));
    }
    /// The same at a moment, if no message came before; one that is past is due as soon as the mailbox is empty. OTP 29's
    /// {timeout, T, Message, [{abs, true}]}.
    steered timeout_at(time_point moment) && { return std::move(*this).idle(infinity, true, moment, {}); }
    template <class T, class M>
    steered timeout_at(time_point moment, T* self, M message) && {
        return std::move(*this).idle(infinity, true, moment, behaviour::bind_info(self, std::move(message)));
    }
    /// Gives back what memory the process can spare while it waits; OTP's hibernate. With a time-out: OTP 29's {hibernate, T, Message}.
    steered hibernate() && {
        state_.hibernates = true;
        return std::move(*this);
    }
    /// handle_continue(message) is the very next callback; OTP's {continue, Message}.
    template <class T, class M>
    steered then(T* self, M message) && {
        state_.first = behaviour::bind_continue(self, std::move(message));
        return std::move(*this);
    }
    [[nodiscard]] behaviour::steering release() && { return std::move(state_); }

private:
    steered idle(std::chrono::nanoseconds limit, bool is_moment, exec::time_point until, proc::signal_ptr message) && {
        state_.limit = limit;
        state_.is_moment = is_moment;
        state_.until = until;
        state_.when_idle = std::move(message);
        return std::move(*this);
    }
    behaviour::steering state_;
};

/// Goes on. As otp::ok from init, as otp::noreply from the other callbacks; the two mean the same.
struct proceed {
    [[nodiscard]] steered timeout(std::chrono::nanoseconds limit) const { return steered{}.timeout(limit); }
    template <class T, class M>
    [[nodiscard]] steered timeout(std::chrono::nanoseconds limit, T* self, M message) const {
        return steered{}.timeout(limit, self, std::move(message));
    }
    [[nodiscard]] steered timeout_at(time_point moment) const { return steered{}.timeout_at(moment); }
    template <class T, class M>
    [[nodiscard]] steered timeout_at(time_point moment, T* self, M message) const {
        return steered{}.timeout_at(moment, self, std::move(message));
    }
    [[nodiscard]] steered hibernate() const { return steered{}.hibernate(); }
    template <class T, class M>
    [[nodiscard]] steered then(T* self, M message) const {
        return steered{}.then(self, std::move(message));
    }
};
inline constexpr proceed ok{};
inline constexpr proceed noreply{};

/// From init: no server is wanted; start gives the error `ignored`, and the process ends normally.
struct ignored_start {};
inline constexpr ignored_start ignore{};

struct [[nodiscard]] failed_start {
    reason why;
};
/// From init: start gives this error, and the process ends normally, without a report; for failures to be expected, such as a port
/// in use. OTP 26's {error, Reason}.
inline failed_start fail(reason why) { return {std::move(why)}; }

struct [[nodiscard]] stopped {
    reason why;
};
template <class R>
struct [[nodiscard]] stopped_with {
    reason why;
    R reply;
};
/// The server ends with this reason after the callback; terminate runs.
inline stopped stop(reason why) { return {std::move(why)}; }
/// The same, after the caller got its reply.
template <class R>
stopped_with<std::decay_t<R>> stop(reason why, R&& reply) {
    return {std::move(why), std::forward<R>(reply)};
}

/// A reply that can be steered further: what otp::reply(value) returns.
template <class R>
class [[nodiscard]] replying {
public:
    explicit replying(R value) : value_{std::move(value)} {}
    replying(R value, steered how) : value_{std::move(value)}, how_{std::move(how)} {}
    replying timeout(std::chrono::nanoseconds limit) && { return {std::move(value_), std::move(how_).timeout(limit)}; }
    template <class T, class M>
    replying timeout(std::chrono::nanoseconds limit, T* self, M message) && {
        return {std::move(value_), std::move(how_).timeout(limit, self, std::move(message))};
    }
    replying timeout_at(time_point moment) && { return {std::move(value_), std::move(how_).timeout_at(moment)}; }
    template <class T, class M>
    replying timeout_at(time_point moment, T* self, M message) && {
        return {std::move(value_), std::move(how_).timeout_at(moment, self, std::move(message))};
    }
    replying hibernate() && { return {std::move(value_), std::move(how_).hibernate()}; }
    template <class T, class M>
    replying then(T* self, M message) && {
        return {std::move(value_), std::move(how_).then(self, std::move(message))};
    }
    [[nodiscard]] R take_value() && { return std::move(value_); }
    [[nodiscard]] steered take_steering() && { return std::move(how_); }

private:
    R value_;
    steered how_;
};

/// Stands for the reply of a request whose reply is void.
struct nothing {};

/// The reply of handle_call, to be steered further: otp::reply(7).timeout(30s).
template <class R>
[[nodiscard]] replying<std::decay_t<R>> reply(R&& value) {
    return replying<std::decay_t<R>>{std::forward<R>(value)};
}
[[nodiscard]] inline replying<nothing> reply() { return replying<nothing>{nothing{}}; }

/// What handle_cast, handle_info and handle_continue may return to steer the server.
class [[nodiscard]] next {
public:
    next(proceed) {}
    next(steered how) : state_{std::move(how).release()} {}
    next(stopped end) {
        state_.stops = true;
        state_.why = std::move(end.why);
    }
    [[nodiscard]] behaviour::steering release() && { return std::move(state_); }

private:
    behaviour::steering state_;
};

/// What init may return.
class [[nodiscard]] init_result {
public:
    init_result(proceed) {}
    init_result(steered how) : state_{std::move(how).release()} {}
    init_result(ignored_start) : init_result(failed_start{reason::ignored}) {}
    init_result(failed_start end) {
        state_.never_began = true;
        state_.why = std::move(end.why);
    }
    init_result(stopped end) {
        state_.stops = true;
        state_.why = std::move(end.why);
    }
    [[nodiscard]] behaviour::steering release() && { return std::move(state_); }

private:
    behaviour::steering state_;
};

/// What handle_call may return to steer the server: a reply or none yet, and how to go on. R is the request's reply type.
template <class R>
class [[nodiscard]] replied {
    using held = std::conditional_t<std::is_void_v<R>, nothing, R>;

public:
    using reply_type = R;
    /// A plain reply.
    template <class V = held>
        requires(std::convertible_to<V &&, held> && !std::same_as<std::remove_cvref_t<V>, replied> &&
                 !std::same_as<std::remove_cvref_t<V>, reason>)
    replied(V&& value) : answer_{result<R>(make(std::forward<V>(value)))} {}
    /// An error for the caller; the server goes on.
    replied(reason why) : answer_{result<R>(std::move(why))} {}
    template <class V>
        requires std::convertible_to<V, held>
    replied(replying<V> with) : answer_{result<R>(make(std::move(with).take_value()))}, state_{std::move(with).take_steering().release()} {}
    /// No reply yet: a `from` kept elsewhere will give it.
    replied(proceed) {}
    replied(steered how) : state_{std::move(how).release()} {}
    replied(stopped end) {
        state_.stops = true;
        state_.why = std::move(end.why);
    }
    template <class V>
        requires std::convertible_to<V, held>
    replied(stopped_with<V> end) : answer_{result<R>(make(std::move(end.reply)))} {
        state_.stops = true;
        state_.why = std::move(end.why);
    }

    [[nodiscard]] std::optional<result<R>>& answer() noexcept { return answer_; }
    /// For the library's own functions.
    explicit replied(behaviour::steering how) : state_{std::move(how)} {}
    explicit replied(result<R> answer) : answer_{std::move(answer)} {}

    [[nodiscard]] behaviour::steering release() && { return std::move(state_); }

private:
    template <class V>
    static result<R> make(V&& value) {
        if constexpr (std::is_void_v<R>) return {};
        else return result<R>(static_cast<R>(std::forward<V>(value)));
    }
    std::optional<result<R>> answer_;
    behaviour::steering state_;
};

// ---- what a server is told besides the user's own messages

/// No message came within the time that the last callback gave.
struct timeout {};

}  // namespace otp::inline OTP_ABI
