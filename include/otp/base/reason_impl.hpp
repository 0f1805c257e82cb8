// The definitions of otp::reason; included at the end of reason.hpp and exit.hpp, which need each other.
#pragma once

#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

#include "otp/base/exit.hpp"
#include "otp/base/reason.hpp"
#include "otp/base/type_name.hpp"

namespace otp::inline OTP_ABI {

inline std::string_view to_string(reason_kind kind) noexcept {
    switch (kind) {
        case reason_kind::normal: return "normal";
        case reason_kind::shutdown: return "shutdown";
        case reason_kind::shutdown_for: return "shutdown_for";
        case reason_kind::kill: return "kill";
        case reason_kind::killed: return "killed";
        case reason_kind::noproc: return "noproc";
        case reason_kind::timeout: return "timeout";
        case reason_kind::noconnection: return "noconnection";
        case reason_kind::closed: return "closed";
        case reason_kind::calling_self: return "calling_self";
        case reason_kind::deadlock: return "deadlock";
        case reason_kind::overloaded: return "overloaded";
        case reason_kind::no_reply: return "no_reply";
        case reason_kind::unhandled: return "unhandled";
        case reason_kind::ignored: return "ignored";
        case reason_kind::already_started: return "already_started";
        case reason_kind::already_present: return "already_present";
        case reason_kind::not_found: return "not_found";
        case reason_kind::running: return "running";
        case reason_kind::restarting: return "restarting";
        case reason_kind::bad_argument: return "bad_argument";
        case reason_kind::system_limit: return "system_limit";
        case reason_kind::wrong_server: return "wrong_server";
        case reason_kind::no_process: return "no_process";
        case reason_kind::failed_child: return "failed_child";
        case reason_kind::text: return "text";
        case reason_kind::system: return "system";
        case reason_kind::exception: return "exception";
    }
    return "unknown";
}

namespace base {

inline intrusive_ptr<reason_data> reason_data::copy_of(const reason_data* other) {
    auto copy = make();
    if (!other) return copy;
    copy->text = other->text;
    copy->exception_type = other->exception_type;
    copy->exception = other->exception;
    copy->subject = other->subject;
    copy->has_text = other->has_text;
    copy->has_cause = other->has_cause;
    copy->cause_kind = other->cause_kind;
    copy->cause_code = other->cause_code;
    copy->cause_data = other->cause_data;
    return copy;
}

/// The readable name of a type that is only known at run time.
[[nodiscard]] inline std::string demangled(const std::type_info* type) {
    if (!type) return "unknown";
    int status = 0;
    char* text = abi::__cxa_demangle(type->name(), nullptr, nullptr, &status);
    struct freed {
        char* memory;
        ~freed() { std::free(memory); }
    } owner{text};
    return status == 0 && text ? std::string{text} : std::string{type->name()};
}

}  // namespace base

inline reason::reason(reason_kind kind, int code, std::string text)
    : kind_{kind}, code_{code}, data_{base::reason_data::make()} {
    data_->text = std::move(text);
    data_->has_text = true;
}

inline reason::reason(const char* own) : reason{reason_kind::text, 0, std::string{own ? own : ""}} {}
inline reason::reason(std::string own) : reason{reason_kind::text, 0, std::move(own)} {}
inline reason::reason(std::string_view own) : reason{reason_kind::text, 0, std::string{own}} {}

inline reason::reason(std::errc code)
    : reason{reason_kind::system, static_cast<int>(code), std::generic_category().message(static_cast<int>(code))} {}

inline reason::reason(const std::error_code& code) {
    if (!code) return;
    if (code.category() == std::generic_category() || code.category() == std::system_category())
        *this = reason{reason_kind::system, code.value(), code.message()};
    else
        *this = reason{reason_kind::text, code.value(), std::string{code.category().name()} + ": " + code.message()};
}

inline reason::reason(std::exception_ptr exception) noexcept {
    if (!exception) return;
    try {
        capture(exception);
    } catch (...) {  // no memory left to describe it
        kind_ = reason_kind::exception;
    }
}

inline void reason::capture(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const exit& carrier) {
        *this = carrier.why();
    } catch (const reason& carried) {
        *this = carried;
    } catch (const std::exception& thrown) {
        describe_exception(exception, thrown.what());
    } catch (const std::string& thrown) {
        describe_exception(exception, thrown);
    } catch (const char* thrown) {
        describe_exception(exception, thrown ? thrown : "");
    } catch (...) {
        describe_exception(exception, {});
    }
}

// Called inside the catch clause: the exception's type is asked of the run-time library.
inline void reason::describe_exception(const std::exception_ptr& exception, std::string what) {
    kind_ = reason_kind::exception;
    data_ = base::reason_data::make();
    data_->exception = exception;
    data_->exception_type = base::demangled(abi::__cxa_current_exception_type());
    data_->text = what.empty() ? data_->exception_type : std::move(what);
    data_->has_text = true;
}

inline reason reason::shutdown_for(std::string_view why) { return {reason_kind::shutdown_for, 0, std::string{why}}; }

inline reason reason::from_errno(int code, std::string_view what) {
    std::string text{what};
    if (!text.empty()) text += ": ";
    text += std::generic_category().message(code);
    return {reason_kind::system, code, std::move(text)};
}

inline std::string_view reason::text() const noexcept {
    return data_ && data_->has_text ? std::string_view{data_->text} : otp::to_string(kind_);
}

inline intrusive_ptr<ref_counted> reason::subject() const noexcept {
    return data_ ? data_->subject : intrusive_ptr<ref_counted>{};
}

inline reason reason::cause() const noexcept {
    reason why;
    if (data_ && data_->has_cause) {
        why.kind_ = data_->cause_kind;
        why.code_ = data_->cause_code;
        why.data_ = data_->cause_data;
    }
    return why;
}

inline std::string_view reason::exception_type() const noexcept {
    return data_ ? std::string_view{data_->exception_type} : std::string_view{};
}

inline void reason::rethrow() const {
    if (data_ && data_->exception) std::rethrow_exception(data_->exception);
    throw exit{*this};
}

inline reason reason::with_text(std::string explanation) const {
    reason other{*this};
    other.data_ = base::reason_data::copy_of(data_.get());
    other.data_->text = std::move(explanation);
    other.data_->has_text = true;
    return other;
}

inline reason reason::with_subject(intrusive_ptr<ref_counted> whom) const {
    reason other{*this};
    other.data_ = base::reason_data::copy_of(data_.get());
    other.data_->subject = std::move(whom);
    return other;
}

inline reason reason::with_cause(const reason& why) const {
    reason other{*this};
    other.data_ = base::reason_data::copy_of(data_.get());
    other.data_->has_cause = true;
    other.data_->cause_kind = why.kind_;
    other.data_->cause_code = why.code_;
    other.data_->cause_data = why.data_;
    return other;
}

inline std::string reason::to_string() const {
    std::string line;
    if (kind_ == reason_kind::exception && data_ && !data_->exception_type.empty())
        line = data_->exception_type;
    else if (kind_ == reason_kind::shutdown_for)
        line = "shutdown";
    else if (kind_ != reason_kind::text)
        line = otp::to_string(kind_);
    if (data_ && data_->has_text && data_->text != line) {
        if (!line.empty()) line += ": ";
        line += data_->text;
    }
    if (kind_ == reason_kind::system) line += " (" + std::to_string(code_) + ")";
    if (data_ && data_->has_cause) line += ", because " + cause().to_string();
    for (char& c : line)
        if (c == '\n' || c == '\r') c = ' ';
    return line;
}

inline std::strong_ordering reason::compare(const reason& other) const noexcept {
    if (kind_ != other.kind_) return kind_ <=> other.kind_;
    switch (kind_) {
        case reason_kind::shutdown_for:
        case reason_kind::text: return text() <=> other.text();
        case reason_kind::system: return code_ <=> other.code_;
        case reason_kind::exception:
            if (const auto types = exception_type() <=> other.exception_type(); types != 0) return types;
            return text() <=> other.text();
        default: return std::strong_ordering::equal;
    }
}

// Mixes in exactly what compare() looks at.
inline std::size_t reason::hash() const noexcept {
    std::uint64_t mixed = static_cast<std::uint64_t>(kind_) * 0x9e3779b97f4a7c15U;
    switch (kind_) {
        case reason_kind::shutdown_for:
        case reason_kind::text: mixed ^= base::hash_text(text()); break;
        case reason_kind::system: mixed += static_cast<std::uint64_t>(code_) * 0xd6e8feb86659fd93U; break;
        case reason_kind::exception: mixed ^= base::hash_text(text()) + 31 * base::hash_text(exception_type()); break;
        default: break;
    }
    return static_cast<std::size_t>(mixed ^ (mixed >> 32U));
}

}  // namespace otp::inline OTP_ABI
