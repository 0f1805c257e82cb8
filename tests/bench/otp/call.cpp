// call: a plain thread asks a server and blocks until the answer is there.
#include <otp/gen_server.hpp>

#include "../common.hpp"

struct counter {
    struct next {
        using reply_type = int;
    };
    int handle_call(next) { return ++count; }

    int count = 0;
};

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto calls = options.count(200'000, 2'000);
    const auto server = otp::start<counter>().value();
    auto last = 0;
    const bench::stopwatch watch;
    for (int i = 0; i < calls; ++i) last = server.call(counter::next{}).value();
    bench::report("call", watch.ns_each(calls), "ns");
    bench::require(last == calls, "each call was answered once");
}
