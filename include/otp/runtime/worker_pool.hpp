// The executor of the real machine: a fixed number of cores, each run by a thread, that share their work, sleep when there
// is none, and let a thread wait without standing still themselves.
#pragma once

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include <pthread.h>
#include <time.h>

#include "otp/base/atomics.hpp"
#include "otp/base/order.hpp"
#include "otp/base/owned.hpp"
#include "otp/config.hpp"
#include "otp/runtime/cpus.hpp"
#include "otp/runtime/crew.hpp"
#include "otp/runtime/executor.hpp"
#include "otp/runtime/futex.hpp"
#include "otp/runtime/idle_word.hpp"
#include "otp/runtime/injection.hpp"
#include "otp/runtime/make_poller.hpp"
#include "otp/runtime/poller.hpp"
#include "otp/runtime/timer_wheel.hpp"
#include "otp/runtime/worker.hpp"

namespace otp::inline OTP_ABI::exec {

struct pool_options {
    static constexpr std::size_t all_cpus = std::numeric_limits<std::size_t>::max();

    std::size_t workers = all_cpus;      // 0: no thread of its own, guests run it
    std::size_t spare_workers = 1024;    // how many more threads there may be while workers are blocked
    std::string name = "otp";            // the threads', with a number; the system may shorten it
    poller_kind poller = poller_kind::automatic;
    thread_maker make_thread = &::pthread_create;
    duration spare_idle = std::chrono::seconds{5};  // after which a spare thread ends
};

/// Where things wait: a core's `newest` and `ready`, the injection list for what comes from outside, the timer wheels,
/// the poller. One thread at a time is in the driver: it sleeps in the poller until the earliest timer of all wheels,
/// and fires what is due in any of them. A wake-up is owed for work that no awake worker will find (see idle_word),
/// and for a timer that is earlier than what the driver sleeps until.
class worker_pool final : public executor {
public:
    /// Throws std::system_error if the system gives no poller, or not one thread.
    explicit worker_pool(pool_options options = {});
    /// Waits for every thread, also for those that are still in a turn or blocked in one.
    inline ~worker_pool() override;

    inline void schedule(runnable& r) noexcept override;
    inline void yield_back(runnable& r) noexcept override;

    [[nodiscard]] time_point now() const noexcept override { return clock::now(); }
    [[nodiscard]] inline time_point coarse_now() const noexcept override;

    inline void arm(timer& t, time_point deadline) noexcept override;
    bool disarm(timer& t) noexcept override { return timer_wheel::disarm(t); }

    [[nodiscard]] inline block_result block(blocked& b, time_point deadline) noexcept override;
    inline void unblock(blocked& b) noexcept override;

    [[nodiscard]] poller* io() noexcept override { return poller_.get(); }
    [[nodiscard]] bool runs_here() const noexcept override {
        const worker* const w = this_worker();
        return w && w->pool == this;
    }
    inline void quiescent() noexcept override;

    /// Waits until the tenant has no process alive, or until the deadline: false. Outside of turns.
    [[nodiscard]] bool wait_quiescent(time_point deadline) noexcept;

    /// From here on no turn begins; those that run go on. For the end of the program: it waits for nobody, and what blocks
    /// outside of turns from now on gets `deadlock`.
    void halt() noexcept { crew_.tell(crew::halt); }

    /// Without workers: runs what is ready, timers and events too, and returns how many turns that were; some hundred at
    /// most, then native_fd() is readable at once. 0 if another thread is at it. Any thread, but not in a turn: 0 there.
    std::size_t poll() noexcept;
    /// Without workers: readable when poll() has something to do; -1 if the poller has none. The thread that polls.
    [[nodiscard]] int native_fd() noexcept { return guests_only_ ? poller_->native_fd() : -1; }

    /// How many workers there are; 0 if it has no threads of its own.
    [[nodiscard]] std::size_t workers() const noexcept { return guests_only_ ? 0 : count_; }
    /// How many threads there are now. Any thread.
    [[nodiscard]] std::size_t threads() const noexcept { return crew_.threads(); }

private:
    static constexpr duration look_every = std::chrono::milliseconds{1};  // at timers and descriptors, while there is work
    static constexpr duration newest_waits = std::chrono::milliseconds{10};  // for its worker; then an idle one takes it over
    static constexpr unsigned search_rounds = 3;
    static constexpr std::size_t turns_of_a_poll = 4 * core::longest_upkeep;
    static constexpr std::int64_t not_asleep = std::numeric_limits<std::int64_t>::min();

    struct quiet_waiter {
        blocked by;
        quiet_waiter* next = nullptr;
        bool told = false;
    };

    // queues
    void push(core& c, runnable& r) noexcept {
        if (const auto over = c.ready.push(&r); over.first) injection_.push(over.first, over.last, over.count);
    }
    void push_fresh(core& c, runnable& r) noexcept {
        if (const auto over = c.ready.push(&r); over.first) injection_.push_surplus(over.first, over.last, over.count);
    }
    void publish_newest(core& c) noexcept {
        if (runnable* const r = c.newest.take()) push(c, *r);
    }
    [[nodiscard]] core* held_core() const noexcept {
        const worker* const w = this_worker();
        return w && w->pool == this ? w->mine : nullptr;
    }
    [[nodiscard]] bool work_to_steal() const noexcept;

    // waking
    void wake_one() noexcept {
        if (guests_only_)
            poller_->wake();
        else
            wake(idle_.claim());
    }
    void wake_others() noexcept {
        if (count_ > 1) wake_one();
    }
    void wake(idle_word<>::claimed one) noexcept;

    // a worker's loop
    static void work(worker& w) noexcept;
    void attend(worker& w) noexcept;
    void obey(worker& w, std::uint32_t orders) noexcept;
    void turn(worker& w, runnable& r) noexcept;
    [[nodiscard]] runnable* next(core& c) noexcept;
    [[nodiscard]] runnable* upkeep(core& c) noexcept;
    void look(core& c, time_point at, bool anyway) noexcept;
    void even_out(core& c) noexcept;
    [[nodiscard]] runnable* from_injection(core& c) noexcept;
    [[nodiscard]] runnable* search(worker& w) noexcept;
    void watch(core& c) noexcept;
    void take_over(core& c, time_point at) noexcept;
    void sleep(worker& w) noexcept;
    void sleep_in_driver(worker& w, time_point limit, const blocked* until) noexcept;

    // the driver
    [[nodiscard]] bool take_driver() noexcept {
        // Acquire pairs with leave_driver: the poller as the last driver left it.
        return !driver_.load(std::memory_order_relaxed) && !driver_.exchange(true, std::memory_order_acquire);
    }
    void leave_driver() noexcept { driver_.store(false, std::memory_order_release); }  // pairs with take_driver
    [[nodiscard]] time_point announce_sleep(time_point limit) noexcept;
    void fire_timers(time_point at) noexcept;
    [[nodiscard]] time_point next_timer() const noexcept;

    // blocking and guests
    [[nodiscard]] bool await(blocked& b, time_point deadline) noexcept;
    [[nodiscard]] bool await_as_guest(blocked& b, time_point deadline) noexcept;
    void drive(worker& guest, blocked& b, time_point deadline) noexcept;
    void leave_as_guest(worker& guest) noexcept;
    [[nodiscard]] bool withdraw(quiet_waiter& q) noexcept;

    const bool guests_only_;
    const std::size_t count_;  // of cores
    base::owned<poller> poller_;
    base::owned_array<base::owned<core>> cores_;
    timer_wheel outside_;  // of threads without a core
    injection<runnable> injection_;
    idle_word<> idle_;
    alignas(cache_line) std::atomic<bool> driver_{false};
    std::atomic<std::int64_t> last_look_{0};                     // at descriptors, by any worker
    alignas(cache_line) std::atomic<std::int64_t> asleep_until_{not_asleep};  // the driver

    std::atomic<std::uint32_t> quiet_wanted_{0};  // how many wait_quiescent()
    std::mutex quiet_lock_;                       // guards them
    quiet_waiter* quiet_waiters_ = nullptr;
    crew crew_;
};

inline worker_pool::worker_pool(pool_options options)
    : guests_only_{options.workers == 0},
      count_{base::min(base::max<std::size_t>(options.workers == pool_options::all_cpus ? usable_cpus() : options.workers, 1),
                       std::size_t{idle_word<>::most_workers})},
      poller_{make_poller(options.poller)}, cores_{new base::owned<core>[count_]},
      outside_{clock::now()}, idle_{count_},
      crew_{*this, &worker_pool::work, guests_only_ ? 0 : count_, options.spare_workers, std::move(options.name),
            options.make_thread, options.spare_idle} {
    if (!poller_) throw std::system_error{errno, std::generic_category(), "otp: no poller for a runtime"};
    const time_point begin = clock::now();
#if defined(CLOCK_MONOTONIC_COARSE)
    timespec step{};
    if (::clock_getres(CLOCK_MONOTONIC_COARSE, &step) == 0)
        coarse_step_ = std::chrono::seconds{step.tv_sec} + std::chrono::nanoseconds{step.tv_nsec};
#endif
    for (std::size_t i = 0; i < count_; ++i) cores_[i].reset(new core{i, begin});
    int failure = 0;
    for (std::size_t i = 0; i < count_; ++i) failure = crew_.start(*cores_[i]);
    // With fewer threads than cores the spares help out; without any nothing would ever run.
    if (!guests_only_ && crew_.threads() == 0)
        throw std::system_error{failure, std::generic_category(), "otp: no thread for a runtime"};
}

inline worker_pool::~worker_pool() {
    crew_.tell(crew::stop);
    for (auto one = idle_.claim_anyway(); one.where != parking::empty; one = idle_.claim_anyway()) wake(one);
    crew_.join();
    drop_tenant();
}

inline void worker_pool::wake(idle_word<>::claimed one) noexcept {
    if (one.where == parking::on_futex)
        futex::wake_one(idle_.spot(one.who));
    else if (one.where == parking::in_driver)
        poller_->wake();
}

inline void worker_pool::schedule(runnable& r) noexcept {
    core* const c = held_core();
    if (!c) {
        injection_.push(r);
        wake_one();
    } else if (c->quiet) {
        push(*c, r);
    } else {
        // Alone, the newest wakes nobody: this worker is the one to run it, unless the turn at hand takes too long.
        if (runnable* const before = c->newest.put(&r)) {
            push_fresh(*c, *before);
            wake_others();
        }
        if (!c->watched.load(std::memory_order_relaxed)) watch(*c);  // only its own worker writes it
    }
}

/// From now until its worker sleeps, the driver looks after what the worker is to run next.
[[gnu::cold, gnu::noinline]] inline void worker_pool::watch(core& c) noexcept {
    if (count_ == 1) return;
    c.watched.store(true, std::memory_order_relaxed);  // published by the next line; see announce_sleep
    if (asleep_until_.fetch_add(0, std::memory_order_acq_rel) > (now() + newest_waits).time_since_epoch().count()) poller_->wake();
}

inline void worker_pool::yield_back(runnable& r) noexcept {
    core* const c = held_core();
    if (!c) {
        injection_.push(r);
        wake_one();
        return;
    }
    const bool alone = !c->newest.seen() && c->ready.empty();
    push(*c, r);
    if (!alone) wake_others();
}

inline time_point worker_pool::coarse_now() const noexcept {
#if defined(CLOCK_MONOTONIC_COARSE)
    timespec at{};
    if (::clock_gettime(CLOCK_MONOTONIC_COARSE, &at) == 0)
        return time_point{std::chrono::seconds{at.tv_sec} + std::chrono::nanoseconds{at.tv_nsec}};
#endif
    return clock::now();
}

inline void worker_pool::arm(timer& t, time_point deadline) noexcept {
    core* const c = held_core();
    timer_wheel& wheel = c ? c->wheel : outside_;
    if (!wheel.arm(t, deadline)) return;
    // A read-modify-write: see announce_sleep.
    if (asleep_until_.fetch_add(0, std::memory_order_acq_rel) > deadline.time_since_epoch().count()) poller_->wake();
}

}  // namespace otp::inline OTP_ABI::exec

#include "otp/runtime/blocking.hpp"
#include "otp/runtime/worker_loop.hpp"
