// expect: otp::error::handle_info_returns_another_type<watcher, otp::
#include "otp/gen_server.hpp"

struct watcher {
#ifdef OTP_WRONG
    bool handle_info(otp::timeout);
#else
    void handle_info(otp::timeout);
#endif
    void handle_info(int);
};

void use() { (void)otp::start<watcher>(); }
