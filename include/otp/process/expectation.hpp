// What probes and stubs have in common: how they wait, and how they say what they miss.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include "otp/base/text_of.hpp"
#include "otp/process/events.hpp"
#include "otp/process/inbox_process.hpp"
#include "otp/runtime/simulator.hpp"

namespace otp::inline OTP_ABI {

/// What was expected has not come. what() says what was, what came instead, and of a simulation the time and the seed.
class probe_failure : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

namespace proc {

inline constexpr std::chrono::nanoseconds patience_of_probes = std::chrono::seconds{5};

/// Such as "50ms".
[[nodiscard]] inline std::string length_text(std::chrono::nanoseconds time) {
    struct unit {
        std::int64_t size;
        const char* name;
    };
    static constexpr unit units[]{{1'000'000'000, "s"}, {1'000'000, "ms"}, {1'000, "us"}, {1, "ns"}};
    const unit* in = units;
    while (time.count() % in->size != 0) ++in;
    return std::to_string(time.count() / in->size) + in->name;
}
[[nodiscard]] inline std::string within(std::chrono::nanoseconds limit) {
    return limit == std::chrono::nanoseconds::max() ? std::string{} : " within " + length_text(limit);
}

/// A message as a failure shows it.
template <class X>
[[nodiscard]] std::string message_text(const X& message) {
    if constexpr (std::same_as<X, down>) return "down of " + message.pid.to_string() + ": " + message.reason.to_string();
    else if constexpr (std::is_convertible_v<const X&, std::string_view>) return '"' + std::string{std::string_view{message}} + '"';
    else return base::text_of(message);
}

/// Throws the failure: "expected … , but … (at +0.050000000s, seed 7)".
[[noreturn]] inline void disappoint(const exec::executor& ex, const std::string& expected, const std::string& instead) {
    std::string text = "expected " + expected + ", but " + instead;
    if (ex.simulated()) {
        const auto& sim = static_cast<const exec::simulator&>(ex);
        text += " (at " + exec::simulator::moment(sim.now()) + ", seed " + std::to_string(sim.seed()) + ')';
    }
    throw probe_failure{text};
}

/// Blocks until take() finds something or the time is over. On a simulation's own thread what comes at the very end is in
/// time: whether it or the end is first at that moment would be chance.
template <class Take>
[[nodiscard]] auto await_mail(inbox_process& in, exec::time_point deadline, Take take) -> decltype(take()) {
    for (bool in_time = true; in_time; in_time = in.block_for_mail(deadline))
        if (auto found = take()) return found;
    if (auto found = take()) return found;
    if (!in.executor().simulated()) return {};
    auto& sim = static_cast<exec::simulator&>(in.executor());
    while (!sim.in_turn() && sim.step())
        if (auto found = take()) return found;
    return {};
}

}  // namespace proc
}  // namespace otp::inline OTP_ABI
