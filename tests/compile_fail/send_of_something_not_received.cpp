// expect: otp::error::no_handle_info_for<channels, tick>
#include "otp/gen_server.hpp"

#include "channels.hpp"

void use(const otp::server<channels>& server) {
#ifdef OTP_WRONG
    server.send(tick{});
#else
    server.send(otp::exit_signal{});
#endif
}
