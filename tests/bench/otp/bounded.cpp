// bounded: a process floods a server whose mailbox makes it wait when it is full. bounded_peak: the memory that took.
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

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto messages = options.count(10'000'000, 100'000);
    const auto target = otp::start<sink>({.mailbox = {.capacity = 1'000, .on_full = otp::wait}}, messages).value();
    otp::inbox<otp::down> ends;
    ends.monitor(target.id());
    const bench::stopwatch watch;
    otp::spawn([target, messages] {
        for (int i = 1; i <= messages; ++i) target.cast(number{i});
    });
    const auto end = ends.receive();
    bench::report("bounded", watch.per_second(messages), "/s");
    bench::report("bounded_peak", bench::peak_rss() / bench::mib, "MiB");
    bench::require(std::get<otp::down>(*end).reason == otp::reason::normal, "the server ends when it has got all");
}
