// The process of a gen_server, without its callback struct: what steers the loop.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "otp/base/owned.hpp"
#include "otp/base/type_name.hpp"
#include "otp/behaviour/gen_server/actions.hpp"
#include "otp/behaviour/gen_server/event.hpp"
#include "otp/behaviour/gen_server/thrown.hpp"
#include "otp/process/events.hpp"
#include "otp/process/user_registry.hpp"
#include "otp/process/waiting.hpp"

namespace otp::inline OTP_ABI::behaviour {

class server_base;
class debugging;

enum class message_kind : std::uint8_t { call, cast, info };

/// What the loop must know of a callback struct; one constant for each.
struct callbacks {
    type_id type;
    std::string_view name;
    void (*terminate)(void* state, const reason& why);  // null: the struct has none
    void (*destroy)(void* state);
    void (*on_exit)(server_base& server, proc::signal* s);  // null: no handle_info(exit_signal)
    void (*on_down)(server_base& server, proc::signal* s);
    void (*on_timeout)(server_base& server);
    /// How a message of this type goes to the struct's handle_info; null if it has none for it.
    const proc::signal_ops* (*info)(type_id message);
    /// How a message that was sent to a former struct of the server goes to this one; null if it took over none.
    const proc::signal_ops* (*takeover)(type_id message, message_kind kind);
    void (*show_state)(const void* state, std::string& text) = nullptr;
    /// May change what is shown; null: the struct has no such hook. Called by formatted_status only.
    void (*format_status)(const void* state, status& shown) = nullptr;
};

/// Which struct a server is one of: changed by the server itself, looked at by all.
class current_callbacks {
public:
    explicit current_callbacks(const callbacks& first) noexcept : table_{&first} {}
    // Relaxed, as below: the tables are constants of the program.
    [[nodiscard]] const callbacks* operator->() const noexcept { return table_.load(std::memory_order_relaxed); }
    void become(const callbacks& other) noexcept { table_.store(&other, std::memory_order_relaxed); }

private:
    std::atomic<const callbacks*> table_;
};

class server_base : public proc::process {
public:
    server_base(exec::executor& ex, const callbacks& calls) noexcept
        : process{ex, proc::process_role::scheduled}, callbacks_{calls} {}

    [[nodiscard]] const callbacks& behaviour() const noexcept { return *callbacks_.operator->(); }
    [[nodiscard]] type_id behaviour_type() const noexcept override { return callbacks_->type; }
    [[nodiscard]] const proc::signal_ops* info_ops(type_id message) const noexcept override { return callbacks_->info(message); }
    [[nodiscard]] std::string_view behaviour_name() const noexcept override { return callbacks_->name; }
    [[nodiscard]] void* state() const noexcept { return state_; }
    [[nodiscard]] bool initialised() const noexcept { return initialised_; }

    /// Before the handler of a message runs: it ends the inactivity time-out.
    void message_came() noexcept {
        set_rest(proc::rest_state::none);
        if (agenda_) agenda_->end_idle();
    }
    /// Does what a callback answered.
    void steer(steering how) {
        if (how.limit < std::chrono::nanoseconds::zero()) {
            return stop(reason{reason::bad_argument}.with_text("a callback returned a negative time-out"));
        }
        if (how.hibernates) set_rest(proc::rest_state::asked);
        if (how.limit != infinity || how.is_moment) wait_idle(how);
        if (how.first) planned().first = std::move(how.first);
        if (how.stops) stop(std::move(how.why));
    }
    /// Is anybody told of its events?
    [[nodiscard]] bool debugged() const noexcept { return agenda_ && agenda_->debug; }
    [[nodiscard]] debugging* debug_if_any() const noexcept;
    [[nodiscard]] debugging& debug();
    /// Adds the events that are kept for who debugs it, a line each, oldest first.
    void show_kept_events(std::vector<std::string>& lines) const {
        if (debugged()) agenda_->debug->show_kept(lines);
    }
    void end_debug_if_idle() noexcept {
        if (debugged() && agenda_->debug->idle()) agenda_->debug.reset();
    }
    void end_debug() noexcept {
        if (agenda_) agenda_->debug.reset();
    }
    /// Tells an event to who debugs the server; there must be somebody.
    void tell(sys::event what);
    void tell_state() noexcept;
    /// What the lines of the debug facility call it: its registered name, else its pid.
    [[nodiscard]] std::string shown_name();
    [[nodiscard]] bool busy() const noexcept { return busy_; }
    void set_busy(bool on) noexcept { busy_ = on; }
    /// A message for a struct that the server is no more, after a change of code.
    void redirect(proc::signal* s, message_kind kind) {
        const proc::signal_ops* ops = callbacks_->takeover ? callbacks_->takeover(s->ops->message, kind) : nullptr;
        if (!ops) return drop(s, reason::unhandled);
        s->ops = ops;
        ops->handle(*this, s);
    }
    /// Becomes a server of another struct; the old state ends.
    void become(const callbacks& calls, void* state) noexcept {
        if (agenda_ && agenda_->when_idle) agenda_->end_idle();  // bound to the old state
        try {
            callbacks_->destroy(std::exchange(state_, state));
        } catch (...) {
            stop(reason{std::current_exception()});
        }
        callbacks_.become(calls);
    }
    void suspend() noexcept { suspended_.store(true, std::memory_order_relaxed); }  // see suspended()
    /// Any thread. Relaxed: only the server itself acts by it.
    [[nodiscard]] bool suspended() const noexcept override { return suspended_.load(std::memory_order_relaxed); }
    /// When the inactivity time-out is due; never if none runs.
    [[nodiscard]] exec::time_point idle_until() const noexcept { return agenda_ ? agenda_->idle_until : exec::never; }
    void resume() noexcept {
        const bool was_suspended = suspended_.exchange(false, std::memory_order_relaxed);  // see suspended()
        if (!was_suspended || !agenda_ || agenda_->idle_until == exec::never) return;
        if (agenda_->starts_anew) agenda_->idle_until = deadline_after(executor(), agenda_->idle_for);
    }
    /// Hibernates by itself when nothing was there to do for so long and no time-out runs.
    void hibernate_after(std::chrono::nanoseconds time) {
        if (time != infinity || agenda_) planned().rests_after = time;
    }
    void set_state(void* state) noexcept {
        state_ = state;
        queue().start_over();  // see next_urgent
    }
    void init_done() noexcept {
        initialised_ = true;
        if (!agenda_ || !agenda_->claim) return;
        agenda_->claim->keep();
        agenda_->claim.reset();
    }
    /// It takes this name when it starts.
    void will_be_named(otp::registry& where, std::string_view key) { planned().claim.reset(new proc::name_claim{where, key}); }
    /// Before init. Error: already_started.
    [[nodiscard]] result<void> take_name() {
        if (!agenda_ || !agenda_->claim) return {};
        return agenda_->claim->take(*this);
    }

    void on_exit_message(proc::signal* s) override {
        auto* p = static_cast<proc::peer_signal*>(s);
        if (is_end_of_parent(*s)) {
            // The end of the parent ends the server, trapping or not; gen_server's decode_msg.
            reason why = std::move(p->why);
            drop(s, reason::normal);
            return stop(std::move(why));
        }
        message_came();
        if (debugged()) tell_end(type_name<exit_signal>(), p->from, p->why);
        if (callbacks_->on_exit) return callbacks_->on_exit(*this, s);
        unhandled("exit_signal");
        drop(s, reason::unhandled);
    }
    void on_down_message(proc::signal* s) override {
        message_came();
        if (debugged()) tell_down(*s);
        if (callbacks_->on_down) return callbacks_->on_down(*this, s);
        unhandled("down");
        drop(s, reason::unhandled);
    }
    void ask_to_end(const reason& why) noexcept override { order_end(why); }
    /// A message without a handler: a warning, as gen_server gives.
    void unhandled(std::string_view message) const;

    [[nodiscard]] static exec::time_point deadline_after(const exec::executor& ex, std::chrono::nanoseconds limit) noexcept {
        const auto now = ex.now();
        return limit >= exec::never - now ? exec::never : now + limit;
    }

protected:
    [[nodiscard]] bool takes_messages() const noexcept override { return !busy_ && !suspended(); }
    [[nodiscard]] proc::signal* next_urgent() noexcept override {
        if (looked_busy_ != busy_) queue().start_over();
        looked_busy_ = busy_;
        if (busy_) {
            // Without a state (proc_lib) nothing but an order to end.
            return queue().take_next([this](const proc::signal& s) { return s.has(proc::is_interleaved) && (state_ || s.has(proc::is_system)); });
        }
        return queue().take_next([this](const proc::signal& s) { return s.has(proc::is_system) || is_end_of_parent(s); });
    }
    bool before_message() override {
        if (busy_ || !agenda_) return false;
        agenda& plans = *agenda_;
        if (plans.first) {
            handle_one(plans.first.release());
            return true;
        }
        if (plans.idle_until == exec::never) {
            if (plans.rests_after != infinity) think_of_rest(plans);
            return false;
        }
        if (!idle_is_over(plans)) return false;
        auto message = std::move(plans.when_idle);
        message_came();
        now_handles(&timeout_ops);
        if (message) handle_one(message.release());
        else if (callbacks_->on_timeout) guarded([this] { callbacks_->on_timeout(*this); });
        else unhandled("timeout");
        return true;
    }
    [[nodiscard]] bool has_plans() const noexcept override { return agenda_ && (agenda_->first || agenda_->idle_until != exec::never); }
    [[nodiscard]] exec::time_point own_deadline() const noexcept override {
        if (busy_ || !agenda_) return exec::never;
        agenda& plans = *agenda_;
        if (suspended() && (plans.starts_anew || plans.at_once)) return exec::never;
        if (plans.idle_until != exec::never) return plans.idle_until;
        if (suspended() || plans.rests_after == infinity || rest() != proc::rest_state::none) return exec::never;
        if (plans.rests_at == exec::never) plans.rests_at = deadline_after(executor(), plans.rests_after);
        return plans.rests_at;
    }
    void spare() noexcept override {
        if (agenda_ && agenda_->empty()) agenda_.reset();
        if (details_if_any()) (void)proc::deferred_call::sweep(details().deferred);
        process::spare();
    }
    void on_terminate() noexcept override {
        if (!initialised_ || !callbacks_->terminate) return;
        try {
            callbacks_->terminate(state_, exit_reason());
        } catch (const proc::unwinding&) {
        } catch (...) {
            last_exception([] { (void)thrown_next(); });  // a result that is thrown is as one returned: ignored
        }
    }
    void complete(crash_report& report) override { complete_report(report); }
    void destroy_state() noexcept override {
        const base::owned<proc::name_claim> claim{agenda_ ? agenda_->claim.release() : nullptr};  // goes when the state is gone
        agenda_.reset();
        if (void* state = std::exchange(state_, nullptr)) last_exception([&] { callbacks_->destroy(state); });
    }
    /// What is thrown at the very end is the reason.
    template <class F>
    void last_exception(F&& end) noexcept {
        try {
            end();
        } catch (...) {
            details().why = reason{std::current_exception()};
        }
    }

    void order_end(const reason& why) noexcept;
    void complete_report(crash_report& report);

    /// What only some servers ever have; made when it is first needed.
    struct agenda {
        proc::signal_ptr first;      // handle_continue comes before everything else
        proc::signal_ptr when_idle;  // instead of otp::timeout
        exec::time_point idle_until = exec::never;
        std::chrono::nanoseconds idle_for{0};
        base::owned<proc::name_claim> claim;    // until init has succeeded
        std::chrono::nanoseconds rests_after = infinity;
        exec::time_point rests_at = exec::never;  // never: the time hasn't begun
        base::owned<audience> debug;              // null: nobody is told of its events
        bool starts_anew = false;                 // idle_for does, after a suspension
        bool at_once = false;                     // when_idle comes before what waits in the mailbox

        void end_idle() noexcept {
            idle_until = rests_at = exec::never;
            at_once = false;
            when_idle.reset();
        }
        [[nodiscard]] bool empty() const noexcept {
            return !first && !claim && idle_until == exec::never && rests_after == infinity && !debug;
        }
    };
    [[nodiscard]] agenda& planned() {
        if (!agenda_) agenda_.reset(new agenda);
        return *agenda_;
    }

    /// As in OTP, a time-out without a message of its own counts the time in which the server listens; the others are timers,
    /// which run on in a suspension.
    void wait_idle(steering& how) {
        const auto until = how.is_moment ? how.until : deadline_after(executor(), how.limit);
        if (until == exec::never) return;
        agenda& plans = planned();
        plans.idle_until = until;
        plans.idle_for = how.limit;
        plans.starts_anew = !how.is_moment && !how.when_idle;
        plans.at_once = !how.is_moment && how.when_idle && how.limit == std::chrono::nanoseconds::zero();
        plans.when_idle = std::move(how.when_idle);
    }
    /// Has the time-out passed, and no message come before?
    [[nodiscard]] bool idle_is_over(agenda& plans) noexcept {
        if (plans.at_once || (suspended() && plans.starts_anew)) return !suspended();
        if (mailbox_.has_mail() || (!suspended() && !queue().empty()) || executor().now() < plans.idle_until) return false;
        if (!suspended()) return true;
        if (queue().empty()) plans.at_once = true;  // it is the first thing after the suspension
        else if (queue().has([](const proc::signal& s) { return !s.has(proc::is_system); })) plans.end_idle();
        return false;
    }
    /// Begins to hibernate if it is time for that; what waits in the queue makes the time begin anew.
    void think_of_rest(agenda& plans) noexcept {
        if (!queue().empty()) plans.rests_at = exec::never;
        if (plans.rests_at == exec::never || executor().now() < plans.rests_at) return;
        plans.rests_at = exec::never;
        set_rest(proc::rest_state::asked);
    }
    /// It ends the server, suspended or not.
    [[nodiscard]] bool is_end_of_parent(const proc::signal& s) const noexcept {
        return s.ops == &proc::peer_signal::exit_message_ops && is_child_of(static_cast<const proc::peer_signal&>(s).from.get());
    }
    void tell_end(std::string_view what, intrusive_ptr<proc::process> of, const reason& why) noexcept;
    void tell_down(const proc::signal& s) noexcept;

    static constexpr proc::signal_ops timeout_ops{nullptr, nullptr, nullptr, type_id_of<timeout>, "otp::timeout"};

    bool busy_ : 1 = false;  // a handler waits
    bool looked_busy_ : 1 = false;  // the last time that it looked for what may go ahead
    bool initialised_ : 1 = false;
    std::atomic<bool> suspended_{false};
    current_callbacks callbacks_;
    void* state_ = nullptr;
    base::owned<agenda> agenda_;
};

}  // namespace otp::inline OTP_ABI::behaviour
