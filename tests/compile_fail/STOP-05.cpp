// expect: to 'std::chrono::nanoseconds'
#include "otp/gen_server.hpp"

#include "channels.hpp"

void use(const otp::server<channels>& server) {
    using namespace std::chrono_literals;
#ifdef OTP_WRONG
    (void)server.stop(otp::reason::normal, "soon");
#else
    (void)server.stop(otp::reason::normal, 1s);
#endif
}
