// expect: otp::error::no_handle_call_for<counter, counter::bogus>
#include "otp/gen_server.hpp"

struct counter {
    struct get {
        using reply_type = int;
    };
    struct bogus {
        using reply_type = int;
    };
    struct interface : otp::client<counter> {
#ifdef OTP_WRONG
        auto value() const { return call(bogus{}); }
#else
        auto value() const { return call(get{}); }
#endif
    };
    int handle_call(get);
};

void use(const otp::server<counter>& server) { (void)server.value(); }
