// expect: otp::error::handle_call_with_from_returns_another_type<counter, get, int>
#include "otp/gen_server.hpp"

struct get {
    using reply_type = int;
};
struct counter {
#ifdef OTP_WRONG
    int handle_call(get, otp::from<get>);
#else
    otp::next handle_call(get, otp::from<get>);
#endif
};

void use(const otp::server<counter>& server) { (void)server.call(get{}); }
