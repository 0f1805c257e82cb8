// expect: otp::error::init_returns_another_type<counter, int>
#include "otp/gen_server.hpp"

struct counter {
#ifdef OTP_WRONG
    int init();
#else
    otp::init_result init();
#endif
};

void use() { (void)otp::start<counter>(); }
