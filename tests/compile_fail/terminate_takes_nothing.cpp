// expect: otp::error::terminate_has_the_wrong_form<counter>
#include "otp/gen_server.hpp"

struct counter {
#ifdef OTP_WRONG
    void terminate();
#else
    void terminate(const otp::reason&);
#endif
};

void use() { (void)otp::start<counter>(); }
