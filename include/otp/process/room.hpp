// How a sender waits for room in a mailbox with a limit.
#pragma once

#include <string>
#include <string_view>

#include "otp/process/bounds.hpp"
#include "otp/process/stand_in.hpp"
#include "otp/process/waiting.hpp"

namespace otp::inline OTP_ABI::proc {

inline constexpr signal_ops waits_for_room{nullptr, nullptr, nullptr, nullptr, "room in the mailbox"};

/// Blocks this thread until it is worth to offer a message once more; the reason if it isn't: timeout, or this thread can't block.
/// Throws `unwinding` when the sending process is killed meanwhile.
[[nodiscard]] inline result<void> block_for_room(process& self, process& target, exec::time_point deadline) {
    // Who waits for this one takes nothing from its mailbox.
    if (const auto callers = waiting_for(self); waits_in(callers.get(), target)) return closed_circle(self, target, callers.get());
    waiter by;
    wait room;
    room.ref = self.next_wait_ref();
    room.deadline = deadline;
    room.what = &waits_for_room;
    room.whom = target.id();
    room.target = &target;
    room.in_circle = breakable::at_last;
    if (!target.await_room(self, room.ref)) return {};
    self.set_awaiting(room.ref);  // a call of the target to this one would wait for this wait
    self.begin_wait(room, by);
    struct leaves {
        process& self;
        process& target;
        wait& room;
        ~leaves() {
            self.clear_awaiting();
            target.leave_room(self, room.ref);
        }
    } at_end{self, target, room};
    circles::look(self, room);  // no call tells the other one of this wait
    self.block_until_settled(by);
    if (room.why != reason::normal) return std::move(room.why);
    if (room.expired) return reason{reason::timeout}.with_text("no room in the mailbox in time");
    if (by.failed) return why_failed(by, "waiting for room in a mailbox");
    return {};
}

/// Why an offered message was not taken.
[[nodiscard]] inline reason refusal(offered how, std::string_view what) {
    if (how == offered::gone) return reason{reason::noproc}.with_text(std::string{what} + " of a process that is gone");
    return reason{reason::overloaded}.with_text(std::string{what} + ": the mailbox is full");
}

}  // namespace otp::inline OTP_ABI::proc
