// A process's identity.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

#include "otp/process/node.hpp"
#include "otp/process/process.hpp"

namespace otp::inline OTP_ABI {

/// Identifies a process, dead or alive; Erlang's pid(). Legal for ever; holds a small block of memory, nothing else.
/// Thread safety: a value, may be copied and used by any thread.
class pid {
public:
    /// No process at all.
    constexpr pid() noexcept = default;
    explicit pid(intrusive_ptr<proc::process> block) noexcept : block_{std::move(block)} {}

    /// Is it a process at all, dead or alive?
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(block_); }
    [[nodiscard]] proc::process* block() const noexcept { return block_.get(); }
    [[nodiscard]] const intrusive_ptr<proc::process>& shared() const noexcept { return block_; }

    /// A number, unique in its runtime; 0 for none.
    [[nodiscard]] std::uint64_t number() const noexcept { return block_ ? proc::node::shown(block_->id()) : 0; }
    /// As "<7>".
    [[nodiscard]] std::string to_string() const { return '<' + std::to_string(number()) + '>'; }

    friend bool operator==(const pid& a, const pid& b) noexcept { return a.block_ == b.block_; }
    /// In the order of their creation, within a runtime.
    friend std::strong_ordering operator<=>(const pid& a, const pid& b) noexcept { return a.key() <=> b.key(); }

    template <class OStream>
        requires requires(OStream& out, const std::string& line) { out << line; }
    friend OStream& operator<<(OStream& out, const pid& p) {
        out << p.to_string();
        return out;
    }

private:
    [[nodiscard]] std::uint64_t key() const noexcept { return block_ ? block_->id() : 0; }
    intrusive_ptr<proc::process> block_;
};

inline pid reason::pid() const { return otp::pid{intrusive_ptr<proc::process>::share(static_cast<proc::process*>(subject().get()))}; }

}  // namespace otp::inline OTP_ABI

template <>
struct std::hash<otp::pid> {
    std::size_t operator()(const otp::pid& p) const noexcept { return std::hash<const void*>{}(p.block()); }
};
