// What a test sees of a process from outside.
#pragma once

#include <cstdint>

#include "otp/process/links.hpp"

namespace testing {

[[nodiscard]] inline std::uint64_t depth_of(const otp::pid& who) { return who ? who.block()->depth() : 0; }
[[nodiscard]] inline bool hibernates(const otp::pid& who) { return who && who.block()->hibernating(); }

}  // namespace testing
