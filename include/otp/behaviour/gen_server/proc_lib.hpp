// Processes that tell their starter when they are ready, and that may become servers: Erlang's proc_lib.
#pragma once

#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "otp/behaviour/gen_server/proc_lib_starter.hpp"
#include "otp/behaviour/gen_server/start.hpp"
#include "otp/process/spawn.hpp"

namespace otp::inline OTP_ABI::proc_lib {

template <class V>
struct starter<V>::made_by_start {
    /// The starter of a call that its process owes an answer to.
    template <class Block>
    [[nodiscard]] static starter of(intrusive_ptr<proc::deferred_call> call) noexcept {
        return starter{std::move(call), [](proc::call_header* owed, result<V> value) { static_cast<Block*>(owed)->reply(std::move(value)); }};
    }
};

template <class R>
inline constexpr bool is_entering = false;
template <class T>
inline constexpr bool is_entering<entering<T>> = true;

template <class R>
struct plain_of {
    using type = R;
};
template <class R>
struct plain_of<task<R>> {
    using type = R;
};
template <class R>
struct handle_of {
    using type = pid;
    using state = void;
};
template <class T>
struct handle_of<entering<T>> {
    using type = server<T>;
    using state = T;
};

/// What is run in the new process, and how its starter is told.
template <class V, class F, class... A>
struct setup {
    struct order {
        F body;
        std::tuple<A...> arguments;
    };
    using block = proc::call_signal<order, V>;
    using returned = std::invoke_result_t<F&, starter<V>, A...>;  // the task, if it is a coroutine
    using value = typename plain_of<returned>::type;
    static constexpr bool waits = !std::is_same_v<returned, value>;
    using handle = typename handle_of<value>::type;
    using state = typename handle_of<value>::state;

    std::unique_ptr<order> what;
    intrusive_ptr<proc::deferred_call> call;

    [[nodiscard]] returned invoke() {
        return std::apply(
            [this](A&... values) -> returned { return what->body(starter<V>::made_by_start::template of<block>(call), std::move(values)...); },
            what->arguments);
    }
    /// It ends with an exception before the starter was told: that hears of it when the process is gone.
    void tell_at_end(proc::process& self) {
        auto* owed = call ? call->take() : nullptr;
        if (!owed) return;
        auto& details = self.details();
        details.last_reason = reason{std::current_exception()};
        details.last_words.reset(owed);
    }
    /// Runs what ends or may end the setup; what it throws goes on.
    template <class Run>
    void guarded(proc::process& self, Run&& run) {
        try {
            run();
        } catch (const proc::unwinding&) {
            throw;
        } catch (...) {
            tell_at_end(self);
            throw;
        }
    }
    /// The end of the setup in a server's process: the loop begins.
    template <class T>
    void enter(behaviour::server_base& server, void* room, entering<T> entered) {
        if constexpr (!std::is_void_v<V>)
            if (!call->answered()) throw otp::exit{reason{reason::bad_argument}.with_text("enter_loop before init_ack")};
        T* const made = ::new (room) T(std::move(entered.state()));
        server.set_state(made);
        server.steer(std::move(entered).release(made));
        server.init_done();
        if constexpr (std::is_void_v<V>)
            if (auto* owed = call->take()) static_cast<block*>(owed)->reply(result<void>{});
    }
};

/// In the process of a gen_server: runs the setup as its first message.
template <class V, class F, class... A>
struct server_setup {
    using work = setup<V, F, A...>;
    using T = typename work::state;
    using returned = typename work::returned;

    static void handle(proc::process& p, proc::signal* s) {
        auto& server = static_cast<behaviour::server_process<T>&>(p);
        auto* call = static_cast<typename work::block*>(s);
        proc::service what{call, nullptr};
        auto order = std::make_unique<typename work::order>(call->take_request(p));
        work mine{std::move(order), proc::deferred_call::hand_out(server, what)};
        mine.guarded(server, [&] {
            if (auto named = server.take_name(); !named) throw otp::exit{named.error()};
            if constexpr (work::waits) {
                auto first = mine.invoke();
                behaviour::handler_run<returned, finish>::start(server, std::move(what), std::move(first), {std::move(mine)});
            } else {
                const behaviour::serving_scope scope{server, what};
                mine.enter(server, server.room(), mine.invoke());
            }
        });
    }
    static constexpr proc::signal_ops ops{&handle, &work::block::end, type_id_of<T>, nullptr, "proc_lib:start"};

    struct finish {
        work mine;
        void done(behaviour::server_base& server, returned& running) {
            mine.guarded(server, [&] {
                mine.enter(server, static_cast<behaviour::server_process<T>&>(server).room(), running.take_result());
                returned gone = std::move(running);  // before the callable that it may refer to
            });
        }
        void abandoned(behaviour::server_base&) noexcept {}
    };
};

/// A process without a callback struct: it ends with what it runs.
template <class V, class F, class... A>
class plain_process final : public proc::process {
    using work = setup<V, F, A...>;
    using returned = typename work::returned;

public:
    explicit plain_process(exec::executor& ex) noexcept : process{ex, proc::process_role::scheduled}, main_{*this} {}
    [[nodiscard]] static intrusive_ptr<proc::process> make(exec::executor& ex) {
        return intrusive_ptr<proc::process>::adopt(::new (memory::allocate(sizeof(plain_process))) plain_process{ex});
    }
    static void handle(proc::process& p, proc::signal* s) {
        auto& self = static_cast<plain_process&>(p);
        auto* call = static_cast<typename work::block*>(s);
        self.main_.service.call = call;
        auto order = std::make_unique<typename work::order>(call->take_request(p));
        self.mine_ = work{std::move(order), proc::deferred_call::hand_out(self, self.main_.service)};
        self.mine_.guarded(self, [&self] {
            if constexpr (work::waits) {
                self.main_.running = self.mine_.invoke();
                self.main_.running.start_in(self.main_);
                self.add_activity(self.main_);
                self.drive(self.main_);
            } else {
                const behaviour::serving_scope scope{self, self.main_.service};
                (void)self.mine_.invoke();
                self.stop(reason::normal);
            }
        });
    }
    static constexpr proc::signal_ops ops{&handle, &work::block::end, nullptr, nullptr, "proc_lib:start"};

private:
    struct main_run final : proc::activity {
        explicit main_run(plain_process& p) noexcept : activity{p} { serves = &service; }
        proc::service service;
        std::conditional_t<work::waits, returned, int> running{};
        void finish() override {
            if constexpr (work::waits) {
                auto& self = static_cast<plain_process&>(*owner);
                self.mine_.guarded(self, [this] { (void)running.take_result(); });
                self.stop(reason::normal);
            }
        }
        void abandon() noexcept override { end_frame(); }
        void end_frame() noexcept { [[maybe_unused]] auto gone = std::exchange(running, {}); }
    };
    // With the process, not with its last pid.
    void destroy_state() noexcept override {
        main_.end_frame();
        mine_ = {};
    }
    void dispose() noexcept override {
        this->~plain_process();
        memory::deallocate(this, sizeof(plain_process));
    }
    work mine_;
    main_run main_;
};

/// What a start gives: the process (a pid, or the server that it becomes), the value that it told, and its monitor if one was asked for.
template <class Handle, class V>
struct started {
    Handle process;
    V value;
    monitor_ref monitor;
};
template <class Handle>
struct started<Handle, void> {
    Handle process;
    monitor_ref monitor;
};

template <class V, class F, class... A>
concept startable = std::is_invocable_v<std::decay_t<F>&, starter<V>, std::decay_t<A>...>;

template <class V, class F, class... A>
[[nodiscard]] const proc::signal_ops& ops_of() noexcept {
    if constexpr (std::is_void_v<typename setup<V, F, A...>::state>) return plain_process<V, F, A...>::ops;
    else return server_setup<V, F, A...>::ops;
}

template <class V, class F, class... A>
[[nodiscard]] auto start_in(exec::executor& ex, proc::bond bond, const start_options& options, F&& body, A&&... arguments)
    -> result<started<typename setup<V, std::decay_t<F>, std::decay_t<A>...>::handle, V>> {
    using work = setup<V, std::decay_t<F>, std::decay_t<A>...>;
    using handle = typename work::handle;
    constexpr bool serves = !std::is_void_v<typename work::state>;
    if (options.timeout < options.timeout.zero() || options.hibernate_after < options.hibernate_after.zero())
        return reason{reason::bad_argument}.with_text("a negative time limit");
    if (options.mailbox.capacity == 0) return reason{reason::bad_argument}.with_text("a mailbox for no message");
    auto* call = proc::make_signal<typename work::block>(
        std::in_place, typename work::order{std::forward<F>(body), std::tuple<std::decay_t<A>...>{std::forward<A>(arguments)...}});
    call->ops = &ops_of<V, std::decay_t<F>, std::decay_t<A>...>();
    proc::signal_ptr owned{call};
    intrusive_ptr<proc::process> fresh;
    std::string_view name = options.name;
    if constexpr (serves) {
        auto made = behaviour::server_process<typename work::state>::make(ex, options.mailbox);
        made->hibernate_after(options.hibernate_after);
        if (options.registry) {
            if (auto claimed = behaviour::claim_name(*made, *options.registry, options.name); !claimed) return claimed.error();
            name = {};
        }
        behaviour::apply_debug_options(*made, options.debug);
        fresh = std::move(made);
    } else {
        if (options.registry) return reason{reason::bad_argument}.with_text("a name in a registry of the user's is for servers");
        fresh = plain_process<V, std::decay_t<F>, std::decay_t<A>...>::make(ex);
    }
    (void)owned.release();
    auto begun = proc::launch_and_block(fresh, {.name = name, .with_starter = bond}, call, options.timeout, "proc_lib:start");
    if (!begun.outcome.answer) return std::move(begun.outcome.why);
    auto told = work::block::fetch(begun.outcome.answer);
    if (!told) {
        if (begun.monitor != 0) (void)proc::demonitor(proc::caller(ex), begun.monitor, true);
        return told.error();
    }
    if constexpr (std::is_void_v<V>) return started<handle, V>{handle{std::move(fresh)}, monitor_ref{begun.monitor}};
    else return started<handle, V>{handle{std::move(fresh)}, std::move(*told), monitor_ref{begun.monitor}};
}

/// Spawns a process that runs `body(starter<V>, arguments…)`, a function or a coroutine, and blocks until it says init_ack. If body
/// returns nothing, the process ends with it; if it returns starter::enter_loop(state), the process becomes a gen_server. The callable
/// and the arguments live in the process. Options in braces may stand in front: a name, a time-out after which the process is
/// killed. Errors: what the process ended with before it said so, already_started, timeout, system_limit, deadlock, shutdown. Any
/// thread. proc_lib:start/3,4,5.
template <class V = void, class F, class... A>
    requires startable<V, F, A...>
[[nodiscard]] auto start(F&& body, A&&... arguments) {
    return start_in<V>(exec::current_executor(), proc::bond::none, {}, std::forward<F>(body), std::forward<A>(arguments)...);
}
template <class V = void, class F, class... A>
    requires startable<V, F, A...>
[[nodiscard]] auto start(const start_options& options, F&& body, A&&... arguments) {
    return start_in<V>(exec::current_executor(), proc::bond::none, options, std::forward<F>(body), std::forward<A>(arguments)...);
}
/// The same, linked to the calling process from the very creation. On a plain thread: no_process. proc_lib:start_link/3,4,5.
template <class V = void, class F, class... A>
    requires startable<V, F, A...>
[[nodiscard]] auto start_link(F&& body, A&&... arguments) {
    return start_in<V>(exec::current_executor(), proc::bond::linked, {}, std::forward<F>(body), std::forward<A>(arguments)...);
}
template <class V = void, class F, class... A>
    requires startable<V, F, A...>
[[nodiscard]] auto start_link(const start_options& options, F&& body, A&&... arguments) {
    return start_in<V>(exec::current_executor(), proc::bond::linked, options, std::forward<F>(body), std::forward<A>(arguments)...);
}
/// The same, monitored by the caller from the very creation: its end comes as otp::down. proc_lib:start_monitor/3,4,5.
template <class V = void, class F, class... A>
    requires startable<V, F, A...>
[[nodiscard]] auto start_monitor(F&& body, A&&... arguments) {
    return start_in<V>(exec::current_executor(), proc::bond::monitored, {}, std::forward<F>(body), std::forward<A>(arguments)...);
}
template <class V = void, class F, class... A>
    requires startable<V, F, A...>
[[nodiscard]] auto start_monitor(const start_options& options, F&& body, A&&... arguments) {
    return start_in<V>(exec::current_executor(), proc::bond::monitored, options, std::forward<F>(body), std::forward<A>(arguments)...);
}

}  // namespace otp::inline OTP_ABI::proc_lib
