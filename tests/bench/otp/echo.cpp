// An echo server, a coroutine for each connection. Prints `port <n>` when it listens and serves until it is killed.
#include <otp/socket_server.hpp>

#include "../common.hpp"

otp::task<> echo(otp::tcp::socket socket) {
    while (auto data = co_await socket.recv())
        if (!co_await socket.send(*data)) break;
}

int main() {
    const auto server = otp::serve({.port = 0, .address = "127.0.0.1", .backlog = 4096}, echo).value();
    std::printf("port %d\n", server.port());
    std::fflush(stdout);
    (void)otp::wait(server.id());
}
