// The executor of a simulation: one thread, virtual time, and a strategy that chooses each turn. What it did is hashed,
// so that two runs can be compared, and kept, so that it can be shown and replayed.
#pragma once

#include <algorithm>
#include <atomic>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "otp/base/log.hpp"
#include "otp/config.hpp"
#include "otp/runtime/executor.hpp"
#include "otp/runtime/fiber.hpp"
#include "otp/runtime/strategy.hpp"
#include "otp/runtime/virtual_timers.hpp"

namespace otp::inline OTP_ABI {

/// How a simulation runs.
struct simulation_options {
    /// Who comes next.
    otp::strategy strategy{};
    /// How many of the last steps trace() can show; 0 is fastest.
    std::size_t trace = 100;
    /// How many turns there may be at once, of which all but one can be blocked. Past it a blocking call of a process
    /// fails with system_limit.
    std::size_t stacks = 10'000;
    /// Bytes that a handler and what it calls may take.
    std::size_t stack_size = exec::default_stack_size;
    /// When so many steps are done, nothing runs any more, and a blocking operation ends with deadlock.
    std::uint64_t steps = ~std::uint64_t{0};
};

namespace exec {

/// Everything happens on the thread that made it; another thread may ask for the time, and anything else it does ends the
/// program with a report, since it would make the run unrepeatable.
class simulator final : public executor {
public:
    /// Throws std::bad_alloc if there is no memory for a stack.
    simulator(std::uint64_t seed, const simulation_options& options)
        : options_{options}, chooser_{options.strategy, seed}, seed_{seed}, trace_{options.trace} {
        simulated_ = true;
        turn_budget_ = 1;
        if (options_.stacks == 0) options_.stacks = 1;
        if (!reserve_stack()) throw std::bad_alloc{};
    }
    ~simulator() override {
        shut_down();
        for (auto& stack : stacks_)
            if (!stack->idle()) (void)stack.release();  // live frames: others may point into them
    }

    void schedule(runnable& r) noexcept override {
        check_thread("scheduled a process");
        chooser_.add({r.trace_id(), &r, nullptr});
    }
    void yield_back(runnable& r) noexcept override { schedule(r); }

    [[nodiscard]] time_point now() const noexcept override {
        return time_point{duration{now_.load(std::memory_order_relaxed)}};  // nothing is reached through it
    }
    [[nodiscard]] time_point coarse_now() const noexcept override { return now(); }

    void arm(timer& t, time_point deadline) noexcept override {
        check_thread("armed a timer");
        timers_.arm(t, deadline);
    }
    bool disarm(timer& t) noexcept override {
        check_thread("disarmed a timer");
        return timers_.disarm(t);
    }

    /// In a turn: the others go on, this turn when it is chosen again; without a free stack no_spare_worker. Outside: runs
    /// the simulation; a deadline that is past is timed_out at once. On another thread: deadlock.
    [[nodiscard]] block_result block(blocked& b, time_point deadline) noexcept override {
        if (!on_own_thread()) return block_result::deadlock;
        if (is_unblocked(b)) return block_result::unblocked;
        if (!running_) return block_outside(b, deadline);
        // Else a turn of another simulation, nested into a turn of this one.
        if (!running_->holds(__builtin_frame_address(0))) return block_result::deadlock;
        return block_turn(b, deadline);
    }
    void unblock(blocked& b) noexcept override {
        check_thread("woke a process");
        b.word.store(1, std::memory_order_relaxed);  // one thread
        if (auto* w = static_cast<waiter*>(b.implementation)) wake(*w);
    }

    [[nodiscard]] poller* io() noexcept override { return nullptr; }
    [[nodiscard]] bool runs_here() const noexcept override { return running_ != nullptr && on_own_thread(); }

    // ---- driving it; its own thread, outside its turns

    /// One turn, or one timer that is due. False: neither is there, at this time.
    bool step() {
        assert(on_own_thread() && !running_);
        if (spent()) return false;
        const bool due = timers_.size() != 0 && timers_.next_deadline() <= now();
        if (due && (chooser_.empty() || chooser_.timer_first()))
            fire();
        else if (!chooser_.empty())
            take_turn();
        else
            return false;
        return true;
    }
    /// Lets time jump to the next deadline, if that is not after `limit`.
    bool pass_time(time_point limit) noexcept {
        const auto next = timers_.next_deadline();
        if (next == never || next > limit || spent()) return false;
        pass_time_to(next);
        return true;
    }
    /// Time never goes back.
    void pass_time_to(time_point then) noexcept {
        if (then > now()) now_.store(then.time_since_epoch().count(), std::memory_order_relaxed);  // see now()
    }
    /// Steps until nothing is left to do up to `limit`, which is reached then, or until `done()`: true. Time stays if that
    /// limit is `never`.
    template <class Done>
    bool run_until(time_point limit, Done&& done) {
        for (;;) {
            if (done()) return true;
            if (step() || pass_time(limit)) continue;
            if (limit == never || limit <= now()) return false;
            pass_time_to(limit);
        }
    }
    /// Ends all processes in order, which may take virtual time; those that don't end are killed, those that still
    /// don't are named in the log. Later calls do nothing.
    void shut_down() noexcept {
        check_thread("ended it");
        options_.steps = ~std::uint64_t{0};
        if (auto* processes = current_tenant(); processes && !ended_) {
            ended_ = true;
            processes->begin_shutdown();
            settle(*processes);
            if (processes->live() != 0) {
                processes->kill_all();
                settle(*processes);
            }
            if (processes->live() != 0)
                base::log(log_level::error, "end of a simulation: these refuse to end:\n" + processes->who_is_alive());
        }
        drop_tenant();
    }

    [[nodiscard]] bool in_turn() const noexcept { return running_ != nullptr; }
    /// All steps that the options allow are done.
    [[nodiscard]] bool spent() const noexcept { return steps_ >= options_.steps; }
    [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
    [[nodiscard]] std::uint64_t random() noexcept override { return chance_.next(); }
    [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }
    [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }
    [[nodiscard]] std::size_t live() const noexcept {
        const auto* processes = current_tenant();
        return processes ? processes->live() : 0;
    }
    /// How many blocks from outside have ended in a deadlock, and who was blocked at the last one.
    [[nodiscard]] std::size_t deadlocks() const noexcept { return deadlocks_; }
    [[nodiscard]] const std::string& deadlock_report() const noexcept { return deadlock_report_; }

    /// The last n steps, a line each.
    [[nodiscard]] std::string trace(std::size_t n) const {
        std::string out;
        for (auto at = steps_ - std::min<std::uint64_t>({n, trace_.size(), steps_}); at != steps_; ++at)
            print(at, trace_[at % trace_.size()], out);
        return out;
    }
    /// The choices so far, as text that otp::replay takes.
    [[nodiscard]] std::string choices() const {
        std::string out;
        choice_list::print(chooser_.choices(), out);
        return out;
    }
    /// A moment of a simulation as traces show it: "+0.050000000s", counted from its begin.
    [[nodiscard]] static std::string moment(time_point when) {
        const auto since = static_cast<std::uint64_t>((when.time_since_epoch() - start).count());
        const auto fraction = std::to_string(since % 1'000'000'000U);
        return '+' + std::to_string(since / 1'000'000'000U) + '.' + std::string(9 - fraction.size(), '0') + fraction + 's';
    }
    /// Who is blocked or idle and waits for what, a line each.
    [[nodiscard]] std::string who_waits() const {
        const auto* processes = current_tenant();
        std::string out;
        for (const waiter* w = waiters_; w; w = w->older) {
            if (w->stack && processes) continue;  // a process: listed below
            if (w->what->who)
                w->what->who->describe(out);
            else
                out += w->stack ? "a turn" : "the simulation's own thread";
            out += '\n';
        }
        if (processes) out.append(processes->who_is_alive()).append("\n");
        return out;
    }

private:
    // Stands in the frame of block.
    struct waiter : timer {
        waiter(simulator& sim, blocked& b, fiber* on) noexcept : timer{&due}, home{sim}, what{&b}, stack{on} {
            b.implementation = this;
            if (home.waiters_) home.waiters_->newer = this;
            older = std::exchange(home.waiters_, this);
        }
        ~waiter() {
            what->implementation = nullptr;
            (newer ? newer->older : home.waiters_) = older;
            if (older) older->newer = newer;
            home.timers_.disarm(*this);
        }
        static void due(timer& t) noexcept {
            auto& w = static_cast<waiter&>(t);
            w.timed_out = true;
            w.home.wake(w);
        }

        simulator& home;
        blocked* what;
        fiber* stack;  // null outside turns
        waiter* older = nullptr;
        waiter* newer = nullptr;
        bool woken = false;
        bool timed_out = false;
    };
    struct traced {
        time_point when{};
        std::uint64_t id = 0;
        std::size_t count = 0;
        std::string text;
    };

    static constexpr duration start = std::chrono::seconds{1};
    static constexpr duration patience = std::chrono::seconds{30};  // of each part of a shutdown, virtual
    static constexpr std::uint64_t patience_steps = 10'000'000;     // the same for those who let no time pass
    static constexpr std::uint64_t timer_id = ~std::uint64_t{0};

    [[nodiscard]] bool on_own_thread() const noexcept { return &current() == thread_; }
    void check_thread(const char* what) const noexcept {
        if (!on_own_thread()) [[unlikely]]
            refuse(what);
    }
    // There is nobody to return an error to.
    [[noreturn, gnu::cold, gnu::noinline]] static void refuse(const char* what) noexcept {
        base::log(log_level::critical, std::string{"a thread other than a simulation's own "} + what);
        std::terminate();
    }
    [[nodiscard]] static bool is_unblocked(const blocked& b) noexcept {
        return b.word.load(std::memory_order_relaxed) != 0;  // one thread
    }

    block_result block_turn(blocked& b, time_point deadline) noexcept {
        if (!reserve_stack()) return block_result::no_spare_worker;
        waiter w{*this, b, running_};
        if (deadline <= now())
            waiter::due(w);
        else if (deadline != never)
            timers_.arm(w, deadline);
        auto& slot = current();
        const auto inside = slot;
        w.stack->pause();
        slot = inside;
        return is_unblocked(b) ? block_result::unblocked : block_result::timed_out;
    }
    block_result block_outside(blocked& b, time_point deadline) noexcept {
        if (deadline <= now()) return block_result::timed_out;
        waiter w{*this, b, nullptr};
        if (deadline != never) timers_.arm(w, deadline);
        for (;;) {
            if (is_unblocked(b)) return block_result::unblocked;
            if (w.timed_out) return block_result::timed_out;
            if (step() || pass_time(never)) continue;
            ++deadlocks_;
            deadlock_report_ =
                spent() ? "all steps that the options allow are done:\n" : "nothing can run and no timer is armed:\n";
            deadlock_report_ += who_waits();
            return block_result::deadlock;
        }
    }
    void wake(waiter& w) noexcept {
        timers_.disarm(w);
        if (std::exchange(w.woken, true) || !w.stack) return;
        chooser_.add({w.what->who ? w.what->who->trace_id() : 0, w.what->who, w.stack});
    }

    void take_turn() {
        const auto count = chooser_.size();
        const auto next = chooser_.take();
        record(next.id, count, next.who);
        auto* stack = static_cast<fiber*>(next.paused);
        if (!stack) {
            stack = idle_.back();  // there is one: see block_turn
            idle_.pop_back();
            stack->start([](void* who) noexcept { static_cast<runnable*>(who)->run(); }, next.who);
        }
        auto& slot = current();
        const auto outside = slot;
        slot.running = this;
        running_ = stack;
        stack->resume();
        running_ = nullptr;
        slot = outside;
        if (stack->idle()) idle_.push_back(stack);
    }
    void fire() {
        std::size_t index = 0;
        std::size_t count = 1;
        timer* t = timers_.pop_due(now(), [&](std::size_t n) { return index = chooser_.tie(count = n); });
        record(timer_id - index, count, nullptr);
        auto& slot = current();
        auto* const outside = std::exchange(slot.running, this);
        t->fire(*t);
        slot.running = outside;
    }
    void record(std::uint64_t id, std::size_t count, const runnable* who) {
        hash_ = stir(stir(stir(hash_, static_cast<std::uint64_t>(now().time_since_epoch().count())), id), count);
        if (!trace_.empty()) {
            auto& entry = trace_[steps_ % trace_.size()];
            entry.when = now();
            entry.id = id;
            entry.count = count;
            entry.text.clear();
            if (who) who->describe_turn(entry.text);
        }
        ++steps_;
    }
    static void print(std::uint64_t at, const traced& entry, std::string& out) {
        out.append(std::to_string(at)).append("  ").append(moment(entry.when)).append("  ");
        if (entry.id > timer_id - entry.count)
            out.append("a timer");
        else
            out.append("#").append(std::to_string(entry.id)).append(" ").append(entry.text);
        if (entry.count > 1) out.append("  (1 of ").append(std::to_string(entry.count)).append(")");
        out += '\n';
    }

    /// Makes sure that there is an idle stack.
    bool reserve_stack() noexcept {
        if (!idle_.empty()) return true;
        if (stacks_.size() >= options_.stacks) return false;
        auto made = fiber::make(options_.stack_size);
        if (!made) return false;
        idle_.push_back(made.get());
        stacks_.push_back(std::move(made));
        return true;
    }
    void settle(const tenant& processes) noexcept {
        const auto limit = now() + patience;
        auto left = patience_steps;
        (void)run_until(limit, [&] { return processes.live() == 0 || --left == 0; });
        while (left != 0 && step()) --left;
    }

    simulation_options options_;
    chooser chooser_;
    virtual_timers timers_;
    const current_slot* thread_ = &current();
    std::atomic<duration::rep> now_{start.count()};
    std::vector<std::unique_ptr<fiber>> stacks_;
    std::vector<fiber*> idle_;
    fiber* running_ = nullptr;   // while a turn runs
    waiter* waiters_ = nullptr;  // the youngest
    bool ended_ = false;

    std::uint64_t seed_;
    random_source chance_{stir(seed_, 1)};  // what processes draw; the choice of the next one has its own
    std::uint64_t steps_ = 0;
    std::uint64_t hash_ = 0;
    std::vector<traced> trace_;  // a ring
    std::size_t deadlocks_ = 0;
    std::string deadlock_report_;
};

}  // namespace exec
}  // namespace otp::inline OTP_ABI
