// One operation on a socket: tried at once, then each time the socket says that it may go on, until it is done, the time
// is over or the socket is closed. A coroutine awaits it, a thread blocks for it.
#pragma once

#include <chrono>
#include <coroutine>
#include <utility>

#include "otp/net/stream.hpp"
#include "otp/process/stand_in.hpp"

namespace otp::inline OTP_ABI::net {

/// The moment `limit` from now, by the exact clock: next to a system call it costs nothing.
[[nodiscard]] inline exec::time_point deadline_after(const exec::executor& ex, exec::duration limit) noexcept {
    if (limit == exec::duration::max()) return exec::never;
    const auto now = ex.now();
    return limit >= exec::never - now ? exec::never : now + limit;
}

/// Derived gives: `bool attempt()`, true when it is done, well or not; and `void fail(reason)`.
template <class Derived>
class operation {
public:
    operation(intrusive_ptr<stream> on, side s, exec::duration limit) noexcept : stream_{std::move(on)}, limit_{limit}, side_{s} {}
    operation(const operation&) = delete;
    operation& operator=(const operation&) = delete;
    ~operation() {
        if (listening_) stream_->stop_listening(side_);
    }

    [[nodiscard]] bool await_ready() { return begin(); }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> frame) {
        proc::activity& driver = *frame.promise().driver;
        by_.resumes = &driver;
        if (!wait_in(*driver.owner)) return false;
        driver.suspended = frame;
        return true;
    }
    [[nodiscard]] auto await_resume() {
        end();
        return derived().take();
    }

    /// Blocks this thread until it is done.
    [[nodiscard]] auto block() {
        if (proc::process* self = proc::current_process()) self->check_signals();
        if (!begin()) {
            proc::process& self = proc::caller(stream_->executor());
            if (wait_in(self)) {
                self.block_until_settled(by_);
                if (by_.failed) {
                    self.end_wait(wait_);
                    derived().fail(proc::why_failed(by_, "a socket"));
                }
            }
        }
        end();
        return derived().take();
    }

protected:
    [[nodiscard]] stream& on() const noexcept { return *stream_; }

private:
    struct io_wait : proc::wait {
        operation* of = nullptr;
    };
    static constexpr proc::signal_ops may_read{nullptr, nullptr, nullptr, nullptr, "a socket to be readable"};
    static constexpr proc::signal_ops may_write{nullptr, nullptr, nullptr, nullptr, "a socket to be writable"};
    [[nodiscard]] Derived& derived() noexcept { return static_cast<Derived&>(*this); }

    /// True: done without waiting.
    [[nodiscard]] bool begin() {
        if (!stream_) {
            derived().fail(reason::closed);
            return true;
        }
        if (limit_ < exec::duration::zero()) {
            derived().fail(reason{reason::bad_argument}.with_text("a negative time limit"));
            return true;
        }
        if (side_ == side::reading && stream_->activity.left() != 0) {
            derived().fail(reason{reason::bad_argument}.with_text("the socket is active: what it receives comes as messages"));
            return true;
        }
        return try_now();
    }
    /// Tries until it is done or would have to wait.
    [[nodiscard]] bool try_now() {
        if (stream_->closed()) {
            derived().fail(reason::closed);
            return true;
        }
        return derived().attempt();
    }
    /// False: it was done while it asked for an event.
    [[nodiscard]] bool wait_in(proc::process& self) {
        wait_.of = this;
        wait_.what = side_ == side::reading ? &may_read : &may_write;
        wait_.retry = [](proc::wait& w) noexcept {
            operation& op = *static_cast<io_wait&>(w).of;
            op.listening_ = false;
            return op.try_until_listening(*w.owner);
        };
        wait_.ref = self.next_wait_ref();
        wait_.deadline = deadline_after(self.executor(), limit_);
        if (try_until_listening(self)) return false;
        self.begin_wait(wait_, by_);
        return true;
    }
    /// True: done. False: a token will come.
    [[nodiscard]] bool try_until_listening(proc::process& self) noexcept {
        for (;;) {
            if (stream_->listen(side_, self, wait_.ref)) {
                listening_ = true;
                return false;
            }
            if (try_now()) return true;
        }
    }
    void end() {
        if (wait_.expired) derived().expire();
    }

    intrusive_ptr<stream> stream_;
    exec::duration limit_;
    side side_;
    bool listening_ = false;
    io_wait wait_;
    proc::waiter by_;
};

}  // namespace otp::inline OTP_ABI::net
