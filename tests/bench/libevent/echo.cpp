// An echo server with libevent: one thread, a bufferevent for each connection, input moved to output without a copy.
// Prints `port <n>` when it listens and serves until it is killed.
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/tcp.h>

#include "../common.hpp"

namespace {

void received(bufferevent* connection, void*) {
    evbuffer_add_buffer(bufferevent_get_output(connection), bufferevent_get_input(connection));
}

void happened(bufferevent* connection, short, void*) { bufferevent_free(connection); }  // closed, or failed

void accepted(evconnlistener* listener, evutil_socket_t fd, sockaddr*, int, void* buffer) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto* connection = bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_set_max_single_read(connection, *static_cast<std::size_t*>(buffer));
    bufferevent_set_max_single_write(connection, *static_cast<std::size_t*>(buffer));
    bufferevent_setcb(connection, received, nullptr, happened, nullptr);
    bufferevent_enable(connection, EV_READ | EV_WRITE);
}

}  // namespace

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    auto buffer = static_cast<std::size_t>(options.number("buffer", 16384));
    auto* base = event_base_new();
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* listener = evconnlistener_new_bind(base, accepted, &buffer, LEV_OPT_CLOSE_ON_FREE, 4096,
                                             reinterpret_cast<sockaddr*>(&address), sizeof address);
    bench::require(listener != nullptr, "a port to listen on");
    socklen_t length = sizeof address;
    getsockname(evconnlistener_get_fd(listener), reinterpret_cast<sockaddr*>(&address), &length);
    std::printf("port %d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    event_base_dispatch(base);
}
