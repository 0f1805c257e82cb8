// expect: restart_child
#include "otp/supervisor.hpp"

struct worker {
    void init() {}
};

void use(const otp::server<otp::dynamic_supervisor<worker>>& pool) {
#ifdef OTP_WRONG
    (void)pool.restart_child("id");
#else
    (void)pool.terminate_child(otp::pid{});
#endif
}
