// expect: no matching function for call to
#include "otp/gen_server.hpp"

struct counter {};

// Who isn't started by proc_lib has no starter, and without one there is no enter_loop.
otp::proc_lib::entering<counter> set_up(otp::proc_lib::starter<> up) { return up.enter_loop(counter{}); }

void use() {
#ifdef OTP_WRONG
    otp::spawn(set_up);
#else
    (void)otp::proc_lib::start(set_up);
#endif
}
