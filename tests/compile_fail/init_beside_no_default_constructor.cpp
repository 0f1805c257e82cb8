// expect: otp::error::server_with_init_has_no_default_constructor<counter>
#include "otp/gen_server.hpp"

struct counter {
#ifdef OTP_WRONG
    explicit counter(int);
#endif
    void init(int);
};

void use() { (void)otp::start<counter>(1); }
