// expect: otp::error::request_names_no_reply_type<get>
#include "otp/gen_server.hpp"

struct get {
#ifndef OTP_WRONG
    using reply_type = int;
#endif
};
struct counter {
    int handle_call(get);
    int handle_call(get) const;
};

void use(const otp::server<counter>& server) { (void)server.call(get{}); }
