#pragma once

#include "otp/base/log.hpp"

namespace testing {

/// Where the reports of a program go that says nothing about it; the tests are quiet instead.
extern otp::logger logger_at_start;

}  // namespace testing
