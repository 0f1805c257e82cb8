// Aliases: addresses of a server that it can take back.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <utility>

#include "otp/behaviour/gen_server/handles.hpp"
#include "otp/process/links.hpp"
#include "otp/process/recipient.hpp"

namespace otp::inline OTP_ABI {

/// Of an alias: it takes messages that are sent with priority. Of a message: it goes before all that have none.
struct priority_option {};
inline constexpr priority_option priority{};

/// An address of a server for messages of type M; what is sent to it after the server has taken it back is a dead letter. Made by
/// make_alias and monitor_with_alias. A value, for any thread.
template <class M>
class alias {
public:
    alias() noexcept = default;
    /// For the library's own functions.
    alias(intrusive_ptr<proc::process> owner, const proc::signal_ops& ops, std::uint64_t number) noexcept
        : owner_{std::move(owner)}, ops_{&ops}, number_{number} {}

    /// Sends; never blocks, never fails.
    void send(M message) const { recipient<M>(*this).send(std::move(message)); }
    /// The message goes before all that wait without priority, in the order of those with it, if the alias takes that; else as
    /// any other; takes a step for each of them. erlang:send/3.
    void send(M message, priority_option) const {
        if (!owner_) return;
        proc::signal* s = recipient<M>(*this).make(std::move(message));
        s->flags |= proc::is_urgent;
        proc::send_message(owner_.get(), s);
    }
    operator recipient<M>() const {
        if (!owner_) return {};
        return recipient<M>{owner_, *ops_, number_};
    }
    /// What unalias takes; that of its monitor, if it was made with one.
    [[nodiscard]] monitor_ref ref() const noexcept { return monitor_ref{number_}; }
    [[nodiscard]] explicit operator bool() const noexcept { return number_ != 0; }
    friend bool operator==(const alias& a, const alias& b) noexcept { return a.number_ == b.number_; }
    friend std::strong_ordering operator<=>(const alias& a, const alias& b) noexcept { return a.number_ <=> b.number_; }

private:
    intrusive_ptr<proc::process> owner_;
    const proc::signal_ops* ops_ = nullptr;
    std::uint64_t number_ = 0;
};

/// When the alias of a monitor ends by itself.
enum class alias_end : std::uint8_t {
    explicit_unalias,  ///< never: unalias ends it
    demonitor,         ///< with the monitor: by demonitor, or when its otp::down is delivered
};

/// What monitor_with_alias gives.
template <class M>
struct monitor_and_alias {
    monitor_ref monitor;
    otp::alias<M> alias;
};

namespace behaviour {
template <class M, class T>
[[nodiscard]] alias<M> add_alias(std::uint64_t number, proc::alias_entry how) {
    const server<T> mine = self<T>();
    mine.id().block()->related().aliases.insert(number, how);
    return alias<M>{mine.id().shared(), info_to<T, M>::ops, number};
}
}  // namespace behaviour

/// An alias of the server of T that this code runs in (`self` is its `this`), for its handle_info(M). Throws otp::exit: no_process on
/// a plain thread, wrong_server in another process. erlang:alias/0,1.
template <class M, class T>
[[nodiscard]] alias<M> make_alias(T*) {
    behaviour::diagnose_send<T, M>();
    if constexpr (receives<T, M>) return behaviour::add_alias<M, T>(proc::this_process("make_alias").own_node().next_number(), {});
    else return {};  // the diagnosis has failed the build
}
/// The same; messages may be sent to it with priority. erlang:alias([priority]).
template <class M, class T>
[[nodiscard]] alias<M> make_alias(T*, priority_option) {
    behaviour::diagnose_send<T, M>();
    if constexpr (receives<T, M>)
        return behaviour::add_alias<M, T>(proc::this_process("make_alias").own_node().next_number(), {.has_priority = true});
    else return {};  // the diagnosis has failed the build
}
/// Takes an alias of the calling process back: from now on no message comes by way of it; those in the mailbox already stay. False
/// if it was none. erlang:unalias/1.
inline bool unalias(monitor_ref ref) {
    proc::process& mine = proc::this_process("unalias");
    mine.drain();  // what has been sent before is there
    auto* relations = mine.related_if_any();
    return relations && relations->aliases.erase(ref.number());
}
/// A monitor and an alias under one ref: whoever is asked answers to the alias, and the alias may end with the monitor.
/// erlang:monitor/3 with {alias, UnaliasOpt}.
template <class M, class T>
[[nodiscard]] monitor_and_alias<M> monitor_with_alias(const pid& other, T* self, alias_end end) {
    auto made = make_alias<M>(self);
    if (!made) return {};  // the diagnosis has failed the build
    proc::process& mine = proc::this_process("monitor_with_alias");
    mine.related().aliases.find(made.ref().number())->ends_with_monitor = end == alias_end::demonitor;
    proc::monitor(mine, proc::known(other), made.ref().number());
    return {made.ref(), std::move(made)};
}

}  // namespace otp::inline OTP_ABI
