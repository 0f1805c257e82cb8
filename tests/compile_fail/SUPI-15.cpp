// expect: no matching function
#include "otp/supervisor.hpp"

struct worker {
    void init() {}
};

void use() {
#ifdef OTP_WRONG
    (void)otp::child<worker>();
#else
    (void)otp::child<worker>("w");
#endif
}
