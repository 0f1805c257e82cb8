// Where the library's reports go: crashes, dead letters, what a supervisor did. To stderr, unless the program says
// other.
#pragma once

#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <utility>

#include "otp/config.hpp"

namespace otp::inline OTP_ABI {

/// How much a report matters, as in OTP's logger.
enum class log_level : std::uint8_t { debug, info, notice, warning, error, critical };

[[nodiscard]] constexpr std::string_view to_string(log_level level) noexcept {
    switch (level) {
        case log_level::debug: return "debug";
        case log_level::info: return "info";
        case log_level::notice: return "notice";
        case log_level::warning: return "warning";
        case log_level::error: return "error";
        case log_level::critical: return "critical";
    }
    return "unknown";
}

/// What a report with parts of its own is about.
enum class report_kind : std::uint8_t {
    crash,       ///< an otp::crash_report: a process has ended abnormally
    supervisor,  ///< an otp::supervisor_report: a child ended, did not start or did not stop
    progress,    ///< an otp::supervisor_report: a child has started
};
/// What they have in common.
struct report {
    report_kind about;
};

/// One report.
struct log_record {
    log_level level;
    std::string_view text;  ///< readable, perhaps several lines, no line end after the last; only valid during the call
    const otp::report* parts = nullptr;  ///< the same for a sink with a format of its own; null for a plain text

    /// The parts if it is a report of type R, else null: record.as<otp::crash_report>(). OTP's report_cb.
    template <class R>
    [[nodiscard]] const R* as() const noexcept {
        return parts && R::holds(parts->about) ? static_cast<const R*>(parts) : nullptr;
    }
};

/// Takes one report. It is called on the thread that has something to report, never by two threads at once. It must
/// not block for long and not make calls to servers; casting to one is fine.
using log_sink = void (*)(const log_record& record, void* context) noexcept;

/// A sink, and what is passed to it.
struct logger {
    log_sink sink = nullptr;
    void* context = nullptr;
};

/// The default sink: one write to stderr for each report, led by its level.
inline void log_to_stderr(const log_record& record, void*) noexcept {
    const auto part = [](std::string_view text) { return iovec{const_cast<char*>(text.data()), text.size()}; };
    iovec parts[] = {part("["), part(to_string(record.level)), part("] "), part(record.text), part("\n")};
    constexpr int count = sizeof parts / sizeof *parts;
    for (int first = 0; first < count;) {
        const ssize_t written = ::writev(STDERR_FILENO, parts + first, count - first);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return;  // nowhere to report that to
        for (auto left = static_cast<std::size_t>(written); first < count; ++first) {
            if (left < parts[first].iov_len) {  // a pipe took a part only: the rest comes next
                parts[first].iov_base = static_cast<char*>(parts[first].iov_base) + left;
                parts[first].iov_len -= left;
                break;
            }
            left -= parts[first].iov_len;
        }
    }
}

namespace base {

struct log_state {
    std::mutex lock;
    logger current{&log_to_stderr, nullptr};          // under the lock
    std::atomic<log_level> least{log_level::notice};  // relaxed: a level that is a moment old does no harm
};
inline constinit log_state the_log;

// True while this thread runs a sink, which holds the lock then.
[[gnu::noinline]] inline bool& inside_log_sink() noexcept {
    static thread_local constinit bool inside = false;
    asm volatile("");
    return inside;
}

/// True if a report of this level is wanted: ask before making an expensive text.
[[nodiscard]] inline bool logs(log_level level) noexcept {
    return level >= the_log.least.load(std::memory_order_relaxed);  // see log_state
}

/// Reports. A sink that causes a report itself finds it on stderr. Keeps errno.
inline void log(log_level level, std::string_view text, const report* parts = nullptr) noexcept {
    if (!logs(level)) return;
    const int kept = errno;
    if (inside_log_sink()) {
        log_to_stderr({level, text, parts}, nullptr);
    } else {
        const std::lock_guard hold{the_log.lock};
        inside_log_sink() = true;
        if (the_log.current.sink) the_log.current.sink({level, text, parts}, the_log.current.context);
        inside_log_sink() = false;
    }
    errno = kept;
}

}  // namespace base

/// Sends the reports to `sink`, which gets `context` each time; null switches them off. Returns what was there before.
/// When it has returned, the old sink is not running and its context is not used any more (unless the old sink itself
/// is the caller). Any thread.
inline logger set_logger(log_sink sink, void* context = nullptr) noexcept {
    std::unique_lock hold{base::the_log.lock, std::defer_lock};
    if (!base::inside_log_sink()) hold.lock();
    return std::exchange(base::the_log.current, logger{sink, context});
}

/// Leaves out reports below `least`; notice at first. Any thread.
inline void set_log_level(log_level least) noexcept {
    base::the_log.least.store(least, std::memory_order_relaxed);  // see log_state
}

}  // namespace otp::inline OTP_ABI
