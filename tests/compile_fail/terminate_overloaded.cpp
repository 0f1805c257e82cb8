// expect: otp::error::terminate_has_the_wrong_form<counter>
#include "otp/gen_server.hpp"

struct counter {
    void terminate(int);
#ifdef OTP_WRONG
    void terminate(otp::reason&);
#else
    void terminate(const otp::reason&) noexcept;
#endif
};

void use() { (void)otp::start<counter>(); }
