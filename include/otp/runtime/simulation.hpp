// A simulation: processes, time and chance under a test's control.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "otp/base/exit.hpp"
#include "otp/base/reason.hpp"
#include "otp/config.hpp"
#include "otp/fwd.hpp"
#include "otp/runtime/executor.hpp"
#include "otp/runtime/simulator.hpp"

namespace otp::inline OTP_ABI {

/// Runs the same processes as otp::runtime, on the thread that made it: who comes next is chosen from a seed, and time is
/// virtual. As long as it lives it is the current runtime of that thread. A blocking operation (call, start, stop, wait,
/// receive) of this thread runs the simulation until it is done; where nothing can run any more and no timer is armed, it
/// fails with reason::deadlock. One of a process lets the others go on.
///
/// The same program with the same seed and options does the same: trace_hash() says so. Time passes only when nothing can
/// run, in a jump to the next timer; what happens takes no time.
///
/// Thread safety: for its own thread only; any other that touches it or its processes ends the program, with a report.
/// In a process of its own, the functions that run the simulation throw otp::exit with bad_argument.
class simulation {
public:
    explicit simulation(std::uint64_t seed = 1, const simulation_options& options = {})
        : executor_{seed, options}, outer_{std::exchange(exec::current().used, &executor_)} {}
    simulation(const simulation&) = delete;
    simulation& operator=(const simulation&) = delete;
    /// Ends every process in order, as runtime::shutdown does: asks, waits up to 30 s of virtual time, kills.
    ~simulation() {
        executor_.shut_down();
        exec::current().used = outer_;
    }

    /// One turn of one process, or one timer that is due. False: neither is there, as long as no time passes.
    bool step() { return outside().step(); }
    /// Runs until nothing can run and no timer is due, without letting time pass.
    void run() { run_until_time(now()); }
    /// Runs until nothing can run and no timer is left; time passes as it must. Where timers go on for ever, so does this.
    void run_all() { run_until_time(exec::never); }
    /// Lets `span` of time pass; what becomes due on the way runs, in order, also what is due at the very end.
    void advance(exec::duration span) { run_until_time(after(span)); }
    /// Runs as advance(limit) does, but only until `done()`, which is asked before each step. False: `limit` has passed,
    /// and it was never true. The predicate may make calls.
    template <class Predicate>
    bool run_until(Predicate&& done, exec::duration limit) {
        return outside().run_until(after(limit), done);
    }
    /// Runs a task<T> to its end as a process of its own: otp::result<T>.
    template <class Task>
    auto run(Task task);

    /// The virtual time. Any thread.
    [[nodiscard]] exec::time_point now() const noexcept { return executor_.now(); }
    [[nodiscard]] std::uint64_t seed() const noexcept { return executor_.seed(); }
    /// How many turns there were, and timers that fired.
    [[nodiscard]] std::uint64_t steps() const noexcept { return executor_.steps(); }
    /// A number made from each step and its time: two runs with the same number did the same.
    [[nodiscard]] std::uint64_t trace_hash() const noexcept { return executor_.hash(); }
    /// The last `n` steps, a readable line each; simulation_options::trace says how many there are at most.
    [[nodiscard]] std::string trace(std::size_t n) const { return executor_.trace(n); }
    /// The choices so far, for otp::replay.
    [[nodiscard]] std::string choices() const { return executor_.choices(); }
    /// How many processes are alive.
    [[nodiscard]] std::size_t live() const noexcept { return executor_.live(); }
    /// How many operations of this thread have failed with deadlock, and what the last one found: who waits for whom.
    [[nodiscard]] std::size_t deadlocks() const noexcept { return executor_.deadlocks(); }
    [[nodiscard]] const std::string& deadlock_report() const noexcept { return executor_.deadlock_report(); }

    // The functions of the same names in namespace otp, for processes of this simulation.
    template <class T, class... A>
    auto start(A&&... args);
    template <class T, class... A>
    auto start(const start_options& options, A&&... args);
    template <class T, class... A>
    auto start_link(A&&... args);
    template <class T, class... A>
    auto start_link(const start_options& options, A&&... args);
    template <class T, class... A>
    auto start_monitor(A&&... args);
    template <class T, class... A>
    auto start_monitor(const start_options& options, A&&... args);
    template <class F, class... A>
    auto spawn(F&& body, A&&... args);
    template <class F, class... A>
    auto spawn_link(F&& body, A&&... args);
    template <class F, class... A>
    auto spawn_monitor(F&& body, A&&... args);
    template <class Name>
    auto whereis(const Name& name);
    template <class Style = void, class... A>
    auto serve(const socket_options& options, A&&... args);

    /// What the process layer talks to.
    [[nodiscard]] exec::executor& executor() noexcept { return executor_; }
    /// All that the simulation is made of, for tests of the library itself.
    [[nodiscard]] exec::simulator& simulator() noexcept { return executor_; }

private:
    void run_until_time(exec::time_point limit) {
        (void)outside().run_until(limit, [] { return false; });
    }
    [[nodiscard]] exec::time_point after(exec::duration span) const noexcept {
        return span < exec::never - now() ? now() + span : exec::never;
    }
    [[nodiscard]] exec::simulator& outside() {
        if (executor_.in_turn())
            throw otp::exit{reason::bad_argument.with_text("a process tried to run the simulation that it is part of")};
        return executor_;
    }

    exec::simulator executor_;
    exec::executor* outer_;
};

}  // namespace otp::inline OTP_ABI
