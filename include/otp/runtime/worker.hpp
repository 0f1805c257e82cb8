// What a worker is made of: the core, which has the work, and the thread, which runs turns for as long as it holds a
// core. There are as many cores as workers; a thread that blocks leaves its core to another.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <pthread.h>

#include "otp/config.hpp"
#include "otp/runtime/executor.hpp"
#include "otp/runtime/newest_slot.hpp"
#include "otp/runtime/run_queue.hpp"
#include "otp/runtime/timer_wheel.hpp"

namespace otp::inline OTP_ABI::exec {

class worker_pool;

/// Used by the thread that holds it; thieves take from `ready`, any thread may fire the wheel.
struct core {
    core(std::size_t number, time_point now) noexcept
        : index{number}, random{static_cast<std::uint32_t>(number) + 1}, wheel{now} {}

    static constexpr std::uint32_t longest_upkeep = 61;  // turns; a prime, so that it doesn't beat with anything
    static constexpr std::uint32_t newest_in_a_row = 3;

    const std::size_t index;
    newest_slot<runnable> newest;  // runs next: what was scheduled last is likely in the cache, with its message
    std::uint32_t newest_runs = 0;
    bool quiet = false;  // events come in: queue them all, then wake for them once
    std::uint32_t upkeep_every = longest_upkeep;
    std::uint32_t upkeep_in = longest_upkeep;
    time_point upkeep_at{};  // the last one
    time_point looked_at{};  // the last look at timers and descriptors
    std::uint32_t random;
    core* next_vacant = nullptr;  // the crew's, under its lock
    // Its worker is awake and uses `newest`, which wakes nobody: the driver looks whether what stands there is run in time.
    std::atomic<bool> watched{false};
    runnable* suspect = nullptr;  // the driver's: what stood there at its last look, and since when
    time_point suspected_at{};

    run_queue<runnable> ready;
    timer_wheel wheel;

    /// Xorshift: where to begin to steal.
    [[nodiscard]] std::uint32_t roll() noexcept {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        return random;
    }
};

/// A thread of the pool, or for a while a thread of the user's that runs turns: a guest.
struct worker {
    enum call : std::uint32_t { none, take_core, leave };

    /// `runs`: what a new thread begins with; null for a guest.
    worker(worker_pool& of, void (*runs)(worker&)) noexcept : pool{&of}, entry{runs}, guest{runs == nullptr} {}
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;

    worker_pool* const pool;
    void (*const entry)(worker&);
    const bool guest;
    core* mine = nullptr;    // its own thread's, but for a spare: then the crew's, under its lock
    bool searching = false;  // counted so in the idle word

    // the crew's, under its lock
    pthread_t thread{};
    worker* next = nullptr;        // of all, or of those that have ended
    worker* previous = nullptr;    // of all
    worker* next_spare = nullptr;
    std::atomic<std::uint32_t> called{none};  // what a spare waits for
};

/// The worker that this thread is at the moment, or null. Out of line for the same reason as current().
[[gnu::noinline]] inline worker*& this_worker() noexcept {
    static thread_local constinit worker* w = nullptr;
    asm volatile("");
    return w;
}

/// For its lifetime this thread is that worker.
class working_as {
public:
    working_as(worker& w, executor& pool) noexcept
        : outer_{std::exchange(this_worker(), &w)}, outer_running_{std::exchange(current().running, &pool)} {}
    working_as(const working_as&) = delete;
    working_as& operator=(const working_as&) = delete;
    ~working_as() {
        this_worker() = outer_;
        current().running = outer_running_;
    }

private:
    worker* const outer_;
    executor* const outer_running_;
};

}  // namespace otp::inline OTP_ABI::exec
