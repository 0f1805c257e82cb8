// expect: otp::error::message_cannot_be_made_from<channels::alloc, channels::drain>
#include "otp/gen_server.hpp"

#include "channels.hpp"

void use(const otp::server<channels>& server) {
#ifdef OTP_WRONG
    (void)server.call<channels::alloc>(channels::drain{});
#else
    (void)server.call(channels::drain{});
#endif
}
