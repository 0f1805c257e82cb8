// expect: otp::error::state_cannot_be_copied<holder>
#include "otp/gen_server.hpp"

#include <memory>

struct holder {
    std::unique_ptr<int> held;
};

void use(const otp::server<holder>& server) {
#ifdef OTP_WRONG
    (void)otp::sys::get_state(server);
#else
    (void)otp::sys::with_state(server, [](const holder& h) { return *h.held; });
#endif
}
