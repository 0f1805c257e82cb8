// expect: otp::error::handler_takes_message_by_mutable_reference<counter, add>
#include "otp/gen_server.hpp"

struct add {
    int n;
};
struct counter {
#ifdef OTP_WRONG
    void handle_cast(add& a);
#else
    void handle_cast(add&& a);
#endif
};

void use() {
    auto server = otp::start<counter>().value();
    server.cast(add{1});
}
