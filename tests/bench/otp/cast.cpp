// cast_<n>: n processes flood one server, which counts. cast_<n>_peak: the memory that took.
#include <otp/otp.hpp>

#include "../common.hpp"

struct number {
    int value;
};

struct sink {
    explicit sink(int expected) : left{expected} {}
    otp::next handle_cast(number) {
        if (--left == 0) return otp::stop(otp::reason::normal);
        return otp::ok;
    }

    int left;
};

otp::task<> producer(otp::server<sink> target, int messages) {
    for (int i = 1; i <= messages; ++i) {
        target.cast(number{i});
        if (i % 1'000 == 0) co_await otp::yield();  // lets others run
    }
}

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto producers = options.number("producers", 1);
    const auto each = options.count(10'000'000, 100'000) / producers;
    const auto name = "cast_" + std::to_string(producers);
    const auto target = otp::start<sink>(each * producers).value();
    otp::inbox<otp::down> ends;
    ends.monitor(target.id());
    const bench::stopwatch watch;
    for (int i = 0; i < producers; ++i) otp::spawn(producer, target, each);
    const auto end = ends.receive();
    bench::report(name, watch.per_second(each * producers), "/s");
    bench::report(name + "_peak", bench::peak_rss() / bench::mib, "MiB");
    bench::require(std::get<otp::down>(*end).reason == otp::reason::normal, "the server ends when it has got all");
}
