// A server of connections as a supervisor's child.
#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include "otp/behaviour/socket_server/serve.hpp"
#include "otp/behaviour/supervisor/child_spec.hpp"

namespace otp::inline OTP_ABI {

/// A child that is a server of connections, as otp::serve starts it; the handler and its arguments are copied. Started linked.
template <class Style = void, class... A>
[[nodiscard]] auto serve_child(std::string id, socket_options options, A&&... arguments) {
    using handler = typename behaviour::served<Style, A...>::type;
    static_assert(behaviour::serves_connections<handler, std::decay_t<A>...>, "otp::serve_child: the handler is not one that otp::serve takes");
    auto made = child<socket_server<handler>>(std::move(id), options, std::forward<A>(arguments)...);
    return std::move(made).named(options.name);
}

}  // namespace otp::inline OTP_ABI
