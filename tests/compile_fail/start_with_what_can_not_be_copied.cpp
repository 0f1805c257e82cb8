// expect: otp::error::start_argument_cannot_be_copied<std::unique_ptr<int>
#include "otp/gen_server.hpp"

#include <memory>
#include <utility>

struct counter {
    void init(std::unique_ptr<int>);
};

void use(std::unique_ptr<int> start) {
#ifdef OTP_WRONG
    (void)otp::start<counter>(start);
#else
    (void)otp::start<counter>(std::move(start));
#endif
}
