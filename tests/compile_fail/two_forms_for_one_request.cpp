// expect: otp::error::two_handlers_for<counter, get>
#include "otp/gen_server.hpp"

struct get {
    using reply_type = int;
};
struct counter {
    int handle_call(get);
#ifdef OTP_WRONG
    void handle_call(get, otp::from<get>);
#endif
};

void use(const otp::server<counter>& server) { (void)server.call(get{}); }
