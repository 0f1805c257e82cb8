// expect: otp::error::code_change_has_the_wrong_form<v2, v1
#include "otp/gen_server.hpp"

struct v1 {};
struct v2 {
#ifdef OTP_WRONG
    otp::result<v2> code_change(v1&&, int extra);
#else
    static otp::result<v2> code_change(v1&&, int extra);
#endif
};

void use(const otp::server<v1>& server) { (void)otp::sys::change_code<v2>(server, 1); }
