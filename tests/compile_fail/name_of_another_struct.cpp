// expect: otp::error::init_does_not_take<channels, otp::
#include "otp/gen_server.hpp"

#include "channels.hpp"

struct other {};
inline constexpr otp::name<other> others{"others"};
inline constexpr otp::name<channels> ch3{"ch3"};

void use() {
#ifdef OTP_WRONG
    (void)otp::start<channels>(others, 10);
#else
    (void)otp::start<channels>(ch3, 10);
#endif
}
