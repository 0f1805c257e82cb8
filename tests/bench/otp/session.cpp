// An echo server, a gen_server for each connection. Prints `port <n>` when it listens and serves until it is killed.
#include <otp/socket_server.hpp>

#include "../common.hpp"

struct session {
    void init(otp::tcp::socket connection) {
        socket = std::move(connection);
        socket.active(true);
    }
    otp::task<> handle_info(otp::tcp::data arrived) { (void)co_await socket.send(arrived.bytes); }
    otp::next handle_info(otp::tcp::closed) { return otp::stop(otp::reason::normal); }

    otp::tcp::socket socket;
};

int main() {
    const auto server = otp::serve<session>({.port = 0, .address = "127.0.0.1", .backlog = 4096}).value();
    std::printf("port %d\n", server.port());
    std::fflush(stdout);
    (void)otp::wait(server.id());
}
