// Accepting: one connection at a time from a listening socket.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "otp/net/operation.hpp"
#include "otp/net/tcp.hpp"

namespace otp::inline OTP_ABI::net {

/// A new connection and who it is from.
struct arrival {
    socket_handle socket;
    address peer;
};

/// Errors of accept that concern one connection, not the listener: the next one may be well. accept(2) names them.
[[nodiscard]] constexpr bool concerns_one_connection(int error) noexcept {
    switch (error) {
        case EINTR:
        case ECONNABORTED:
        case EPROTO:
        case EPERM:  // a firewall's
        case ETIMEDOUT:
        case ENETDOWN:
        case ENETUNREACH:
        case EHOSTUNREACH:
        case ENOPROTOOPT:
        case EOPNOTSUPP:  // a listener is known to be a stream: see adopt_listener
#ifdef EHOSTDOWN
        case EHOSTDOWN:
#endif
#ifdef ENONET
        case ENONET:
#endif
            return true;
        default: return false;
    }
}

/// Errors that go away when somebody gives something back: descriptors, memory, room in the poller.
[[nodiscard]] inline bool is_shortage(const reason& why) noexcept {
    switch (why.code()) {
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
        case ENOSPC: return why.kind() == reason_kind::system;
        default: return false;
    }
}

/// One accept(2) on a listener that doesn't block: closed on exec, not blocking.
[[nodiscard]] inline int accept_descriptor(int listener, sockaddr* peer, socklen_t* length) noexcept {
#ifdef SOCK_CLOEXEC
    return ::accept4(listener, peer, length, SOCK_CLOEXEC | SOCK_NONBLOCK);
#else
    const int made = ::accept(listener, peer, length);
    if (made >= 0) {
        ::fcntl(made, F_SETFD, FD_CLOEXEC);
        ::fcntl(made, F_SETFL, O_NONBLOCK);
    }
    return made;
#endif
}

/// The next connection. Errors: closed (the listener), a shortage, or what else accept says of the listener.
class accept_one final : public operation<accept_one> {
public:
    explicit accept_one(intrusive_ptr<stream> listener, exec::duration limit = no_limit) noexcept
        : operation{std::move(listener), side::reading, limit} {}

    [[nodiscard]] bool attempt() {
        stream& listener = on();
        if (listener.is_drained(side::reading)) return false;
        const stream::use open{listener};
        if (!open) {
            got_ = reason::closed;
            return true;
        }
        for (int tries = 0;;) {
            const auto seen = listener.events(side::reading);
            sockaddr_storage raw{};
            socklen_t length = sizeof(raw);
            descriptor made{accept_descriptor(open.fd(), reinterpret_cast<sockaddr*>(&raw), &length)};
            if (made) {
                take_in(std::move(made), address::from_system(reinterpret_cast<sockaddr*>(&raw), length));
                return true;
            }
            const int error = errno;
            if (error == EAGAIN || error == EWOULDBLOCK) {
                listener.set_drained(side::reading, seen);
                return false;
            }
            if (listener.closed()) {  // meanwhile, and shut down
                got_ = reason::closed;
                return true;
            }
            if (concerns_one_connection(error) && ++tries < most_tries) continue;
            got_ = reason::from_errno(concerns_one_connection(error) ? ENOBUFS : error, "accept");
            return true;
        }
    }
    void fail(reason why) { got_ = std::move(why); }
    void expire() { got_ = reason{reason::timeout}.with_text("no connection in time"); }
    [[nodiscard]] result<arrival> take() { return std::move(got_); }

private:
    static constexpr int most_tries = 1000;  // of connections that are gone already; then others come first

    void take_in(descriptor made, address peer) {
        auto watched = stream::make(on().executor(), std::move(made));
        if (!watched) {
            got_ = watched.error();
            return;
        }
        got_ = arrival{socket_handle{std::move(*watched)}, peer};
    }
    result<arrival> got_{reason::closed};
};

/// Another descriptor for the same socket.
[[nodiscard]] inline result<descriptor> duplicate(int fd) {
    descriptor made{::fcntl(fd, F_DUPFD_CLOEXEC, 0)};
    if (!made) return last_error("dup");
    return made;
}

/// Takes over a listening stream socket that was opened elsewhere. Error: bad_argument for anything else.
[[nodiscard]] inline result<descriptor> adopt_listener(int fd) {
    int listens = 0;
    int type = 0;
    socklen_t length = sizeof(listens);
    const bool known = ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0;
    length = sizeof(type);
    if (!known || listens == 0 || ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0 || type != SOCK_STREAM)
        return reason{reason::bad_argument}.with_text("descriptor " + std::to_string(fd) + " is no listening socket");
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) return last_error("fcntl");
    return descriptor{fd};
}

/// The file of a Unix socket: removed with its owner, if it is still the same.
class socket_file {
public:
    socket_file() noexcept = default;
    explicit socket_file(const address& bound) : path_{bound.is_local() ? bound.host() : std::string{}} {
        if (path_.empty() || path_.front() == '@' || ::lstat(path_.c_str(), &seen_) != 0) path_.clear();
    }
    socket_file(socket_file&& other) noexcept : path_{std::exchange(other.path_, {})}, seen_{other.seen_} {}
    socket_file& operator=(socket_file&& other) noexcept {
        std::swap(path_, other.path_);
        std::swap(seen_, other.seen_);
        return *this;
    }
    ~socket_file() { remove(); }

    void remove() noexcept {
        struct stat now{};
        if (!path_.empty() && ::lstat(path_.c_str(), &now) == 0 && now.st_ino == seen_.st_ino && now.st_dev == seen_.st_dev)
            ::unlink(path_.c_str());
        path_.clear();
    }

private:
    std::string path_;
    struct stat seen_{};
};

}  // namespace otp::inline OTP_ABI::net
