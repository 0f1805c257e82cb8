// expect: otp::error::terminate_has_the_wrong_form<counter>
#include "otp/gen_server.hpp"

class counter {
#ifndef OTP_WRONG
public:
#endif
    void terminate(const otp::reason&);
};

void use() { (void)otp::start<counter>(); }
