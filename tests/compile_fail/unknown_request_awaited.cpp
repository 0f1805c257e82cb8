// expect: otp::error::no_handle_call_for<channels, bogus>
#include "otp/gen_server.hpp"

#include "channels.hpp"

otp::task<> use(otp::server<channels> server) {
#ifdef OTP_WRONG
    auto reply = co_await server.ask<bogus>();
#else
    auto reply = co_await server.ask<channels::drain>();
#endif
    if (reply) (void)(*reply + 1);
}
