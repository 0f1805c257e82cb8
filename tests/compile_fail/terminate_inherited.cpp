// expect: otp::error::terminate_has_the_wrong_form<counter>
#include "otp/gen_server.hpp"

struct counts {
#ifdef OTP_WRONG
    void terminate(const char*);
#else
    void terminate(otp::reason);
#endif
};
struct counter : counts {};

void use() { (void)otp::start<counter>(); }
