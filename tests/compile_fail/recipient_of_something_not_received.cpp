// expect: otp::error::no_handle_info_for<channels, tick>
#include "otp/gen_server.hpp"

#include "channels.hpp"

void use(const otp::server<channels>& server) {
#ifdef OTP_WRONG
    otp::recipient<tick> to = server;
#else
    otp::recipient<otp::exit_signal> to = server;
#endif
    (void)to;
}
