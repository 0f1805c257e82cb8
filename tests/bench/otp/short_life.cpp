// short_life: a process starts another, which answers and ends; then the next.
#include <otp/otp.hpp>

#include "../common.hpp"

struct answer {
    int value;
};

otp::task<int> parent(int lives) {
    otp::inbox<answer> answers;
    auto sum = 0;
    for (int i = 0; i < lives; ++i) {
        otp::spawn([to = otp::recipient<answer>{answers}] { to.send(answer{1}); });
        sum += std::get<answer>(co_await answers.next()).value;
    }
    co_return sum;
}

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto lives = options.count(2'000'000, 20'000);
    const bench::stopwatch watch;
    const auto answers = otp::run(parent(lives)).value();
    bench::report("short_life", watch.ns_each(lives), "ns");
    bench::require(answers == lives, "each has answered");
}
