// expect: colour
#include "otp/supervisor.hpp"

void use() {
#ifdef OTP_WRONG
    (void)otp::start<otp::supervisor>(otp::supervisor_flags{.colour = 3});
#else
    (void)otp::start<otp::supervisor>(otp::supervisor_flags{.intensity = 3});
#endif
}
