// expect: otp::error::handle_call_returns_another_type<counter, get, std::
#include "otp/gen_server.hpp"

#include <string>

struct get {
    using reply_type = int;
};
struct counter {
#ifdef OTP_WRONG
    std::string handle_call(get);
#else
    int handle_call(get);
#endif
    void handle_cast(int);
};

void use() {
    auto server = otp::start<counter>().value();
    (void)server.call(get{});
}
