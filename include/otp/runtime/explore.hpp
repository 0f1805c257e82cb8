// Runs a test under many seeds, and shows the shortest run that fails.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "otp/base/exit.hpp"
#include "otp/config.hpp"
#include "otp/runtime/simulation.hpp"
#include "otp/runtime/strategy.hpp"

namespace otp::inline OTP_ABI {

/// What explore tries.
struct explore_options {
    std::size_t seeds = 1000;
    std::uint64_t first_seed = 1;
    /// Seed n runs under number n modulo their count.
    std::vector<strategy> strategies{random, pct(2), random, pct(3)};
    /// How many further seeds are tried after the first failure, to find a shorter one.
    std::size_t shorten = 100;
    /// A blocking operation of the test's thread that ends with deadlock is a failure, whatever the test makes of it.
    bool deadlock_fails = true;
    /// A run that is longer has failed: it won't end.
    std::uint64_t steps = 10'000'000;
};

/// What explore found.
struct exploration {
    std::size_t runs = 0;    ///< how many seeds were tried
    std::uint64_t seed = 0;  ///< of the shortest run that failed
    std::string what;        ///< how it failed; empty: none did
    std::string trace;       ///< its choices, for otp::replay, and its last steps

    [[nodiscard]] bool ok() const noexcept { return what.empty(); }
    /// All of that for a report.
    [[nodiscard]] std::string to_string() const {
        if (ok()) return std::to_string(runs) + " runs, no failure";
        const auto number = std::to_string(seed);
        return "seed " + number + ": " + what + "\nOTP_SEED=" + number + " runs it again\n" + trace;
    }
};

namespace exec {

struct explored {
    std::string failure;
    std::string trace;
    std::uint64_t steps = 0;
    std::uint64_t hash = 0;
};

[[nodiscard]] inline std::string text_of_current_exception() {
    try {
        throw;
    } catch (const otp::exit& e) {
        return e.why().to_string();
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "an exception of unknown type";
    }
}

template <class F>
[[nodiscard]] explored explore_one(std::uint64_t seed, const explore_options& options, std::size_t shown, F& test) {
    simulation_options how;
    if (!options.strategies.empty()) how.strategy = options.strategies[seed % options.strategies.size()];
    how.trace = shown;
    how.steps = options.steps;
    explored run;
    simulation sim{seed, how};
    try {
        test(sim);
        if (sim.simulator().spent())
            run.failure = "still running after " + std::to_string(sim.steps()) + " steps";
        else if (options.deadlock_fails && sim.deadlocks() != 0)
            run.failure = "deadlock: " + sim.deadlock_report();
    } catch (...) {
        run.failure = text_of_current_exception();
        if (run.failure.empty()) run.failure = "an exception without a text";
    }
    run.steps = sim.steps();
    run.hash = sim.trace_hash();
    if (shown != 0 && !run.failure.empty())
        run.trace = how.strategy.to_string() + ", " + std::to_string(run.steps) + " steps, choices: " + sim.choices() +
                    '\n' + sim.trace(shown);
    return run;
}

/// The seed that OTP_SEED asks for.
[[nodiscard]] inline std::optional<std::uint64_t> seed_from_environment() {
    const char* text = std::getenv("OTP_SEED");
    if (!text || *text == '\0') return std::nullopt;
    char* end = nullptr;
    const auto seed = std::strtoull(text, &end, 10);
    if (*end != '\0') return std::nullopt;
    return seed;
}

}  // namespace exec

/// Calls `test(simulation&)` once for each seed, each time in a fresh simulation. An exception that leaves it is a
/// failure, and so is a deadlock. After the first failure some more seeds are tried, for a shorter one, and the shortest
/// runs once more for its trace; where it then goes another way, `what` says so. With OTP_SEED=n in the environment only
/// seed n runs.
template <class F>
[[nodiscard]] exploration explore(explore_options options, F&& test) {
    constexpr std::size_t shown = 50;
    exploration found;
    std::uint64_t first = options.first_seed;
    std::size_t left = options.seeds;
    if (const auto only = exec::seed_from_environment()) {
        first = *only;
        left = 1;
    }
    std::optional<exec::explored> shortest;
    for (std::uint64_t seed = first; left != 0; ++seed, --left) {
        auto run = exec::explore_one(seed, options, 0, test);
        ++found.runs;
        if (run.failure.empty()) continue;
        if (!shortest) left = std::min(left - 1, options.shorten) + 1;
        if (!shortest || run.steps < shortest->steps) {
            shortest = std::move(run);
            found.seed = seed;
        }
    }
    if (!shortest) return found;

    // The same run again, with its steps kept.
    auto shown_run = exec::explore_one(found.seed, options, shown, test);
    found.what = std::move(shortest->failure);
    found.trace = std::move(shown_run.trace);
    if (shown_run.hash != shortest->hash)
        found.what += " (the test is not the same in each run of this seed: a second run went another way)";
    return found;
}

}  // namespace otp::inline OTP_ABI
