// The three kinds of connections: a coroutine, a blocking function on a thread of its own, a gen_server. Each begins as an
// acceptor.
#pragma once

#include <new>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "otp/behaviour/gen_server/server_process.hpp"
#include "otp/behaviour/socket_server/acceptor.hpp"
#include "otp/net/tcp.hpp"
#include "otp/process/launch.hpp"
#include "otp/process/spawn.hpp"
#include "otp/process/thread_process.hpp"

namespace otp::inline OTP_ABI::behaviour {

/// Starts acceptors that become connections.
class connection_maker {
public:
    virtual ~connection_maker() = default;
    /// In a turn of the owner, to which the acceptor is linked. Throws what copying the handler or its arguments throws.
    [[nodiscard]] virtual result<intrusive_ptr<proc::process>> start_acceptor(proc::process& owner, door at) = 0;

protected:
    [[nodiscard]] static result<intrusive_ptr<proc::process>> launched(proc::process& owner, intrusive_ptr<proc::process> fresh,
                                                                       proc::signal* first = nullptr) {
        proc::launch begin{.with_starter = proc::bond::linked, .starter = &owner, .first = first};
        if (auto done = begin(fresh); !done) return done.error();
        return fresh;
    }
};

/// Which kind a handler asks for.
template <class H, class... A>
concept coroutine_handler = requires {
    requires proc::task_value<std::invoke_result_t<H&, tcp::socket, A...>>::is_task;
};
template <class H, class... A>
concept blocking_handler = !coroutine_handler<H, A...> && std::is_invocable_v<H&, tcp::blocking_socket, A...>;

// ---- 1. a coroutine

/// Accepts, then runs the handler; one coroutine frame at a time.
template <class Serving>
class connection_run : public proc::activity {
public:
    using proc::activity::activity;

    void accept_at(door at) { go_on_with(accepting_, await_client(std::move(at))); }
    void finish() override {
        finished = false;
        if (serves_) {
            (void)serving_.take_result();
            return owner->stop(reason::normal);
        }
        auto came = accepting_.take_result();
        end_frames();
        if (!came) return owner->stop(reason::normal);
        serves_ = true;
        go_on_with(serving_, serve(std::move(*came)));
    }
    void abandon() noexcept override { end_frames(); }
    void end_frames() noexcept {
        { auto gone = std::move(accepting_); }
        { auto gone = std::move(serving_); }
    }

protected:
    ~connection_run() override = default;
    [[nodiscard]] virtual Serving serve(net::arrival came) = 0;

private:
    template <class Task>
    void go_on_with(Task& here, Task work) {
        here = std::move(work);
        here.start_in(*this);
        owner->add_activity(*this);
        owner->drive(*this);
    }
    task<std::optional<net::arrival>> accepting_;
    Serving serving_;
    bool serves_ = false;
};

template <class H, class... A>
class coroutine_connection final : public proc::process, private connection_run<std::invoke_result_t<H&, tcp::socket, A...>> {
    using serving = std::invoke_result_t<H&, tcp::socket, A...>;
    using run_of = connection_run<serving>;

public:
    coroutine_connection(exec::executor& ex, door at, const H& handler, const std::tuple<A...>& arguments)
        : process{ex, proc::process_role::scheduled}, run_of{*static_cast<proc::process*>(this)}, door_{std::move(at)}, handler_{handler},
          arguments_{arguments} {}
    ~coroutine_connection() override { destroy_state(); }

    [[nodiscard]] static intrusive_ptr<proc::process> make(exec::executor& ex, door at, const H& handler, const std::tuple<A...>& arguments) {
        void* block = memory::allocate(sizeof(coroutine_connection));
        try {
            return intrusive_ptr<proc::process>::adopt(::new (block) coroutine_connection{ex, std::move(at), handler, arguments});
        } catch (...) {
            memory::deallocate(block, sizeof(coroutine_connection));
            throw;
        }
    }

    [[nodiscard]] std::string_view initial_call() const noexcept override { return type_name<H>(); }

private:
    void on_first_turn() override { run_of::accept_at(door_); }
    serving serve(net::arrival came) override {
        door_.tell_accepted(*this, came.peer);
        door_ = {};
        return std::apply([&](A&... values) { return (*handler_)(tcp::socket{came.socket.release()}, std::move(values)...); }, *arguments_);
    }
    void destroy_state() noexcept override {
        run_of::end_frames();
        arguments_.reset();
        handler_.reset();
    }
    void dispose() noexcept override {
        this->~coroutine_connection();
        memory::deallocate(this, sizeof(coroutine_connection));
    }
    door door_;
    std::optional<H> handler_;
    std::optional<std::tuple<A...>> arguments_;
};

template <class H, class... A>
class coroutine_maker final : public connection_maker {
public:
    explicit coroutine_maker(H handler, A... arguments) : handler_{std::move(handler)}, arguments_{std::move(arguments)...} {}
    result<intrusive_ptr<proc::process>> start_acceptor(proc::process& owner, door at) override {
        return launched(owner, coroutine_connection<H, A...>::make(owner.executor(), std::move(at), handler_, arguments_));
    }

private:
    H handler_;
    std::tuple<A...> arguments_;
};

// ---- 2. a blocking function

template <class H, class... A>
struct blocking_connection {
    door at;
    H handler;
    std::tuple<A...> arguments;

    void operator()() {
        auto came = block_for_client(at);
        if (!came) return;
        at.tell_accepted(*proc::current_process(), came->peer);
        at = {};
        std::apply([&](A&... values) { (void)handler(tcp::blocking_socket{came->socket.release()}, std::move(values)...); }, arguments);
    }
};

template <class H, class... A>
class blocking_maker final : public connection_maker {
public:
    explicit blocking_maker(H handler, A... arguments) : handler_{std::move(handler)}, arguments_{std::move(arguments)...} {}
    result<intrusive_ptr<proc::process>> start_acceptor(proc::process& owner, door at) override {
        using body = blocking_connection<H, A...>;
        return launched(owner, proc::threaded_process<body>::make(owner.executor(), body{std::move(at), handler_, arguments_}));
    }

private:
    H handler_;
    std::tuple<A...> arguments_;
};

// ---- 3. a gen_server

/// The first signal of a session: accept, and only then init, or the constructor, with the socket and the arguments.
template <class T, class... A>
struct accept_first final : proc::signal {
    using accepting = task<std::optional<net::arrival>>;
    accept_first(door where, const std::tuple<A...>& copied) : at{std::move(where)}, arguments{copied} { ops = &accept_ops; }
    door at;
    std::tuple<A...> arguments;

    static void end(proc::signal* s, const reason&) noexcept { proc::free_signal(static_cast<accept_first*>(s)); }
    static void handle(proc::process& p, proc::signal* s) {
        auto& server = static_cast<server_base&>(p);
        auto* const mine = static_cast<accept_first*>(s);
        handler_run<accepting, then_init>::start(server, {}, await_client(mine->at), then_init{mine});
    }
    static constexpr proc::signal_ops accept_ops{&handle, &end, type_id_of<T>, nullptr, "accept"};

private:
    struct then_init {
        accept_first* mine;
        void done(server_base& server, accepting& work) {
            using init = init_call<T, tcp::socket, A...>;
            const proc::signal_ptr ends_with_this{std::exchange(mine, nullptr)};
            auto& first = static_cast<accept_first&>(*ends_with_this);
            auto came = work.take_result();
            if (!came) return server.stop(reason::normal);
            first.at.tell_accepted(server, came->peer);
            auto* call = std::apply(
                [&](A&... values) {
                    return proc::make_signal<typename init::block>(
                        std::in_place, std::tuple<tcp::socket, A...>{tcp::socket{came->socket.release()}, std::move(values)...});
                },
                first.arguments);
            call->ops = &init::ops;
            init::handle(server, call);  // nobody waits for its answer
        }
        void abandoned(server_base&) noexcept { proc::drop(std::exchange(mine, nullptr), reason::normal); }
    };
};

template <class T, class... A>
class session_maker final : public connection_maker {
public:
    explicit session_maker(A... arguments) : arguments_{std::move(arguments)...} {}
    result<intrusive_ptr<proc::process>> start_acceptor(proc::process& owner, door at) override {
        auto fresh = server_process<T>::make(owner.executor());
        auto* first = proc::make_signal<accept_first<T, A...>>(std::move(at), arguments_);
        return launched(owner, std::move(fresh), first);
    }

private:
    std::tuple<A...> arguments_;
};

}  // namespace otp::inline OTP_ABI::behaviour
