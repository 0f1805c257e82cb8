// Processes without a callback struct: a function or a coroutine that runs once.
#pragma once

#include <cstdint>
#include <new>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "otp/base/exit.hpp"
#include "otp/process/call.hpp"
#include "otp/process/events.hpp"
#include "otp/process/launch.hpp"
#include "otp/process/stand_in.hpp"
#include "otp/process/task.hpp"
#include "otp/runtime/runtime.hpp"

namespace otp::inline OTP_ABI {

namespace proc {

template <class R>
struct task_value {
    static constexpr bool is_task = false;
};
template <class R>
struct task_value<task<R>> {
    static constexpr bool is_task = true;
    using type = R;
};

/// The outermost coroutine of a process that has nothing else to do: the process ends with it.
template <class Task>
class main_activity final : public activity {
public:
    explicit main_activity(process& p) noexcept : activity{p} {}
    void begin(Task work) {
        work_ = std::move(work);
        work_.start_in(*this);
        owner->add_activity(*this);
        owner->drive(*this);
    }
    void finish() override {
        struct ender {
            Task& work;
            ~ender() { Task gone = std::move(work); }
        } end{work_};
        (void)work_.take_result();
        owner->stop(reason::normal);
    }
    void abandon() noexcept override { Task gone = std::move(work_); }

private:
    Task work_;
};
struct no_activity {
    explicit no_activity(process&) noexcept {}
};
template <class R>
using main_of = std::conditional_t<task_value<R>::is_task, main_activity<R>, no_activity>;

template <class F, class... A>
struct spawn_outcome : std::invoke_result<F&, A...> {};
template <class R>
struct spawn_outcome<task<R>> {
    using type = task<R>;
};

template <class F, class... A>
class spawned_process final : public process {
    using returned = typename spawn_outcome<F, A...>::type;

public:
    template <class G, class... B>
    explicit spawned_process(exec::executor& ex, G&& body, B&&... arguments)
        : process{ex, process_role::scheduled}, body_{std::forward<G>(body)}, arguments_{std::in_place, std::forward<B>(arguments)...}, main_{*this} {}
    ~spawned_process() override { destroy_state(); }

    template <class... B>
    [[nodiscard]] static intrusive_ptr<process> make(exec::executor& ex, B&&... parts) {
        void* block = memory::allocate(sizeof(spawned_process));
        try {
            return intrusive_ptr<process>::adopt(::new (block) spawned_process{ex, std::forward<B>(parts)...});
        } catch (...) {
            memory::deallocate(block, sizeof(spawned_process));
            throw;
        }
    }

    [[nodiscard]] std::string_view initial_call() const noexcept override { return type_name<F>(); }

private:
    void on_first_turn() override {
        if constexpr (task_value<F>::is_task) {
            main_.begin(std::move(*body_));
        } else if constexpr (task_value<returned>::is_task) {
            main_.begin(std::apply(*body_, std::move(*arguments_)));
        } else {
            (void)std::apply(*body_, std::move(*arguments_));
            stop(reason::normal);
        }
    }
    // With the process, not with its last pid.
    void destroy_state() noexcept override {
        arguments_.reset();
        body_.reset();
    }
    void dispose() noexcept override {
        this->~spawned_process();
        memory::deallocate(this, sizeof(spawned_process));
    }
    std::optional<F> body_;
    std::optional<std::tuple<A...>> arguments_;
    [[no_unique_address]] main_of<returned> main_;
};

template <class F, class... A>
concept spawnable = requires { typename spawn_outcome<std::decay_t<F>, std::decay_t<A>...>::type; };

struct spawned {
    pid process;
    std::uint64_t monitor = 0;
};
template <class F, class... A>
[[nodiscard]] spawned spawn_in(exec::executor& ex, bond with_starter, F&& body, A&&... arguments) {
    process* const self = current_process();
    if (with_starter != bond::none && !self)
        throw otp::exit{reason{reason::no_process}.with_text("only a process can link or monitor what it spawns")};
    auto fresh = spawned_process<std::decay_t<F>, std::decay_t<A>...>::make(ex, std::forward<F>(body), std::forward<A>(arguments)...);
    launch begin{.with_starter = with_starter, .starter = self, .watching_thread = self};
    auto launched = begin(fresh);
    return {pid{std::move(fresh)}, launched ? *launched : 0};
}

/// The order to run a task for somebody who waits for its value.
struct run_order {};

/// A process that runs one task and answers with its value.
template <class T>
class running_process final : public process {
public:
    using block = call_signal<run_order, T>;
    explicit running_process(exec::executor& ex, task<T> work) noexcept : process{ex, process_role::scheduled}, main_{*this, std::move(work)} {}

    [[nodiscard]] static intrusive_ptr<process> make(exec::executor& ex, task<T> work) {
        return intrusive_ptr<process>::adopt(::new (memory::allocate(sizeof(running_process))) running_process{ex, std::move(work)});
    }
    static void handle(process& p, signal* s) {
        auto& self = static_cast<running_process&>(p);
        self.main_.call = static_cast<block*>(s);
        self.main_.work.start_in(self.main_);
        self.add_activity(self.main_);
        self.drive(self.main_);
    }
    static constexpr signal_ops ops{&handle, &block::end, nullptr, nullptr, "run"};
    [[nodiscard]] std::string_view initial_call() const noexcept override { return type_name<task<T>>(); }

private:
    struct main_run final : activity {
        main_run(process& p, task<T> given) noexcept : activity{p}, work{std::move(given)} {}
        task<T> work;
        block* call = nullptr;
        void finish() override {
            block* const waiting = std::exchange(call, nullptr);
            reason failed;
            try {
                if constexpr (std::is_void_v<T>) {
                    work.take_result();
                    end_frame();
                    waiting->reply(result<void>{});
                } else {
                    T value = work.take_result();
                    end_frame();
                    waiting->reply(result<T>(std::move(value)));
                }
            } catch (...) {
                end_frame();
                owner->queue().push_front(waiting);  // answered with the exit reason
                throw;
            }
            owner->stop(reason::normal);
        }
        void abandon() noexcept override {
            end_frame();
            if (call) owner->queue().push_front(std::exchange(call, nullptr));
        }
        void end_frame() noexcept { task<T> gone = std::move(work); }
    };
    void destroy_state() noexcept override { main_.end_frame(); }
    [[nodiscard]] bool is_reported() const noexcept override { return false; }
    void dispose() noexcept override {
        this->~running_process();
        memory::deallocate(this, sizeof(running_process));
    }
    main_run main_;
};

template <class T>
[[nodiscard]] result<T> run_in(exec::executor& ex, task<T> work) {
    using runner = running_process<T>;
    auto* call = make_signal<typename runner::block>(std::in_place);
    call->ops = &runner::ops;
    auto outcome = launch_and_block(runner::make(ex, std::move(work)), {.runs_here = true}, call, exec::duration::max(), "run").outcome;
    if (!outcome.answer) return std::move(outcome.why);
    return runner::block::fetch(outcome.answer);
}

}  // namespace proc

/// Spawns a process that runs `body(arguments…)` once: a function that runs to its end on a worker, or a coroutine that returns
/// otp::task<>, or such a task itself. Both the callable and the arguments live in the process, so a coroutine lambda may capture.
/// The process ends normally with it, or with the exception that leaves it. The pid of a process that never lived if the runtime is shutting
/// down. Any thread. erlang:spawn.
template <class F, class... A>
    requires proc::spawnable<F, A...>
pid spawn(F&& body, A&&... arguments) {
    return proc::spawn_in(exec::current_executor(), proc::bond::none, std::forward<F>(body), std::forward<A>(arguments)...).process;
}
/// The same, linked to the calling process from the start. Throws otp::exit with no_process on a plain thread.
template <class F, class... A>
    requires proc::spawnable<F, A...>
pid spawn_link(F&& body, A&&... arguments) {
    return proc::spawn_in(exec::current_executor(), proc::bond::linked, std::forward<F>(body), std::forward<A>(arguments)...).process;
}
/// What spawn_monitor gives.
struct monitored_pid {
    otp::pid pid;
    monitor_ref monitor;
};
/// The same, monitored by the calling process from the start. Throws otp::exit with no_process on a plain thread.
template <class F, class... A>
    requires proc::spawnable<F, A...>
monitored_pid spawn_monitor(F&& body, A&&... arguments) {
    auto spawned = proc::spawn_in(exec::current_executor(), proc::bond::monitored, std::forward<F>(body), std::forward<A>(arguments)...);
    return {std::move(spawned.process), monitor_ref{spawned.monitor}};
}

/// Runs a task to its end in a process of its own and blocks for its value. The error is what the task threw. Any thread.
template <class T>
result<T> run(task<T> work) {
    return proc::run_in(exec::current_executor(), std::move(work));
}

template <class F, class... A>
auto runtime::spawn(F&& body, A&&... args) {
    return proc::spawn_in(executor(), proc::bond::none, std::forward<F>(body), std::forward<A>(args)...).process;
}
template <class F, class... A>
auto runtime::spawn_link(F&& body, A&&... args) {
    return proc::spawn_in(executor(), proc::bond::linked, std::forward<F>(body), std::forward<A>(args)...).process;
}
template <class F, class... A>
auto runtime::spawn_monitor(F&& body, A&&... args) {
    auto spawned = proc::spawn_in(executor(), proc::bond::monitored, std::forward<F>(body), std::forward<A>(args)...);
    return monitored_pid{std::move(spawned.process), monitor_ref{spawned.monitor}};
}
template <class Task>
auto runtime::run(Task task) {
    return proc::run_in(executor(), std::move(task));
}

}  // namespace otp::inline OTP_ABI
