// A call that blocks its thread, whatever thread that is.
#pragma once

#include <string>
#include <string_view>

#include "otp/process/call.hpp"
#include "otp/process/room.hpp"
#include "otp/process/stand_in.hpp"

namespace otp::inline OTP_ABI::proc {

/// Sends a call and blocks this thread for the answer; null and the reason if there is none. Takes the call.
struct blocking_answer {
    signal* answer = nullptr;
    reason why;
};
[[nodiscard]] inline blocking_answer call_and_block(process& target, call_header* call, exec::duration limit, std::string_view what) {
    if (limit < exec::duration::zero()) {
        drop(call, reason::bad_argument);
        return {nullptr, reason{reason::bad_argument}.with_text("a negative time limit")};
    }
    process& self = caller(target.executor());
    const auto deadline = call_deadline(target.executor(), limit);
    waiter by;
    wait reply;
    reply.deadline = deadline;
    reply.what = call->ops;
    reply.whom = target.id();
    reply.target = &target;
    reply.in_circle = breakable::first;
    struct cleared {
        process& p;
        ~cleared() { p.clear_awaiting(); }
    } at_end{self};
    for (;;) {
        self.drain();  // an order to end counts; a call that has come already is none that crosses this one
        if (call->kind != signal_kind::query) {  // those are answered by who waits, too
            if (auto circle = check_circle(self, target, *call, what); !circle) {
                drop(call, reason::deadlock);
                return {nullptr, circle.error()};
            }
        }
        reply.ref = self.next_wait_ref();
        call->set_caller(self, reply.ref);
        call->flags |= is_awaited_alone;
        self.set_awaiting(reply.ref);
        self.begin_wait(reply, by);
        const offered how = target.offer(call);
        if (how == offered::taken) break;
        self.end_wait(reply);
        by.missing = 0;
        signal_ptr unsent{call};  // not a caller's any more
        call->caller = nullptr;
        self.release();
        if (how != offered::must_wait) return {nullptr, refusal(how, what)};
        if (auto room = block_for_room(self, target, deadline); !room) return {nullptr, room.error()};
        (void)unsent.release();
    }
    self.block_until_settled(by);
    if (signal* answer = reply.take()) return {answer, {}};
    if (by.failed) return {nullptr, why_failed(by, what)};
    if (reply.why != reason::normal) return {nullptr, std::move(reply.why)};
    return {nullptr, timed_out(what, target, limit)};
}

}  // namespace otp::inline OTP_ABI::proc
