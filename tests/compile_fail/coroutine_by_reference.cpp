// expect: otp::error::coroutine_handler_takes_message_by_reference<store, get>
#include "otp/gen_server.hpp"

#include <string>

struct get {
    using reply_type = int;
    std::string key;
};
struct store {
#ifdef OTP_WRONG
    otp::task<int> handle_call(const get&);
#else
    otp::task<int> handle_call(get);
#endif
};

void use() {
    auto server = otp::start<store>().value();
    (void)server.call(get{"key"});
}
