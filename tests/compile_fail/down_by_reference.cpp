// expect: otp::error::handler_takes_message_by_mutable_reference<watcher, otp::
#include "otp/gen_server.hpp"

struct watcher {
    void handle_info(int);
#ifdef OTP_WRONG
    void handle_info(otp::down&);
#else
    void handle_info(const otp::down&);
#endif
};

void use() { (void)otp::start<watcher>(); }
