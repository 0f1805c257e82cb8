// How a supervisor ends a child: asks, waits, kills when the time is over, and waits for the real end. A monitor tells the
// end, so that a child which has taken off its link can't hide.
#pragma once

#include <chrono>
#include <optional>
#include <utility>
#include <variant>

#include "otp/behaviour/supervisor/supervisor_report.hpp"
#include "otp/process/ordered_end.hpp"
#include "otp/process/inbox.hpp"
#include "otp/process/task.hpp"

namespace otp::inline OTP_ABI::behaviour {

class child_ending {
public:
    child_ending(pid child, const child_plan& plan) : child_{std::move(child)}, plan_{plan} {}

    /// In a handler of the supervisor; other messages wait. A template, so that it is compiled where there is one.
    template <class Nothing = void>
    [[nodiscard]] task<Nothing> run() {
        tell();
        if (!plan_.killed_at_once && plan_.shutdown != infinity) {
            auto in_time = co_await ends_.next(plan_.shutdown);
            if (in_time) {
                judge(std::move(*in_time));
                co_return;
            }
            exit_process(child_, reason::kill);
        }
        judge(co_await ends_.next());
    }
    /// The same for terminate, which can't be a coroutine.
    void block() {
        tell();
        if (!plan_.killed_at_once && plan_.shutdown != infinity) {
            if (auto in_time = ends_.receive(plan_.shutdown)) return judge(std::move(*in_time));
            exit_process(child_, reason::kill);
        }
        if (auto end = ends_.receive()) judge(std::move(*end));
    }

    /// The supervisor lets go of a child: no end of it comes any more but one that is in the queue already.
    static void let_go(const pid& child) {
        proc::process& self = *proc::current_process();
        self.drain();
        proc::unlink(self, *child.block());
    }
    /// Why a child has ended that was gone before it was asked: that stands in the queue.
    [[nodiscard]] static reason known_end(const pid& child) {
        proc::signal* found = proc::current_process()->queue().take_if([&child](const proc::signal& s) {
            return s.ops == &proc::peer_signal::exit_message_ops && static_cast<const proc::peer_signal&>(s).from.get() == child.block();
        });
        return found ? proc::take_exit(found).reason : reason{reason::shutdown};
    }
    /// Did it end as it was told? OTP's do_terminate.
    [[nodiscard]] static bool as_told(const reason& why, const child_plan& plan) noexcept {
        if (plan.killed_at_once && why == reason::killed) return true;
        if (why == reason::shutdown && !plan.killed_at_once) return true;
        return plan.restart != restart_type::permanent && why.is_orderly();
    }

private:
    void tell() {
        (void)ends_.monitor(child_);
        let_go(child_);
        order_.tell(*child_.block(), plan_.killed_at_once ? reason::kill : reason::shutdown);
    }
    void judge(std::variant<down> end) {
        reason why = std::move(std::get<down>(end).reason);
        if (why == reason::noproc) why = known_end(child_);
        if (!as_told(why, plan_)) report_child(log_level::error, "shutdown_error", why, plan_, child_);
    }
    pid child_;
    const child_plan& plan_;
    inbox<down> ends_;
    proc::ordered_end order_{*proc::current_process()};
};

}  // namespace otp::inline OTP_ABI::behaviour
