// A look at the processes of a runtime: who is there, whom each is linked with; labels.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "otp/base/order.hpp"
#include "otp/process/blocking_call.hpp"
#include "otp/process/links.hpp"
#include "otp/process/process_info.hpp"
#include "otp/runtime/runtime.hpp"

namespace otp::inline OTP_ABI {

/// All processes of the current runtime, in the order of their start. Stops nobody; threads and inboxes are not among them.
/// Any thread. erlang:processes/0.
[[nodiscard]] inline std::vector<process_info> processes() { return proc::look_at_all(proc::node::of(exec::current_executor())); }

/// One process, of whatever runtime; none if it is gone. Any thread. erlang:process_info/1.
[[nodiscard]] inline std::optional<process_info> info_of(const pid& who) {
    if (!who || !is_alive(who)) return std::nullopt;
    proc::node& home = who.block()->own_node();
    return proc::look_at(who.shared(), home.note_of(*who.block()), [&home](std::uint64_t id) { return home.find(id); });
}

/// A text of the calling process's own to tell it from others of its kind: it stands in listings and reports. Throws otp::exit with
/// no_process on a plain thread. proc_lib:set_label/1.
inline void set_label(std::string_view text) {
    proc::process& self = proc::this_process("set_label");
    self.own_node().write_note(self, &proc::node::note::label, text);
}
/// The label of a process; none for one without, or that is gone. Any thread. proc_lib:get_label/1.
[[nodiscard]] inline std::optional<std::string> label(const pid& who) {
    if (!who || !is_alive(who)) return std::nullopt;
    auto text = who.block()->own_node().note_of(*who.block()).label;
    if (text.empty()) return std::nullopt;
    return text;
}

/// With whom a process has to do.
struct process_bonds {
    std::vector<pid> links;
    std::vector<pid> monitors;      ///< whom it monitors
    std::vector<pid> monitored_by;
    bool traps_exits = false;
};

namespace proc {

[[nodiscard]] inline process_bonds bonds_of(process& self) {
    process_bonds found;
    found.traps_exits = self.traps_exits();
    if (const auto* mine = self.related_if_any()) {
        mine->links.for_each([&](std::uint64_t, const link_entry& e) { found.links.push_back(pid{e.peer}); });
        mine->watches.for_each([&](std::uint64_t, const watch_entry& e) { found.monitors.push_back(pid{e.target}); });
        mine->watchers.for_each([&](std::uint64_t, const intrusive_ptr<process>& p) { found.monitored_by.push_back(pid{p}); });
    }
    for (auto* each : {&found.links, &found.monitors, &found.monitored_by}) base::sort(each->data(), each->size(), [](const pid& a, const pid& b) { return a < b; });
    return found;
}

/// Answered as soon as the process looks into its mailbox, whatever else waits there.
struct bonds_order {};
struct bonds_call final {
    using block = call_signal<bonds_order, process_bonds>;
    static void handle(process& p, signal* s) {
        auto* call = static_cast<block*>(s);
        call->reply(result<process_bonds>(bonds_of(p)));
    }
    static constexpr signal_ops ops{&handle, &block::end, nullptr, nullptr, "bonds"};
};

}  // namespace proc

/// The links and monitors of a process, asked of itself: it answers between two callbacks, while one of its handlers waits or
/// blocks, and when it is suspended. Errors: noproc or its exit reason if it is gone, timeout (it computes). Any thread. erlang:process_info(Pid, [links, monitors]).
[[nodiscard]] inline result<process_bonds> bonds_of(const pid& who, std::chrono::nanoseconds limit = std::chrono::seconds{5}) {
    proc::process& asked = proc::known(who);
    if (&asked == proc::current_process()) return proc::bonds_of(asked);
    auto* call = proc::make_signal<proc::bonds_call::block>(std::in_place);
    call->ops = &proc::bonds_call::ops;
    call->kind = proc::signal_kind::query;
    call->flags |= proc::is_system;
    auto outcome = proc::call_and_block(asked, call, limit, "bonds");
    if (!outcome.answer) return std::move(outcome.why);
    return proc::bonds_call::block::fetch(outcome.answer);
}
/// The links alone.
[[nodiscard]] inline result<std::vector<pid>> links_of(const pid& who, std::chrono::nanoseconds limit = std::chrono::seconds{5}) {
    auto found = bonds_of(who, limit);
    if (!found) return found.error();
    return std::move(found->links);
}

}  // namespace otp::inline OTP_ABI
