// timers: a million timers are armed, then all of them cancelled; the time of each.
#include <otp/otp.hpp>

#include "../common.hpp"

struct tick {};

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto timers = options.count(1'000'000, 10'000);
    auto cancelled = 0;
    const auto owner = otp::spawn([&cancelled, timers] {
        const otp::inbox<tick> ticks;
        std::vector<otp::timer_ref> all;
        all.reserve(static_cast<std::size_t>(timers));
        const bench::stopwatch watch;
        for (int i = 0; i < timers; ++i)
            all.push_back(otp::send_after(std::chrono::milliseconds{60'000 + i % 1'000}, ticks, tick{}));
        for (const auto& each : all) cancelled += otp::cancel_timer(each) ? 1 : 0;
        bench::report("timers", watch.ns_each(timers), "ns");
    });
    (void)otp::wait(owner);
    bench::require(cancelled == timers, "no timer was due");
}
