// expect: otp::error::no_handle_info_for<door, relock>
#include "otp/gen_server.hpp"

#include <chrono>

struct unlock {};
struct relock {};
struct door {
    void handle_cast(unlock) { closing.start(std::chrono::seconds{1}, this, relock{}); }
#ifndef OTP_WRONG
    void handle_info(relock);
#endif
    otp::scoped_timer closing;
};

void use(const otp::server<door>& server) { server.cast(unlock{}); }
