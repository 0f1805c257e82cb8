// A running server becomes one of another callback struct: hot code upgrade.
#pragma once

#include <chrono>
#include <type_traits>
#include <utility>

#include "otp/behaviour/sys/sys.hpp"

namespace otp::inline OTP_ABI::sys {

/// The server becomes one of New between two callbacks: New::code_change(Old&&, extra) makes the new state from the old one. Its
/// process, name, links and mailbox stay. What comes through handles of the old struct goes to New's handlers of the same
/// messages, if New names them: `using messages = otp::messages<alloc, drain>;`. Else a call gets `unhandled`, the rest are dead
/// letters. Errors: what code_change fails with or throws (the server goes on with the old state, as far as code_change left
/// it), and those of call. sys:change_code/5.
template <class New, class Old, class... Extra>
    requires(sizeof...(Extra) <= 1)
auto change_code(const client<Old>& server, Extra... extra) -> result<otp::server<New>> {
    behaviour::diagnose_code_change<New, Old, Extra...>();
    if constexpr (std::is_void_v<typename decltype(behaviour::find_code_change_fault<New, Old, Extra...>())::type>) {
        auto changed = system::ask<Old>(
            server,
            [... given = std::move(extra)](behaviour::server_base& process, Old& old) mutable -> result<void> {
                result<New> made = New::code_change(std::move(old), std::move(given)...);
                if (!made) return made.error();
                process.become(behaviour::callbacks_for<New>::table_on_heap, new New(std::move(*made)));
                return {};
            },
            default_timeout);
        if (!changed) return changed.error();
        if (!*changed) return changed->error();
        auto found = server.resolve_any();
        if (!found) return found.error();
        return otp::server<New>{std::move(*found)};
    } else {
        return reason::bad_argument;  // the diagnosis has failed the build
    }
}

}  // namespace otp::inline OTP_ABI::sys
