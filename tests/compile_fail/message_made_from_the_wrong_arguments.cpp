// expect: otp::error::message_cannot_be_made_from<channels::free, 
#include "otp/gen_server.hpp"

#include "channels.hpp"

void use(const otp::server<channels>& server) {
#ifdef OTP_WRONG
    server.cast<channels::free>("three");
#else
    server.cast<channels::free>(3);
#endif
}
