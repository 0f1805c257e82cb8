// expect: otp::error::message_is_not_movable<fixed>
#include "otp/gen_server.hpp"

struct fixed {
    fixed() = default;
#ifdef OTP_WRONG
    fixed(fixed&&) = delete;
#else
    fixed(fixed&&) = default;
#endif
};
struct counter {
    void handle_cast(const fixed&);
};

void use(const otp::server<counter>& server) { server.cast<fixed>(); }
