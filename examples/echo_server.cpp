// An echo server: each connection is a coroutine. Try it with `nc localhost 7000`; an optional argument is another port.
#include <otp/socket_server.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

otp::task<> echo(otp::tcp::socket socket) {
    const auto peer = socket.peername();
    const std::string name = peer ? peer->to_string() : "somebody";
    std::printf("%s connected\n", name.c_str());

    otp::reason end;
    for (;;) {
        auto data = co_await socket.recv();
        if (!data) {
            end = data.error();
            break;
        }
        auto sent = co_await socket.send(*data);
        if (!sent) {
            end = sent.error();
            break;
        }
    }
    std::printf("%s ended: %s\n", name.c_str(), end.to_string().c_str());
}

int main(int argc, char** argv) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    otp::runtime rt;
    const auto server = rt.serve({.port = argc > 1 ? std::atoi(argv[1]) : 7000}, echo);
    if (!server) {
        std::fprintf(stderr, "echo_server: %s\n", server.error().to_string().c_str());
        return 1;
    }
    std::printf("Listening on port %d\n", server->port());
    std::printf("Signal %d, stopping\n", otp::wait_for_signal());
    return server->stop() ? 0 : 1;
}
