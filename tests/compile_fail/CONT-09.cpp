// expect: otp::error::no_handle_continue_for<counter, load>
#include "otp/gen_server.hpp"

struct load {};
struct counter {
    otp::init_result init() { return otp::ok.then(this, load{}); }
#ifdef OTP_WRONG
    void handle_cast(load);
#else
    void handle_continue(load);
#endif
};

void use() { (void)otp::start<counter>(); }
