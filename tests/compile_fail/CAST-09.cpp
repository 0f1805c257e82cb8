// expect: no member named 'cast'
#include "otp/gen_server.hpp"

#include "channels.hpp"

void use(const otp::server<channels>& server) {
#ifdef OTP_WRONG
    server.id().cast(channels::free{3});
#else
    server.cast(channels::free{3});
#endif
}
