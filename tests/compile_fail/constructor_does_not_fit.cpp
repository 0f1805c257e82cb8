// expect: otp::error::constructor_does_not_take<counter, int, char>
#include "otp/gen_server.hpp"

struct counter {
    counter(int, int, int);
    explicit counter(int);
};

void use() {
#ifdef OTP_WRONG
    (void)otp::start<counter>(1, 'a');
#else
    (void)otp::start<counter>(1);
#endif
}
