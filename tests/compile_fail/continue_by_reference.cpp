// expect: otp::error::handler_takes_message_by_mutable_reference<counter, counter::load>
#include "otp/gen_server.hpp"

struct counter {
    struct load {};
    otp::init_result init() { return otp::ok.then(this, load{}); }
#ifdef OTP_WRONG
    void handle_continue(load&) {}
#else
    void handle_continue(const load&) {}
#endif
};

void use() { (void)otp::start<counter>(); }
