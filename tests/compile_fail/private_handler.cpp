// expect: otp::error::handle_call_is_private_or_not_exactly_for<counter, get>
#include "otp/gen_server.hpp"

struct get {
    using reply_type = int;
};
class counter {
#ifndef OTP_WRONG
public:
#endif
    int handle_call(get);
};

void use() {
    auto server = otp::start<counter>().value();
    (void)server.call(get{});
}
