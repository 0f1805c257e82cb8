// Real sockets for tests: plain POSIX clients, and connections of which one end is the library's.
#pragma once

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "otp/otp.hpp"

namespace test {

using namespace std::chrono_literals;

/// Long enough for the slowest machine; no test waits so long when all is well.
inline constexpr auto patience = 20s;

/// A client without the library. Its functions block, `patience` at most.
class raw {
public:
    raw() = default;
    explicit raw(int fd) : fd_{fd} { limit(); }
    raw(raw&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    raw& operator=(raw&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~raw() { close(); }

    static raw to(int port, const char* host = "127.0.0.1") {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_port = htons(static_cast<std::uint16_t>(port));
        ::inet_pton(AF_INET, host, &at.sin_addr);
        return to(AF_INET, reinterpret_cast<sockaddr*>(&at), sizeof(at));
    }
    static raw to6(int port) {
        sockaddr_in6 at{};
        at.sin6_family = AF_INET6;
        at.sin6_port = htons(static_cast<std::uint16_t>(port));
        at.sin6_addr = in6addr_loopback;
        return to(AF_INET6, reinterpret_cast<sockaddr*>(&at), sizeof(at));
    }
    static raw to_path(const std::string& path) {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        std::memcpy(at.sun_path, path.data(), path.size());
        const bool abstract = path.front() == '@';
        if (abstract) at.sun_path[0] = '\0';
        return to(AF_UNIX, reinterpret_cast<sockaddr*>(&at), static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1)));
    }
    static raw to(int family, const sockaddr* at, socklen_t length) {
        raw made{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        if (::connect(made.fd_, at, length) < 0) {
            const int why = errno;
            made.close();
            errno = why;
        }
        return made;
    }

    explicit operator bool() const { return fd_ >= 0; }
    int fd() const { return fd_; }
    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }
    void reset() {
        const linger now{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        close();
    }
    void finish() { ::shutdown(fd_, SHUT_WR); }
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent < 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    /// Up to `count` bytes: less at the end of the stream, or when the patience is over.
    std::string read(std::size_t count) {
        std::string all(count, '\0');
        std::size_t have = 0;
        while (have < count) {
            const auto got = ::recv(fd_, all.data() + have, count - have, 0);
            if (got <= 0) break;
            have += static_cast<std::size_t>(got);
        }
        all.resize(have);
        return all;
    }
    std::string read_all() {
        std::string all;
        for (;;) {
            auto more = read(64 * 1024);
            if (more.empty()) return all;
            all += more;
        }
    }
    /// The peer has ended it, in order or by a reset.
    bool ended() {
        char byte;
        const auto got = ::recv(fd_, &byte, 1, 0);
        return got == 0 || (got < 0 && errno == ECONNRESET);
    }
    std::string echo(std::string_view message) { return send(message) ? read(message.size()) : std::string{"not sent"}; }
    /// Nothing comes within this time.
    bool silent(std::chrono::milliseconds time) {
        pollfd readable{fd_, POLLIN, 0};
        return ::poll(&readable, 1, static_cast<int>(time.count())) == 0;
    }
    int local_port() const {
        sockaddr_in at{};
        socklen_t length = sizeof(at);
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &length);
        return ntohs(at.sin_port);
    }

private:
    void limit() {
        const timeval time{patience.count(), 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
        ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
        const int on = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    int fd_ = -1;
};

/// A raw listener on a free port of the loopback.
class raw_listener {
public:
    explicit raw_listener(int backlog = 128) : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(socket_.fd(), reinterpret_cast<sockaddr*>(&at), sizeof(at)) == 0);
        REQUIRE(::listen(socket_.fd(), backlog) == 0);
    }
    int port() const { return socket_.local_port(); }
    raw accept() { return raw{::accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC)}; }
    int fd() const { return socket_.fd(); }
    void close() { socket_.close(); }

private:
    raw socket_;
};

/// One end of a connection as a socket of the library.
template <class Socket>
Socket adopt(int fd) {
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    return Socket{otp::net::stream::make(otp::exec::current_executor(), otp::net::descriptor{fd}).value()};
}
template <class Socket = otp::tcp::blocking_socket>
struct connection {
    connection() {
        raw_listener door;
        theirs = raw::to(door.port());
        const int fd = ::accept4(door.fd(), nullptr, nullptr, SOCK_CLOEXEC);
        REQUIRE(fd >= 0);
        ours = adopt<Socket>(fd);
    }
    Socket ours;
    raw theirs;
};

inline std::size_t entries_of(const char* folder) {
    std::size_t count = 0;
    if (DIR* open = ::opendir(folder)) {
        while (::readdir(open)) ++count;
        ::closedir(open);
    }
    return count;
}
inline std::size_t descriptors() { return entries_of("/proc/self/fd"); }
inline std::size_t threads() { return entries_of("/proc/self/task"); }

/// Looks until it is so.
template <class Predicate>
bool eventually(Predicate&& is_so) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!is_so()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(1ms);
    }
    return true;
}

/// A path that nobody else uses, gone at the end.
class temporary_path {
public:
    temporary_path() {
        static int number = 0;
        path_ = "/tmp/otp-test-" + std::to_string(::getpid()) + "-" + std::to_string(++number);
        ::unlink(path_.c_str());
    }
    ~temporary_path() { ::unlink(path_.c_str()); }
    const std::string& str() const { return path_; }
    bool exists() const { return ::access(path_.c_str(), F_OK) == 0; }

private:
    std::string path_;
};

/// Collects the reports of the library instead of printing them.
class reports {
public:
    reports() : before_{otp::set_logger(&collect, this)} {}
    ~reports() { otp::set_logger(before_.sink, before_.context); }
    int count(std::string_view what) {
        const std::lock_guard hold{lock_};
        int found = 0;
        for (auto at = text_.find(what); at != std::string::npos; at = text_.find(what, at + 1)) ++found;
        return found;
    }
    std::string text() {
        const std::lock_guard hold{lock_};
        return text_;
    }

private:
    static void collect(const otp::log_record& r, void* me) noexcept {
        auto& self = *static_cast<reports*>(me);
        const std::lock_guard hold{self.lock_};
        self.text_ += r.text;
        self.text_ += '\n';
    }
    otp::logger before_;
    std::mutex lock_;
    std::string text_;
};

// The same echo three times.
inline otp::task<> echo(otp::tcp::socket socket) {
    while (auto data = co_await socket.recv())
        if (!co_await socket.send(*data)) break;
}
inline void blocking_echo(otp::tcp::blocking_socket socket) {
    while (auto data = socket.recv())
        if (!socket.send(*data)) break;
}
struct echo_session {
    void init(otp::tcp::socket given) {
        socket = std::move(given);
        socket.active(true);
    }
    otp::task<otp::next> handle_info(otp::tcp::data arrived) {
        auto sent = co_await socket.send(arrived.bytes);
        if (!sent) co_return otp::stop(otp::reason::normal);
        co_return otp::noreply;
    }
    otp::next handle_info(otp::tcp::closed) { return otp::stop(otp::reason::normal); }
    otp::next handle_info(otp::tcp::error) { return otp::stop(otp::reason::normal); }
    otp::tcp::socket socket;
};

}  // namespace test
