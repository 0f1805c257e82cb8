// expect: otp::error::no_handle_call_for<channels, bogus>
#include "otp/gen_server.hpp"

#include "channels.hpp"

void use(const otp::server<channels>& server) {
#ifdef OTP_WRONG
    (void)server.call(bogus{});
#else
    (void)server.call(channels::alloc{});
#endif
}
