// What supervisors report, in the words of OTP's supervisor and progress reports.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "otp/base/log.hpp"
#include "otp/base/report_text.hpp"
#include "otp/behaviour/supervisor/child_spec.hpp"
#include "otp/process/links.hpp"

namespace otp::inline OTP_ABI {

/// A supervisor tells about one of its children. As an error: child_terminated, start_error, shutdown_error, or shutdown with the
/// reason reached_max_restart_intensity. As information (report_kind::progress): started.
struct supervisor_report : report {
    [[nodiscard]] static constexpr bool holds(report_kind kind) noexcept { return kind == report_kind::supervisor || kind == report_kind::progress; }
    explicit supervisor_report(report_kind kind) noexcept : otp::report{kind} {}

    std::string_view what;
    otp::reason reason;              ///< normal in a progress report
    otp::pid supervisor;
    std::string name;                ///< the supervisor's; "" without one
    std::string_view callbacks;      ///< its struct
    std::string child_id;
    otp::pid child;                  ///< null if it has no process
    std::string_view child_callbacks;  ///< "" if they aren't known
    restart_type restart = restart_type::permanent;
    child_type type = child_type::worker;
    bool killed_at_once = false;
    std::chrono::nanoseconds shutdown{0};
};

namespace behaviour {

[[nodiscard]] constexpr std::string_view to_string(restart_type when) noexcept {
    switch (when) {
        case restart_type::permanent: return "permanent";
        case restart_type::transient: return "transient";
        case restart_type::temporary: return "temporary";
    }
    return "unknown";
}

}  // namespace behaviour

/// As it is logged: in the form of set_report_format.
[[nodiscard]] inline std::string to_string(const supervisor_report& r) {
    std::string title{"supervisor "};
    title += r.supervisor.to_string();
    title.append(" ").append(r.callbacks);
    if (!r.name.empty()) title += " \"" + r.name + '"';
    title.append(": ").append(r.what);
    if (r.about == report_kind::supervisor) title += ": " + base::shortened(r.reason.to_string(), base::current_report_format().chars_limit / 8);
    title += "; child \"" + r.child_id + '"';
    if (r.child) title += ' ' + r.child.to_string();
    base::report_text text{title};
    text.line("callbacks", r.child_callbacks);
    text.line("restart", behaviour::to_string(r.restart));
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(r.shutdown).count();
    text.line("shutdown", r.killed_at_once ? "brutal_kill" : r.shutdown == std::chrono::nanoseconds::max() ? "infinity" : std::to_string(ms) + " ms");
    text.line("type", r.type == child_type::supervisor ? "supervisor" : "worker");
    return std::move(text).take();
}

namespace behaviour {

/// In a turn of the supervisor: what happened, why, and the child that it is about.
inline void report_child(log_level level, std::string_view what, const reason& why, const child_plan& plan, const pid& child) {
    if (!base::logs(level)) return;
    proc::process& self = *proc::current_process();
    supervisor_report told{level == log_level::info ? report_kind::progress : report_kind::supervisor};
    told.what = what;
    told.reason = why;
    told.supervisor = otp::self();
    told.name = self.own_node().names().name_of(self.id());
    told.callbacks = self.behaviour_name();
    told.child_id = plan.id;
    told.child = child;
    told.child_callbacks = plan.module;
    told.restart = plan.restart;
    told.type = plan.type;
    told.killed_at_once = plan.killed_at_once;
    told.shutdown = plan.shutdown;
    base::log(level, otp::to_string(told), &told);
}
/// A child runs: its id is shown with it from now on.
inline void report_start(const child_plan& plan, const pid& child) {
    if (!child) return;
    if (!plan.id.empty()) proc::current_process()->own_node().write_note(*child.block(), &proc::node::note::child_id, plan.id);
    report_child(log_level::info, "started", reason::normal, plan, child);
}

}  // namespace behaviour
}  // namespace otp::inline OTP_ABI
