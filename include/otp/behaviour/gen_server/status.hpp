// What is shown of a server: to who asks for its status, and in the report of its crash.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "otp/behaviour/gen_server/server_base.hpp"
#include "otp/process/pid.hpp"

namespace otp::inline OTP_ABI {

/// What is shown of a server, all of it text that may be read by strangers. A hook `void format_status(otp::status& s) const`
/// of the callback struct changes what is shown, and nothing else: it may hide a password in the state, the last message,
/// the reason or the log. gen_server's format_status map and sys:get_status/1. A value.
class status {
public:
    std::string state;             ///< the name of the callback struct, and what a to_string beside it gives
    std::string message;           ///< in a report: what was being handled; "" otherwise
    otp::reason reason;            ///< in a report: why the server ends; normal otherwise
    std::vector<std::string> log;  ///< the events that sys::log keeps, oldest first

    otp::pid pid;
    std::string name;              ///< as registered; "" without one
    std::string label;             ///< "" without one
    otp::pid parent;               ///< who started it with a link or a monitor; null if nobody
    std::string_view server;       ///< the callback struct
    bool suspended = false;
    bool hibernating = false;         ///< it was woken to answer, and hibernates again
    std::uint64_t mailbox_depth = 0;  ///< messages that wait
    /// What is left of the inactivity time-out; none if none runs.
    std::optional<std::chrono::nanoseconds> timeout;
};

/// Several readable lines, no line end after the last.
[[nodiscard]] inline std::string to_string(const status& s) {
    std::string text{"server "};
    if (!s.name.empty()) text += s.name + ' ';
    text += s.pid.to_string();
    text += ' ';
    text += s.server;
    if (!s.label.empty()) text += ", labelled " + s.label;
    text += s.suspended ? ", suspended" : ", running";
    if (s.hibernating) text += ", hibernating";
    if (s.parent) text += "\n  parent: " + s.parent.to_string();
    text += "\n  state: " + s.state;
    if (!s.message.empty()) text += "\n  last message: " + s.message;
    if (s.reason != reason::normal) text += "\n  reason: " + s.reason.to_string();
    text += "\n  messages waiting: " + std::to_string(s.mailbox_depth);
    if (s.timeout) text += "\n  inactivity time-out in " + std::to_string(s.timeout->count() / 1'000'000) + " ms";
    for (const auto& event : s.log) text += "\n  log: " + event;
    return text;
}

namespace behaviour {

/// What is shown of a server, after its format_status: in a report with the text of the message that was being handled and
/// with why the server ends. Called in the server's own process while it has its state. A format_status that throws harms
/// nothing: instead of the state it is said that it threw. Throws bad_alloc only.
[[nodiscard]] inline status formatted_status(server_base& server, std::string message = {}, reason why = reason::normal) {
    status shown;
    shown.message = std::move(message);
    shown.reason = std::move(why);
    shown.pid = pid{intrusive_ptr<proc::process>::share(&server)};
    shown.name = server.own_node().names().name_of(server.id());
    shown.label = server.own_node().note_of(server).label;
    shown.parent = pid{server.parent()};
    shown.server = server.behaviour_name();
    shown.suspended = server.suspended();
    shown.hibernating = server.rest() != proc::rest_state::none;
    shown.mailbox_depth = server.depth();
    if (const auto until = server.idle_until(); until != exec::never) {
        const auto now = server.executor().now();
        shown.timeout = until > now ? until - now : std::chrono::nanoseconds::zero();
    }
    server.show_kept_events(shown.log);
    const callbacks& calls = server.behaviour();
    if (!server.state()) {
        shown.state = "none yet";
        return shown;
    }
    calls.show_state(server.state(), shown.state);
    if (!calls.format_status) return shown;
    try {
        status formatted = shown;
        calls.format_status(server.state(), formatted);
        return formatted;
    } catch (...) {
        // What it meant to hide stays hidden.
        shown.state = std::string{calls.name} + "::format_status threw: " + reason{std::current_exception()}.to_string();
        return shown;
    }
}

/// What of a server the report of a crash shows; format_status decides.
inline void server_base::complete_report(crash_report& report) {
    report.during_init = !initialised_;
    status shown = formatted_status(*this, std::move(report.message), report.reason);
    report.message = std::move(shown.message);
    report.reason = std::move(shown.reason);
    report.state = std::move(shown.state);
    report.log = std::move(shown.log);
}

}  // namespace behaviour

}  // namespace otp::inline OTP_ABI
