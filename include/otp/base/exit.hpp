// The exception that carries a reason.
#pragma once

#include <exception>
#include <utility>

#include "otp/base/reason.hpp"
#include "otp/config.hpp"

namespace otp::inline OTP_ABI {

/// Thrown in a handler, it ends the process with the reason that it carries, as exit(Reason) does in Erlang; thrown by
/// result::value() on an error. Copies never throw.
class exit : public std::exception {
public:
    explicit exit(otp::reason why) noexcept : why_{std::move(why)} {}

    /// The text of the reason.
    [[nodiscard]] const char* what() const noexcept override { return why_.text().data(); }
    /// The reason.
    [[nodiscard]] const otp::reason& why() const noexcept { return why_; }

private:
    otp::reason why_;
};

namespace base {

// Out of line and cold, to keep the checks of a result small.
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_exit(const reason& why) { throw exit{why}; }

}  // namespace base

}  // namespace otp::inline OTP_ABI

#include "otp/base/reason_impl.hpp"
