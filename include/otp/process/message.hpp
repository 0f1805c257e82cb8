// A message that asks for no answer, and where it may go.
#pragma once

#include <utility>

#include "otp/process/dead_letter.hpp"
#include "otp/process/process.hpp"
#include "otp/process/room.hpp"
#include "otp/process/signal.hpp"

namespace otp::inline OTP_ABI::proc {

template <class M>
struct message_signal final : signal {
    template <class... A>
    explicit message_signal(std::in_place_t, A&&... arguments) : body(build<M>(std::forward<A>(arguments)...)) {}
    M body;

    /// For drop: nobody will handle it.
    static void end(signal* s, const reason& why) noexcept {
        auto* self = static_cast<message_signal*>(s);
        dead_letter(self->ops->message_name, why);
        free_signal(self);
    }
    /// Moves the message out and ends the block.
    [[nodiscard]] static M take(signal* s) {
        auto* self = static_cast<message_signal*>(s);
        struct ender {
            message_signal* block;
            ~ender() { free_signal(block); }
        } end{self};
        return std::move(self->body);
    }
};

template <class M, class... A>
[[nodiscard]] message_signal<M>* make_message(const signal_ops& ops, A&&... arguments) {
    auto* made = make_signal<message_signal<M>>(std::in_place, std::forward<A>(arguments)...);
    made->ops = &ops;
    return made;
}

/// Sends a user's message; one that finds nobody, or no room, is a dead letter. Blocks where the mailbox says so.
inline void send_message(process* to, signal* s) {
    struct unsent {
        signal* message;
        reason why = reason::noproc;
        ~unsent() {
            if (message) drop(message, why);
        }
    } held{s};
    if (!to) return;
    for (;;) {
        const offered how = to->offer(held.message);
        if (how == offered::taken) return void(held.message = nullptr);
        if (how == offered::gone) return void(held.why = reason::noproc);
        held.why = reason::overloaded;
        if (how == offered::refused) return;
        if (auto room = block_for_room(caller(to->executor()), *to, exec::never); !room) return void(held.why = room.error());
    }
}

}  // namespace otp::inline OTP_ABI::proc
