// expect: otp::error::init_does_not_take<otp::
#include "otp/supervisor.hpp"

#ifdef OTP_WRONG
int set_up();
#else
otp::supervision set_up();
#endif

void use() { (void)otp::start<otp::supervisor>(&set_up); }
