// The form of the reports: several aligned lines or one, and how long they may get.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "otp/base/order.hpp"
#include "otp/config.hpp"

namespace otp::inline OTP_ABI {

/// How reports are written; logger_formatter's single_line, chars_limit and depth.
struct report_format {
    bool single_line = false;         ///< the parts of a report stand in one line, behind semicolons
    std::size_t chars_limit = 8192;   ///< a report has this many bytes at most, and no part of it more than a quarter; 0: no limit
    std::size_t depth = 8;            ///< how many entries of a list are shown: messages, links, ancestors; 0: all
};

namespace base {

struct report_format_state {
    std::mutex lock;
    report_format current;  // under the lock
};
inline constinit report_format_state the_report_format;

[[nodiscard]] inline report_format current_report_format() noexcept {
    const std::lock_guard hold{the_report_format.lock};
    return the_report_format.current;
}

/// At most `limit` bytes of a text, cut between two characters; it shows that something is missing.
[[nodiscard]] inline std::string shortened(std::string_view text, std::size_t limit) {
    if (limit == 0 || text.size() <= limit) return std::string{text};
    constexpr std::string_view more = "…";
    std::size_t kept = limit > more.size() ? limit - more.size() : 0;
    while (kept != 0 && (static_cast<unsigned char>(text[kept]) & 0xc0U) == 0x80U) --kept;
    std::string cut{text.substr(0, kept)};
    if (limit >= more.size()) cut += more;
    return cut;
}

/// Collects a report part by part.
class report_text {
public:
    explicit report_text(std::string_view title, report_format format = current_report_format())
        : format_{format}, part_limit_{format.chars_limit == 0 ? 0 : base::max<std::size_t>(format.chars_limit / 4, 16)} {
        add(title);
    }

    /// One part; none if it is empty.
    void line(std::string_view key, std::string_view value) {
        if (value.empty()) return;
        if (format_.single_line) {
            text_ += "; ";
            text_ += key;
            text_ += ": ";
        } else {
            text_ += "\n    ";
            text_ += key;
            text_ += ':';
            text_.append(key.size() < column ? column - key.size() : 1, ' ');
        }
        add(value);
    }
    /// Names of `count` things, as many as fit the depth; `name(i)` gives the next.
    template <class Name>
    void list(std::string_view key, std::size_t count, Name name, std::string lead = {}) {
        const std::size_t shown = format_.depth == 0 ? count : base::min(count, format_.depth);
        for (std::size_t i = 0; i != shown; ++i) {
            if (i != 0) lead += ", ";
            lead += name(i);
        }
        if (shown != count) lead += ", … " + std::to_string(count - shown) + " more";
        line(key, lead);
    }
    [[nodiscard]] std::string take() && { return shortened(text_, format_.chars_limit); }

private:
    // What came from outside can't break the form.
    void add(std::string_view value) {
        for (const char c : shortened(value, part_limit_)) {
            if (c == '\n' && !format_.single_line) text_.append("\n").append(column + 5, ' ');
            else text_ += static_cast<unsigned char>(c) < ' ' || c == '\x7f' ? ' ' : c;
        }
    }
    static constexpr std::size_t column = 15;
    report_format format_;
    std::size_t part_limit_;
    std::string text_;
};

}  // namespace base

/// From now on reports are written so. Returns the form before. Any thread.
inline report_format set_report_format(report_format form) noexcept {
    const std::lock_guard hold{base::the_report_format.lock};
    return std::exchange(base::the_report_format.current, form);
}

}  // namespace otp::inline OTP_ABI
