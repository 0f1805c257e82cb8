// Names that the user keeps instead of the runtime.
#pragma once

#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "otp/base/result.hpp"
#include "otp/process/pid.hpp"
#include "otp/process/process.hpp"

namespace otp::inline OTP_ABI {

/// A registry of the user's: Erlang's {via, Module, Name}. It must outlive who uses it. Its functions are called on any thread,
/// several at once: register_name and unregister_name in the process that is named, whereis_name in whoever looks for it. A
/// name whose process has ended is the registry's own affair: it can monitor what it registers.
class registry {
public:
    /// Gives a process a name. False: another has it.
    [[nodiscard]] virtual bool register_name(std::string_view key, const pid& who) = 0;
    /// Frees a name; called once for each start that has registered and then fails.
    virtual void unregister_name(std::string_view key) = 0;
    /// Who has this name; a null pid if nobody.
    [[nodiscard]] virtual pid whereis_name(std::string_view key) = 0;

protected:
    registry() = default;
    registry(const registry&) = default;
    registry& operator=(const registry&) = default;
    ~registry() = default;
};

namespace proc {

/// Where a handle looks for its process: a registry and a key.
struct via_target final : ref_counted {
    via_target(otp::registry& names, std::string_view text) : where{names}, key{text} {}
    otp::registry& where;
    std::string key;

private:
    void dispose() noexcept override { delete this; }
};
/// Stands for the name of a handle that looks into a registry of the user's.
inline constexpr const char via_mark[] = "via";

/// A name that a starting process takes, and gives back if its start fails.
class name_claim {
public:
    name_claim(otp::registry& names, std::string_view key) : where_{names}, key_{key} {}
    name_claim(const name_claim&) = delete;
    name_claim& operator=(const name_claim&) = delete;
    ~name_claim() {
        if (!taken_) return;
        try {
            where_.unregister_name(key_);
        } catch (...) {
            // The process ends anyway, with the reason of its start's failure.
        }
    }
    /// Error: already_started, with who has the name.
    [[nodiscard]] result<void> take(process& mine) {
        if (where_.register_name(key_, pid{intrusive_ptr<process>::share(&mine)})) {
            taken_ = true;
            return {};
        }
        return taken_by(where_.whereis_name(key_), key_);
    }
    /// The start has succeeded: the name stays.
    void keep() noexcept { taken_ = false; }
    [[nodiscard]] static reason taken_by(const pid& holder, std::string_view key) {
        return reason{reason::already_started}.with_text("the name " + std::string{key} + " is taken").with_subject(holder.shared());
    }

private:
    otp::registry& where_;
    std::string key_;
    bool taken_ = false;
};

}  // namespace proc

}  // namespace otp::inline OTP_ABI
