// expect: otp::error::server_is_no_class_type<int>
#include "otp/gen_server.hpp"

#include "channels.hpp"

void use() {
#ifdef OTP_WRONG
    (void)otp::start<int>(1);
#else
    (void)otp::start<channels>(1);
#endif
}
