#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdlib>

#include "otp/base/log.hpp"

// Tests crash processes by the thousand: reports are shown only to who asks for them, or to the test that is about them.
int main(int argc, char** argv) {
    if (!std::getenv("OTP_TEST_LOG")) otp::set_logger(nullptr);
    return doctest::Context{argc, argv}.run();
}
