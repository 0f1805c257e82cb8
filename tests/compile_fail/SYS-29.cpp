// expect: no matching function for call to
#include "otp/gen_server.hpp"

struct idle {};

void use() {
#ifdef OTP_WRONG
    (void)otp::start<idle>({.debug = {otp::sys::traced, "no such option"}});
#else
    (void)otp::start<idle>({.debug = {otp::sys::traced, otp::sys::logged(3)}});
#endif
}
