// The reports of a test, as text and in parts, instead of on stderr.
#pragma once

#include <doctest/doctest.h>

#include <otp/otp.hpp>

#include <string>
#include <vector>

namespace captured {

/// Takes all reports as long as it lives.
class reports {
public:
    explicit reports(otp::log_level least = otp::log_level::notice) : before_{otp::set_logger(&take, this)} { otp::set_log_level(least); }
    ~reports() {
        (void)otp::set_logger(before_.sink, before_.context);
        otp::set_log_level(otp::log_level::notice);
    }
    reports(const reports&) = delete;
    reports& operator=(const reports&) = delete;

    std::vector<std::string> texts;
    std::vector<otp::log_level> levels;
    std::vector<otp::crash_report> crashes;
    std::vector<otp::supervisor_report> supervisors;

    /// The text of the only report.
    [[nodiscard]] const std::string& only() const {
        REQUIRE(texts.size() == 1);
        return texts[0];
    }
    [[nodiscard]] const otp::crash_report& crash() const {
        REQUIRE(crashes.size() == 1);
        return crashes[0];
    }

private:
    static void take(const otp::log_record& r, void* context) noexcept {
        auto& self = *static_cast<reports*>(context);
        self.texts.emplace_back(r.text);
        self.levels.push_back(r.level);
        if (const auto* crash = r.as<otp::crash_report>()) self.crashes.push_back(*crash);
        if (const auto* told = r.as<otp::supervisor_report>()) self.supervisors.push_back(*told);
    }
    otp::logger before_;
};

/// The form of the reports as long as it lives.
class form {
public:
    explicit form(otp::report_format f) : before_{otp::set_report_format(f)} {}
    ~form() { (void)otp::set_report_format(before_); }
    form(const form&) = delete;
    form& operator=(const form&) = delete;

private:
    otp::report_format before_;
};

[[nodiscard]] inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
/// The line of a report that begins with this key; "" if there is none.
[[nodiscard]] inline std::string part_of(const std::string& text, const std::string& key) {
    const auto at = text.find("\n    " + key + ":");
    if (at == std::string::npos) return "";
    const auto from = text.find_first_not_of(' ', at + key.size() + 6);
    return text.substr(from, text.find('\n', from) - from);
}

}  // namespace captured
