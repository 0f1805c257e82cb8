// expect: otp::error::handle_call_returns_another_type<counter, get, otp::
#include "otp/gen_server.hpp"

struct get {
    using reply_type = int;
};
struct counter {
#ifdef OTP_WRONG
    otp::next handle_call(get);
#else
    otp::replied<int> handle_call(get);
#endif
};

void use(const otp::server<counter>& server) { (void)server.call(get{}); }
