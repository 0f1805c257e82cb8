// expect: otp::error::no_handle_call_for<counter, bogus>
#include "otp/gen_server.hpp"

#include "channels.hpp"

struct add {
    using reply_type = int;
};
struct get {
    using reply_type = int;
};
struct counter {
    int handle_call(add);
    int handle_call(const get&) const;
};

void use() {
    auto server = otp::start<counter>().value();
#ifdef OTP_WRONG
    (void)server.call(bogus{});
#else
    (void)server.call(add{});
    (void)server.call(get{});
#endif
}
