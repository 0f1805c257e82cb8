// Hot code upgrade: on SIGHUP a server becomes one of a struct that was not written yet when the program started, while its
// clients stay connected. Try `nc localhost 7000` and type names; build hot_upgrade/version_2.cpp as its first lines say; `kill -HUP`.
// Optional arguments: another port, another library.
#include "hot_upgrade/greeter.hpp"

#include <otp/otp.hpp>

#include <dlfcn.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>

otp::task<> session(otp::tcp::socket socket, otp::server<greeter> desk) {
    std::string unfinished;
    while (auto data = co_await socket.recv()) {
        unfinished += data->view();
        for (auto end = unfinished.find('\n'); end != std::string::npos; end = unfinished.find('\n')) {
            const auto answer = co_await desk.ask<greet>(unfinished.substr(0, end));
            unfinished.erase(0, end + 1);
            if (!answer || !co_await socket.send(*answer)) co_return;
        }
    }
}

otp::result<void> upgrade(const otp::server<greeter>& desk, const char* path) {
    // Never closed: the server's code is in there from now on.
    void* const library = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) return otp::reason{otp::reason::not_found}.with_text(::dlerror());
    auto* const found = reinterpret_cast<upgrade_function*>(::dlsym(library, "upgrade"));
    if (!found) return otp::reason{otp::reason::not_found}.with_text(::dlerror());
    otp::result<void> outcome;
    found(desk, outcome);
    return outcome;
}

int main(int argc, char** argv) {
    sigset_t signals;  // blocked in all threads, and waited for in this one
    ::sigemptyset(&signals);
    for (const int s : {SIGHUP, SIGINT, SIGTERM}) ::sigaddset(&signals, s);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);

    otp::runtime rt;
    const otp::use here{rt};
    const auto desk = otp::start<greeter>();
    if (!desk) return 1;
    const auto server = otp::serve({.port = argc > 1 ? std::atoi(argv[1]) : 7000}, session, *desk);
    if (!server) {
        std::fprintf(stderr, "hot_upgrade: %s\n", server.error().to_string().c_str());
        return 1;
    }
    std::printf("Listening on port %d\n", server->port());
    std::fflush(stdout);

    for (int came = 0; ::sigwait(&signals, &came) == 0 && came == SIGHUP;) {
        const auto done = upgrade(*desk, argc > 2 ? argv[2] : "./version_2.so");
        std::printf("%s\n", done ? "Upgraded" : done.error().to_string().c_str());
        std::fflush(stdout);
    }
    return server->stop() ? 0 : 1;
}
