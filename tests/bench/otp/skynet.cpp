// skynet: a process makes ten, each makes ten, down to a million leaves, and the sum of their numbers comes back up.
#include <otp/otp.hpp>

#include "../common.hpp"

struct sum {
    std::int64_t value;
};

otp::task<> node(otp::recipient<sum> parent, std::int64_t number, int size) {
    if (size == 1) {
        parent.send(sum{number});
        co_return;
    }
    otp::inbox<sum> parts;
    for (int i = 0; i < 10; ++i) otp::spawn(node, otp::recipient<sum>{parts}, number + i * (size / 10), size / 10);
    std::int64_t total = 0;
    for (int i = 0; i < 10; ++i) total += std::get<sum>(co_await parts.next()).value;
    parent.send(sum{total});
}

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto leaves = options.count(1'000'000, 10'000);
    otp::inbox<sum> root;
    const bench::stopwatch watch;
    otp::spawn(node, otp::recipient<sum>{root}, std::int64_t{0}, leaves);
    const auto total = root.receive(std::chrono::minutes{5});
    bench::report("skynet", watch.seconds(), "s");
    bench::report("skynet_peak", bench::peak_rss() / bench::mib, "MiB");
    bench::require(total && std::get<sum>(*total).value == std::int64_t{leaves} * (leaves - 1) / 2, "the sum is right");
}
