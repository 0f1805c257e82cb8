// expect: auto_shutdown
#include "otp/supervisor.hpp"

void use() {
#ifdef OTP_WRONG
    (void)otp::dynamic_supervisor_flags{.auto_shutdown = otp::any_significant};
#else
    (void)otp::dynamic_supervisor_flags{.intensity = 3};
#endif
}
