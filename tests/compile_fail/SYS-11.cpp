// expect: otp::error::format_status_has_the_wrong_form<counter>
#include "otp/gen_server.hpp"

struct counter {
#ifdef OTP_WRONG
    void format_status(otp::status&);
#else
    void format_status(otp::status&) const;
#endif
};

void use() { (void)otp::start<counter>(); }
