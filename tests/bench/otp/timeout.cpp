// timeout_extra: what a time-out that is never reached adds to an ask. The best of many short runs of each kind.
#include <otp/otp.hpp>

#include <algorithm>

#include "../common.hpp"

struct counter {
    struct next {
        using reply_type = int;
    };
    int handle_call(next) { return ++count; }

    int count = 0;
};

otp::task<> compare(otp::server<counter> server, int asks) {
    auto without = 1e9;
    auto with = 1e9;
    for (int run = 0; run < 20; ++run) {
        const bench::stopwatch untimed;
        for (int i = 0; i < asks; ++i) (void)co_await server.ask<counter::next>().timeout(otp::infinity);
        without = std::min(without, untimed.ns_each(asks));
        const bench::stopwatch timed;
        for (int i = 0; i < asks; ++i) (void)co_await server.ask<counter::next>().timeout(std::chrono::seconds{5});
        with = std::min(with, timed.ns_each(asks));
    }
    bench::report("timeout_extra", with - without, "ns");
}

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto asks = options.count(100'000, 1'000);
    const auto server = otp::start<counter>().value();
    (void)otp::wait(otp::spawn(compare, server, asks));
    bench::require(server.call(counter::next{}).value() == 40 * asks + 1, "each ask was answered once");
}
