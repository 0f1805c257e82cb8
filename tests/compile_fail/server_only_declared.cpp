// expect: otp::error::server_is_only_declared<later>
#include "otp/gen_server.hpp"

struct add {
    int n;
};
#ifdef OTP_WRONG
struct later;
#else
struct later {
    void handle_cast(add);
};
#endif

void use(const otp::ref<later>& server) { server.cast(add{1}); }
