// expect: otp::error::no_handle_info_for<otp::
#include "otp/supervisor.hpp"

struct bogus {};

void use(const otp::server<otp::supervisor>& top) {
#ifdef OTP_WRONG
    top.send(bogus{});
#else
    (void)top.stop();
#endif
}
