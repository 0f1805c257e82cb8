// The version of the library. The build files read it from here; nothing repeats it.
#pragma once

#define OTP_VERSION_MAJOR 0
#define OTP_VERSION_MINOR 1
#define OTP_VERSION_PATCH 0

/// One number that grows with each version: 10'000 * major + 100 * minor + patch.
#define OTP_VERSION (10000 * OTP_VERSION_MAJOR + 100 * OTP_VERSION_MINOR + OTP_VERSION_PATCH)
