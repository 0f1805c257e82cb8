// Who waits for whom, as far as it is known: the chain of callers that a call carries, and an order to end.
#pragma once

#include <atomic>
#include <cstdint>
#include <new>
#include <utility>

#include "otp/base/intrusive_ptr.hpp"
#include "otp/base/memory.hpp"
#include "otp/process/process.hpp"

namespace otp::inline OTP_ABI::proc {

/// One who waits further up: the caller of a call that was made while another was being served, or who has told a process to
/// end and waits for that, or who starts several at once.
struct chain_link final : ref_counted {
    // Instead of the number of a call: it waits until end() is called; or it waits for several things, so that no circle is
    // looked for through it, and the call is given up when end() is called.
    static constexpr std::uint64_t for_an_end = 0, among_others = ~std::uint64_t{0};

    chain_link(intrusive_ptr<process> who, std::uint64_t call, intrusive_ptr<chain_link> rest) noexcept
        : caller{std::move(who)}, ref{call}, up{std::move(rest)} {}
    const intrusive_ptr<process> caller;
    const std::uint64_t ref;
    const intrusive_ptr<chain_link> up;
    std::atomic<bool> over{false};  // it has its answer, which may be on its way yet; or waits for an end no more

    [[nodiscard]] static intrusive_ptr<chain_link> make(intrusive_ptr<process> who, std::uint64_t call, intrusive_ptr<chain_link> rest) {
        void* block = memory::allocate(sizeof(chain_link));
        return intrusive_ptr<chain_link>::adopt(::new (block) chain_link{std::move(who), call, std::move(rest)});
    }
    void end() noexcept { over.store(true, std::memory_order_release); }  // pairs with holds()
    /// Is this the caller's own link of a call that is one of several, and which it has given up?
    [[nodiscard]] bool given_up_by(const process* who) const noexcept {
        return ref == among_others && caller.get() == who && over.load(std::memory_order_acquire);  // pairs with end()
    }
    /// Does it still wait?
    [[nodiscard]] bool holds() const noexcept {
        return !over.load(std::memory_order_acquire) && (ref == for_an_end || caller->awaits(ref));  // pairs with end()
    }

private:
    void dispose() noexcept override {
        this->~chain_link();
        memory::deallocate(this, sizeof(chain_link));
    }
};

/// Is `who` one of those who wait, from this link on?
[[nodiscard]] inline bool waits_in(const chain_link* nearest, const process& who) noexcept {
    for (const chain_link* link = nearest; link && link->holds(); link = link->up.get())
        if (link->caller.get() == &who) return true;
    return false;
}

}  // namespace otp::inline OTP_ABI::proc
