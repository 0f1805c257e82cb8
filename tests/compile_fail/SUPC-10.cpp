// expect: std::string
#include "otp/supervisor.hpp"

void use(const otp::server<otp::supervisor>& top) {
#ifdef OTP_WRONG
    (void)top.terminate_child(top.id());
#else
    (void)top.terminate_child("id");
#endif
}
