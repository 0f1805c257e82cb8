// What the process layer knows of a runtime: something that runs turns, keeps time, lets a thread wait, and watches
// descriptors. The worker pool and the simulation are its two implementations.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "otp/base/intrusive_ptr.hpp"
#include "otp/base/owned.hpp"
#include "otp/config.hpp"

namespace otp::inline OTP_ABI::exec {

using clock = std::chrono::steady_clock;
using time_point = std::chrono::time_point<clock, std::chrono::nanoseconds>;
using duration = std::chrono::nanoseconds;
inline constexpr time_point never = time_point::max();

class poller;

/// Something that takes turns on a worker: a process.
class runnable : public ref_counted {
public:
    runnable* run_next = nullptr;  // belongs to the queue that the runnable stands in

    /// One turn. It ends by going idle, by dying or by a call of executor::yield_back; the executor doesn't touch
    /// the runnable after it has returned.
    virtual void run() noexcept = 0;
    /// A number that is the same in each run of one seed; goes into a simulation's trace.
    [[nodiscard]] virtual std::uint64_t trace_id() const noexcept = 0;
    /// Says who this is and what it waits for, in a line; called on the simulation's thread, for a deadlock report.
    virtual void describe(std::string& out) const = 0;
    /// Says who this is and what the turn that now comes begins with; called on the simulation's thread, for its trace.
    virtual void describe_turn(std::string& out) const { describe(out); }
};

/// An entry of a timer wheel, embedded in what it wakes. `fire` is called once per arming, on any thread, under the
/// wheel's lock: it may push a signal and schedule, and must not arm, disarm or block.
class timer {
public:
    using action = void (*)(timer&) noexcept;
    explicit timer(action when_due) noexcept : fire{when_due} {}
    timer(const timer&) = delete;
    timer& operator=(const timer&) = delete;

    timer* next = nullptr;  // these belong to the wheel while armed
    timer* previous = nullptr;
    time_point deadline{};  // written by who arms it, and by its owner while it isn't armed
    std::atomic<void*> home{nullptr};  // the wheel it stands in; changed under that wheel's lock only
    action fire;
};

/// A thread or a simulated stack that waits in executor::block; lives in the waiting frame. Exactly one unblock
/// answers each block that was announced to wakers, and the waiter doesn't leave before it came.
struct blocked {
    runnable* who = nullptr;               // who waits, for reports; may be null for a thread of the user's own
    std::atomic<std::uint32_t> word{0};    // 0 waiting, 1 unblocked, others are the executor's own
    void* implementation = nullptr;        // the executor's own
};

enum class block_result : std::uint8_t { unblocked, timed_out, no_spare_worker, deadlock };

/// What the process layer hangs on an executor: its registry, its table of processes. Made at first use.
class tenant {
public:
    virtual ~tenant() = default;
    /// Asks every process to end, children before parents; called once when a shutdown begins.
    virtual void begin_shutdown() noexcept = 0;
    /// Kills what has not ended; called when the deadline of a shutdown is over.
    virtual void kill_all() noexcept = 0;
    /// How many processes are alive. Any thread.
    [[nodiscard]] virtual std::size_t live() const noexcept = 0;
    /// Names who is still alive and what it waits for, a line each.
    [[nodiscard]] virtual std::string who_is_alive() const = 0;
};

class executor {
public:
    executor() = default;
    executor(const executor&) = delete;
    executor& operator=(const executor&) = delete;
    virtual ~executor() = default;

    /// Queues a turn; newest first where that helps the cache. Any thread; `r` stands in no queue.
    virtual void schedule(runnable& r) noexcept = 0;
    /// Queues another turn behind all others; the end of a turn that has used up its budget.
    virtual void yield_back(runnable& r) noexcept = 0;

    /// The time, virtual in a simulation. Any thread.
    [[nodiscard]] virtual time_point now() const noexcept = 0;
    /// A time that is never later than now() and at most `coarse_step` earlier; cheaper.
    [[nodiscard]] virtual time_point coarse_now() const noexcept = 0;
    /// How old coarse_now() may be at most.
    [[nodiscard]] duration coarse_step() const noexcept { return coarse_step_; }

    /// Arms or re-arms a timer: one caller at a time for each timer. A deadline that is past fires soon.
    virtual void arm(timer& t, time_point deadline) noexcept = 0;
    /// True: it was armed, and will not fire any more. False: it was not, or its fire has returned already. Any thread.
    virtual bool disarm(timer& t) noexcept = 0;

    /// Waits until unblock(b) or the deadline. On a worker, the pool makes sure first that another worker can go on, or returns
    /// no_spare_worker at once. In a simulation it lets others run, and virtual time pass; nothing left to run is deadlock.
    [[nodiscard]] virtual block_result block(blocked& b, time_point deadline) noexcept = 0;
    /// Ends a block, also one that has not begun to wait yet. Any thread, once for each block.
    virtual void unblock(blocked& b) noexcept = 0;

    /// The tenant has no process left. May be called at any time, by any thread.
    virtual void quiescent() noexcept {}

    /// Watches descriptors; null where there are none (a simulation).
    [[nodiscard]] virtual poller* io() noexcept = 0;

    /// True on a thread that runs turns of this executor right now.
    [[nodiscard]] virtual bool runs_here() const noexcept = 0;

    /// Any number; in a simulation its seed decides which.
    [[nodiscard]] virtual std::uint64_t random() noexcept {
        // The last digits of the clock, spread: the finaliser of splitmix64.
        auto mixed = static_cast<std::uint64_t>(now().time_since_epoch().count());
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
        return mixed ^ (mixed >> 31);
    }
    /// True where time is virtual: timers are then armed and disarmed exactly, so that no needless moment is simulated.
    [[nodiscard]] bool simulated() const noexcept { return simulated_; }

    /// How many messages a process handles in one turn at most.
    [[nodiscard]] std::uint32_t turn_budget() const noexcept { return turn_budget_; }

    /// The process layer's part of this runtime, made by `make` at first use. Any thread.
    template <class Tenant>
    [[nodiscard]] Tenant& tenant_as() {
        // Acquire pairs with the release below: the tenant is seen whole.
        if (auto* made = tenant_.load(std::memory_order_acquire)) return static_cast<Tenant&>(*made);
        base::owned<Tenant> fresh{new Tenant{*this}};
        tenant* expected = nullptr;
        if (tenant_.compare_exchange_strong(expected, fresh.get(), std::memory_order_acq_rel, std::memory_order_acquire))
            return *fresh.release();
        return static_cast<Tenant&>(*expected);
    }
    [[nodiscard]] tenant* current_tenant() const noexcept { return tenant_.load(std::memory_order_acquire); }  // as above

protected:
    /// For the destructor of an implementation, when nothing runs any more.
    void drop_tenant() noexcept {
        delete current_tenant();  // what it ends on its way may still ask for it
        tenant_.store(nullptr, std::memory_order_release);  // pairs with tenant_as; nobody else is left
    }

    bool simulated_ = false;
    std::uint32_t turn_budget_ = 64;
    duration coarse_step_{0};

private:
    std::atomic<tenant*> tenant_{nullptr};
};

/// The executor whose turn this thread runs, else the innermost `otp::use` of this thread, else null. Out of line, so
/// that no compiler keeps a thread's address across a suspension.
struct current_slot {
    executor* running = nullptr;  // set by a worker for as long as it runs turns
    executor* used = nullptr;     // set by otp::use
    runnable* turn = nullptr;     // whose turn runs here; the process layer sets it
};
[[gnu::noinline]] inline current_slot& current() noexcept {
    static thread_local constinit current_slot slot;
    asm volatile("");
    return slot;
}

}  // namespace otp::inline OTP_ABI::exec
