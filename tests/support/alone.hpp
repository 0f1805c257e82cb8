// The body of a test in a process of its own.
#pragma once

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace testing {

/// Runs body in this executable started anew, from the test case that calls it: threads, locks and sanitizers of a
/// fork's child are in a state that nothing can be built on. What the body checks counts there; a test case calls this
/// once.
/// \returns how that process ended, as waitpid(2) tells it: 0 if all that it checked held.
template <class F>
[[nodiscard]] int alone(F body) {
    if (std::getenv("OTP_TEST_ALONE")) {
        body();
        return 0;
    }
    const std::string name = doctest::getContextOptions()->currentTest->m_name;
    REQUIRE(name.find_first_of(",\"\\*") == std::string::npos);  // it would be a pattern
    const auto chosen = "--test-case=" + name;
    const pid_t child = ::fork();
    if (child == 0) {
        ::setenv("OTP_TEST_ALONE", "1", 1);
        ::execl("/proc/self/exe", "alone", chosen.c_str(), static_cast<char*>(nullptr));
        ::_exit(127);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return status;
}

}  // namespace testing
