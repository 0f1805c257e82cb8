// expect: otp::error::no_handle_cast_for<channels, tick>
#include "otp/gen_server.hpp"

#include "channels.hpp"

void use(const otp::server<channels>& server) {
#ifdef OTP_WRONG
    server.cast(tick{});
#else
    server.cast(channels::free{3});
#endif
}
