// expect: otp::error::function_does_not_take_state<
#include "otp/gen_server.hpp"

struct counter {
    int n = 0;
};

void use(const otp::server<counter>& server) {
#ifdef OTP_WRONG
    (void)otp::sys::with_state(server, [](counter& c) { return c.n; });
#else
    (void)otp::sys::with_state(server, [](const counter& c) { return c.n; });
#endif
    (void)otp::sys::replace_state(server, [](counter& c) { c.n = 1; });
}
