// expect: otp::error::two_handlers_for<counter, add>
#include "otp/gen_server.hpp"

struct add {
    int n;
};
struct counter {
    void handle_cast(const add&);
#ifdef OTP_WRONG
    void handle_cast(add);
#endif
};

void use(const otp::server<counter>& server) { server.cast(add{1}); }
