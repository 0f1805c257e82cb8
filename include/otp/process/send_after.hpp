// Timers of the user's: a message after a time.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "otp/base/exit.hpp"
#include "otp/process/recipient.hpp"
#include "otp/process/timers.hpp"

namespace otp::inline OTP_ABI {

/// Identifies a timer, running or not; a value for any thread.
class timer_ref {
public:
    timer_ref() noexcept = default;
    explicit timer_ref(intrusive_ptr<proc::message_timer> timer) noexcept : timer_{std::move(timer)} {}
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(timer_); }
    [[nodiscard]] proc::message_timer* block() const noexcept { return timer_.get(); }
    [[nodiscard]] std::uint64_t number() const noexcept { return timer_ ? timer_->number : 0; }
    friend bool operator==(const timer_ref& a, const timer_ref& b) noexcept { return a.timer_ == b.timer_; }
    friend std::strong_ordering operator<=>(const timer_ref& a, const timer_ref& b) noexcept { return a.number() <=> b.number(); }
    template <class OStream>
        requires requires(OStream& out, const std::string& line) { out << line; }
    friend OStream& operator<<(OStream& out, const timer_ref& t) {
        out << "#timer<" + std::to_string(proc::node::shown(t.number())) + ">";
        return out;
    }

private:
    intrusive_ptr<proc::message_timer> timer_;
};

/// What start_timer sends: the message, and the timer that sent it.
template <class M>
struct timer_message {
    timer_ref timer;
    M message;
};

namespace proc {

template <class M>
[[nodiscard]] intrusive_ptr<message_timer> make_timer(const recipient<M>& to, exec::time_point when, M message) {
    exec::executor& ex = to.process() ? to.process()->executor() : exec::current_executor();
    auto timer = message_timer::make(ex, node::of(ex).next_number(), signal_ptr{to.make(std::move(message))});
    timer->target = to.process();
    if (to.name()) {
        timer->name = to.name();
        timer->find = [](const message_timer& t) { return node::of(t.executor).names().find(t.name); };
    }
    timer->when = when;
    return timer;
}
[[nodiscard]] inline exec::time_point timer_deadline(exec::executor& ex, exec::duration delay) {
    if (delay < exec::duration::zero()) throw otp::exit{reason{reason::bad_argument}.with_text("a negative time for a timer")};
    const auto now = ex.now();
    return delay >= exec::never - now ? exec::never : now + delay;
}
template <class M>
[[nodiscard]] exec::executor& executor_for(const recipient<M>& to) {
    return to.process() ? to.process()->executor() : exec::current_executor();
}

}  // namespace proc

/// Sends `message` to `to` after `delay`; never earlier. `to` is anything that converts to a recipient of it. The timer goes
/// with its target. A negative delay throws otp::exit with bad_argument. Any thread. erlang:send_after/3.
template <class To, class M>
    requires std::convertible_to<const To&, recipient<M>>
timer_ref send_after(std::chrono::nanoseconds delay, const To& to, M message) {
    const recipient<M> target = to;
    auto timer = proc::make_timer<M>(target, proc::timer_deadline(proc::executor_for(target), delay), std::move(message));
    timer->start();
    return timer_ref{std::move(timer)};
}
/// The same at a moment of the runtime's clock; one that is past fires at once. erlang:send_after/4 with {abs, true}.
template <class To, class M>
    requires std::convertible_to<const To&, recipient<M>>
timer_ref send_at(exec::time_point when, const To& to, M message) {
    const recipient<M> target = to;
    auto timer = proc::make_timer<M>(target, when, std::move(message));
    timer->start();
    return timer_ref{std::move(timer)};
}
/// The same, but what arrives is timer_message<M>: with the timer that sent it. erlang:start_timer/3.
template <class To, class M>
    requires std::convertible_to<const To&, recipient<timer_message<M>>>
timer_ref start_timer(std::chrono::nanoseconds delay, const To& to, M message) {
    const recipient<timer_message<M>> target = to;
    auto timer = proc::make_timer<timer_message<M>>(target, proc::timer_deadline(proc::executor_for(target), delay), {timer_ref{}, std::move(message)});
    // Not counted in itself: the handle inside is set when it is taken out.
    static_cast<proc::message_signal<timer_message<M>>*>(timer->message.get())->body.timer = timer_ref{timer};
    timer->start();
    return timer_ref{std::move(timer)};
}

/// Stops a timer: its message is not delivered after this returns, even if it stood in the mailbox. The time that was left; none
/// if it was delivered, cancelled before, or is no timer. Any thread. erlang:cancel_timer/1.
inline std::optional<std::chrono::nanoseconds> cancel_timer(const timer_ref& timer) {
    auto* t = timer.block();
    if (!t) return std::nullopt;
    if (!t->cancel()) return std::nullopt;
    const auto left = t->when - t->executor.now();  // its runtime may be gone otherwise
    return left > std::chrono::nanoseconds::zero() ? left : std::chrono::nanoseconds::zero();
}
/// What was left of a timer that was asked to be cancelled, as cancel_timer tells.
struct timer_cancelled {
    timer_ref timer;
    std::optional<std::chrono::nanoseconds> left;
};
/// The same for who can't use the result here: it is sent to `answer_to`, behind the timer's message if that was first. Any thread.
/// erlang:cancel_timer/2 with {async, true}; here the timer is cancelled when this returns.
template <class To>
    requires std::convertible_to<const To&, recipient<timer_cancelled>>
void cancel_timer(const timer_ref& timer, const To& answer_to) {
    const recipient<timer_cancelled> to = answer_to;
    to.send({timer, cancel_timer(timer)});
}
/// The time that is left; none if it has fired, was cancelled, or its target is gone. Any thread. erlang:read_timer/1.
[[nodiscard]] inline std::optional<std::chrono::nanoseconds> read_timer(const timer_ref& timer) {
    auto* t = timer.block();
    if (!t || !t->pending()) return std::nullopt;
    const auto left = t->when - t->executor.now();
    return left > std::chrono::nanoseconds::zero() ? left : std::chrono::nanoseconds::zero();
}

/// Owns a timer: cancelled when its owner goes, as a member of a callback struct does with the server. Such a member is a time-out
/// with a name, which messages don't end; gen_statem's {{timeout, Name}, Time, Message}. One user at a time.
class scoped_timer {
public:
    scoped_timer() noexcept = default;
    scoped_timer(timer_ref timer) noexcept : timer_{std::move(timer)} {}
    scoped_timer(scoped_timer&& other) noexcept : timer_{std::exchange(other.timer_, {})} {}
    scoped_timer& operator=(scoped_timer&& other) noexcept {
        if (this != &other) {
            cancel();
            timer_ = std::exchange(other.timer_, {});
        }
        return *this;
    }
    ~scoped_timer() { cancel(); }
    /// Sends `message` after `delay`, in place of what it was to send before, which is not delivered any more. As send_after; if
    /// that throws, the timer before runs on.
    template <class To, class M>
        requires std::convertible_to<const To&, recipient<M>>
    void start(std::chrono::nanoseconds delay, const To& to, M message) {
        *this = send_after(delay, to, std::move(message));
    }
    /// The same to handle_info of the server of T that this code runs in. Throws as otp::self<T>() besides.
    template <class T, class M>
    void start(std::chrono::nanoseconds delay, T* self, M message);
    /// Its message is not delivered after this returns. As cancel_timer.
    std::optional<std::chrono::nanoseconds> cancel() noexcept { return cancel_timer(std::exchange(timer_, {})); }
    [[nodiscard]] const timer_ref& ref() const noexcept { return timer_; }

private:
    timer_ref timer_;
};

}  // namespace otp::inline OTP_ABI

template <>
struct std::hash<otp::timer_ref> {
    std::size_t operator()(const otp::timer_ref& t) const noexcept { return std::hash<const void*>{}(t.block()); }
};
