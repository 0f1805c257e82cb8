// What supervisors report, in the words of OTP's supervisor reports.
#pragma once

#include <string>
#include <string_view>

#include "otp/base/log.hpp"
#include "otp/behaviour/child_spec.hpp"
#include "otp/process/links.hpp"

namespace otp::inline OTP_ABI::behaviour {

[[nodiscard]] constexpr std::string_view to_string(restart_type when) noexcept {
    switch (when) {
        case restart_type::permanent: return "permanent";
        case restart_type::transient: return "transient";
        case restart_type::temporary: return "temporary";
    }
    return "unknown";
}

/// In a turn of the supervisor: which supervisor, what happened, why, and the child that it is about.
inline void report_child(log_level level, std::string_view what, const reason& why, const child_plan& plan, const pid& child) {
    if (!base::logs(level)) return;
    proc::process& self = *proc::current_process();
    std::string text{"supervisor "};
    self.describe(text);
    if (const auto name = self.own_node().names().name_of(self.id()); !name.empty()) text += " \"" + name + '"';
    text += ": ";
    text += what;
    text += ": ";
    text += why.to_string();
    text += "; child \"" + plan.id + '"';
    if (child) text += ' ' + child.to_string();
    text += " (";
    text += to_string(plan.restart);
    if (!plan.module.empty()) {
        text += ", ";
        text += plan.module;
    }
    text += ')';
    base::log(level, text);
}

}  // namespace otp::inline OTP_ABI::behaviour
