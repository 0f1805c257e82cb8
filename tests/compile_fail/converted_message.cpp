// expect: otp::error::handle_cast_is_private_or_not_exactly_for<counter, int>
#include "otp/gen_server.hpp"

struct counter {
    void handle_cast(long);
};

void use(const otp::server<counter>& server) {
#ifdef OTP_WRONG
    server.cast(1);
#else
    server.cast(1L);
#endif
}
