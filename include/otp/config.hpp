// The few knobs of the library, each with its default. All are macros that a build may define before it includes
// a header; those that change a layout are part of the inline namespace, so that mixed builds fail to link
// instead of breaking quietly.
#pragma once

#include <cstddef>

// OTP_PLAIN_MEMORY: 1 takes message and process memory from operator new instead of the per-thread slabs, so that
// memory checkers see every block. Default: 1 under AddressSanitizer, else 0.
#ifndef OTP_PLAIN_MEMORY
#if defined(__SANITIZE_ADDRESS__)
#define OTP_PLAIN_MEMORY 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OTP_PLAIN_MEMORY 1
#endif
#endif
#endif
#ifndef OTP_PLAIN_MEMORY
#define OTP_PLAIN_MEMORY 0
#endif

// OTP_UCONTEXT_FIBERS: 1 switches the stacks of a simulation with the system's ucontext instead of a few instructions of
// our own; needed where the processor has a shadow stack that is switched on. Default: 1 on processors that we have no
// instructions for.

#if OTP_PLAIN_MEMORY
#define OTP_ABI v0_plain
#else
#define OTP_ABI v0
#endif

namespace otp::inline OTP_ABI {

/// Distance, in bytes, that keeps two hot words from sharing a cache line. Fixed, since the compiler's own constant
/// may differ between two translation units.
inline constexpr std::size_t cache_line = 64;

}  // namespace otp::inline OTP_ABI
