// expect: otp::error::handle_call_has_the_wrong_form<counter>
#include "otp/gen_server.hpp"

struct get {
    using reply_type = int;
};
struct put {
    using reply_type = int;
};
struct counter {
#ifdef OTP_WRONG
    void handle_call(get, otp::from<put>);
#else
    void handle_call(get, otp::from<get>);
#endif
};

void use(const otp::server<counter>& server) { (void)server.call(get{}); }
