// The public scopes: a runtime that runs processes on real threads, and which one is current.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <utility>

#include "otp/base/log.hpp"
#include "otp/base/reason.hpp"
#include "otp/base/result.hpp"
#include "otp/config.hpp"
#include "otp/fwd.hpp"
#include "otp/runtime/executor.hpp"
#include "otp/runtime/worker_pool.hpp"

namespace otp::inline OTP_ABI {

/// How a runtime runs.
struct runtime_options {
    /// How many threads run turns. At first as many as this program has processors: of its affinity mask, less if a control
    /// group limits its time. 0: none; it runs in runtime::poll() and in blocking operations of threads outside.
    std::size_t workers = exec::pool_options::all_cpus;
    /// How many more threads there may be while handlers block. Past it a blocking call in a handler fails with system_limit
    /// as soon as it would leave no worker.
    std::size_t spare_workers = 1024;
    /// The name of its threads, which get a number; 9 characters are shown.
    std::string name = "otp";
    /// Which mechanism watches sockets.
    exec::poller_kind poller = exec::poller_kind::automatic;
};

/// A scope in which processes run: workers, timers, sockets, and a registry of names. What is started in it ends with it.
///
/// Its threads block the signals that a program handles; those come to the program's own threads. A forked child can't
/// use its parent's runtime; it makes one of its own.
///
/// Thread safety: any thread, but for the constructor, the destructor, poll() and native_fd().
class runtime {
public:
    /// Throws std::system_error if the system gives no poller (EMFILE), or no thread.
    explicit runtime(runtime_options options = {})
        : pool_{{.workers = options.workers,
                 .spare_workers = options.spare_workers,
                 .name = std::move(options.name),
                 .poller = options.poller}} {}
    runtime(const runtime&) = delete;
    runtime& operator=(const runtime&) = delete;
    /// Ends every process in order: asks, waits up to 30 s, reports who is still alive and kills; then waits until all are
    /// gone and every thread has ended, however long a handler takes. In a process of its own it ends the program.
    ~runtime() {
        if (pool_.runs_here()) {
            base::log(log_level::critical, "a runtime was destroyed by one of its own processes");
            std::abort();
        }
        if (const auto ended = shutdown(std::chrono::seconds{30}); !ended) {
            base::log(log_level::error, "the runtime ends, but not all of its processes: " + ended.error().to_string());
            (void)pool_.wait_quiescent(exec::never);
        }
    }

    /// Asks every process to end, children before parents, and waits for it; nothing new is started from then on. If some
    /// are left after `limit`: kills them, and fails with reason::timeout, whose text says who they are and what they
    /// wait for. In a process of this runtime: reason::deadlock, and nothing is asked. May be repeated.
    result<void> shutdown(exec::duration limit) {
        if (pool_.runs_here()) return reason::deadlock.with_text("a process can't wait for the end of its own runtime");
        exec::tenant* const processes = pool_.current_tenant();
        if (!processes) return {};
        const auto now = pool_.now();
        // Acquire and release: the order to end is given once, before anyone waits for it.
        if (!ending_.exchange(true, std::memory_order_acq_rel)) processes->begin_shutdown();
        if (pool_.wait_quiescent(limit < exec::never - now ? now + limit : exec::never)) return {};
        auto left = reason::timeout.with_text(processes->who_is_alive());
        processes->kill_all();
        return left;
    }

    /// With `workers = 0`: runs what is ready, without waiting; returns how many turns that were. It runs some hundred at
    /// most; if there is more, native_fd() is readable at once. Any thread, one at a time: another gets 0, as does a process.
    std::size_t poll() noexcept { return pool_.poll(); }
    /// With `workers = 0`: a descriptor for a foreign event loop; when it is readable, poll() has something to do. -1 if the
    /// poller has none. Call it on the thread that polls; it stays the same.
    [[nodiscard]] int native_fd() noexcept { return pool_.native_fd(); }
    /// How many workers there are.
    [[nodiscard]] std::size_t workers() const noexcept { return pool_.workers(); }

    // The functions of the same names in namespace otp, for processes of this runtime.
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
    template <class Task>
    auto run(Task task);

    /// What the process layer talks to.
    [[nodiscard]] exec::executor& executor() noexcept { return pool_; }

private:
    exec::worker_pool pool_;
    std::atomic<bool> ending_{false};
};

/// As long as it lives, `rt` is the current runtime of this thread, unless a process runs on it or an inner `use` is alive.
/// They end in the reverse order of their beginning.
class use {
public:
    explicit use(runtime& rt) noexcept : use{rt.executor()} {}
    explicit use(exec::executor& ex) noexcept : outer_{std::exchange(exec::current().used, &ex)} {}
    use(const use&) = delete;
    use& operator=(const use&) = delete;
    ~use() { exec::current().used = outer_; }

private:
    exec::executor* outer_;
};

namespace exec {

/// The default runtime: made at first use, never destroyed, so that static destructors may still use it. When the program
/// exits its workers stop between two turns. Nobody is asked to end and nobody waited for; a call on a thread outside that
/// would have to wait fails with reason::deadlock. A program that wants more has a runtime of its own in main().
[[nodiscard, gnu::visibility("default")]] inline executor& default_executor() {
    static worker_pool* const pool = [] {
        auto* const made = new worker_pool;
        std::atexit([] { static_cast<worker_pool&>(default_executor()).halt(); });
        return made;
    }();
    return *pool;
}

/// That of the process which runs on this thread, else that of the innermost `otp::use`, else the default.
[[nodiscard]] inline executor& current_executor() {
    const current_slot& slot = current();
    if (slot.running) return *slot.running;
    if (slot.used) return *slot.used;
    return default_executor();
}

}  // namespace exec

}  // namespace otp::inline OTP_ABI
