// expect: otp::error::init_does_not_take<counter, int>
#include "otp/gen_server.hpp"

// The constructor would take it; but there is an init.
struct counter {
    counter() = default;
    explicit counter(int);
    void init(const char*);
};

void use() {
#ifdef OTP_WRONG
    (void)otp::start<counter>(1);
#else
    (void)otp::start<counter>("one");
#endif
}
