// The birth of a process: its number, its name, its place in the table, its link and monitor; then its first turn.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "otp/base/result.hpp"
#include "otp/process/blocking_call.hpp"
#include "otp/process/waiting.hpp"

namespace otp::inline OTP_ABI::proc {

enum class bond : std::uint8_t { none, linked, monitored };

struct launch {
    std::string_view name{};
    bond with_starter = bond::none;
    process* starter = nullptr;  // who runs on this thread, if it is a process
    signal* first = nullptr;     // handled before all else; launch owns it
    process* watching_thread = nullptr;  // for a monitor where no process runs: the thread's stand-in
    // The process begins on this thread, which would only wait for the answer: until the answer is there. For a `first` that
    // is answered when its handler returns; what it does then is not for this thread.
    bool runs_here = false;

    /// Brings a new process to life; the reference that it lives by is taken from `fresh`. Gives the number of the monitor.
    /// Errors: already_started, bad_argument (the name), shutdown (the runtime ends), no_process (a link, and no process runs here).
    [[nodiscard]] result<std::uint64_t> operator()(intrusive_ptr<process> fresh) {
        process& p = *fresh;
        const auto failed = [&](reason why) -> result<std::uint64_t> {
            if (first) drop(std::exchange(first, nullptr), why);
            return why;
        };
        if (with_starter == bond::linked && !starter)
            return failed(reason{reason::no_process}.with_text("only a process can start a linked process"));
        node& home = node::of(p.executor());
        p.id_ = home.next_number();
        p.has_parent_ = with_starter != bond::none && starter;
        if (p.has_parent_) p.born_as_ |= process::child_bit;
        if (starter) p.lineage_ = starter->as_parent();
        if (!home.enter(p)) {
            p.stop(reason::shutdown);
            (void)p.mailbox_.close();  // nothing can have come: nobody knows it
            return failed(reason{reason::shutdown}.with_text("the runtime is shutting down"));
        }
        if (!name.empty()) {
            if (auto entered = home.names().enter(name, p); !entered) {
                (void)p.mailbox_.close();  // nothing can have come: nobody knows it
                home.remove(p);
                return failed(entered.error());
            }
        }
        std::uint64_t monitor_number = 0;
        if (with_starter == bond::linked) {
            // Both ends at once: nobody else knows the child yet, and the starter's table is its own.
            const auto number = home.next_number();
            starter->related().links.insert(p.id(), link_entry{fresh, number, 0});
            p.related().links.insert(starter->id(), link_entry{intrusive_ptr<process>::share(starter), 0, number});
        } else if (with_starter == bond::monitored) {
            monitor_number = home.next_number();
            process& watcher = starter ? *starter : *watching_thread;
            watcher.related().watches.insert(monitor_number, watch_entry{fresh});
            p.related().watchers.insert(monitor_number, intrusive_ptr<process>::share(&watcher));
        }
        if (first) p.queue_.push(std::exchange(first, nullptr));
        fresh->retain();  // the reference that it lives by; die() gives it back
        if (runs_here) run_here(p, starter ? *starter : *watching_thread);
        else p.begin();
        return monitor_number;
    }

private:
    static void run_here(process& p, const process& waiting) noexcept {
        exec::executor* const outer = std::exchange(exec::current().running, &p.executor());
        p.take_turn(&waiting);
        exec::current().running = outer;
    }
};

/// Brings a process to life whose first signal is a call, and blocks for the answer; `begin` is filled in but for the call.
struct launched_answer {
    blocking_answer outcome;
    std::uint64_t monitor = 0;
    bool launched = false;
};
[[nodiscard]] inline launched_answer launch_and_block(const intrusive_ptr<process>& fresh, launch begin, call_header* call,
                                                      exec::duration limit, std::string_view what) {
    process& self = caller(fresh->executor());
    const auto ref = self.next_wait_ref();
    waiter by;
    wait done;
    done.ref = ref;
    done.deadline = call_deadline(fresh->executor(), limit);
    done.what = call->ops;
    done.target = fresh.get();
    call->set_caller(self, ref);
    call->chain = waiting_for(self);
    self.begin_wait(done, by);
    begin.starter = self.role() == process_role::scheduled || self.role() == process_role::on_thread ? &self : nullptr;
    begin.watching_thread = &self;
    begin.first = call;
    // Waiting without a limit, this thread may as well do the work: no other has to be woken.
    begin.runs_here = begin.runs_here && limit == exec::duration::max() && !fresh->executor().simulated();
    self.set_awaiting(ref);
    struct cleared {
        process& p;
        ~cleared() { p.clear_awaiting(); }
    } at_end{self};
    auto number = begin(fresh);
    done.whom = fresh->id();
    if (!number) return {{nullptr, number.error()}};
    self.block_until_settled(by);
    if (signal* answer = done.take()) return {{answer, {}}, *number, true};
    // Out of time: it is killed, and leaves nothing behind with the starter.
    if (begin.with_starter == bond::linked) unlink(self, *fresh);
    if (*number != 0) (void)demonitor(self, *number, true);
    fresh->doom();
    fresh->post(make_peer_signal(signal_kind::exit, nullptr, 0, reason::kill));
    if (by.failed) return {{nullptr, why_failed(by, what)}};
    return {{nullptr, reason{reason::timeout}.with_text(std::string{what} + " took too long")}};
}

}  // namespace otp::inline OTP_ABI::proc
