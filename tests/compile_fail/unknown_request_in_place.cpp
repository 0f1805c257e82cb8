// expect: otp::error::no_handle_call_for<channels, bogus>
#include "otp/gen_server.hpp"

#include "channels.hpp"

void use(const otp::name<channels>& server) {
#ifdef OTP_WRONG
    auto reply = server.call<bogus>();
#else
    auto reply = server.call<channels::alloc>();
#endif
    if (reply) (void)*reply;
}
