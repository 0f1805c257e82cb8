// An echo server by hand: one thread, epoll, one buffer for all. The limit that a library is measured against.
// Prints `port <n>` when it listens and serves until it is killed.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "../common.hpp"

namespace {

void watch(int epoll, int operation, int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    bench::require(epoll_ctl(epoll, operation, fd, &event) == 0, "epoll_ctl");
}

int listen_on_any_port() {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    bench::require(bind(listener, generic, length) == 0 && listen(listener, 4096) == 0, "a port to listen on");
    getsockname(listener, generic, &length);
    std::printf("port %d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    return listener;
}

class echo_server {
public:
    [[noreturn]] void run() {
        watch(epoll_, EPOLL_CTL_ADD, listener_, EPOLLIN);
        for (;;) {
            epoll_event events[256];
            const int ready = epoll_wait(epoll_, events, 256, -1);
            for (int i = 0; i < ready; ++i) {
                const int fd = events[i].data.fd;
                if (fd == listener_)
                    accept_all();
                else if ((events[i].events & EPOLLOUT) != 0)
                    send_rest(fd);
                else
                    echo(fd);
            }
        }
    }

private:
    void accept_all() {
        for (;;) {
            const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0) return;
            const int on = 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            if (unsent_.size() <= static_cast<std::size_t>(fd)) unsent_.resize(static_cast<std::size_t>(fd) + 1);
            watch(epoll_, EPOLL_CTL_ADD, fd, EPOLLIN);
        }
    }

    void echo(int fd) {
        const auto got = recv(fd, buffer_, sizeof buffer_, 0);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) {
            close(fd);
            return;
        }
        auto sent = send(fd, buffer_, static_cast<std::size_t>(got), MSG_NOSIGNAL);
        if (sent == got) return;
        if (sent < 0 && errno != EAGAIN) {
            close(fd);
            return;
        }
        if (sent < 0) sent = 0;
        unsent_[static_cast<std::size_t>(fd)].assign(buffer_ + sent, static_cast<std::size_t>(got - sent));
        watch(epoll_, EPOLL_CTL_MOD, fd, EPOLLOUT);
    }

    void send_rest(int fd) {
        auto& rest = unsent_[static_cast<std::size_t>(fd)];
        const auto sent = send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EAGAIN) return;
            rest = {};
            close(fd);
            return;
        }
        rest.erase(0, static_cast<std::size_t>(sent));
        if (!rest.empty()) return;
        rest = {};
        watch(epoll_, EPOLL_CTL_MOD, fd, EPOLLIN);
    }

    int epoll_ = epoll_create1(EPOLL_CLOEXEC);
    int listener_ = listen_on_any_port();
    std::vector<std::string> unsent_;  // by descriptor; nearly always empty
    char buffer_[65536];
};

}  // namespace

int main() {
    static echo_server server;
    server.run();
}
