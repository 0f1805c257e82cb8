// expect: otp::error::terminate_has_the_wrong_form<counter>
#include "otp/gen_server.hpp"

struct counter {
#ifdef OTP_WRONG
    otp::task<> terminate(otp::reason);
#else
    void terminate(otp::reason);
#endif
};

void use() { (void)otp::start<counter>(); }
