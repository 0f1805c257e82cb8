// expect: timeout
#include "otp/gen_server.hpp"

#include <chrono>

struct counter {
#ifdef OTP_WRONG
    otp::init_result init() { return otp::ok.timeout("soon"); }
#else
    otp::init_result init() { return otp::ok.timeout(std::chrono::seconds{1}); }
#endif
};

void use() { (void)otp::start<counter>(); }
