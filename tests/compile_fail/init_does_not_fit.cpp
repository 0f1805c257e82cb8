// expect: otp::error::init_does_not_take<channels, std::
#include "otp/gen_server.hpp"

#include "channels.hpp"

void use() {
#ifdef OTP_WRONG
    (void)otp::start<channels>(std::string{"ten"});
#else
    (void)otp::start<channels>(10);
#endif
}
