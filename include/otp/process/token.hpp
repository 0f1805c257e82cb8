// A small signal that settles one wait: something happened, look for yourself.
#pragma once

#include "otp/process/process.hpp"
#include "otp/process/signal.hpp"

namespace otp::inline OTP_ABI::proc {

struct token_signal final : signal {
    explicit token_signal(std::uint64_t number) noexcept {
        kind = signal_kind::reply;
        ref = number;
        ops = &token_ops;
    }
    static void end(signal* s, const reason&) noexcept { free_signal(static_cast<token_signal*>(s)); }
    static const signal_ops token_ops;
};
inline constexpr signal_ops token_signal::token_ops{nullptr, &token_signal::end, nullptr, nullptr, "token"};

/// Stands in the queue of a process as a message. Any thread.
inline void queue_token(process& to, std::uint64_t ref) {
    auto* s = make_signal<token_signal>(ref);
    s->kind = signal_kind::message;
    to.post(s);
}

/// Settles the wait `ref` of a process. Any thread.
inline void send_token(process& to, std::uint64_t ref) { to.post(make_signal<token_signal>(ref)); }

}  // namespace otp::inline OTP_ABI::proc
