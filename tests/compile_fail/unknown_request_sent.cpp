// expect: otp::error::no_handle_call_for<channels, bogus>
#include "otp/gen_server.hpp"

#include "channels.hpp"

void use(const otp::server<channels>& server) {
#ifdef OTP_WRONG
    auto id = server.send_request(bogus{});
#else
    auto id = server.send_request(channels::alloc{});
#endif
    (void)id;
}
