// The library's reports, for a test to look at.
#pragma once

#include <otp/base/log.hpp>

#include <cstddef>
#include <string>
#include <vector>

/// Takes the reports, instead of stderr, as long as it lives.
class captured_log {
public:
    captured_log() : before_{otp::set_logger(&take, this)} {}
    ~captured_log() { (void)otp::set_logger(before_.sink, before_.context); }
    captured_log(const captured_log&) = delete;
    captured_log& operator=(const captured_log&) = delete;

    [[nodiscard]] std::size_t with(const std::string& text) const {
        std::size_t n = 0;
        for (const auto& line : lines) n += line.find(text) != std::string::npos ? 1U : 0U;
        return n;
    }
    std::vector<std::string> lines;

private:
    static void take(const otp::log_record& r, void* self) noexcept { static_cast<captured_log*>(self)->lines.emplace_back(r.text); }
    otp::logger before_;
};
