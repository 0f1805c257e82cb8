// What is reported while a test runs.
#pragma once

#include <otp/base/log.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace testing {

/// The reports, instead of to stderr, as long as it lives.
class reports {
public:
    reports() : before_{otp::set_logger(&take, this)} {}
    ~reports() { (void)otp::set_logger(before_.sink, before_.context); }
    reports(const reports&) = delete;
    reports& operator=(const reports&) = delete;
    [[nodiscard]] std::size_t with(const std::string& text) const {
        std::size_t n = 0;
        for (const auto& line : lines) n += line.find(text) != std::string::npos ? 1U : 0U;
        return n;
    }
    std::vector<std::string> lines;

private:
    static void take(const otp::log_record& r, void* self) noexcept { static_cast<reports*>(self)->lines.emplace_back(r.text); }
    otp::logger before_;
};

}  // namespace testing
