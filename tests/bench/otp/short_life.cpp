// short_life: a process starts another, which answers and ends; then the next.
#include <otp/otp.hpp>

#include "../common.hpp"

struct answer {
    int value;
};

otp::task<> parent(int lives) {
    otp::inbox<answer> answers;
    auto sum = 0;
    for (int i = 0; i < lives; ++i) {
        otp::spawn([to = otp::recipient<answer>{answers}] { to.send(answer{1}); });
        sum += std::get<answer>(co_await answers.next()).value;
    }
    bench::require(sum == lives, "each has answered");
}

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto lives = options.count(2'000'000, 20'000);
    const bench::stopwatch watch;
    bench::require(otp::wait(otp::spawn(parent, lives)) == otp::reason::normal, "the parent ends well");
    bench::report("short_life", watch.ns_each(lives), "ns");
}
