// expect: otp::error::handle_cast_has_the_wrong_form<counter>
#include "otp/gen_server.hpp"

struct add {
    int n;
};
struct counter {
#ifdef OTP_WRONG
    void handle_cast(add, int);
#else
    void handle_cast(add);
#endif
};

void use(const otp::server<counter>& server) { server.cast(add{1}); }
