// Random programs of processes that spawn, link, monitor, call, time out, exit and kill, held against a plain model.
//   OTP_SEED=n       runs one seed and shows its log
//   OTP_SEEDS=a-b    runs these; tests/model/run does so on all cores
#include <doctest/doctest.h>

#include "program.hpp"
#include "rules_of_lives.hpp"
#include "rules_of_signals.hpp"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>

namespace tests::signals {

namespace {

struct range {
    std::uint64_t first, last;
    bool shows_progress = false;
};

range seeds_to_run() {
    range seeds{1, 1000};
    if (const auto one = otp::exec::seed_from_environment()) return {*one, *one};
    if (const char* text = std::getenv("OTP_SEEDS")) {
        const std::string_view wanted{text};
        const auto dash = std::from_chars(wanted.data(), wanted.data() + wanted.size(), seeds.first).ptr;
        std::from_chars(dash + 1, wanted.data() + wanted.size(), seeds.last);
        seeds.shows_progress = true;
    }
    return seeds;
}

/// What is wrong with the program of a seed; empty: nothing.
std::string try_seed(std::uint64_t seed, std::size_t* events = nullptr) {
    const auto blocks = otp::memory::in_use();
    std::string wrong;
    try {
        const model::record run = model::run_program(seed);
        wrong = model::check(run);
        if (events) *events += run.log.size();
        if (otp::exec::seed_from_environment()) std::puts(model::to_text(run).c_str());
    } catch (const std::exception& e) {
        wrong = e.what();
    }
    if (wrong.empty() && otp::memory::in_use() != blocks) wrong = std::to_string(otp::memory::in_use() - blocks) + " blocks of memory are left";
    return wrong;
}

}  // namespace

TEST_CASE("random programs do nothing that the plain model forbids, and leave nothing behind") {
    const range seeds = seeds_to_run();
    const auto began = std::chrono::steady_clock::now();
    const auto per_second = [&](std::uint64_t done) {
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
        return static_cast<double>(done) / took.count();
    };
    std::size_t events = 0;
    int failures = 0;
    for (std::uint64_t seed = seeds.first; seed <= seeds.last && failures < 5; ++seed) {
        if (const auto wrong = try_seed(seed, &events); !wrong.empty()) {
            ++failures;
            FAIL_CHECK("seed ", seed, " (OTP_SEED=", seed, " runs it again): ", wrong);
        }
        const auto done = seed - seeds.first + 1;
        if (seeds.shows_progress && done % 10'000 == 0)
            std::printf("   %llu of %llu seeds, %.0f a second\n", static_cast<unsigned long long>(done),
                        static_cast<unsigned long long>(seeds.last - seeds.first + 1), per_second(done));
    }
    const auto count = seeds.last - seeds.first + 1;
    MESSAGE(count, " seeds, ", events, " events, ", static_cast<int>(per_second(count)), " seeds a second");
    CHECK(failures == 0);
}

TEST_CASE("the program of a seed is the same each time") {
    for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 9U}) CHECK(model::to_text(model::run_program(seed)) == model::to_text(model::run_program(seed)));
}

}  // namespace tests::signals
