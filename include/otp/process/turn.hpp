// What a process does in a turn: takes its signals, resumes what can go on, handles messages, goes idle or dies.
#pragma once

#include <utility>

#include "otp/process/bounds.hpp"
#include "otp/process/circles.hpp"
#include "otp/process/node.hpp"
#include "otp/process/particulars.hpp"
#include "otp/process/process.hpp"
#include "otp/process/relations.hpp"
#include "otp/process/call.hpp"
#include "otp/process/crash_report.hpp"
#include "otp/process/process_info.hpp"
#include "otp/process/timers.hpp"

namespace otp::inline OTP_ABI::proc {

inline process::process(exec::executor& ex, process_role role) noexcept
    : exec::timer{&process::timer_due}, executor_{&ex}, born_as_{static_cast<std::uint8_t>(role)} {
    deadline = exec::never;  // as always when it isn't armed
}

inline process::~process() = default;

inline bool process::has_more_to_do() const noexcept {
    for (const activity* a = activities_; a; a = a->next_activity)
        if (a->ready) return true;
    return yields_ || !queue_.empty() || mailbox_.has_mail() || has_plans();
}

inline void process::take_turn(const process* waiting) noexcept {
    process* const outer = current_process();
    set_current_process(this);
    if (rest() == rest_state::hibernating) set_rest(rest_state::asked);
    if (!started_) {
        started_ = true;
        guarded([this] { on_first_turn(); });
    }
    drain();
    for (std::uint32_t budget = executor_->turn_budget();;) {
        if (stopping_) {
            die();
            break;
        }
        if (waiting && budget != executor_->turn_budget() && waiting->mailbox_.has_mail() && has_more_to_do()) {
            executor_->yield_back(*this);
            break;
        }
        if (yields_ || step()) {  // it may have yielded in its very first step
            if ((--budget != 0 && !yields_) || stopping_) continue;
            has_yielded_ = yields_;
            yields_ = false;
            executor_->yield_back(*this);
            break;
        }
        if (mailbox_.has_mail()) {
            drain();
            continue;
        }
        set_timer();
        show_rest();
        if (rest() == rest_state::asked && !activities_) {
            spare();
            set_rest(rest_state::hibernating);
            if (go_idle()) break;  // as below
            set_rest(rest_state::asked);
            drain();
            continue;
        }
        if (go_idle()) break;  // from here on the process is somebody else's
        drain();
    }
    set_current_process(outer);
}

/// One piece of work; false if there is none. A coroutine that could go on comes before the next message, unless it has just let
/// others go first.
inline bool process::step() {
    const bool messages_first = has_yielded_;
    has_yielded_ = false;
    if (messages_first && next_message()) return true;
    for (activity* a = activities_; a; a = a->next_activity) {
        if (!a->ready) continue;
        a->ready = false;
        drive(*a);
        return true;
    }
    return !messages_first && next_message();
}

inline bool process::next_message() {
    // Senders may have taken all out of the mailbox, and what looks into it should see that there is some.
    if (is_bounded() && limits()->drops_oldest() && waiting_in_all() >= limits()->capacity) drain();
    if (before_message()) return true;
    signal* s = takes_messages() ? queue_.pop() : next_urgent();
    if (!s) return false;
    handle_one(s);
    return true;
}

inline void process::handle_one(signal* s) noexcept {
    if (s->has(is_counted)) {
        count_taken();
        s->flags = static_cast<std::uint16_t>(s->flags & ~is_counted);  // it may come back into the queue, to be answered
    }
    now_handles(s->ops);
    guarded([this, s] { s->ops->handle(*this, s); });
}

/// Before it goes idle: what it waits for. What it has handled last stays to be seen if it waits for nothing but messages.
inline void process::show_rest() noexcept {
    if (const wait* newest = waits_) {
        awaits_whom_.store(newest->whom, std::memory_order_relaxed);                                              // see occupied()
        doing_.store(reinterpret_cast<std::uintptr_t>(newest->what) | waiting_bit, std::memory_order_relaxed);  // as above
    } else if (occupied().waits) {
        now_handles(nullptr);
    }
}

inline void process::drain() noexcept {
    for (signal* s = take_mail(); s;) {
        signal* const after = s->next;
        receive(s);
        s = after;
    }
    if (is_bounded() && limits()->drops_oldest()) trim();
}

inline void process::receive(signal* s) noexcept {
    switch (s->kind) {
        case signal_kind::message:
            if (s->has(is_awaited_alone) && circles::waits(*this)) circles::receive_call(*this, s);
            else queue_.push(s);
            break;
        case signal_kind::reply: settle(s); break;
        case signal_kind::tick:
            drop(s, reason::normal);
            tick();
            break;
        case signal_kind::exit:
        case signal_kind::link_exit: receive_exit(s); break;
        case signal_kind::aliased: receive_aliased(s); break;
        case signal_kind::query: s->ops->handle(*this, s); break;
        default: receive_relation(s); break;
    }
}

/// The matrix of exit signals: erlang:exit/2 and the manual's chapter on processes.
inline void process::receive_exit(signal* s) noexcept {
    auto* p = static_cast<peer_signal*>(s);
    const bool by_link = p->kind == signal_kind::link_exit;
    if (by_link) {
        auto* mine = related_if_any();
        link_entry* entry = mine && p->from ? mine->links.find(p->from->id()) : nullptr;
        const bool meant = entry && ((entry->mine != 0 && entry->mine == p->known) || (entry->theirs != 0 && entry->theirs == p->ref));
        if (!meant) return free_signal(p);  // unlinked meanwhile
        mine->links.erase(p->from->id());
    }
    const bool own = p->from.get() == this;
    if (!by_link && p->why == reason::kill) {
        strike(reason::killed);
    } else if (traps_exits_) {
        if (p->order) receive_order(std::move(p->order));
        p->kind = signal_kind::message;
        p->ops = &peer_signal::exit_message_ops;
        queue_.push(p);
        return;
    } else if (p->why != reason::normal || own) {
        strike(p->why);
    }
    free_signal(p);
}

inline void process::strike(reason why) noexcept {
    if (role() == process_role::thread || role() == process_role::inbox) return;  // no life of its own to end
    const bool ends_already = stopping_;
    struck_ = true;
    stop(why);
    // In the middle of its own terminate: what ends it now is the kill.
    if (ends_already && why == reason::killed) details().why = std::move(why);
}

inline void process::stop(reason why) noexcept {
    if (stopping_) return;
    stopping_ = true;
    if (why != reason::normal || particulars_) details().why = std::move(why);
}

inline void process::send_exit(const reason& why) noexcept { post(make_peer_signal(signal_kind::exit, nullptr, 0, why)); }

inline void process::write_name(std::string& out) const {
    out += '<';
    out += std::to_string(node::shown(id_));
    out += '>';
    if (const auto name = behaviour_name(); !name.empty()) {
        out += ' ';
        out += name;
    }
}

/// Asks everyone who waits for the end of this process, in the order that OTP keeps: the state is gone and the names are
/// free before anybody hears of it.
inline void process::die() noexcept {
    destroys_ = true;
    while (activity* a = activities_) {
        forget_activity(*a);
        a->unwind();
        a->abandon();
    }
    destroys_ = false;
    signal* early = nullptr;
    if (!struck_) {
        on_terminate();
        // Not those that are ended by others, as in OTP: what ended them is reported where it began.
        if (!exit_reason().is_orderly() && !struck_ && is_reported()) {
            early = take_mail();
            report_crash(early);
        }
    }
    deferred_call::collect(*this);
    destroys_ = true;
    destroy_state();
    executor_->disarm(*this);
    node& mine = own_node();
    mine.names().forget(*this);

    const reason why = exit_reason();
    signal* rest = close_mail();
    message_timer::drop_all(*this);  // after the close: none can be entered any more
    while (signal* s = queue_.pop()) drop(s, why);
    if (early) {
        signal* last = early;
        while (last->next) last = last->next;
        last->next = std::exchange(rest, early);
    }
    part(rest, why);
    if (particulars_) {
        if (particulars_->last_words) drop(particulars_->last_words.release(), particulars_->last_reason);
        while (signal* s = particulars_->end_waiters.pop()) drop(s, why);
        particulars_->told_by = nullptr;  // the chain may lead back to this process
    }
    mine.remove(*this);
    release();
}

/// Tells everybody who is bound to it that it is gone. `rest` is what came last.
inline void process::part(signal* rest, const reason& why) noexcept {
    while (rest) {
        signal* s = std::exchange(rest, rest->next);
        if (s->kind == signal_kind::link) {
            auto* p = static_cast<peer_signal*>(s);
            auto* gone = make_peer_signal(signal_kind::link_exit, this, 0, why);
            gone->known = p->ref;
            p->from->post(gone);
        } else if (s->kind == signal_kind::monitor) {
            auto* p = static_cast<peer_signal*>(s);
            p->from->post(make_peer_signal(signal_kind::down, this, p->ref, why));
        }
        drop(s, why);
    }
    if (auto related = particulars_ ? std::move(particulars_->bonds) : nullptr) {
        related->links.for_each([&](std::uint64_t, link_entry& entry) {
            auto* gone = make_peer_signal(signal_kind::link_exit, this, entry.mine, why);
            gone->known = entry.theirs;
            entry.peer->post(gone);
        });
        related->watchers.for_each([&](std::uint64_t ref, intrusive_ptr<process>& watcher) {
            watcher->post(make_peer_signal(signal_kind::down, this, ref, why));
        });
        related->watches.for_each([&](std::uint64_t ref, watch_entry& entry) {
            entry.target->post(make_peer_signal(signal_kind::demonitor, this, ref));
        });
    }
}

inline void process::close_stand_in(const reason& why) noexcept {
    signal* rest = mailbox_.close();
    while (signal* s = queue_.pop()) drop(s, why);
    part(rest, why);
}

}  // namespace otp::inline OTP_ABI::proc
