// links: a process links itself to another, monitors it, unlinks and demonitors; the time of the four.
#include <otp/otp.hpp>

#include "../common.hpp"

struct idle {};

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto rounds = options.count(2'000'000, 20'000);
    const auto other = otp::start<idle>().value().id();
    const auto watcher = otp::spawn([rounds, other] {
        const bench::stopwatch watch;
        for (int i = 0; i < rounds; ++i) {
            (void)otp::link(other);
            const auto ref = otp::monitor(other);
            otp::unlink(other);
            otp::demonitor(ref, otp::flush);
        }
        bench::report("links", watch.ns_each(rounds), "ns");
    });
    (void)otp::wait(watcher);
    bench::require(otp::is_alive(other), "the other one was not disturbed");
}
