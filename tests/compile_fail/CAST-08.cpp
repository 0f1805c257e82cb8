// expect: otp::error::handle_cast_returns_another_type<counter, add, otp::
#include "otp/gen_server.hpp"

struct add {
    int n;
};
struct counter {
#ifdef OTP_WRONG
    otp::replied<int> handle_cast(add);
#else
    otp::next handle_cast(add);
#endif
};

void use() {
    auto server = otp::start<counter>().value();
    server.cast(add{1});
}
