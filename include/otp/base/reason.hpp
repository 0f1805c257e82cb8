// Why something failed or ended: what a result carries instead of a value, and what a process ends with.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "otp/base/intrusive_ptr.hpp"
#include "otp/config.hpp"

namespace otp::inline OTP_ABI {

class exit;
class pid;

/// What sort of reason it is. All but the last three and shutdown_for are the library's own, and are a static member of
/// otp::reason as well.
enum class reason_kind : std::uint8_t {
    normal,           ///< ended as planned
    shutdown,         ///< ended by order of its supervisor
    shutdown_for,     ///< ended in order, for a reason given as text
    kill,             ///< sent to end a process that can't refuse
    killed,           ///< ended by `kill`
    noproc,           ///< no such process, or it is dead
    timeout,          ///< no answer in time
    noconnection,     ///< the other side can't be reached
    closed,           ///< a socket that is closed
    calling_self,     ///< a process called itself
    deadlock,         ///< the call would close a circle of callers, or nothing is left that could run
    overloaded,       ///< a bounded mailbox refused the request
    no_reply,         ///< the server dropped the request without an answer
    unhandled,        ///< the server knows no such request
    ignored,          ///< init said otp::ignore
    already_started,  ///< the name is taken: pid() is who has it
    already_present,  ///< a supervisor has a child of this id that is not running
    not_found,        ///< no such child, name or entry
    running,          ///< the child runs
    restarting,       ///< the child is being restarted
    bad_argument,     ///< an argument that makes no sense
    system_limit,     ///< a limit of the library or of the machine is reached
    wrong_server,     ///< the name belongs to a server of another type
    no_process,       ///< only a process can do this, and a plain thread tried
    failed_child,     ///< a child did not start: text() is its id, cause() why
    text,             ///< the program's own reason, a text
    system,           ///< an error of the operating system: code() is the errno
    exception,        ///< an exception left the user's code
};

/// The name of a kind, as in the source.
[[nodiscard]] std::string_view to_string(reason_kind kind) noexcept;

namespace base {

/// What a reason has beside its kind; immutable once a reason holds it.
class reason_data final : public ref_counted {
public:
    std::string text;
    std::string exception_type;
    std::exception_ptr exception;
    intrusive_ptr<ref_counted> subject;
    bool has_text = false;

    bool has_cause = false;
    reason_kind cause_kind{};
    int cause_code = 0;
    intrusive_ptr<reason_data> cause_data;

    [[nodiscard]] static intrusive_ptr<reason_data> make() {
        return intrusive_ptr<reason_data>::adopt(new reason_data);
    }
    [[nodiscard]] static intrusive_ptr<reason_data> copy_of(const reason_data* other);

private:
    void dispose() noexcept override { delete this; }
};

}  // namespace base

/// Why something failed or ended. A value of 16 bytes; copies share what is behind it and never throw.
///
/// Equality is what programs ask for: reasons of the library are equal when their kinds are, whatever text explains
/// them; texts and shutdown_for compare their text, system errors their code, exceptions their type and text. The order
/// goes with it and means nothing.
///
/// Thread safety: a value; any number of threads may read one at once. Follows OTP's exit reasons.
class reason {
public:
    static const reason normal, shutdown, kill, killed, noproc, timeout, noconnection, closed, calling_self, deadlock,
        overloaded, no_reply, unhandled, ignored, already_started, already_present, not_found, running, restarting,
        bad_argument, system_limit, wrong_server, no_process, failed_child;

    /// An orderly end with an explanation, OTP's {shutdown, Term}.
    [[nodiscard]] static reason shutdown_for(std::string_view why);
    /// An error of the operating system; text() is "what: " and the system's message for `code`, an errno.
    [[nodiscard]] static reason from_errno(int code, std::string_view what);

    /// normal
    constexpr reason() noexcept = default;
    reason(std::nullptr_t) = delete;
    /// The program's own reason.
    reason(const char* own);
    reason(std::string own);
    reason(std::string_view own);
    /// An error of the operating system.
    reason(std::errc code);
    /// An error of the operating system if its category says so, else its message as a text; no error is normal.
    reason(const std::error_code& code);
    /// The exception's type and what(), and itself for rethrow(). An otp::exit or a thrown reason gives that reason,
    /// null gives normal. Without memory the type and text are lost.
    reason(std::exception_ptr exception) noexcept;

    constexpr reason(const reason&) noexcept = default;
    constexpr reason(reason&& other) noexcept
        : kind_{std::exchange(other.kind_, reason_kind::normal)}, code_{std::exchange(other.code_, 0)},
          data_{std::move(other.data_)} {}
    constexpr reason& operator=(const reason&) noexcept = default;
    constexpr reason& operator=(reason&& other) noexcept {
        kind_ = std::exchange(other.kind_, reason_kind::normal);
        code_ = std::exchange(other.code_, 0);
        data_ = std::move(other.data_);
        return *this;
    }
    constexpr ~reason() = default;

    [[nodiscard]] constexpr reason_kind kind() const noexcept { return kind_; }
    /// The explanation; the kind's name if there is none. Terminated by a zero; valid as long as this reason or a copy.
    [[nodiscard]] std::string_view text() const noexcept;
    /// The errno of a system error, else 0 or what an error_code of another category had.
    [[nodiscard]] constexpr int code() const noexcept { return code_; }
    /// Whom it is about, such as the process that has the name already; a null pid if nobody.
    [[nodiscard]] otp::pid pid() const;
    /// The same as the bare control block.
    [[nodiscard]] intrusive_ptr<ref_counted> subject() const noexcept;
    /// What led to it; normal if nothing is known.
    [[nodiscard]] reason cause() const noexcept;
    /// The demangled type of the exception; empty if it is none.
    [[nodiscard]] std::string_view exception_type() const noexcept;

    [[nodiscard]] constexpr bool is_exception() const noexcept { return kind_ == reason_kind::exception; }
    /// normal, shutdown or shutdown_for: OTP reports nothing for those.
    [[nodiscard]] constexpr bool is_orderly() const noexcept { return kind_ <= reason_kind::shutdown_for; }

    /// Throws the exception that it was made from, or an otp::exit with this reason.
    [[noreturn]] void rethrow() const;

    /// The same reason with another explanation, subject or cause.
    [[nodiscard]] reason with_text(std::string explanation) const;
    [[nodiscard]] reason with_subject(intrusive_ptr<ref_counted> whom) const;
    [[nodiscard]] reason with_cause(const reason& why) const;

    /// One readable line, such as "timeout: call of channels::alloc" or "system: Address already in use (98)".
    [[nodiscard]] std::string to_string() const;

    friend bool operator==(const reason& left, const reason& right) noexcept { return left.compare(right) == 0; }
    friend std::strong_ordering operator<=>(const reason& left, const reason& right) noexcept { return left.compare(right); }

    // A template, so that <ostream> is not included for it.
    template <class OStream>
        requires requires(OStream& out, const std::string& line) { out << line; }
    friend OStream& operator<<(OStream& out, const reason& why) {
        out << why.to_string();
        return out;
    }

    [[nodiscard]] std::size_t hash() const noexcept;

private:
    constexpr explicit reason(reason_kind kind) noexcept : kind_{kind} {}
    reason(reason_kind kind, int code, std::string text);
    [[nodiscard]] std::strong_ordering compare(const reason& other) const noexcept;
    void capture(const std::exception_ptr& exception);
    void describe_exception(const std::exception_ptr& exception, std::string what);

    reason_kind kind_ = reason_kind::normal;
    int code_ = 0;
    intrusive_ptr<base::reason_data> data_;
};

inline constexpr reason reason::normal{reason_kind::normal};
inline constexpr reason reason::shutdown{reason_kind::shutdown};
inline constexpr reason reason::kill{reason_kind::kill};
inline constexpr reason reason::killed{reason_kind::killed};
inline constexpr reason reason::noproc{reason_kind::noproc};
inline constexpr reason reason::timeout{reason_kind::timeout};
inline constexpr reason reason::noconnection{reason_kind::noconnection};
inline constexpr reason reason::closed{reason_kind::closed};
inline constexpr reason reason::calling_self{reason_kind::calling_self};
inline constexpr reason reason::deadlock{reason_kind::deadlock};
inline constexpr reason reason::overloaded{reason_kind::overloaded};
inline constexpr reason reason::no_reply{reason_kind::no_reply};
inline constexpr reason reason::unhandled{reason_kind::unhandled};
inline constexpr reason reason::ignored{reason_kind::ignored};
inline constexpr reason reason::already_started{reason_kind::already_started};
inline constexpr reason reason::already_present{reason_kind::already_present};
inline constexpr reason reason::not_found{reason_kind::not_found};
inline constexpr reason reason::running{reason_kind::running};
inline constexpr reason reason::restarting{reason_kind::restarting};
inline constexpr reason reason::bad_argument{reason_kind::bad_argument};
inline constexpr reason reason::system_limit{reason_kind::system_limit};
inline constexpr reason reason::wrong_server{reason_kind::wrong_server};
inline constexpr reason reason::no_process{reason_kind::no_process};
inline constexpr reason reason::failed_child{reason_kind::failed_child};

static_assert(sizeof(reason) == 8 + sizeof(void*));

}  // namespace otp::inline OTP_ABI

template <>
struct std::hash<otp::reason> {
    [[nodiscard]] std::size_t operator()(const otp::reason& why) const noexcept { return why.hash(); }
};

#include "otp/base/exit.hpp"  // an exception may be one; it includes reason_impl.hpp, the definitions
