// What only some processes have, apart from the control block: a name, a parent, a label, a reason to end.
#pragma once

#include <string>
#include <vector>

#include "otp/process/process.hpp"

namespace otp::inline OTP_ABI::proc {

struct particulars {
    reason why = reason::normal;             // the exit reason, once it stops
    intrusive_ptr<process> parent;           // who started it with a link or a monitor
    std::vector<std::string> ancestors;      // parent first, by name or pid
    std::string label;
    signal_ptr last_words;                   // an answer that is due only when the process is gone
    reason last_reason;
    signal_queue end_waiters;                // calls of otp::wait
};

inline particulars& process::details() {
    if (!particulars_) particulars_ = std::make_unique<particulars>();
    return *particulars_;
}

inline const reason& process::exit_reason() const noexcept { return particulars_ ? particulars_->why : reason::normal; }

}  // namespace otp::inline OTP_ABI::proc
