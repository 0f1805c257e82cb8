// expect: otp::error::handler_takes_message_by_mutable_reference<counter, get>
#include "otp/gen_server.hpp"

struct get {
    using reply_type = int;
};
struct put {
    using reply_type = void;
};
struct counter {
    void handle_call(put);
#ifdef OTP_WRONG
    int handle_call(get&);
#else
    int handle_call(const get&);
#endif
};

void use(const otp::server<counter>& server) {
    (void)server.call(get{});
    (void)server.call(put{});
}
