// A place for messages outside a gen_server: in a coroutine, a spawned function, a thread, a test.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "otp/process/events.hpp"
#include "otp/process/inbox_process.hpp"
#include "otp/process/recipient.hpp"
#include "otp/process/send_after.hpp"
#include "otp/process/task.hpp"

namespace otp::inline OTP_ABI {

/// Receives messages of the types M, in the order of their arrival; otp::down among them makes monitors possible. What is
/// not fetched when it goes is a dead letter. Its timers go with it; its runtime must outlive it.
/// Thread safety: one user at a time, who may change; recipients of it are for any thread.
template <class... M>
class inbox {
public:
    using message = std::variant<M...>;

    inbox() : core_{proc::inbox_process::make(exec::current_executor())} {}
    inbox(inbox&&) noexcept = default;
    inbox& operator=(inbox&& other) noexcept {
        if (this != &other) {
            close();
            core_ = std::move(other.core_);
        }
        return *this;
    }
    ~inbox() { close(); }

    /// An inbox is a recipient of each of its messages.
    template <class X>
        requires(std::is_same_v<X, M> || ...)
    operator recipient<X>() const {
        return recipient<X>{core_, proc::to_inbox<X>::ops};
    }
    /// Puts a message in; any thread.
    template <class X>
        requires(std::is_same_v<X, M> || ...)
    void send(X what) const {
        recipient<X>(*this).send(std::move(what));
    }
    [[nodiscard]] pid id() const noexcept { return pid{core_}; }

    /// Watches a process; its end arrives here as otp::down.
    monitor_ref monitor(const pid& who)
        requires(std::is_same_v<down, M> || ...)
    {
        const auto number = core_->own_node().next_number();
        if (who) proc::monitor(*core_, *who.block(), number);
        return monitor_ref{number};
    }
    /// Watches whoever has a name in the inbox's runtime; at once noproc if nobody has it.
    monitor_ref monitor(std::string_view name)
        requires(std::is_same_v<down, M> || ...)
    {
        const auto number = core_->own_node().next_number();
        proc::monitor(*core_, name, number);
        return monitor_ref{number};
    }
    /// The same with a value of one's own: its end arrives as otp::tagged_down<Tag>.
    template <class Tag>
        requires(std::is_same_v<tagged_down<Tag>, M> || ...)
    monitor_ref monitor(const pid& who, Tag tag) {
        const auto number = core_->own_node().next_number();
        if (who) proc::monitor(*core_, *who.block(), number, proc::make_tagged_watch(proc::to_inbox<tagged_down<Tag>>::ops, std::move(tag)));
        return monitor_ref{number};
    }
    /// Ends a monitor; an otp::down that is here already goes, too.
    bool demonitor(monitor_ref ref) { return proc::demonitor(*core_, ref.number(), true); }

    /// A message to itself after a time; otp::send_after.
    template <class X>
        requires(std::is_same_v<X, M> || ...)
    timer_ref send_after(std::chrono::nanoseconds delay, X what) {
        return otp::send_after(delay, recipient<X>(*this), std::move(what));
    }

    /// The next message if one is here.
    [[nodiscard]] std::optional<message> try_receive() {
        while (proc::signal* s = core_->next())
            if (auto found = as_message<0>(s)) return found;
        return std::nullopt;
    }
    /// Blocks for the next message, `limit` at most; none if the time is over. In a simulation it runs the simulation; where nothing
    /// is left that could run: none. On a worker it needs a spare one, and throws otp::exit with system_limit if there is none.
    [[nodiscard]] std::optional<message> receive(std::chrono::nanoseconds limit = std::chrono::nanoseconds::max()) {
        const auto deadline = proc::call_deadline(core_->executor(), limit);
        for (bool in_time = true;;) {
            if (auto found = try_receive(); found || !in_time) return found;
            in_time = core_->block_for_mail(deadline);
        }
    }

    /// co_await in.next(): the next message.
    [[nodiscard]] task<message> next() {
        for (;;) {
            if (auto found = try_receive()) co_return std::move(*found);
            (void)co_await proc::mail_arrival{*core_, exec::never};
        }
    }
    /// co_await in.next(1s): the next message, or none if the time is over.
    [[nodiscard]] task<std::optional<message>> next(std::chrono::nanoseconds limit) {
        const auto deadline = proc::call_deadline(core_->executor(), limit);
        for (bool in_time = true;;) {
            if (auto found = try_receive(); found || !in_time) co_return found;
            in_time = co_await proc::mail_arrival{*core_, deadline};
        }
    }

private:
    template <class...>
    friend class probe;
    void close() noexcept {
        if (!core_) return;
        core_->close_stand_in(reason::noproc);
        proc::message_timer::drop_all(*core_);  // after the close: none can be entered any more
    }
    template <std::size_t I>
    [[nodiscard]] static std::optional<message> as_message(proc::signal* s) {
        if constexpr (I == sizeof...(M)) {
            proc::drop(s, reason::unhandled);
            return std::nullopt;
        } else {
            using X = std::variant_alternative_t<I, message>;
            if constexpr (std::is_same_v<X, down>) {
                if (proc::is_down(*s)) return message{std::in_place_index<I>, proc::take_down(s)};
            } else {
                if (s->ops->message == type_id_of<X>) return message{std::in_place_index<I>, proc::message_signal<X>::take(s)};
            }
            return as_message<I + 1>(s);
        }
    }
    intrusive_ptr<proc::inbox_process> core_;
};

}  // namespace otp::inline OTP_ABI
