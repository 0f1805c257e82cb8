// Who is told of a server's events: the trace, the log, the file, the counters, functions of the user's own. OTP's sys.erl.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "otp/base/log.hpp"
#include "otp/base/result.hpp"
#include "otp/base/unique_function.hpp"
#include "otp/behaviour/gen_server/event.hpp"
#include "otp/behaviour/gen_server/server_base.hpp"
#include "otp/runtime/executor.hpp"

namespace otp::inline OTP_ABI {

namespace sys {

/// What a debug function answers: go on, or take it out.
enum class verdict : std::uint8_t { more, done };
inline constexpr verdict more = verdict::more;
inline constexpr verdict done = verdict::done;

/// What sys::statistics counts.
struct message_statistics {
    exec::time_point start{};        ///< when it began to count
    exec::time_point now{};          ///< when it was asked
    std::uint64_t messages_in = 0;   ///< messages that came
    std::uint64_t messages_out = 0;  ///< replies that callbacks gave
};

}  // namespace sys

namespace behaviour {

/// A file that lines are written to, whole lines at once.
class line_file {
public:
    /// Error: the system's, with the path in its text.
    [[nodiscard]] static result<line_file> open(const std::string& path) {
        int opened = -1;
        do opened = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        while (opened < 0 && errno == EINTR);
        if (opened < 0) return reason::from_errno(errno, path);
        return line_file{opened};
    }
    line_file(line_file&& other) noexcept : file_{std::exchange(other.file_, -1)} {}
    line_file& operator=(line_file&& other) noexcept {
        std::swap(file_, other.file_);
        return *this;
    }
    ~line_file() {
        if (file_ >= 0) ::close(file_);
    }
    /// The errno of a failure, 0 if all is written.
    [[nodiscard]] int write(std::string_view text) const noexcept {
        while (!text.empty()) {
            const ssize_t written = ::write(file_, text.data(), text.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return errno;
            text.remove_prefix(static_cast<std::size_t>(written));
        }
        return 0;
    }

private:
    explicit line_file(int opened) noexcept : file_{opened} {}
    int file_;
};

/// Tells one debug function from another: by the id that it was given, else by what it is.
struct function_key {
    std::string id{};
    type_id type = nullptr;
    void (*function)() = nullptr;
    friend bool operator==(const function_key&, const function_key&) = default;
};

/// A function without a state that could tell two of its type apart.
template <class F>
concept identified_by_type = std::is_empty_v<F> && std::is_class_v<F>;
template <class F>
concept identified_by_address = std::is_pointer_v<F> && std::is_function_v<std::remove_pointer_t<F>>;

template <class F>
[[nodiscard]] function_key key_of(const F& f) {
    if constexpr (identified_by_address<F>) return {{}, type_id_of<F>, reinterpret_cast<void (*)()>(f)};
    else return {{}, type_id_of<F>};
}

/// The last events, a ring.
class event_log {
public:
    /// Of those that it has as many as fit stay.
    void limit_to(std::size_t events) {
        std::vector<sys::event> kept;
        for_each([&](const sys::event& e, std::size_t left) {
            if (left < events) kept.push_back(e);
        });
        ring_ = std::move(kept);
        oldest_ = 0;
        limit_ = events;
    }
    void add(const sys::event& e) {
        if (ring_.size() < limit_) {
            ring_.push_back(e);
        } else {
            ring_[oldest_] = e;
            oldest_ = (oldest_ + 1) % limit_;
        }
    }
    /// f(event, how many come after it), oldest first.
    template <class F>
    void for_each(F f) const {
        for (std::size_t i = 0; i != ring_.size(); ++i) f(ring_[(oldest_ + i) % ring_.size()], ring_.size() - 1 - i);
    }

private:
    std::vector<sys::event> ring_;
    std::size_t oldest_ = 0;
    std::size_t limit_ = 0;
};

/// The debug facility of one server; only the server's own process uses it.
class debugging final : public audience {
public:
    using line_sink = base::unique_function<void(std::string_view)>;
    using function = base::unique_function<sys::verdict(const sys::event&, std::string_view)>;

    /// Lines go to `sink`; an empty one ends that.
    void trace_to(line_sink sink) noexcept { trace_ = std::move(sink); }
    void keep(std::size_t events) {
        if (!kept_) kept_.emplace();
        kept_->limit_to(events);
    }
    void keep_none() noexcept { kept_.reset(); }
    void write_to(std::optional<line_file> file) noexcept { file_ = std::move(file); }
    void count(bool on, exec::time_point now) noexcept {
        if (on) counts_ = sys::message_statistics{now, now};
        else counts_.reset();
    }
    /// One that is there already stays as it is.
    void install(function_key key, function f) {
        for (const auto& known : functions_)
            if (known.key == key) return;
        functions_.push_back({std::move(key), std::move(f)});
    }
    void remove(const function_key& key) {
        std::erase_if(functions_, [&key](const installed& known) { return known.key == key; });
    }

    [[nodiscard]] std::vector<sys::event> events() const {
        std::vector<sys::event> all;
        if (kept_) kept_->for_each([&all](const sys::event& e, std::size_t) { all.push_back(e); });
        return all;
    }
    [[nodiscard]] const std::optional<sys::message_statistics>& counts() const noexcept { return counts_; }
    void show_kept(std::vector<std::string>& lines) const override {
        if (!kept_) return;
        kept_->for_each([&lines](const sys::event& e, std::size_t) { lines.push_back(to_string(e)); });
    }
    [[nodiscard]] bool idle() const noexcept override { return !trace_ && !kept_ && !file_ && !counts_ && functions_.empty(); }

    void take(const sys::event& e, std::string_view name) override {
        if (counts_) {
            if (e.incoming()) ++counts_->messages_in;
            else if (e.kind == sys::event_kind::reply) ++counts_->messages_out;
        }
        if (trace_ || file_) tell_line("*DBG* " + std::string{name} + ' ' + to_string(e), name);
        if (kept_) kept_->add(e);
        std::erase_if(functions_, [&](installed& f) {
            try {
                return f.call(e, name) == sys::done;
            } catch (...) {
                complain(name, "debug function " + f.key.id, reason{std::current_exception()});
                return true;
            }
        });
    }

private:
    struct installed {
        function_key key;
        function call;
    };
    void tell_line(std::string line, std::string_view name) {
        if (trace_) {
            try {
                trace_(line);
            } catch (...) {
                trace_ = nullptr;
                complain(name, "trace", reason{std::current_exception()});
            }
        }
        if (!file_) return;
        line += '\n';
        if (const int error = file_->write(line); error != 0) {
            file_.reset();
            complain(name, "log file", reason::from_errno(error, "write"));
        }
    }
    static void complain(std::string_view name, const std::string& what, const reason& why) {
        base::log(log_level::warning, "server " + std::string{name} + ": its " + what + " failed and is off: " + why.to_string());
    }

    line_sink trace_;
    std::optional<event_log> kept_;
    std::optional<line_file> file_;
    std::optional<sys::message_statistics> counts_;
    std::vector<installed> functions_;
};

inline debugging* server_base::debug_if_any() const noexcept { return agenda_ ? static_cast<debugging*>(agenda_->debug.get()) : nullptr; }
inline debugging& server_base::debug() {
    agenda& plans = planned();
    if (!plans.debug) plans.debug.reset(new debugging);
    return static_cast<debugging&>(*plans.debug);
}

}  // namespace behaviour

}  // namespace otp::inline OTP_ABI
