// simulation::serve: refused, for a simulation has no sockets yet; so that the same code compiles for both.
#pragma once

#include <utility>

#include "otp/behaviour/socket_server/serve.hpp"
#include "otp/behaviour/testing/simulated.hpp"

namespace otp::inline OTP_ABI {

template <class Style, class... A>
auto simulation::serve(const socket_options& options, A&&... arguments) {
    return behaviour::serve_on<Style>(executor(), options, std::forward<A>(arguments)...);
}

}  // namespace otp::inline OTP_ABI
