// expect: no matching function
#include "otp/supervisor.hpp"

struct worker {
    void init() {}
};

void use() {
#ifdef OTP_WRONG
    (void)otp::child("w", [] { return 7; });
#else
    (void)otp::child("w", [] { return otp::start_link<worker>(); });
#endif
}
