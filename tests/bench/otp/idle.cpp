// idle: a million servers that do nothing yet; the time to start them and the memory of each.
#include <otp/otp.hpp>

#include "../common.hpp"

struct idle {
    struct get {
        using reply_type = int;
    };
    explicit idle(int n) : number{n} {}
    int handle_call(get) { return number; }

    int number;
};

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto servers = options.count(1'000'000, 10'000);
    std::vector<otp::server<idle>> all;
    all.reserve(static_cast<std::size_t>(servers));
    const auto starter = otp::spawn([&all, servers] {
        const auto before = bench::rss();
        const bench::stopwatch watch;
        for (int i = 0; i < servers; ++i) all.push_back(otp::start<idle>(i).value());
        bench::report("idle", watch.seconds(), "s");
        bench::report("idle_bytes", (bench::rss() - before) / servers, "B");
    });
    (void)otp::wait(starter);
    bench::require(all.back().call(idle::get{}).value() == servers - 1, "the last one answers");
}
