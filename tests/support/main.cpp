#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdlib>

#include "support/main.hpp"

otp::logger testing::logger_at_start;

// Tests crash processes by the thousand: reports are shown only to who asks for them, or to the test that is about them.
int main(int argc, char** argv) {
    testing::logger_at_start = otp::set_logger(nullptr);
    if (std::getenv("OTP_TEST_LOG")) otp::set_logger(testing::logger_at_start.sink, testing::logger_at_start.context);
    return doctest::Context{argc, argv}.run();
}
