// expect: otp::error::coroutine_init_takes_argument_by_reference<store>
#include "otp/gen_server.hpp"

#include <string>

struct store {
#ifdef OTP_WRONG
    otp::task<> init(const std::string& path);
#else
    otp::task<> init(std::string path);
#endif
};

void use() { (void)otp::start<store>("/tmp/x"); }
