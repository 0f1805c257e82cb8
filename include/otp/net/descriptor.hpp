// Raw POSIX sockets: owned descriptors and the system calls on them, each with its errno as a reason.
#pragma once

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "otp/base/result.hpp"
#include "otp/net/address.hpp"

namespace otp::inline OTP_ABI::net {

/// Owns a descriptor; closes it.
class descriptor {
public:
    descriptor() noexcept = default;
    explicit descriptor(int number) noexcept : number_{number} {}
    descriptor(descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
    descriptor& operator=(descriptor&& other) noexcept {
        if (this != &other) {
            close();
            number_ = std::exchange(other.number_, -1);
        }
        return *this;
    }
    ~descriptor() { close(); }

    [[nodiscard]] int get() const noexcept { return number_; }
    [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }
    [[nodiscard]] explicit operator bool() const noexcept { return number_ >= 0; }
    // EINTR of close is no failure on Linux: the number is free, and a second close would hit another's.
    void close() noexcept {
        if (number_ >= 0) ::close(std::exchange(number_, -1));
    }

private:
    int number_ = -1;
};

[[nodiscard]] inline reason last_error(std::string_view what) { return reason::from_errno(errno, what); }

/// A new stream socket: closed on exec, not blocking.
[[nodiscard]] inline result<descriptor> open_stream(int family) {
#ifdef SOCK_CLOEXEC
    descriptor made{::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!made) return last_error("socket");
#else
    descriptor made{::socket(family, SOCK_STREAM, 0)};
    if (!made) return last_error("socket");
    if (::fcntl(made.get(), F_SETFD, FD_CLOEXEC) < 0 || ::fcntl(made.get(), F_SETFL, O_NONBLOCK) < 0) return last_error("fcntl");
#endif
    return made;
}

[[nodiscard]] inline result<void> set_option(int fd, int level, int option, int value, std::string_view what) {
    if (::setsockopt(fd, level, option, &value, sizeof(value)) < 0) return last_error(what);
    return {};
}

[[nodiscard]] inline result<address> name_of(int fd, int (*asks)(int, sockaddr*, socklen_t*), std::string_view what) {
    sockaddr_storage raw{};
    socklen_t length = sizeof(raw);
    if (asks(fd, reinterpret_cast<sockaddr*>(&raw), &length) < 0) return last_error(what);
    return address::from_system(reinterpret_cast<sockaddr*>(&raw), length);
}
[[nodiscard]] inline result<address> sockname_of(int fd) { return name_of(fd, &::getsockname, "getsockname"); }
[[nodiscard]] inline result<address> peername_of(int fd) { return name_of(fd, &::getpeername, "getpeername"); }

/// What a listening socket is opened with.
struct listen_options {
    int backlog = 1024;
    bool reuse_port = false;
};

/// A bound, listening socket. The file of a dead Unix socket is taken over, that of a living one never.
[[nodiscard]] inline result<descriptor> open_listener(const address& where, const listen_options& options) {
    auto made = open_stream(where.family());
    if (!made) return made;
    const int fd = made->get();
    if (where.is_local()) {
        const std::string path = where.host();
        struct stat seen{};
        if (!path.starts_with('@') && ::lstat(path.c_str(), &seen) == 0 && S_ISSOCK(seen.st_mode)) {
            auto probe = open_stream(AF_UNIX);
            if (!probe) return probe;
            // Refused: nobody listens, the file is left over.
            if (::connect(probe->get(), where.raw(), where.length()) < 0 && errno == ECONNREFUSED) ::unlink(path.c_str());
        }
    } else {
        if (auto set = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"); !set) return set.error();
#ifdef SO_REUSEPORT
        if (options.reuse_port)
            if (auto set = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT"); !set) return set.error();
#endif
    }
    if (::bind(fd, where.raw(), where.length()) < 0) return last_error("bind " + where.to_string());
    if (::listen(fd, options.backlog) < 0) return last_error("listen " + where.to_string());
    return made;
}

}  // namespace otp::inline OTP_ABI::net
