// expect: otp::error::no_handle_info_for<counter, flush>
#include "otp/gen_server.hpp"

#include <chrono>

struct flush {};
struct add {};
struct counter {
    otp::next handle_cast(add) { return otp::noreply.timeout(std::chrono::seconds{1}, this, flush{}); }
#ifndef OTP_WRONG
    void handle_info(flush);
#endif
};

void use(const otp::server<counter>& server) { server.cast(add{}); }
