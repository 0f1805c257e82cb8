// Links, monitors, exits and names: what one process has to do with another.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "otp/base/exit.hpp"
#include "otp/process/blocking_call.hpp"
#include "otp/process/events.hpp"
#include "otp/runtime/runtime.hpp"

namespace otp::inline OTP_ABI {

namespace proc {

/// The process that runs on this thread; a plain thread has no links, monitors or mailbox of its own.
[[nodiscard]] inline process& this_process(const char* function) {
    if (process* self = current_process()) return *self;
    throw otp::exit{reason{reason::no_process}.with_text(std::string{"only a process can call otp::"} + function)};
}
[[nodiscard]] inline process& known(const pid& who) {
    if (process* p = who.block()) return *p;
    throw otp::exit{reason{reason::bad_argument}.with_text("a null pid")};
}

}  // namespace proc

/// The process that this code runs in; a null pid on a plain thread. erlang:self/0.
[[nodiscard]] inline pid self() { return pid{intrusive_ptr<proc::process>::share(proc::current_process())}; }

/// Links the calling process with another: the end of one reaches the other. A process that is gone answers with the exit
/// noproc. Linking twice is one link. Throws otp::exit on a plain thread. erlang:link/1.
inline void link(const pid& other) {
    proc::process& mine = proc::this_process("link");
    proc::process& peer = proc::known(other);
    proc::link(mine, peer, mine.own_node().next_number());
}
/// Ends a link. When it returns, no exit of that process can come any more; a trapped one that is in the mailbox already stays.
/// erlang:unlink/1.
inline void unlink(const pid& other) { proc::unlink(proc::this_process("unlink"), proc::known(other)); }

/// Watches a process: its end arrives once as otp::down; at once with noproc if it is gone. erlang:monitor/2.
[[nodiscard("without its ref a monitor can't be ended")]] inline monitor_ref monitor(const pid& other) {
    proc::process& mine = proc::this_process("monitor");
    const auto number = mine.own_node().next_number();
    proc::monitor(mine, proc::known(other), number);
    return monitor_ref{number};
}
/// Watches whoever has a name in the runtime of this process: otp::down says the name, too. Nobody has it: noproc at once, without
/// a pid.
[[nodiscard("without its ref a monitor can't be ended")]] inline monitor_ref monitor(std::string_view name) {
    proc::process& mine = proc::this_process("monitor");
    const auto number = mine.own_node().next_number();
    proc::monitor(mine, name, number);
    return monitor_ref{number};
}
/// Asks demonitor to take an otp::down out of the mailbox, too.
struct flush_option {};
inline constexpr flush_option flush{};
/// Ends a monitor: no otp::down of it is sent any more; one that is in the mailbox already stays. False if it was not there.
/// erlang:demonitor/1.
inline bool demonitor(monitor_ref ref) { return proc::demonitor(proc::this_process("demonitor"), ref.number(), false); }
inline bool demonitor(monitor_ref ref, flush_option) { return proc::demonitor(proc::this_process("demonitor"), ref.number(), true); }

/// Owns a monitor: ended, and its otp::down taken back, when its owner goes, as a member of a callback struct does with the
/// server. Belongs to the process that made it.
class scoped_monitor {
public:
    scoped_monitor() noexcept = default;
    scoped_monitor(monitor_ref watched) noexcept : ref_{watched} {}
    scoped_monitor(scoped_monitor&& other) noexcept : ref_{std::exchange(other.ref_, {})} {}
    scoped_monitor& operator=(scoped_monitor&& other) noexcept {
        if (this != &other) {
            end();
            ref_ = std::exchange(other.ref_, {});
        }
        return *this;
    }
    ~scoped_monitor() { end(); }
    [[nodiscard]] monitor_ref ref() const noexcept { return ref_; }

private:
    void end() noexcept {
        const auto mine = std::exchange(ref_, {});
        if (mine && proc::current_process()) (void)proc::demonitor(*proc::current_process(), mine.number(), true);
    }
    monitor_ref ref_;
};

/// Sends an exit signal. `kill` ends the process whatever it does; any other reason ends it unless it traps exits, `normal`
/// not even then. Nothing happens to one that is gone. Any thread. erlang:exit/2.
inline void exit_process(const pid& other, reason why) {
    proc::process& target = proc::known(other);
    if (why == reason::kill) target.doom();
    target.post(proc::make_peer_signal(proc::signal_kind::exit, proc::current_process(), 0, std::move(why)));
}

/// From now on exit signals arrive as otp::exit_signal instead of ending this process. Returns what was set before.
/// process_flag(trap_exit, Bool).
inline bool trap_exit(bool on) { return proc::this_process("trap_exit").set_traps_exits(on); }

/// False once it has ended, or was sent `kill`. Any thread. erlang:is_process_alive/1.
[[nodiscard]] inline bool is_alive(const pid& who) noexcept { return who && who.block()->alive(); }

/// Gives a process a name in the current runtime. Errors: bad_argument (the name is empty, or the process has one),
/// already_started (the name is taken: pid()), noproc. Any thread. erlang:register/2.
[[nodiscard]] inline result<void> register_name(std::string_view name, const pid& who) {
    if (!who) return reason{reason::bad_argument}.with_text("a null pid");
    return proc::node::of(exec::current_executor()).names().enter(name, *who.block());
}
/// Frees a name. Error: not_found. Any thread. erlang:unregister/1.
[[nodiscard]] inline result<void> unregister_name(std::string_view name) {
    return proc::node::of(exec::current_executor()).names().leave(name);
}
/// Who has this name in the current runtime. Any thread. erlang:whereis/1.
[[nodiscard]] inline std::optional<pid> whereis(std::string_view name) {
    auto found = proc::node::of(exec::current_executor()).names().find(name);
    if (!found) return std::nullopt;
    return pid{std::move(found)};
}
/// All names of the current runtime, sorted. erlang:registered/0.
[[nodiscard]] inline std::vector<std::string> registered() { return proc::node::of(exec::current_executor()).names().names(); }

/// The time of the current runtime: monotonic, and virtual in a simulation.
[[nodiscard]] inline exec::time_point now() { return exec::current_executor().now(); }

namespace proc {

/// Somebody waits for the end of a process, whatever it is busy with.
struct end_order {};
struct end_call final {
    struct ended {
        reason why;
    };
    using block = call_signal<end_order, ended>;
    static void handle(process& p, signal* s) { p.details().end_waiters.push(s); }
    static void end(signal* s, const reason& why) noexcept {
        auto* call = static_cast<block*>(s);
        if (call->has(is_answered) || !call->caller) return free_signal(call);
        call->reply(ended{why});
    }
    static constexpr signal_ops ops{&handle, &end, nullptr, nullptr, "wait"};
};

}  // namespace proc

struct wait_function {
    reason operator()(const pid& who, std::chrono::nanoseconds limit = std::chrono::nanoseconds::max()) const {
        if (!who) return reason::noproc;
        auto* call = proc::make_signal<proc::end_call::block>(std::in_place);
        call->ops = &proc::end_call::ops;
        call->flags |= proc::is_system;
        auto outcome = proc::call_and_block(*who.block(), call, limit, "wait");
        if (!outcome.answer) return outcome.why == reason::noproc ? who.block()->ended_with() : std::move(outcome.why);
        auto ended = proc::end_call::block::fetch(outcome.answer);
        return ended ? std::move(ended->why) : ended.error();
    }
    constexpr operator mailbox_policy() const noexcept { return mailbox_policy::wait; }
};
/// otp::wait(pid, limit) blocks until a process has ended: its exit reason, also if it is gone already; noproc if it never was a
/// process, timeout if it is still there after `limit`. Any thread. As `.on_full = otp::wait` it is the policy of a mailbox with a limit.
inline constexpr wait_function wait{};

}  // namespace otp::inline OTP_ABI
