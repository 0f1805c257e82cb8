// Where a process comes from: who started it, and who that one. Captured when a process starts its first child and shared
// by all its children, so that a birth allocates nothing for it, and read by any thread, since it never changes.
#pragma once

#include <cstdint>
#include <new>
#include <string>
#include <utility>

#include "otp/base/intrusive_ptr.hpp"
#include "otp/base/memory.hpp"
#include "otp/config.hpp"

namespace otp::inline OTP_ABI::proc {

struct lineage final : ref_counted {
    /// More generations are not remembered: a process that starts the next and ends would leave a chain behind that grows for ever.
    static constexpr std::uint32_t most = 32;

    lineage(std::uint64_t process, std::string registered, intrusive_ptr<lineage> before) noexcept
        : id{process}, name{std::move(registered)}, up{std::move(before)}, depth{up ? up->depth + 1 : 1} {}

    std::uint64_t id;          // of the parent
    std::string name;          // that it was registered under when it had its first child; ""
    intrusive_ptr<lineage> up;
    std::uint32_t depth;

    [[nodiscard]] static intrusive_ptr<lineage> make(std::uint64_t id, std::string name, intrusive_ptr<lineage> up) {
        if (up && up->depth >= most) up = copy(*up, most / 2);
        void* block = memory::allocate(sizeof(lineage));
        return intrusive_ptr<lineage>::adopt(::new (block) lineage{id, std::move(name), std::move(up)});
    }

private:
    /// The newest generations alone.
    [[nodiscard]] static intrusive_ptr<lineage> copy(const lineage& from, std::uint32_t generations) {
        if (generations == 0) return {};
        return make(from.id, from.name, from.up ? copy(*from.up, generations - 1) : intrusive_ptr<lineage>{});
    }
    void dispose() noexcept override {
        this->~lineage();
        memory::deallocate(this, sizeof(lineage));
    }
};

}  // namespace otp::inline OTP_ABI::proc
