// One process as others see it: what it is, what it does, whom it waits for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "otp/base/order.hpp"
#include "otp/process/bounds.hpp"
#include "otp/process/crash_report.hpp"
#include "otp/process/pid.hpp"

namespace otp::inline OTP_ABI {

/// What a process does at a moment.
enum class process_status : std::uint8_t {
    running,      ///< it has a turn, or waits for one
    waiting,      ///< nothing to do until a message, an answer or a time comes
    hibernating,  ///< the same, and it has given back what memory it could
    suspended,    ///< by sys::suspend
    exiting,      ///< killed or dying
};
[[nodiscard]] constexpr std::string_view to_string(process_status s) noexcept {
    switch (s) {
        case process_status::running: return "running";
        case process_status::waiting: return "waiting";
        case process_status::hibernating: return "hibernating";
        case process_status::suspended: return "suspended";
        case process_status::exiting: return "exiting";
    }
    return "unknown";
}

/// One process, as otp::processes shows it; erlang:process_info/1. A value. Its parts are read one after another while the
/// process goes on, so they may be of slightly different moments.
struct process_info {
    otp::pid pid;
    std::string name;               ///< as registered; "" without one
    std::string label;              ///< "" without one
    std::string child_id;           ///< what its supervisor calls it; "" if that is none, or a dynamic one
    std::string_view callbacks;     ///< the callback struct; "" if it is no gen_server
    std::string_view initial_call;  ///< the type of the server or callable that it was started with
    process_status status = process_status::waiting;
    std::uint64_t mailbox_depth = 0;     ///< messages that wait
    std::uint64_t messages_handled = 0;
    std::string_view message;       ///< the type of the message that it handles, or has handled last; "" if that isn't known
    std::string_view waits_for;     ///< the type of the request whose answer it waits for, or "time", "a socket to be readable", …
    otp::pid waits_on;              ///< who is to answer it; null if that is nobody, or nobody who lives
    otp::pid parent;                ///< who started it; null if that was no process, or has ended
    std::vector<std::string> ancestors;  ///< the parent first, then the parent's, by the name or pid that they had then
};

/// As "<7> ch3 channels: waiting for store::get of <8>".
[[nodiscard]] inline std::string to_string(const process_info& p) {
    std::string text = p.pid.to_string();
    const auto add = [&text](std::string_view lead, std::string_view what) {
        if (!what.empty()) text.append(lead).append(what);
    };
    add(" ", p.name);
    add(" ", p.callbacks.empty() ? p.initial_call : p.callbacks);
    add(", labelled ", p.label);
    text.append(": ").append(to_string(p.status));
    if (p.status == process_status::running) add(", in ", p.message);
    if (!p.waits_for.empty()) {
        add(" for ", p.waits_for);
        if (p.waits_on) text += " of " + proc::named_pid(*p.waits_on.block());
    } else if (p.status == process_status::waiting || p.status == process_status::hibernating) {
        text += " for messages";
    }
    if (p.mailbox_depth != 0) text += ", mailbox " + std::to_string(p.mailbox_depth);
    return text;
}

namespace proc {

/// `find` gives the living process of a number.
template <class Find>
[[nodiscard]] process_info look_at(const intrusive_ptr<process>& shared, node::note note, Find find) {
    const process& p = *shared;
    process_info seen;
    seen.pid = pid{shared};
    if (p.named()) seen.name = p.own_node().names().name_of(p.id());
    seen.label = std::move(note.label);
    seen.child_id = std::move(note.child_id);
    seen.callbacks = p.behaviour_name();
    seen.initial_call = p.initial_call();
    seen.mailbox_depth = p.depth();
    seen.messages_handled = p.handled();
    const auto present = p.occupied();
    const bool waits = present.with && present.waits;  // until a handler goes on, whatever else comes to it meanwhile
    const bool idle = p.idle() || waits;
    if (!p.alive()) seen.status = process_status::exiting;
    else if (p.suspended()) seen.status = process_status::suspended;
    else if (idle && p.hibernating()) seen.status = process_status::hibernating;
    else seen.status = idle ? process_status::waiting : process_status::running;
    if (present.with && !waits) seen.message = present.with->message_name;
    if (waits) {
        seen.waits_for = present.with->message_name;
        if (present.for_whom != 0) seen.waits_on = pid{find(present.for_whom)};
    }
    seen.ancestors = ancestors_of(p);
    if (p.ancestry()) seen.parent = pid{find(p.ancestry()->id)};
    return seen;
}

[[nodiscard]] inline std::vector<process_info> look_at_all(const node& home) {
    const auto all = home.processes();
    const auto find = [&all](std::uint64_t id) {
        const auto at = base::first_not(all.data(), all.size(), [id](const intrusive_ptr<process>& p) { return p->id() < id; });
        return at != all.size() && all[at]->id() == id ? all[at] : intrusive_ptr<process>{};
    };
    std::vector<process_info> seen;
    seen.reserve(all.size());
    for (const auto& p : all) seen.push_back(look_at(p, home.note_of(*p), find));
    return seen;
}

/// The pid, the callback struct, and: "goes on with store::get" if that is answered, or the message that is next.
inline void process::write_turn(std::string& out) const {
    describe(out);
    bool resumes = blocked_ != nullptr || (stopping_ && activities_);
    for (const activity* a = activities_; a; a = a->next_activity) resumes = resumes || a->ready;
    const signal* const queued = takes_messages() ? queue_.front() : nullptr;
    std::string_view message = queued ? queued->ops->message_name : std::string_view{};
    std::string_view answer, exits;
    mailbox_.look_through([&](const signal& s) {
        if (s.kind == signal_kind::message && !queued && takes_messages()) message = s.ops->message_name;
        if (s.kind == signal_kind::down && !queued && takes_messages()) message = "otp::down";
        if (s.kind == signal_kind::exit || s.kind == signal_kind::link_exit) exits = "an exit signal";
        if (s.kind != signal_kind::reply && s.kind != signal_kind::tick) return;
        const auto now = executor_->now();
        for (const wait* w = waits_; w; w = w->next)
            if (w->what && (s.kind == signal_kind::reply ? w->ref == s.ref : w->deadline <= now)) answer = w->what->message_name;
    });
    if (!answer.empty()) out.append(" goes on with ").append(answer);
    else if (resumes) out += " goes on";
    else if (!exits.empty()) out.append(": ").append(exits);
    else if (!message.empty()) out.append(": ").append(message);
    else if (!started_) out += " begins";
}

inline void process::write_work(std::string& out) const {
    node& mine = own_node();
    const auto self = intrusive_ptr<process>::share(const_cast<process*>(this));
    out += to_string(look_at(self, mine.note_of(*this), [&mine](std::uint64_t number) { return mine.find(number); }));
}

}  // namespace proc

}  // namespace otp::inline OTP_ABI
