// Addresses of sockets: IPv4, IPv6 and paths of Unix sockets.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "otp/base/result.hpp"

namespace otp::inline OTP_ABI::net {

/// Where a socket is bound or connected: a value, for any thread.
class address {
public:
    /// Nowhere.
    address() noexcept = default;

    /// From the text of an IPv4 or IPv6 address and a port, or of a Unix socket's path (it has a '/', or '@' in front for a name
    /// without a file); "" is every IPv4 address. Looks up no names: bad_argument for anything else.
    [[nodiscard]] static result<address> parse(std::string_view text, int port);
    [[nodiscard]] static address from_system(const sockaddr* raw, socklen_t length) noexcept {
        address made;
        made.length_ = length < sizeof(made.raw_) ? length : static_cast<socklen_t>(sizeof(made.raw_));
        std::memcpy(&made.raw_, raw, made.length_);
        return made;
    }

    [[nodiscard]] int family() const noexcept { return length_ == 0 ? AF_UNSPEC : raw_.any.sa_family; }
    [[nodiscard]] bool is_local() const noexcept { return family() == AF_UNIX; }
    /// 0 if it has none.
    [[nodiscard]] std::uint16_t port() const noexcept {
        if (family() == AF_INET) return ntohs(raw_.v4.sin_port);
        if (family() == AF_INET6) return ntohs(raw_.v6.sin6_port);
        return 0;
    }
    /// The address without the port, or the path.
    [[nodiscard]] std::string host() const;
    /// "127.0.0.1:7000", "[::1]:7000", a path, or "unknown".
    [[nodiscard]] std::string to_string() const;

    [[nodiscard]] const sockaddr* raw() const noexcept { return &raw_.any; }
    [[nodiscard]] socklen_t length() const noexcept { return length_; }

    friend bool operator==(const address& a, const address& b) noexcept {
        return a.length_ == b.length_ && std::memcmp(&a.raw_, &b.raw_, a.length_) == 0;
    }
    template <class OStream>
        requires requires(OStream& out, const std::string& line) { out << line; }
    friend OStream& operator<<(OStream& out, const address& a) {
        out << a.to_string();
        return out;
    }

private:
    union storage {
        sockaddr_un local;  // the largest stands first: only the first is set to zero
        sockaddr any;
        sockaddr_in v4;
        sockaddr_in6 v6;
    };
    static_assert(sizeof(sockaddr_un) >= sizeof(sockaddr_in6));
    storage raw_{};
    socklen_t length_ = 0;
};

inline result<address> address::parse(std::string_view text, int port) {
    const auto wrong = [&](std::string_view what) {
        return reason{reason::bad_argument}.with_text(std::string{what} + ": " + std::string{text});
    };
    address made;
    if (text.find('/') != std::string_view::npos || text.starts_with('@')) {
        auto& local = made.raw_.local;
        if (text.size() >= sizeof(local.sun_path)) return wrong("the path of a Unix socket is too long");
        local.sun_family = AF_UNIX;
        std::memcpy(local.sun_path, text.data(), text.size());
        const bool abstract = text.front() == '@';
        if (abstract) local.sun_path[0] = '\0';
        made.length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size() + (abstract ? 0 : 1));
        return made;
    }
    if (port < 0 || port > 65535) return reason{reason::bad_argument}.with_text("a port is 0 to 65535, not " + std::to_string(port));
    const std::string host{text.empty() ? "0.0.0.0" : text};
    if (::inet_pton(AF_INET, host.c_str(), &made.raw_.v4.sin_addr) == 1) {
        made.raw_.v4.sin_family = AF_INET;
        made.raw_.v4.sin_port = htons(static_cast<std::uint16_t>(port));
        made.length_ = sizeof(sockaddr_in);
        return made;
    }
    if (::inet_pton(AF_INET6, host.c_str(), &made.raw_.v6.sin6_addr) == 1) {
        made.raw_.v6.sin6_family = AF_INET6;
        made.raw_.v6.sin6_port = htons(static_cast<std::uint16_t>(port));
        made.length_ = sizeof(sockaddr_in6);
        return made;
    }
    return wrong("no address");
}

inline std::string address::host() const {
    char text[INET6_ADDRSTRLEN] = {};
    if (family() == AF_INET) return ::inet_ntop(AF_INET, &raw_.v4.sin_addr, text, sizeof(text));
    if (family() == AF_INET6) return ::inet_ntop(AF_INET6, &raw_.v6.sin6_addr, text, sizeof(text));
    if (family() != AF_UNIX) return "unknown";
    const auto size = length_ - offsetof(sockaddr_un, sun_path);
    if (length_ <= offsetof(sockaddr_un, sun_path)) return "local";
    if (raw_.local.sun_path[0] == '\0') return '@' + std::string{raw_.local.sun_path + 1, size - 1};
    return std::string{raw_.local.sun_path, ::strnlen(raw_.local.sun_path, size)};
}

inline std::string address::to_string() const {
    if (family() == AF_INET) return host() + ':' + std::to_string(port());
    if (family() == AF_INET6) return '[' + host() + "]:" + std::to_string(port());
    return host();
}

}  // namespace otp::inline OTP_ABI::net
