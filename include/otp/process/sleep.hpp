// Coroutines that wait for time alone, or let others go first.
#pragma once

#include <chrono>
#include <coroutine>

#include "otp/base/exit.hpp"
#include "otp/process/process.hpp"
#include "otp/process/waiting.hpp"

namespace otp::inline OTP_ABI {

namespace proc {

class sleeping {
public:
    explicit sleeping(exec::duration span) noexcept : span_{span} {}
    [[nodiscard]] bool await_ready() const {
        if (span_ < exec::duration::zero()) throw otp::exit{reason{reason::bad_argument}.with_text("a negative time to sleep")};
        return false;
    }
    template <class P>
    void await_suspend(std::coroutine_handle<P> awaiting) {
        activity& driver = *awaiting.promise().driver;
        process& self = *driver.owner;
        by_.resumes = &driver;
        wait_.ref = self.next_wait_ref();
        const auto now = self.executor().now();
        wait_.deadline = span_ >= exec::never - now ? exec::never : now + span_;
        wait_.what = &what;
        driver.suspended = awaiting;
        self.begin_wait(wait_, by_);
    }
    void await_resume() const noexcept {}

private:
    static constexpr signal_ops what{nullptr, nullptr, nullptr, nullptr, "time"};
    exec::duration span_;
    wait wait_;
    waiter by_;
};

struct yielding {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> awaiting) const noexcept {
        activity& driver = *awaiting.promise().driver;
        driver.suspended = awaiting;
        driver.owner->make_ready(driver);
        driver.owner->yield(driver);
    }
    void await_resume() const noexcept {}
};

}  // namespace proc

/// co_await otp::sleep_for(1s): the process waits, no thread does; never shorter than said. A negative time throws otp::exit
/// with bad_argument. timer:sleep/1.
[[nodiscard]] inline proc::sleeping sleep_for(std::chrono::nanoseconds span) noexcept { return proc::sleeping{span}; }

/// co_await otp::yield(): lets all others that can run go first. erlang:yield/0.
[[nodiscard]] inline proc::yielding yield() noexcept { return {}; }

}  // namespace otp::inline OTP_ABI
