// start: otp::start from a process, which returns when init has; then stop, not counted.
#include <otp/otp.hpp>

#include "../common.hpp"

struct idle {
    otp::init_result init(int n) {
        number = n;
        return otp::ok;
    }

    int number = 0;
};

// A thousand at a time, so that it is the start that counts and not the memory of the many.
double seconds_of_thousand() {
    std::vector<otp::server<idle>> all;
    all.reserve(1'000);
    const bench::stopwatch watch;
    for (int i = 0; i < 1'000; ++i) all.push_back(otp::start<idle>(i).value());
    const auto took = watch.seconds();
    for (const auto& each : all) (void)each.stop();
    return took;
}

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto thousands = options.count(500, 5);
    double took = 0;
    const auto starter = otp::spawn([&took, thousands] {
        for (int i = 0; i < thousands; ++i) took += seconds_of_thousand();
    });
    (void)otp::wait(starter);
    bench::report("start", took * 1e9 / (thousands * 1e3), "ns");
}
