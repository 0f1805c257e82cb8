// The report of a process that ends abnormally.
#pragma once

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "otp/base/log.hpp"
#include "otp/base/report_text.hpp"
#include "otp/process/call.hpp"
#include "otp/process/pid.hpp"
#include "otp/process/token.hpp"

namespace otp::inline OTP_ABI {

/// A process has ended by itself for a reason other than normal, shutdown or shutdown_for: an exception, a stop, a failed init.
/// Exactly one is logged, as an error, after terminate and before anybody hears of the end. It holds what OTP spreads over two,
/// the server's error report and the crash report of its process. A process that an exit signal ends makes none, as in OTP:
/// what sent the signal has made one, or wanted it so.
struct crash_report : report {
    [[nodiscard]] static constexpr bool holds(report_kind kind) noexcept { return kind == report_kind::crash; }

    crash_report() noexcept : otp::report{report_kind::crash} {}

    otp::pid pid;
    std::string name;               ///< as registered; "" without one
    std::string label;              ///< "" without one
    std::string_view initial_call;  ///< the type of the server, or of what was spawned
    std::string_view server;        ///< the callback struct; "" if it is no gen_server
    otp::reason reason;             ///< of an exception: its type and what()
    std::string message;            ///< the last message that was handled: its type, and its text if it is still whole; "" if none
    bool during_init = false;
    bool has_client = false;        ///< the last message was a call of a process or a thread
    otp::pid client;                ///< null for a thread
    bool client_is_alive = false;
    std::string state;              ///< "" if it is no gen_server
    std::size_t waiting = 0;        ///< messages in the mailbox
    std::vector<std::string_view> messages;  ///< the types of the first ones
    std::vector<std::string> log;            ///< of a gen_server: the events that sys::log keeps, oldest first
    std::vector<std::string> ancestors;      ///< who started it, by name or pid, and who that one, as it was at the start
    std::vector<otp::pid> links;
    bool traps_exits = false;
};

namespace proc {

/// As "<7> name", or with the label of one that has no name. Also of a process whose runtime is gone.
[[nodiscard]] inline std::string named_pid(const process& p) {
    std::string text = '<' + std::to_string(node::shown(p.id())) + '>';
    if (!p.alive()) return text;
    if (const auto name = p.own_node().names().name_of(p.id()); !name.empty()) text += ' ' + name;
    else if (const auto label = p.own_node().note_of(p).label; !label.empty()) text += ' ' + label;
    return text;
}
/// Parent first.
[[nodiscard]] inline std::vector<std::string> ancestors_of(const process& p) {
    std::vector<std::string> all;
    for (const lineage* each = p.ancestry(); each; each = each->up.get())
        all.push_back(each->name.empty() ? '<' + std::to_string(node::shown(each->id)) + '>' : each->name);
    return all;
}

}  // namespace proc

/// As it is logged: in the form of set_report_format.
[[nodiscard]] inline std::string to_string(const crash_report& r) {
    const auto neighbour = [&r](std::size_t i) {
        const proc::process& p = *r.links[i].block();
        auto text = proc::named_pid(p);
        if (const auto call = p.initial_call(); !call.empty()) text.append(" (").append(call).append(")");
        return text;
    };
    std::string who{r.initial_call.empty() ? "process" : r.initial_call};
    base::report_text text{"crash of " + who};
    text.line("process", r.pid.to_string() + (r.name.empty() ? "" : ' ' + r.name));
    text.line("label", r.label);
    text.line("initial call", r.initial_call);
    if (r.server != r.initial_call) text.line("server", r.server);
    text.line("reason", (r.reason.is_exception() ? "exception " : "") + r.reason.to_string());
    if (r.during_init) text.line("during", "init");
    text.line("last message", r.message);
    if (r.has_client)
        text.line("client", (r.client ? proc::named_pid(*r.client.block()) : "a thread") + (r.client_is_alive ? ", alive" : ", dead"));
    text.line("state", r.state);
    const auto message = [&r](std::size_t i) { return i < r.messages.size() ? r.messages[i] : std::string_view{"…"}; };
    if (r.waiting == 0) text.line("mailbox", "empty");
    else text.list("mailbox", r.waiting, message, std::to_string(r.waiting) + (r.waiting == 1 ? " message: " : " messages: "));
    for (const auto& event : r.log) text.line("log", event);
    text.list("ancestors", r.ancestors.size(), [&r](std::size_t i) { return r.ancestors[i]; });
    text.list("links", r.links.size(), neighbour);
    text.line("traps exits", r.traps_exits ? "yes" : "no");
    return std::move(text).take();
}

namespace proc {

/// What can be known of any process. `rest` is what came since its mailbox was emptied.
struct crash_witness {
    crash_report& report;
    const signal_ops* handled;

    void look_at_queue(const signal* first) {
        for (const signal* s = first; s; s = s->next) {
            if (s->kind != signal_kind::message || s->ops == &token_signal::token_ops) continue;
            if (s->has(request_is_consumed)) {  // the call that was being handled: nobody has answered it
                if (s->ops == handled && !s->has(is_answered)) ask(static_cast<const call_header*>(s)->calling_process());
                continue;
            }
            if (s->has(is_system)) continue;
            ++report.waiting;
            if (report.messages.size() < most_messages) report.messages.push_back(s->ops->message_name);
        }
    }
    void ask(const process* who) {
        if (!who || report.has_client) return;
        report.has_client = true;
        report.client_is_alive = who->alive();
        if (who->role() != process_role::thread) report.client = pid{intrusive_ptr<process>::share(const_cast<process*>(who))};
    }
    static constexpr std::size_t most_messages = 64;
};

/// Nothing here relies on what the process itself could have spoilt, and nothing that fails makes its end worse.
[[gnu::cold, gnu::noinline]] inline void process::report_crash(const signal* rest) noexcept {
    if (!base::logs(log_level::error)) return;
    try {
        crash_report report;
        report.pid = pid{intrusive_ptr<process>::share(this)};
        report.name = own_node().names().name_of(id_);
        report.label = own_node().note_of(*this).label;
        report.initial_call = initial_call();
        report.server = behaviour_name();
        report.reason = exit_reason();
        report.ancestors = ancestors_of(*this);
        report.traps_exits = traps_exits_;
        const signal_ops* const handled = occupied().waits ? nullptr : occupied().with;
        const particulars& known = details();
        if (handled && handled->message) report.message = known.last_text.empty() ? handled->message_name : known.last_text;
        crash_witness see{report, handled};
        see.ask(known.last_client.get());
        for (const deferred_call* call = known.deferred; call && handled; call = nullptr) see.ask(call->asked_by(handled));
        see.look_at_queue(queue_.front());
        see.look_at_queue(rest);
        if (const auto* mine = related_if_any())
            mine->links.for_each([&report](std::uint64_t, const link_entry& entry) { report.links.push_back(otp::pid{entry.peer}); });
        complete(report);
        base::log(log_level::error, to_string(report), &report);
    } catch (...) {
        base::log(log_level::error, "a process has crashed, and there was no memory to tell of it");
    }
}

}  // namespace proc

}  // namespace otp::inline OTP_ABI
