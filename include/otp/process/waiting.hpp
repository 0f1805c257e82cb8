// How a process waits: a suspended coroutine or a blocked thread, until replies are there or the time is over.
#pragma once

#include <utility>

#include "otp/base/order.hpp"
#include "otp/process/call.hpp"
#include "otp/process/turn.hpp"

namespace otp::inline OTP_ABI::proc {

inline void process::begin_wait(wait& w, waiter& by) noexcept {
    w.owner = this;
    w.by = &by;
    w.waiting = true;
    w.next = waits_;
    waits_ = &w;
    ++by.missing;
}

inline void process::end_wait(wait& w) noexcept {
    w.waiting = false;
    for (wait** at = &waits_; *at; at = &(*at)->next) {
        if (*at != &w) continue;
        *at = w.next;
        return;
    }
}

inline void process::settle(signal* s) noexcept {
    for (wait* w = waits_; w; w = w->next) {
        if (w->ref != s->ref) continue;
        if (w->retry) {
            drop(std::exchange(s, nullptr), reason::ignored);
            if (!w->retry(*w)) return;
        }
        end_wait(*w);
        w->got = s;
        waiter& by = *w->by;
        if (by.missing != 0 && --by.missing == 0 && by.resumes) make_ready(*by.resumes);
        return;
    }
    drop(s, reason::no_reply);  // late: nobody waits any more
}

inline void process::expire(wait& w) noexcept {
    end_wait(w);
    w.expired = true;
    if (w.over) w.over->store(true, std::memory_order_release);  // pairs with chain_link::given_up_by
    waiter& by = *w.by;
    if (by.missing != 0 && --by.missing == 0 && by.resumes) make_ready(*by.resumes);
}

/// Who waits for the end of this process answers nothing before it: what it expects of them ends at once. Those are supervisors,
/// which let nobody else answer for them.
inline void process::receive_order(intrusive_ptr<chain_link> by) noexcept {
    for (wait* w = waits_; w;) {
        wait* const after = w->next;
        for (const chain_link* link = by.get(); link && link->holds(); link = link->up.get()) {
            if (link->ref != chain_link::for_an_end || w->whom == 0 || w->whom != link->caller->id()) continue;
            w->why = closed_circle(*this, *link->caller, by.get());
            expire(*w);
            break;
        }
        w = after;
    }
    details().told_by = std::move(by);
}

inline void process::tick() noexcept {
    deadline = exec::never;  // it is not armed any more
    const auto now = executor_->now();
    for (wait* w = waits_; w;) {
        wait* const after = w->next;
        if (w->deadline <= now) expire(*w);
        w = after;
    }
}

inline void process::set_timer() noexcept {
    exec::time_point first = own_deadline();
    for (wait* w = waits_; w; w = w->next) first = base::min(first, w->deadline);
    // A timer that is armed too early only looks and goes back to sleep: calls with equal time-outs touch the wheel
    // once in a time-out. In virtual time a needless moment would be seen, and nothing needless wakes one that hibernates.
    const bool exactly = executor_->simulated() || rest() != rest_state::none;
    if (first < deadline || (exactly && first != deadline)) {
        if (first != exec::never) return executor_->arm(*this, first);
        executor_->disarm(*this);
        deadline = exec::never;
    }
}

inline void process::make_ready(activity& a) noexcept {
    a.next = std::exchange(a.suspended, nullptr);
    a.ready = true;
}

inline void process::add_activity(activity& a) noexcept {
    a.next_activity = activities_;
    activities_ = &a;
    if (const auto present = occupied(); !present.waits) a.handles = present.with;
}

inline void process::forget_activity(activity& a) noexcept {
    for (activity** at = &activities_; *at; at = &(*at)->next_activity) {
        if (*at != &a) continue;
        *at = a.next_activity;
        return;
    }
}

inline void process::drive(activity& a) {
    service* const outer = std::exchange(serving, a.serves);
    now_handles(a.handles);
    while (a.next && !a.ready) std::exchange(a.next, nullptr).resume();  // ready: it has yielded
    serving = outer;
    if (!a.finished) return;
    forget_activity(a);
    guarded([&a] { a.finish(); });
}

inline void process::block_until_settled(waiter& by) {
    struct shown {
        process& self;
        occupation before = self.occupied();
        ~shown() { self.now_handles(before.waits ? nullptr : before.with); }
    } at_end{*this};
    while (by.missing != 0) {
        drain();
        if (struck_) return leave(by);
        if (by.missing == 0) break;
        exec::time_point first = exec::never;
        for (wait* w = waits_; w; w = w->next)
            if (w->by == &by) first = base::min(first, w->deadline);
        exec::blocked b;
        b.who = this;
        blocked_ = &b;
        show_rest();
        if (!go_idle()) {
            blocked_ = nullptr;
            continue;
        }
        const auto outcome = executor_->block(b, first);
        if (outcome != exec::block_result::unblocked && !mailbox_.try_busy()) {
            (void)executor_->block(b, exec::never);  // a pusher has found it idle: its unblock is on the way
        }
        blocked_ = nullptr;
        if (outcome == exec::block_result::timed_out) {
            drain();
            const auto now = executor_->now();
            for (wait* w = waits_; w;) {
                wait* const after = w->next;
                if (w->by == &by && w->deadline <= now) expire(*w);
                w = after;
            }
        } else if (outcome != exec::block_result::unblocked) {
            drain();
            if (by.missing == 0) break;
            by.failed = true;
            by.failure = outcome;
            return;
        }
    }
    if (struck_) leave(by);
}

/// Goes on to the end of a process that was struck down.
inline void process::leave(waiter& by) const {
    if (!cleans_up()) throw unwinding{};
    by.failed = by.missing != 0;
    by.failure = exec::block_result::unblocked;
}

struct tick_signal final : signal {
    tick_signal() noexcept {
        kind = signal_kind::tick;
        ops = &tick_ops;
    }
    static void end(signal* s, const reason&) noexcept { free_signal(static_cast<tick_signal*>(s)); }
    static const signal_ops tick_ops;
};
inline constexpr signal_ops tick_signal::tick_ops{nullptr, &tick_signal::end, nullptr, nullptr, "tick"};

inline void process::timer_due(exec::timer& due) noexcept { static_cast<process&>(due).post(make_signal<tick_signal>()); }

}  // namespace otp::inline OTP_ABI::proc
