// ask: one process asks a server and goes on when the answer is there. ask_8: eight ask the same one.
// With the usual time-out of 5 s.
#include <otp/otp.hpp>

#include "../common.hpp"

struct counter {
    struct next {
        using reply_type = int;
    };
    int handle_call(next) { return ++count; }

    int count = 0;
};

otp::task<> client(otp::server<counter> server, int asks) {
    for (int i = 0; i < asks; ++i)
        if (!co_await server.ask<counter::next>()) co_return;
}

double seconds(int clients, int asks) {
    const auto server = otp::start<counter>().value();
    std::vector<otp::pid> all;
    const bench::stopwatch watch;
    for (int i = 0; i < clients; ++i) all.push_back(otp::spawn(client, server, asks));
    for (const auto& each : all) (void)otp::wait(each);
    const auto took = watch.seconds();
    bench::require(server.call(counter::next{}).value() == clients * asks + 1, "each ask was answered once");
    return took;
}

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto asks = options.count(2'000'000, 20'000);
    bench::report("ask", seconds(1, asks) * 1e9 / asks, "ns");
    bench::report("ask_8", asks / seconds(8, asks / 8), "/s");
}
