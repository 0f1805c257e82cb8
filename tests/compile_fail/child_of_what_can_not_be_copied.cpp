// expect: otp::error::start_argument_cannot_be_copied<std::unique_ptr<int
#include "otp/supervisor.hpp"

#include <memory>

struct store {
    void init(std::unique_ptr<int>) {}
};

void use() {
#ifdef OTP_WRONG
    (void)otp::child<store>("store", std::make_unique<int>(1));
#else
    (void)otp::child("store", [] { return otp::start_link<store>(std::make_unique<int>(1)); });
#endif
}
