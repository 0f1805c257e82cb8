// Anything that takes one type of message.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <utility>

#include "otp/process/message.hpp"
#include "otp/process/pid.hpp"
#include "otp/runtime/runtime.hpp"

namespace otp::inline OTP_ABI {

/// Where messages of type M may be sent, whoever it is: made from a server, a name, an otp::ref, an otp::alias or an inbox that receives M.
/// One made from a name looks it up at each delivery. A value, for any thread.
template <class M>
class recipient {
public:
    recipient() noexcept = default;
    /// For the library's own conversions.
    recipient(intrusive_ptr<proc::process> to, const proc::signal_ops& ops) noexcept : process_{std::move(to)}, ops_{&ops} {}
    recipient(const char* name, const proc::signal_ops& ops) noexcept : name_{name}, ops_{&ops} {}
    recipient(intrusive_ptr<proc::process> to, const proc::signal_ops& ops, std::uint64_t alias) noexcept
        : process_{std::move(to)}, ops_{&ops}, alias_{alias} {}

    /// Sends; never fails: what reaches nobody is a dead letter. Blocks only for room, as cast does.
    template <int = 0>
    void send(M message) const {
        if (ops_) deliver(make(std::move(message)));
    }
    [[nodiscard]] explicit operator bool() const noexcept { return ops_ != nullptr; }
    /// The process, or who has the name now; a null pid if nobody.
    [[nodiscard]] pid id() const { return pid{find()}; }

    friend bool operator==(const recipient& a, const recipient& b) noexcept { return a.process_ == b.process_ && a.name_ == b.name_ && a.alias_ == b.alias_; }
    friend std::strong_ordering operator<=>(const recipient& a, const recipient& b) noexcept { return pid{a.process_} <=> pid{b.process_}; }
    template <class OStream>
        requires requires(OStream& out, const std::string& line) { out << line; }
    friend OStream& operator<<(OStream& out, const recipient& r) {
        out << (r.name_ ? std::string{r.name_} : pid{r.process_}.to_string());
        return out;
    }

    // For timers.
    [[nodiscard]] proc::signal* make(M message) const {
        auto* made = proc::make_message<M>(*ops_, std::move(message));
        if (alias_ == 0) return made;
        made->kind = proc::signal_kind::aliased;
        made->ref = alias_;
        return made;
    }
    [[nodiscard]] const intrusive_ptr<proc::process>& process() const noexcept { return process_; }
    [[nodiscard]] const char* name() const noexcept { return name_; }

private:
    [[nodiscard]] intrusive_ptr<proc::process> find() const {
        return name_ ? proc::node::of(exec::current_executor()).names().find(name_) : process_;
    }
    void deliver(proc::signal* s) const { proc::send_message(find().get(), s); }

    intrusive_ptr<proc::process> process_;
    const char* name_ = nullptr;
    const proc::signal_ops* ops_ = nullptr;
    std::uint64_t alias_ = 0;  // of the process; 0: none
};

}  // namespace otp::inline OTP_ABI

template <class M>
struct std::hash<otp::recipient<M>> {
    std::size_t operator()(const otp::recipient<M>& r) const noexcept { return std::hash<otp::pid>{}(r.id()); }
};
