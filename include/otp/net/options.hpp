// Options of sockets, as types: socket.set(otp::tcp::no_delay{true}).
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <cstddef>

#include "otp/net/descriptor.hpp"

namespace otp::inline OTP_ABI::tcp {

/// Sends small pieces at once instead of gathering them; TCP_NODELAY. Nothing on a Unix socket.
struct no_delay {
    bool on = true;
};
/// Asks an idle peer now and then whether it is still there; SO_KEEPALIVE.
struct keep_alive {
    bool on = true;
};
/// What close does with unsent bytes: keeps trying for this long; zero resets the connection; SO_LINGER.
struct linger {
    std::chrono::seconds time{0};
    bool on = true;
};
/// The kernel's buffer for bytes to be sent; SO_SNDBUF.
struct send_buffer {
    int bytes;
};
/// The kernel's buffer for received bytes; SO_RCVBUF.
struct receive_buffer {
    int bytes;
};

}  // namespace otp::inline OTP_ABI::tcp

namespace otp::inline OTP_ABI::net {

[[nodiscard]] inline result<void> apply(int fd, tcp::no_delay option) {
    sockaddr_storage raw{};
    socklen_t length = sizeof(raw);
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&raw), &length) == 0 && raw.ss_family == AF_UNIX) return {};
    return set_option(fd, IPPROTO_TCP, TCP_NODELAY, option.on ? 1 : 0, "TCP_NODELAY");
}
[[nodiscard]] inline result<void> apply(int fd, tcp::keep_alive option) {
    return set_option(fd, SOL_SOCKET, SO_KEEPALIVE, option.on ? 1 : 0, "SO_KEEPALIVE");
}
[[nodiscard]] inline result<void> apply(int fd, tcp::linger option) {
    const ::linger value{option.on ? 1 : 0, static_cast<int>(option.time.count())};
    if (::setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof(value)) < 0) return last_error("SO_LINGER");
    return {};
}
[[nodiscard]] inline result<void> apply(int fd, tcp::send_buffer option) {
    return set_option(fd, SOL_SOCKET, SO_SNDBUF, option.bytes, "SO_SNDBUF");
}
[[nodiscard]] inline result<void> apply(int fd, tcp::receive_buffer option) {
    return set_option(fd, SOL_SOCKET, SO_RCVBUF, option.bytes, "SO_RCVBUF");
}

template <class Option>
concept socket_option = requires(int fd, Option option) { apply(fd, option); };

}  // namespace otp::inline OTP_ABI::net
