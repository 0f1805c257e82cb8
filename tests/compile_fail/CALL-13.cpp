// expect: call
#include "otp/gen_server.hpp"

#include "channels.hpp"

void use(const otp::server<channels>& server) {
    using namespace std::chrono_literals;
#ifdef OTP_WRONG
    (void)server.call(channels::alloc{}, 200);
#else
    (void)server.call(channels::alloc{}, 200ms);
#endif
}
