// expect: start
#include "otp/gen_server.hpp"

#include "channels.hpp"

void use() {
    using namespace std::chrono_literals;
#ifdef OTP_WRONG
    (void)otp::start<channels>({.names = "ch3", .timeout = 1s}, 10);
#else
    (void)otp::start<channels>({.name = "ch3", .timeout = 1s}, 10);
#endif
}
