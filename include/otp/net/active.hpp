// Sockets that send what they receive to a gen_server as messages.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <utility>

#include "otp/base/exit.hpp"
#include "otp/base/log.hpp"
#include "otp/net/buffer.hpp"
#include "otp/net/receive.hpp"
#include "otp/net/stream.hpp"
#include "otp/process/message.hpp"
#include "otp/process/pid.hpp"

namespace otp::inline OTP_ABI {

/// socket.active(otp::once): one message, then the socket waits to be asked again.
struct once_option {};
inline constexpr once_option once{};

namespace tcp {

/// Identifies a socket in its messages.
class socket_id {
public:
    constexpr socket_id() noexcept = default;
    explicit constexpr socket_id(const void* which) noexcept : which_{which} {}
    friend constexpr bool operator==(socket_id, socket_id) = default;
    friend constexpr auto operator<=>(socket_id, socket_id) = default;

private:
    const void* which_ = nullptr;
};

/// Bytes have come.
struct data {
    socket_id socket;
    buffer bytes;
    operator std::string_view() const noexcept { return bytes.view(); }
};
/// The peer has ended the connection.
struct closed {
    socket_id socket;
};
/// The connection broke.
struct error {
    socket_id socket;
    otp::reason reason;
};
/// The last of `n` messages has been sent; nothing more comes until the socket is asked again.
struct passive {
    socket_id socket;
};

/// How many messages a socket may send.
class active_mode {
public:
    constexpr active_mode(bool always) noexcept : count_{always ? unlimited : 0} {}
    constexpr active_mode(once_option) noexcept : count_{1}, tells_{false} {}
    constexpr active_mode(int count) noexcept : count_{count}, tells_{true} {}
    static constexpr int unlimited = -1;
    [[nodiscard]] constexpr int count() const noexcept { return count_; }
    [[nodiscard]] constexpr bool tells() const noexcept { return tells_; }

private:
    int count_;
    bool tells_ = false;
};

}  // namespace tcp

namespace net {

template <class M>
[[nodiscard]] proc::signal* message_for(proc::process& self, M message) {
    const proc::signal_ops* ops = self.info_ops(type_id_of<M>);
    if (ops) return proc::make_message<M>(*ops, std::move(message));
    std::string text{"no handle_info for "};
    text += type_name<M>();
    text += ": ";
    self.describe(text);
    base::log(log_level::warning, text);
    return nullptr;
}
/// Runs the handler now.
template <class M>
void deliver(proc::process& self, M message) {
    if (proc::signal* s = message_for(self, std::move(message))) s->ops->handle(self, s);
}

/// Reads once and hands the bytes to the server's handle_info; then asks to be called again.
inline void pump(proc::process& self, intrusive_ptr<stream> from) {
    auto& mode = from->activity;
    if (mode.owner.get() != &self || mode.left() == 0) return;  // handed over, or passive meanwhile
    const tcp::socket_id id{from.get()};
    receive_some read{from, exec::duration::max()};
    if (!read.attempt()) {
        if (!from->listen_for_pump(self, &pump)) stream::queue_pump(self, from, &pump);
        return;
    }
    auto got = read.take();
    if (!got) {
        mode.set_left(0);
        if (from->closed()) return;  // by this side: it knows
        if (got.error() == reason::closed) deliver(self, tcp::closed{id});
        else deliver(self, tcp::error{id, got.error()});
        return;
    }
    const int left = mode.left();
    if (left != tcp::active_mode::unlimited) mode.set_left(left - 1);
    if (left != 1) stream::queue_pump(self, from, &pump);
    else if (mode.tells)
        if (proc::signal* s = message_for(self, tcp::passive{id})) self.queue().push_front(s);  // the next message after this one
    deliver(self, tcp::data{id, std::move(*got)});
}

inline void set_active(const intrusive_ptr<stream>& on, proc::process* self, tcp::active_mode mode) {
    if (!on) throw otp::exit{reason::closed};
    if (!self || !self->info_ops(type_id_of<tcp::data>))
        throw otp::exit{reason{reason::bad_argument}.with_text("active: only a gen_server with a handle_info(otp::tcp::data) can have an active socket")};
    auto& now = on->activity;
    const bool runs = now.owner.get() == self && now.left() != 0;
    int count = mode.count();
    if (mode.tells()) {  // as inet: numbers add up, and none left is told
        if (now.tells && now.left() > 0) count += now.left();
        if (count <= 0) {
            count = 0;
            if (proc::signal* s = message_for(*self, tcp::passive{tcp::socket_id{on.get()}})) self->queue().push(s);
        }
    }
    now.set_left(count);
    now.tells = mode.tells();
    now.owner = intrusive_ptr<proc::process>::share(self);
    if (count != 0 && !runs) stream::queue_pump(*self, on, &pump);
}

inline void hand_over(const intrusive_ptr<stream>& on, const pid& owner) {
    if (!on) throw otp::exit{reason::closed};
    if (!owner || !owner.block()->info_ops(type_id_of<tcp::data>))
        throw otp::exit{reason{reason::bad_argument}.with_text("controlling_process: the new owner has no handle_info(otp::tcp::data)")};
    on->stop_listening(side::reading);
    on->activity.owner = owner.shared();
    if (on->activity.left() != 0) stream::queue_pump(*owner.block(), on, &pump);
}

}  // namespace net

}  // namespace otp::inline OTP_ABI
