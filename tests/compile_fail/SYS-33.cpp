// expect: otp::error::no_code_change_from<v2, v1
#include "otp/gen_server.hpp"

struct v1 {};
struct v2 {
#ifndef OTP_WRONG
    static otp::result<v2> code_change(v1&&, int extra);
#endif
};

void use(const otp::server<v1>& server) { (void)otp::sys::change_code<v2>(server, 1); }
