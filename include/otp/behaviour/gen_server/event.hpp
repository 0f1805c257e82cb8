// What a debugged server tells of itself: one event for each message that comes, each reply that goes, each new state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "otp/process/pid.hpp"

namespace otp::inline OTP_ABI::sys {

enum class event_kind : std::uint8_t {
    call,       ///< a request has come
    cast,       ///< a message for handle_cast has come
    info,       ///< a message for handle_info has come, an exit or a down included
    continued,  ///< handle_continue is about to run
    timeout,    ///< no message came for the time that the last callback gave
    reply,      ///< a callback has replied, and left this state
    state,      ///< a callback without a reply is done, and left this state
};

/// Something that happened in a server; OTP's system_event. The texts are the type's name and what a to_string beside the type
/// gives: write one to see more. A `from` that replies after its callback is no event, as in OTP. A value.
struct event {
    event_kind kind;
    std::string_view type;  ///< of the message, the reply, the state
    std::string text;       ///< of the message, the reply, the state
    pid who{};              ///< a call: who asks; a reply: whom it goes to; null if that is no process
    std::string state{};    ///< a reply: the state after it

    /// It tells of something that has come.
    [[nodiscard]] bool incoming() const noexcept { return kind <= event_kind::timeout; }
};

/// One line, such as "got call store::get from <7>".
[[nodiscard]] inline std::string to_string(const event& e) {
    const auto with_whom = [&e](const char* word) { return e.who ? word + e.who.to_string() : std::string{}; };
    switch (e.kind) {
        case event_kind::call: return "got call " + e.text + with_whom(" from ");
        case event_kind::cast: return "got cast " + e.text;
        case event_kind::info: return "got " + e.text;
        case event_kind::continued: return "got continue " + e.text;
        case event_kind::timeout: return "got timeout " + e.text;
        case event_kind::reply: return "sent " + e.text + with_whom(" to ") + ", new state " + e.state;
        case event_kind::state: return "new state " + e.text;
    }
    return {};
}

}  // namespace otp::inline OTP_ABI::sys

namespace otp::inline OTP_ABI::behaviour {

/// Who is told of a server's events. The debug facility stands behind it, so that it is compiled only where it is switched on.
class audience {
public:
    audience() = default;
    audience(const audience&) = delete;
    audience& operator=(const audience&) = delete;
    virtual ~audience() = default;
    /// Tells everybody. Who fails is not told any more.
    virtual void take(const sys::event& e, std::string_view name) = 0;
    /// Nobody is told of anything.
    [[nodiscard]] virtual bool idle() const noexcept = 0;
    /// Adds the events that are kept, a line each, oldest first.
    virtual void show_kept(std::vector<std::string>& lines) const = 0;
};

}  // namespace otp::inline OTP_ABI::behaviour
