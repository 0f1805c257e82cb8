// The children of a supervisor in the order of their start: what runs, what is started again and with whom, what is ended.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "otp/base/owned.hpp"
#include "otp/behaviour/gen_server/handles.hpp"
#include "otp/behaviour/supervisor/child_ending.hpp"
#include "otp/behaviour/supervisor/supervisor_messages.hpp"
#include "otp/process/send_after.hpp"

namespace otp::inline OTP_ABI::behaviour {

struct child_entry {
    child_spec spec;
    otp::pid process{};         // null: none runs
    std::uint64_t attempt = 0;  // of a restart that is on its way; 0: none
    bool is_counted = false;    // that restart waits for its time, and counts already
    exec::time_point started{};
    std::chrono::nanoseconds delay{0};

    [[nodiscard]] const child_plan& plan() const noexcept { return spec.plan(); }
    [[nodiscard]] child_info info() const {
        const auto state = process ? child_state::running : attempt != 0 ? child_state::restarting : child_state::stopped;
        return {plan().id, process, state, plan().type, plan().module};
    }
};

/// All of it runs in turns of the supervisor. `Owner` is its callback struct, which gets try_again.
template <class Owner>
class child_list {
public:
    /// Checks and starts them all; on an error none is left.
    [[nodiscard]] result<void> open(const supervisor_flags& flags, std::vector<child_spec> children) {
        if (auto fits = set(flags); !fits) return fits;
        if (auto fits = check_childspecs(children, flags.auto_shutdown); !fits) return fits;
        entries_.reserve(children.size());
        for (auto& spec : children) entries_.emplace_back(child_entry{std::move(spec)});
        reason cause;
        if (const child_entry* failed = start_all(0, entries_.size(), cause)) {
            auto why = reason{reason::failed_child}.with_text(failed->plan().id).with_cause(cause);
            close();
            return why;
        }
        std::erase_if(entries_, [](const child_entry& c) { return !c.process && c.plan().restart == restart_type::temporary; });
        return {};
    }
    /// A change of code: other flags, and specifications for children of the same ids, which go on; others are new and not
    /// started. On an error nothing has changed.
    [[nodiscard]] result<void> change(const supervisor_flags& flags, std::vector<child_spec> children) {
        if (auto fits = check_childspecs(children, flags.auto_shutdown); !fits) return fits;
        if (auto fits = set(flags); !fits) return fits;
        std::vector<child_entry> changed;
        for (auto& spec : children) {
            child_entry fresh{std::move(spec)};
            if (child_entry* old = find(fresh.plan().id)) {
                fresh.process = std::move(old->process);
                fresh.attempt = old->attempt;
                fresh.is_counted = old->is_counted;
                fresh.started = old->started;
                fresh.delay = old->delay;
            }
            changed.push_back(std::move(fresh));
        }
        // Those that the new code doesn't name stay behind the others.
        for (auto& old : entries_)
            if (old.process || old.attempt != 0) {
                const bool named = std::any_of(changed.begin(), changed.end(), [&old](const child_entry& c) { return c.plan().id == old.plan().id; });
                if (!named) changed.push_back(std::move(old));
            }
        entries_ = std::move(changed);
        return {};
    }
    /// Ends all, the newest first, each gone before the next is told. Blocks.
    void close() {
        while (!entries_.empty()) {
            if (child_entry& last = entries_.back(); last.process) child_ending{last.process, last.plan()}.block();
            entries_.pop_back();
        }
    }
    /// The same in a handler.
    [[nodiscard]] task<> close_all() {
        co_await end_from(0);
        entries_.clear();
    }

    // ---- what children do

    /// A linked process has ended. False: the supervisor must end, too.
    [[nodiscard]] task<bool> on_exit(exit_signal end) {
        child_entry* c = end.pid ? find(end.pid) : nullptr;
        if (!c) co_return true;  // none of ours, or ended by us
        const pid gone = std::exchange(c->process, {});
        const bool orderly = end.reason.is_orderly();
        const auto kind = c->plan().restart;
        if (kind == restart_type::permanent || !orderly) report_child(log_level::error, "child_terminated", end.reason, c->plan(), gone);
        if (kind == restart_type::permanent || (kind == restart_type::transient && !orderly)) {
            mark(*c);
            co_return co_await restart(c->attempt, true);
        }
        const bool significant = c->plan().significant;
        if (kind == restart_type::temporary) entries_.erase(entries_.begin() + (c - entries_.data()));
        if (!significant || !ends_supervisor()) co_return true;
        if (base::logs(log_level::info)) base::log(log_level::info, "supervisor: auto_shutdown");
        co_return false;
    }
    /// A restart is due. False: the supervisor must end.
    [[nodiscard]] task<bool> on_try_again(try_again due) {
        child_entry* c = find_attempt(due.attempt);
        if (!c) co_return true;  // ended or started by an order meanwhile
        if (!std::exchange(c->is_counted, false)) co_return co_await restart(due.attempt, false);
        start_group(*c);
        co_return true;
    }

    // ---- what users ask

    [[nodiscard]] result<child_birth> add(child_spec spec) {
        if (child_entry* known = find(spec.id())) {
            if (known->process) return reason{reason::already_started}.with_subject(known->process.shared());
            return reason::already_present;
        }
        if (auto fits = spec.plan().check(); !fits) return fits.error();
        if (spec.plan().significant && flags_.auto_shutdown == auto_shutdown_type::never)
            return reason{reason::bad_argument}.with_text("child \"" + spec.id() + "\": bad_combination: significant, and auto_shutdown never");
        child_entry& fresh = entries_.emplace_back(child_entry{std::move(spec)});
        auto started = start(fresh);
        if (!started || (!started->process && fresh.plan().restart == restart_type::temporary)) entries_.pop_back();
        return started;
    }
    [[nodiscard]] task<result<void>> terminate(std::string id) {
        child_entry* c = find(id);
        if (!c) co_return reason::not_found;
        co_await end(*c);
        if (c->plan().restart == restart_type::temporary) entries_.erase(entries_.begin() + (c - entries_.data()));
        co_return result<void>{};
    }
    [[nodiscard]] result<child_birth> restart_stopped(const std::string& id) {
        auto idle = find_stopped(id);
        if (!idle) return idle.error();
        return start(**idle);
    }
    [[nodiscard]] result<void> remove(const std::string& id) {
        auto idle = find_stopped(id);
        if (!idle) return idle.error();
        entries_.erase(entries_.begin() + (*idle - entries_.data()));
        return {};
    }
    /// The newest first.
    [[nodiscard]] std::vector<child_info> all() const {
        std::vector<child_info> told;
        told.reserve(entries_.size());
        for (auto at = entries_.rbegin(); at != entries_.rend(); ++at) told.push_back(at->info());
        return told;
    }
    [[nodiscard]] result<child_info> one(const std::string& id) {
        if (const child_entry* c = find(id)) return c->info();
        return reason::not_found;
    }
    [[nodiscard]] child_count count() const {
        child_count sum{.specs = entries_.size()};
        for (const auto& c : entries_) {
            if (c.process && is_alive(c.process)) ++sum.active;
            ++(c.plan().type == child_type::supervisor ? sum.supervisors : sum.workers);
        }
        return sum;
    }

private:
    [[nodiscard]] result<void> set(const supervisor_flags& flags) {
        if (auto fits = restart_intensity::check(flags.intensity, flags.period); !fits) return fits;
        if (flags.hibernate_after < flags.hibernate_after.zero()) return reason{reason::bad_argument}.with_text("invalid_hibernate_after");
        static_cast<server_base*>(proc::current_process())->hibernate_after(flags.hibernate_after);
        flags_ = flags;
        intensity_.set(flags.intensity, flags.period);
        return {};
    }
    [[nodiscard]] child_entry* find(const std::string& id) noexcept {
        const auto at = std::find_if(entries_.begin(), entries_.end(), [&id](const child_entry& c) { return c.plan().id == id; });
        return at == entries_.end() ? nullptr : &*at;
    }
    [[nodiscard]] child_entry* find(const pid& process) noexcept {
        const auto at = std::find_if(entries_.begin(), entries_.end(), [&process](const child_entry& c) { return c.process == process; });
        return at == entries_.end() ? nullptr : &*at;
    }
    [[nodiscard]] child_entry* find_attempt(std::uint64_t attempt) noexcept {
        const auto at = std::find_if(entries_.begin(), entries_.end(), [attempt](const child_entry& c) { return c.attempt == attempt; });
        return at == entries_.end() ? nullptr : &*at;
    }
    [[nodiscard]] result<child_entry*> find_stopped(const std::string& id) noexcept {
        child_entry* c = find(id);
        if (!c) return reason::not_found;
        if (c->process) return reason::running;
        if (c->attempt != 0) return reason::restarting;
        return c;
    }

    /// What came of a start; none for one that said `ignore`.
    template <class Start>
    [[nodiscard]] result<child_birth> started_by(child_entry& c, Start&& begin) {
        result<child_birth> started = child_birth{};
        try {
            started = begin();
        } catch (const proc::unwinding&) {
            throw;
        } catch (...) {
            started = reason{std::current_exception()};
        }
        if (!started && started.error() == reason::ignored) started = child_birth{};
        if (!started) return started;
        if (started->process) link(started->process);  // a factory may have left that out
        c.process = started->process;
        c.attempt = 0;
        c.started = otp::now();
        report_start(c.plan(), c.process);
        return started;
    }
    [[nodiscard]] result<child_birth> start(child_entry& c) {
        return started_by(c, [&c] { return c.spec.start(); });
    }
    /// Starts those that don't run, parallel ones that stand side by side at the same time. Null, or the first that failed, and why.
    [[nodiscard]] child_entry* start_all(std::size_t first, std::size_t end, reason& why) {
        while (first != end) {
            std::size_t last = first + 1;
            if (entries_[first].plan().parallel)
                while (last != end && entries_[last].plan().parallel) ++last;
            if (child_entry* failed = start_together(first, last, why)) return failed;
            first = last;
        }
        return nullptr;
    }
    [[nodiscard]] child_entry* start_together(std::size_t first, std::size_t last, reason& why) {
        proc::waiter by;
        std::vector<base::owned<pending_child>> pending(last - first);
        if (last - first > 1) {
            for (std::size_t at = first; at != last; ++at)
                if (!entries_[at].process) pending[at - first] = entries_[at].spec.launch(by);
            if (by.missing != 0) proc::current_process()->block_until_settled(by);
        }
        child_entry* failed = nullptr;
        for (std::size_t at = first; at != last; ++at) {
            child_entry& c = entries_[at];
            if (c.process) continue;
            auto& going = pending[at - first];
            auto started = going ? started_by(c, [&] { return going->take(by); }) : start(c);
            if (started) continue;
            report_start_error(c, started.error());
            if (failed) continue;
            failed = &c;
            why = started.error();
        }
        return failed;
    }
    static void report_start_error(const child_entry& c, const reason& why) { report_child(log_level::error, "start_error", why, c.plan(), {}); }
    /// It has no process, and gets one in time.
    void mark(child_entry& c) noexcept {
        c.delay = c.plan().delay_after(c.delay, c.attempt != 0 ? std::chrono::nanoseconds{0} : otp::now() - c.started);
        c.attempt = ++last_attempt_;
    }
    void send_try_again(const child_entry& c) {
        const server<Owner> self = otp::self<Owner>();
        if (c.delay == c.delay.zero()) self.send(try_again{c.attempt});
        else (void)send_after(c.plan().jittered(c.delay, exec::current_executor().random()), self, try_again{c.attempt});
    }
    /// Counts a restart, ends who goes down with the child, and starts them all again. False: it was one too many.
    [[nodiscard]] task<bool> restart(std::uint64_t attempt, bool may_wait) {
        child_entry* c = find_attempt(attempt);
        if (!intensity_.count(otp::now())) {
            report_child(log_level::error, "shutdown", reason{"reached_max_restart_intensity"}, c->plan(), {});
            c->attempt = 0;
            co_return false;
        }
        if (flags_.strategy != one_for_one) {
            co_await end_from(group_of(*c), attempt);
            c = find_attempt(attempt);  // temporary ones have gone
        }
        c->is_counted = may_wait && c->delay != c->delay.zero();
        if (c->is_counted) send_try_again(*c);
        else start_group(*c);
        co_return true;
    }
    /// Where those begin who go down with a child.
    [[nodiscard]] std::size_t group_of(const child_entry& c) const noexcept {
        return flags_.strategy == one_for_all ? 0 : static_cast<std::size_t>(&c - entries_.data());
    }
    void start_group(child_entry& c) {
        const std::size_t first = group_of(c);
        const std::size_t end = flags_.strategy == one_for_one ? first + 1 : entries_.size();
        c.attempt = 0;
        reason why;
        child_entry* const failed = start_all(first, end, why);
        if (!failed) return;
        // Tried again by a message, so that the supervisor hears others meanwhile.
        failed->started = otp::now();
        mark(*failed);
        send_try_again(*failed);
    }
    /// Does the end of a significant child end the supervisor now?
    [[nodiscard]] bool ends_supervisor() const noexcept {
        if (flags_.auto_shutdown == auto_shutdown_type::never) return false;
        if (flags_.auto_shutdown == auto_shutdown_type::any_significant) return true;
        return std::none_of(entries_.begin(), entries_.end(),
                            [](const child_entry& c) { return c.plan().significant && (c.process || c.attempt != 0); });
    }
    [[nodiscard]] task<> end(child_entry& c) {
        c.attempt = 0;
        c.is_counted = false;
        if (!c.process) co_return;
        {
            child_ending ending{c.process, c.plan()};
            co_await ending.run();
        }
        c.process = {};
    }
    /// From the newest to the one at `first`, each gone before the next is told. A restart on its way goes on only if it is
    /// `but`; temporary children are forgotten.
    [[nodiscard]] task<> end_from(std::size_t first, std::uint64_t but = 0) {
        for (std::size_t at = entries_.size(); at-- > first;) {
            child_entry& c = entries_[at];
            if (but != 0 && c.attempt == but) continue;
            co_await end(c);
            if (c.plan().restart == restart_type::temporary) entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(at));
        }
    }

    supervisor_flags flags_;
    restart_intensity intensity_;
    std::vector<child_entry> entries_;
    std::uint64_t last_attempt_ = 0;
};

}  // namespace otp::inline OTP_ABI::behaviour
