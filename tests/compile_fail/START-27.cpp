// expect: start
#include "otp/gen_server.hpp"

#include "channels.hpp"

void use() {
#ifdef OTP_WRONG
    (void)otp::start<channels>({.monitor = true}, 10);
#else
    (void)otp::start_monitor<channels>(10);
#endif
}
