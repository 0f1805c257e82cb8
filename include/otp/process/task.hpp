// Coroutines of processes.
#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "otp/base/exit.hpp"
#include "otp/base/memory.hpp"
#include "otp/config.hpp"
#include "otp/fwd.hpp"
#include "otp/process/activity.hpp"

namespace otp::inline OTP_ABI {

namespace proc {

/// What all coroutines of processes have. Frames come from slab memory.
struct promise_base : frame {
    std::exception_ptr error;

    static void* operator new(std::size_t size) { return memory::allocate(size); }
    static void operator delete(void* block, std::size_t size) noexcept { memory::deallocate(block, size); }

    [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
    struct at_end {
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        template <class P>
        void await_suspend(std::coroutine_handle<P> ended) const noexcept {
            promise_base& promise = ended.promise();
            promise.driver->innermost = promise.caller;
            if (promise.caller) promise.driver->next = promise.caller->self;
            else promise.driver->finished = true;
        }
        void await_resume() const noexcept {}
    };
    [[nodiscard]] at_end final_suspend() const noexcept { return {}; }
    void unhandled_exception() noexcept { error = std::current_exception(); }
    void rethrow_if_failed() {
        if (error) std::rethrow_exception(error);
    }
};

template <class T>
struct promise : promise_base {
    std::optional<T> value;
    task<T> get_return_object() noexcept;
    template <class U>
        requires std::convertible_to<U&&, T>
    void return_value(U&& given) {
        value.emplace(std::forward<U>(given));
    }
    void return_value(T&& given) { value.emplace(std::move(given)); }
    void return_value(const T& given)
        requires std::copy_constructible<T>
    {
        value.emplace(given);
    }
    [[nodiscard]] T result() {
        rethrow_if_failed();
        return std::move(*value);
    }
};
template <>
struct promise<void> : promise_base {
    inline task<void> get_return_object() noexcept;
    void return_void() const noexcept {}
    void result() { rethrow_if_failed(); }
};

}  // namespace proc

/// A coroutine that runs in a process: of a handler, of otp::spawn, of otp::serve. Starts when it is awaited or handed to
/// a process. An await takes it out of the task, which is empty then: awaited once more it throws otp::exit with bad_argument. While it
/// waits, the process waits, and no thread does.
/// Thread safety: belongs to one process.
template <class T>
class [[nodiscard("a task does nothing until it is awaited")]] task {
public:
    using promise_type = proc::promise<T>;
    using value_type = T;

    task() noexcept = default;
    task(task&& other) noexcept : mine_{std::exchange(other.mine_, {})} { own(); }
    task& operator=(task&& other) noexcept {
        std::swap(mine_, other.mine_);
        own();
        other.own();
        return *this;
    }
    ~task() {
        if (mine_.handle) mine_.handle.destroy();
    }

    /// Awaits the end of the coroutine: its value, or its exception.
    [[nodiscard]] auto operator co_await() noexcept { return awaiter{std::exchange(mine_.handle, nullptr)}; }

    /// For the process that runs it: its first step belongs to `driver`.
    void start_in(proc::activity& driver) noexcept {
        if (!mine_.handle) {
            driver.finished = true;
            return;
        }
        auto& first = promise_of(mine_.handle);
        first.driver = &driver;
        driver.innermost = &first;
        driver.next = mine_.handle;
    }
    /// For the process that ran it to its end.
    [[nodiscard]] T take_result() { return result_of(mine_.handle); }

private:
    friend promise_type;
    explicit task(std::coroutine_handle<promise_type> fresh) noexcept : mine_{fresh} {
        fresh.promise().self = fresh;
        own();
    }
    [[nodiscard]] static promise_type& promise_of(std::coroutine_handle<> frame) noexcept {
        return std::coroutine_handle<promise_type>::from_address(frame.address()).promise();
    }
    [[nodiscard]] static T result_of(std::coroutine_handle<> frame) {
        if (!frame) throw otp::exit{reason{reason::bad_argument}.with_text("an empty task")};
        return promise_of(frame).result();
    }
    void own() noexcept {
        if (mine_.handle) promise_of(mine_.handle).owner = &mine_;
    }

    // Owns the frame, so that nobody can end it before what awaits it.
    class [[nodiscard]] awaiter {
    public:
        explicit awaiter(std::coroutine_handle<> child) noexcept : child_{child} {}
        awaiter(const awaiter&) = delete;
        awaiter& operator=(const awaiter&) = delete;
        ~awaiter() {
            if (child_.handle) child_.handle.destroy();
        }
        [[nodiscard]] bool await_ready() const noexcept { return !child_.handle; }
        // Stores what comes next and goes back to the process loop: the stack doesn't grow, on any compiler.
        template <class P>
        void await_suspend(std::coroutine_handle<P> parent) noexcept {
            auto& mine = promise_of(child_.handle);
            mine.owner = &child_;
            mine.driver = parent.promise().driver;
            mine.caller = &parent.promise();
            mine.driver->innermost = &mine;
            mine.driver->next = child_.handle;
        }
        T await_resume() const { return result_of(child_.handle); }

    private:
        proc::frame_owner child_;
    };

    proc::frame_owner mine_;
};

namespace proc {
template <class T>
task<T> promise<T>::get_return_object() noexcept {
    return task<T>{std::coroutine_handle<promise<T>>::from_promise(*this)};
}
inline task<void> promise<void>::get_return_object() noexcept {
    return task<void>{std::coroutine_handle<promise<void>>::from_promise(*this)};
}
}  // namespace proc

}  // namespace otp::inline OTP_ABI
