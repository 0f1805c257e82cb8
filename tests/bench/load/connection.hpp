// One client connection in a closed loop: it sends a message, waits for all of it to come back, checks it.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "../common.hpp"

namespace bench {

enum class progress { waits, answered, ended };

class connection {
public:
    using clock = std::chrono::steady_clock;

    /// Begins to connect. `from` is the last byte of the loopback address to come from: one address has too few ports
    /// for a hundred thousand connections a minute.
    void open(int epoll, int port, int from) {
        fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        require(fd_ >= 0, "a socket");
        const int on = 1;
        setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        auto source = loopback(from, 0);
        require(bind(fd_, reinterpret_cast<sockaddr*>(&source), sizeof source) == 0, "a source address");
        auto target = loopback(1, port);
        const auto done = connect(fd_, reinterpret_cast<sockaddr*>(&target), sizeof target);
        require(done == 0 || errno == EINPROGRESS, "a connection");
        epoll_event event{};
        event.events = EPOLLIN | EPOLLOUT | EPOLLET;
        event.data.ptr = this;
        require(epoll_ctl(epoll, EPOLL_CTL_ADD, fd_, &event) == 0, "epoll_ctl");
    }

    /// Starts a request; it goes on in advance().
    void ask(const std::string& message) {
        unsent_ = unanswered_ = message.size();
        asked_at_ = clock::now();
        send_some(message);
    }

    /// After an event: sends and receives what it can.
    progress advance(const std::string& message) {
        send_some(message);
        static char buffer[65536];
        for (;;) {
            const auto room = std::min(std::max<std::size_t>(unanswered_, 1), sizeof buffer);
            const auto got = recv(fd_, buffer, room, 0);
            if (got == 0) return progress::ended;
            if (got < 0) {
                require(errno == EAGAIN, "the server keeps its connections");
                return progress::waits;
            }
            const auto bytes = static_cast<std::size_t>(got);
            require(bytes <= unanswered_, "no more comes back than was sent");
            const auto* expected = message.data() + (message.size() - unanswered_);
            require(std::memcmp(buffer, expected, bytes) == 0, "what was sent comes back");
            unanswered_ -= bytes;
            if (unanswered_ == 0) return progress::answered;
            if (bytes < room) return progress::waits;
        }
    }

    void finish_sending() { shutdown(fd_, SHUT_WR); }
    void close() {
        ::close(fd_);
        fd_ = -1;
    }
    [[nodiscard]] clock::time_point asked_at() const { return asked_at_; }
    [[nodiscard]] bool asking() const { return unanswered_ > 0; }

private:
    static sockaddr_in loopback(int last, int port) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + static_cast<std::uint32_t>(last));
        return address;
    }

    void send_some(const std::string& message) {
        while (unsent_ > 0) {
            const auto sent = send(fd_, message.data() + (message.size() - unsent_), unsent_, MSG_NOSIGNAL);
            if (sent < 0) {
                require(errno == EAGAIN || errno == ENOTCONN, "the server takes what is sent");
                return;
            }
            unsent_ -= static_cast<std::size_t>(sent);
        }
    }

    int fd_ = -1;
    std::size_t unsent_ = 0;
    std::size_t unanswered_ = 0;
    clock::time_point asked_at_{};
};

}  // namespace bench
