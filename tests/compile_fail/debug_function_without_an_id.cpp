// expect: otp::error::debug_function_with_captures_needs_an_id<
#include "otp/gen_server.hpp"

struct idle {};

void use(const otp::server<idle>& server, int& events) {
    const auto count = [&events](int&, const otp::sys::event&, std::string_view) { ++events; };
#ifdef OTP_WRONG
    (void)otp::sys::install(server, count, 0);
#else
    (void)otp::sys::install(server, "count", count, 0);
#endif
}
