// An acceptor waits for one client, tells the owner of the listening socket, and becomes the connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "otp/net/listener.hpp"
#include "otp/process/message.hpp"
#include "otp/process/sleep.hpp"
#include "otp/process/task.hpp"

namespace otp::inline OTP_ABI::behaviour {

/// Cast to the owner: this process has a client, and is a connection from now on.
struct accepted {
    std::uint64_t process;
    net::address peer;
};
/// Cast to the owner: accept fails. Not for good: the acceptor tries again.
struct accept_trouble {
    reason why;
    bool for_good;
};
/// Cast to the owner: a client was turned away.
struct turned_away {};
/// Sent by the owner to itself: time to look whether acceptors are missing.
struct look_again {};

struct door;

/// How these reach an owner, whatever type it has.
struct owner_ops {
    const proc::signal_ops* accepted;
    const proc::signal_ops* trouble;
    const proc::signal_ops* turned_away;
    const proc::signal_ops* look_again;
    task<> (*turn_clients_away)(door at);
};

/// How long accepting pauses when descriptors or memory are short, and between crashes of acceptors.
inline constexpr std::chrono::milliseconds accept_pause{100};

/// What an acceptor is given: where to wait and whom to tell.
struct door {
    intrusive_ptr<net::stream> listener;
    intrusive_ptr<proc::process> owner;
    const owner_ops* ops = nullptr;

    void tell_accepted(const proc::process& self, const net::address& peer) const {
        proc::send_message(owner.get(), proc::make_message<accepted>(*ops->accepted, self.id(), peer));
    }
    void tell_turned_away() const { proc::send_message(owner.get(), proc::make_message<turned_away>(*ops->turned_away)); }
    /// True: worth another try.
    [[nodiscard]] bool tell_trouble(const reason& why) const {
        const bool for_good = !net::is_shortage(why);
        proc::send_message(owner.get(), proc::make_message<accept_trouble>(*ops->trouble, why, for_good));
        return !for_good;
    }
};

/// Waits for the next client; none if this acceptor is not wanted any more.
template <class = void>  // not compiled where it is not used; see tcp::async_connect
[[nodiscard]] task<std::optional<net::arrival>> await_client(door at) {
    for (;;) {
        auto got = co_await net::accept_one{at.listener};
        if (got) co_return std::optional<net::arrival>{std::move(*got)};
        if (got.error() == reason::closed || !at.tell_trouble(got.error())) co_return std::nullopt;
        co_await sleep_for(accept_pause);
    }
}

/// The same, blocking this thread.
[[nodiscard]] inline std::optional<net::arrival> block_for_client(const door& at) {
    for (;;) {
        auto got = net::accept_one{at.listener}.block();
        if (got) return std::optional<net::arrival>{std::move(*got)};
        if (got.error() == reason::closed || !at.tell_trouble(got.error())) return std::nullopt;
        proc::process& self = proc::caller(at.listener->executor());
        proc::waiter by;
        proc::wait pause;
        pause.ref = self.next_wait_ref();
        pause.deadline = proc::call_deadline(self.executor(), accept_pause);
        self.begin_wait(pause, by);
        self.block_until_settled(by);
    }
}

/// Accepts and closes, one after another, until it is not wanted any more: the policy of a full server.
template <class = void>  // as above
[[nodiscard]] task<> turn_clients_away(door at) {
    for (;;) {
        auto came = co_await await_client(at);
        if (!came) co_return;
        came->socket.close();
        at.tell_turned_away();
    }
}

}  // namespace otp::inline OTP_ABI::behaviour
