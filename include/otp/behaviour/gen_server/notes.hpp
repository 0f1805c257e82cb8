// Where handlers run, what they get and give is noted for who debugs the server; one test of a pointer if nobody does.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "otp/base/text_of.hpp"
#include "otp/behaviour/gen_server/server_base.hpp"
#include "otp/process/call.hpp"

namespace otp::inline OTP_ABI::behaviour {

/// Who asks, if it is a process and no thread or request.
[[nodiscard]] inline pid asker(const proc::call_header& call) noexcept {
    proc::process* who = call.calling_process();
    return who && who->role() != proc::process_role::thread ? pid{intrusive_ptr<proc::process>::share(who)} : pid{};
}

inline std::string server_base::shown_name() {
    auto name = own_node().names().name_of(id());
    return name.empty() ? '<' + std::to_string(proc::node::shown(id())) + '>' : name;
}

inline void server_base::tell(sys::event what) {
    if (what.kind == sys::event_kind::reply) callbacks_->show_state(state_, what.state);
    agenda_->debug->take(what, shown_name());
    end_debug_if_idle();
}

// Without memory an event is lost, and the server goes on: so the next are noexcept.
inline void server_base::tell_state() noexcept {
    if (stopping()) return;
    try {
        sys::event e{sys::event_kind::state, callbacks_->name, {}};
        callbacks_->show_state(state_, e.text);
        tell(std::move(e));
    } catch (...) {
    }
}

inline void server_base::tell_end(std::string_view what, intrusive_ptr<proc::process> of, const reason& why) noexcept {
    try {
        const pid who{std::move(of)};
        tell({sys::event_kind::info, what, std::string{what} + ": " + who.to_string() + ' ' + why.to_string(), who});
    } catch (...) {
    }
}
inline void server_base::tell_down(const proc::signal& s) noexcept {
    if (s.ops == &proc::named_down::ops) {
        const down& event = static_cast<const proc::named_down::block&>(s).body;
        tell_end(type_name<down>(), event.pid.shared(), event.reason);
    } else {
        const auto& event = static_cast<const proc::peer_signal&>(s);
        tell_end(type_name<down>(), event.from, event.why);
    }
}

template <class M>
[[gnu::noinline]] void tell_message(server_base& server, sys::event_kind kind, const M& message, pid who) noexcept {
    try {
        server.tell({kind, type_name<M>(), base::text_of(message), std::move(who)});
    } catch (...) {
    }
}
template <class Reply, class Given>
[[gnu::noinline]] void tell_reply(server_base& server, const Given& given, pid to) noexcept {
    try {
        sys::event e{sys::event_kind::reply, type_name<Reply>(), {}, std::move(to)};
        if constexpr (requires { given.has_value() && given.error().to_string().empty(); }) {
            if (!given.has_value()) e.text = "error: " + given.error().to_string();
            else if constexpr (std::is_void_v<Reply>) e.text = "void";
            else e.text = base::text_of(*given);
        } else {
            e.text = base::text_of(given);
        }
        server.tell(std::move(e));
    } catch (...) {
    }
}

/// A message is about to be handled.
template <class M>
void note_message(server_base& server, sys::event_kind kind, const M& message) {
    if (server.debugged()) [[unlikely]] tell_message(server, kind, message, {});
}
template <class Block>
void note_call(server_base& server, const Block& call) {
    if (server.debugged()) [[unlikely]] tell_message(server, sys::event_kind::call, call.request, asker(call));
}
/// A callback has replied this, and is done.
template <class Reply, class Given>
void note_reply(server_base& server, const proc::call_header& call, const Given& given) {
    if (server.debugged()) [[unlikely]] tell_reply<Reply>(server, given, asker(call));
}
/// A callback without a reply is done.
inline void note_state(server_base& server) {
    if (server.debugged()) [[unlikely]] server.tell_state();
}

}  // namespace otp::inline OTP_ABI::behaviour
