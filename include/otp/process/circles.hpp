// Circles of processes that wait for each other although none of them handles the other's call, so that no chain of callers shows
// them. Who gets a call while it waits looks for one: a probe goes from each who waits to the one it waits for.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "otp/process/call.hpp"
#include "otp/process/particulars.hpp"

namespace otp::inline OTP_ABI::proc {

/// Goes along the waits until it comes back to who has sent it, and round once more: who is then still in the same wait has had no
/// answer, for that would have come before the probe. Then it goes on to the one whose wait is ended: the youngest, whoever
/// looks and how often, so that the others get their answers.
struct circle_probe final : signal {
    static constexpr std::uint32_t longest = 256;

    circle_probe() noexcept {
        kind = signal_kind::query;  // received in the midst of a wait
        ops = &probe_ops;
    }
    void pass(process& by, const wait& w) {
        nearest = chain_link::make(intrusive_ptr<process>::share(&by), w.ref, std::move(nearest));
        ++length;
        if (w.in_circle < weakest || w.in_circle == breakable::never || (w.in_circle == weakest && by.id() < victim->id())) return;
        weakest = w.in_circle;
        victim = &by;
    }
    /// The circle as a reason for the one that ends.
    [[nodiscard]] reason why(const chain_link& ended, const process& target) const {
        std::string names;
        const auto add = [&names](const chain_link& link) {
            std::string name;
            link.caller->describe(name);
            names = name + " -> " + names;
        };
        for (const chain_link* link = ended.up.get(); link; link = link->up.get()) add(*link);
        for (const chain_link* link = nearest.get(); link != &ended; link = link->up.get()) add(*link);
        return circle_through(std::move(names), *ended.caller, target);
    }
    static void receive(process& self, signal* s) {
        if (process* const next = next_of(self, *static_cast<circle_probe*>(s))) next->post(s);
        else end(s, reason::normal);
    }
    static void end(signal* s, const reason&) noexcept { free_signal(static_cast<circle_probe*>(s)); }
    static const signal_ops probe_ops;

    intrusive_ptr<chain_link> nearest;  // where it has been, the first of them at the far end
    process* victim = nullptr;          // one of those
    breakable weakest = breakable::never;
    std::uint8_t rounds = 0;
    std::uint32_t length = 0;

private:
    static inline process* next_of(process& self, circle_probe& probe);
};
inline constexpr signal_ops circle_probe::probe_ops{&circle_probe::receive, &circle_probe::end, nullptr, nullptr, "probe"};

/// What processes do about them, in their own turns.
struct circles {
    /// What `self` waits for if it is that alone, and not there yet.
    [[nodiscard]] static wait* wait_of(const process& self) noexcept {
        for (wait* w = self.waits_; w; w = w->next)
            if (self.awaits(w->ref)) return w;
        return nullptr;
    }
    /// A call that its caller waits for alone, while `self` may wait.
    [[gnu::noinline]] static void receive_call(process& self, signal* s) noexcept {
        if (wait* const mine = wait_of(self)) {
            process& caller = *static_cast<call_header*>(s)->calling_process();
            if (mine->target == &caller) {
                if (!s->has(is_answerable)) return cross(self, *mine, caller, s);
            } else {
                // Whoever is last in a circle to come here sees that all its members are wanted, and wait; where stores become visible to
                // some before others it may be missed, and the limit of a call ends it.
                self.lone_wait_.set_wanted();
                if (caller.lone_wait_.is_wanted()) look(self, *mine);
            }
        }
        self.queue_.push(s);
    }
    /// Is there a circle that goes through this wait?
    static void look(process& self, const wait& mine) {
        if (!waits(*mine.target)) return;
        auto* probe = make_signal<circle_probe>();
        probe->pass(self, mine);
        mine.target->post(probe);
    }
    /// Does it wait for one thing alone? Any thread.
    [[nodiscard]] static bool waits(const process& other) noexcept { return other.lone_wait_.is_on(); }
    static void end(process& self, wait& mine, reason why) noexcept {
        mine.why = std::move(why);
        self.expire(mine);
    }

private:
    /// A call of the very process that this one waits for. The older of both gets its answer, whether one of them sees that or each.
    static void cross(process& self, wait& mine, process& caller, signal* s) noexcept {
        const auto other_of = [](process& p) { return chain_link::make(intrusive_ptr<process>::share(&p), 0, nullptr); };
        if (mine.in_circle == breakable::first && self.id() > caller.id()) {
            self.queue_.push(s);
            return end(self, mine, closed_circle(self, caller, other_of(caller).get()));
        }
        if (s->has(is_counted)) self.count_taken();
        drop(s, closed_circle(caller, self, other_of(self).get()));
    }
};

/// Who gets the probe next; null if it is at its end.
inline process* circle_probe::next_of(process& self, circle_probe& probe) {
    wait* const mine = circles::wait_of(self);
    if (!mine || !mine->target) return nullptr;
    if (probe.rounds == 0) {
        // Somebody else may answer the one that it comes from.
        const auto* details = self.details_if_any();
        if (details && details->deferred && deferred_call::owes(*details->deferred, *probe.nearest->caller)) return nullptr;
    }
    const chain_link* been = probe.nearest.get();
    while (been && been->caller.get() != &self) been = been->up.get();
    if (!been) {
        if (probe.rounds != 0 || probe.length == longest) return nullptr;
        probe.pass(self, *mine);
    } else {
        if (been->ref != mine->ref) return nullptr;
        if (!been->up) ++probe.rounds;
        else if (probe.rounds == 0) return nullptr;  // a circle without the one that has sent it: its own probe finds it
        if (!probe.victim) return nullptr;
        if (probe.rounds == 2 && probe.victim == &self) {
            circles::end(self, *mine, probe.why(*been, *mine->target));
            return nullptr;
        }
    }
    return circles::waits(*mine->target) ? mine->target : nullptr;
}

}  // namespace otp::inline OTP_ABI::proc
