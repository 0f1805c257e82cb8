// Where a reply goes that is given later.
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "otp/behaviour/gen_server/concepts.hpp"
#include "otp/process/call.hpp"
#include "otp/process/pid.hpp"

namespace otp::inline OTP_ABI {

namespace behaviour {
/// What otp::from::reply takes: the reply, a result of it, or a reason. What only converts to a reason is no error by accident.
template <class V, class P>
concept is_answer = std::convertible_to<V, P> || std::same_as<std::remove_cvref_t<V>, reason> ||
                    (base::is_result<std::remove_cvref_t<V>> && std::convertible_to<V, result<P>>);
struct no_braces {};
}  // namespace behaviour

/// The caller of one request, gen_server's From. Move-only: exactly one reply is given. One that is dropped without a
/// reply answers `no_reply` at once; the server's death answers its exit reason.
/// Thread safety: one user at a time; may be moved to another process or thread, and replied from there.
template <class Request>
class [[nodiscard("a dropped `from` answers no_reply at once")]] from {
public:
    using reply_type = reply_t<Request>;

    from() noexcept = default;
    explicit from(intrusive_ptr<proc::deferred_call> call) noexcept : call_{std::move(call)} {}
    from(from&&) noexcept = default;
    from& operator=(from&& other) noexcept {
        if (this != &other) {
            drop();
            call_ = std::move(other.call_);
        }
        return *this;
    }
    ~from() { drop(); }

    /// Answers. A reply type that is void takes no argument. Nothing happens if the call was answered already, as by the
    /// death of its server; gen_server:reply/2.
    template <class... V>
        requires(std::is_void_v<reply_type> ? sizeof...(V) == 0 : sizeof...(V) == 1)
    void reply(V&&... value) {
        if constexpr (sizeof...(V) == 0) answer(result<void>{});
        else if constexpr ((behaviour::is_answer<V, reply_type> && ...)) answer(std::forward<V>(value)...);
        else behaviour::report(behaviour::fault<error::reply_is_of_another_type<Request, std::decay_t<V>..., reply_type>>{});
    }
    /// The same, of braces.
    void reply(std::conditional_t<std::is_void_v<reply_type>, behaviour::no_braces, reply_type> value)
        requires(!std::is_void_v<reply_type>)
    {
        answer(std::move(value));
    }
    /// Answers with an error; the server goes on.
    void fail(reason why) { answer(std::move(why)); }

    /// Does the caller still wait? A hint: it may give up at any moment.
    [[nodiscard]] bool alive() const noexcept { return call_ && !call_->answered() && !call_->caller_gave_up(); }
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(call_); }

    /// Who has made the call; a null pid for a plain thread, and once it is answered.
    [[nodiscard]] pid caller() const noexcept { return call_ ? pid{call_->calling()} : pid{}; }
    /// A number that no other call of this program has; 0 once it is answered. The tag of gen_server's From.
    [[nodiscard]] std::uint64_t tag() const noexcept { return call_ ? call_->tag() : 0; }

private:
    template <class V>
    void answer(V&& value) {
        if (!call_) return;
        const auto held = std::exchange(call_, nullptr);
        if (auto* call = held->take()) static_cast<proc::call_signal<Request, reply_type>*>(call)->reply(std::forward<V>(value));
    }
    void drop() noexcept {
        if (!call_) return;
        const auto held = std::exchange(call_, nullptr);
        if (auto* call = held->take()) proc::drop(call, reason::no_reply);
    }
    intrusive_ptr<proc::deferred_call> call_;
};

}  // namespace otp::inline OTP_ABI
