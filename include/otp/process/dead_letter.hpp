// What could not be delivered: counted, and shown to a sink of the user's.
#pragma once

#include <array>
#include <atomic>
#include <concepts>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <type_traits>
#include <utility>

#include "otp/base/reason.hpp"
#include "otp/base/unique_function.hpp"
#include "otp/config.hpp"

namespace otp::inline OTP_ABI {

/// A message that reached nobody.
struct dead_letter {
    std::string_view message;  ///< the name of its type
    reason why;                ///< noproc, overloaded, unhandled, or what its receiver ended with
};

/// Called for each dead letter, on the thread that found it: must be quick, must not throw, must not send.
using dead_letter_sink = void (*)(const dead_letter& letter, void* context);

namespace proc {

struct dead_letter_office {
    std::atomic<bool> listens{false};
    std::mutex lock;
    dead_letter_sink sink = nullptr;
    void* context = nullptr;
    base::unique_function<void(const otp::dead_letter&)> own;  // a sink with a state of its own
    std::array<std::atomic<std::uint64_t>, 64> counted{};
};
[[nodiscard]] inline dead_letter_office& dead_letters_of_program() noexcept {
    static dead_letter_office& office = *new dead_letter_office;  // never destroyed: used by threads that outlive main
    return office;
}

inline void dead_letter(std::string_view message, const reason& why) noexcept {
    if (why == reason::ignored) return;  // given up by its sender: a cancelled timer
    auto& office = dead_letters_of_program();
    office.counted[static_cast<std::size_t>(why.kind()) % office.counted.size()].fetch_add(1, std::memory_order_relaxed);  // a statistic
    if (!office.listens.load(std::memory_order_acquire)) return;  // pairs with on_dead_letter
    const std::lock_guard hold{office.lock};
    if (office.sink) office.sink(otp::dead_letter{message, why}, office.context);
}

}  // namespace proc

/// Shows each dead letter to `sink` from now on; null: to nobody. After it has returned the former sink is not used any more.
inline void on_dead_letter(dead_letter_sink sink, void* context = nullptr) {
    auto& office = proc::dead_letters_of_program();
    base::unique_function<void(const dead_letter&)> former;  // destroyed without the lock
    const std::lock_guard hold{office.lock};
    former = std::move(office.own);
    office.sink = sink;
    office.context = context;
    office.listens.store(sink != nullptr, std::memory_order_release);  // pairs with proc::dead_letter
}
/// The same for a function object, which is kept until the next one comes.
template <class F>
    requires(std::invocable<std::decay_t<F>&, const dead_letter&> && !std::convertible_to<F, dead_letter_sink>)
void on_dead_letter(F&& sink) {
    auto& office = proc::dead_letters_of_program();
    base::unique_function<void(const dead_letter&)> next{std::forward<F>(sink)};
    const std::lock_guard hold{office.lock};
    std::swap(office.own, next);
    office.sink = [](const dead_letter& letter, void*) { proc::dead_letters_of_program().own(letter); };
    office.listens.store(true, std::memory_order_release);  // pairs with proc::dead_letter
}

/// How many messages were lost for this kind of reason since the program began.
[[nodiscard]] inline std::uint64_t dead_letters(reason_kind why) noexcept {
    return proc::dead_letters_of_program().counted[static_cast<std::size_t>(why) % 64].load(std::memory_order_relaxed);  // a statistic
}

}  // namespace otp::inline OTP_ABI
