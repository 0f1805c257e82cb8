// expect: otp::error::init_is_private_or_does_not_take<counter, int>
#include "otp/gen_server.hpp"

class counter {
#ifndef OTP_WRONG
public:
#endif
    void init(int);
};

void use() { (void)otp::start<counter>(1); }
