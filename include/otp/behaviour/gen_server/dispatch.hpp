// From a signal in the mailbox to the handler of a callback struct, and from what the handler returns to the reply.
#pragma once

#include <concepts>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "otp/base/text_of.hpp"
#include "otp/behaviour/gen_server/actions.hpp"
#include "otp/behaviour/gen_server/concepts.hpp"
#include "otp/behaviour/gen_server/from.hpp"
#include "otp/behaviour/gen_server/notes.hpp"
#include "otp/behaviour/gen_server/server_base.hpp"
#include "otp/behaviour/gen_server/thrown.hpp"
#include "otp/process/call.hpp"
#include "otp/process/message.hpp"
#include "otp/process/task.hpp"

namespace otp::inline OTP_ABI::behaviour {

template <class R>
inline constexpr bool is_a_task = false;
template <class R>
inline constexpr bool is_a_task<task<R>> = true;
template <class R>
inline constexpr bool is_a_replied = false;
template <class R>
inline constexpr bool is_a_replied<replied<R>> = true;

template <class T, class M, class List>
inline constexpr bool is_listed = false;
template <class T, class M, class... Listed>
inline constexpr bool is_listed<T, M, messages<Listed...>> = (std::is_same_v<M, Listed> || ...);
/// May this request be handled while another handler of T waits?
template <class T, class M>
[[nodiscard]] consteval bool interleaves_with() {
    if constexpr (requires { typename T::interleaves; }) return is_listed<T, M, typename T::interleaves>;
    else return false;
}

template <class T>
[[nodiscard]] T& state_of(server_base& server) noexcept {
    return *static_cast<T*>(server.state());
}

/// Marks what the handler serves for as long as it runs.
class serving_scope {
public:
    serving_scope(proc::process& p, proc::service& what) noexcept : process_{p}, outer_{std::exchange(p.serving, &what)} {}
    serving_scope(const serving_scope&) = delete;
    serving_scope& operator=(const serving_scope&) = delete;
    ~serving_scope() { process_.serving = outer_; }

private:
    proc::process& process_;
    proc::service* outer_;
};

/// A coroutine handler on its way. While it waits, the server takes no other message but those that interleave.
template <class Task, class Finish>
class handler_run final : public proc::activity {
public:
    handler_run(server_base& server, bool exclusive, proc::service what, Finish finish) noexcept
        : activity{server}, finish_{std::move(finish)}, service_{std::move(what)}, exclusive_{exclusive} {
        serves = &service_;
    }
    static void start(server_base& server, proc::service what, Task work, Finish finish) {
        auto* run = ::new (memory::allocate(sizeof(handler_run))) handler_run{server, !server.busy(), std::move(what), std::move(finish)};
        run->work_ = std::move(work);
        run->work_.start_in(*run);
        server.set_busy(true);
        server.add_activity(*run);
        server.drive(*run);
    }
    void finish() override {
        auto& server = static_cast<server_base&>(*owner);
        if (exclusive_) server.set_busy(false);
        struct ender {
            handler_run* run;
            ~ender() { run->free(); }
        } end{this};
        finish_.done(server, work_);
    }
    void abandon() noexcept override {
        work_ = Task{};
        { Task gone = std::move(work_); }
        finish_.abandoned(static_cast<server_base&>(*owner));
        free();
    }

private:
    void free() noexcept {
        this->~handler_run();
        memory::deallocate(this, sizeof(handler_run));
    }
    Task work_;
    Finish finish_;
    proc::service service_;
    bool exclusive_;
};

/// Runs the handler of a message whose type has a to_string. If the server stops in it and the message is still whole then, the
/// report of the crash shows its text.
template <class M, taking How, class Call>
void run_telling(server_base& server, [[maybe_unused]] const M& message, Call&& call) {
    if constexpr (base::has_to_string<M> && (How == taking::const_reference || std::is_trivially_copyable_v<M>)) {
        try {
            call();
        } catch (...) {
            server.details().last_text = base::text_of(message);
            throw;
        }
        if (server.stopping()) server.details().last_text = base::text_of(message);
    } else {
        call();
    }
}

/// Does what a callback without a reply returned: void or otp::next.
template <class Call>
void run_and_steer(server_base& server, Call&& call) {
    using R = std::invoke_result_t<Call>;
    try {
        if constexpr (std::is_void_v<R>) call();
        else server.steer(next(call()).release());
    } catch (...) {
        server.steer(thrown_next());
    }
    note_state(server);
}

/// The end of a coroutine callback without a reply.
template <class Task>
struct finish_quietly {
    void done(server_base& server, Task& work) {
        run_and_steer(server, [&]() -> decltype(auto) { return work.take_result(); });
    }
    void abandoned(server_base&) noexcept {}
};

/// Runs one handler of a message that asks for no answer; `call` invokes it.
template <class Call>
void run_quiet_handler(server_base& server, Call&& call) {
    using R = std::invoke_result_t<Call>;
    proc::service nobody;
    if constexpr (is_a_task<R>) {
        handler_run<R, finish_quietly<R>>::start(server, {}, call(), {});
    } else {
        const serving_scope scope{server, nobody};
        run_and_steer(server, std::forward<Call>(call));
    }
}

// ---- calls

/// Sends what handle_call returned. The block of the call is used up.
template <class Request, class Returned>
void give_answer(server_base& server, proc::call_signal<Request, reply_t<Request>>* call, Returned&& returned) {
    using R = std::remove_cvref_t<Returned>;
    if constexpr (is_a_replied<R>) {
        auto state = std::move(returned).release();
        const bool legal = state.limit >= std::chrono::nanoseconds::zero();
        if (state.stops && !state.why.is_orderly() && call->calling_process())
            server.details().last_client = intrusive_ptr<proc::process>::share(call->calling_process());
        const bool answers = returned.answer() && legal;
        if (answers) {
            note_reply<reply_t<Request>>(server, *call, *returned.answer());
            call->reply(std::move(*returned.answer()));
        } else if (state.stops || !legal) {
            server.queue().push_front(call);  // answered with the exit reason
        } else {
            proc::drop(call, reason::no_reply);
        }
        server.steer(std::move(state));
        if (!answers) note_state(server);
    } else {
        note_reply<reply_t<Request>>(server, *call, returned);
        call->reply(std::forward<Returned>(returned));
    }
}

template <class Request, class Call>
void run_and_answer(server_base& server, proc::call_signal<Request, reply_t<Request>>* call, Call&& invoke) {
    using R = std::invoke_result_t<Call>;
    using held = std::conditional_t<std::is_void_v<R>, nothing, std::remove_cvref_t<R>>;
    std::optional<held> returned;
    try {
        if constexpr (std::is_void_v<R>) {
            invoke();
            returned.emplace();
        } else {
            returned.emplace(invoke());
        }
    } catch (...) {
        std::optional<replied<reply_t<Request>>> thrown;
        try {
            thrown = thrown_reply<reply_t<Request>>();
        } catch (...) {
            server.queue().push_front(call);  // answered with the exit reason
            throw;
        }
        return give_answer<Request>(server, call, std::move(*thrown));
    }
    if constexpr (std::is_void_v<R>) give_answer<Request>(server, call, result<void>{});
    else give_answer<Request>(server, call, std::move(*returned));
}

template <class Request, class Task>
struct finish_call {
    proc::call_signal<Request, reply_t<Request>>* call;
    void done(server_base& server, Task& work) {
        run_and_answer<Request>(server, std::exchange(call, nullptr), [&]() -> decltype(auto) { return work.take_result(); });
    }
    void abandoned(server_base& server) noexcept { server.queue().push_front(call); }
};

/// A late handler may return replied<R> as well: its answer is given if the `from` has not been used.
template <class Request>
struct late_answer {
    intrusive_ptr<proc::deferred_call> call;
    void steer(server_base& server, replied<reply_t<Request>> returned) {
        proc::call_header* const block = returned.answer() ? call->take() : nullptr;
        if (block) {
            note_reply<reply_t<Request>>(server, *block, *returned.answer());
            static_cast<proc::call_signal<Request, reply_t<Request>>*>(block)->reply(std::move(*returned.answer()));
        }
        server.steer(std::move(returned).release());
        if (!block) note_state(server);
    }
    template <class Call>
    void run(server_base& server, Call&& invoke) {
        using R = std::invoke_result_t<Call>;
        std::optional<replied<reply_t<Request>>> returned;
        try {
            if constexpr (std::is_void_v<R>) return invoke(), note_state(server);
            else if constexpr (is_a_replied<R>) returned.emplace(invoke());
            else returned.emplace(next(invoke()).release());
        } catch (...) {
            returned.emplace(thrown_reply<reply_t<Request>>());
        }
        steer(server, std::move(*returned));
    }
};
template <class Request, class Task>
struct finish_late {
    late_answer<Request> late;
    void done(server_base& server, Task& work) {
        late.run(server, [&]() -> decltype(auto) { return work.take_result(); });
    }
    void abandoned(server_base&) noexcept {}
};

/// Does the struct want requests whose callers have given up? `static constexpr bool serves_given_up_calls = true;`
template <class T>
[[nodiscard]] constexpr bool serves_given_up_calls() noexcept {
    if constexpr (requires { { T::serves_given_up_calls } -> std::convertible_to<bool>; }) return T::serves_given_up_calls;
    else return false;
}

template <class T, class Request>
concept calls_late = requires(T& t) { t.handle_call(std::declval<Request>(), std::declval<from<Request>>()); };

template <class T, class Request>
struct call_to {
    using block = proc::call_signal<Request, reply_t<Request>>;

    static void handle(proc::process& p, proc::signal* s) {
        auto& server = static_cast<server_base&>(p);
        auto* call = static_cast<block*>(s);
        if (server.behaviour().type != type_id_of<T>) return server.redirect(call, message_kind::call);
        if (!serves_given_up_calls<T>() && call->given_up()) return proc::drop(call, reason::timeout);
        server.message_came();
        note_call(server, *call);
        T& state = state_of<T>(server);
        proc::service what{call, nullptr};
        if constexpr (calls_late<T, Request>) {
            Request request = call->take_request(server);
            auto handed = proc::deferred_call::hand_out(server, what);
            late_answer<Request> late{handed};
            auto invoke = [&]() -> decltype(auto) { return state.handle_call(std::move(request), from<Request>{std::move(handed)}); };
            using R = std::invoke_result_t<decltype(invoke)>;
            if constexpr (is_a_task<R>) {
                handler_run<R, finish_late<Request, R>>::start(server, std::move(what), invoke(), {std::move(late)});
            } else {
                const serving_scope scope{server, what};
                run_telling<Request, how>(server, request, [&] { late.run(server, invoke); });
            }
        } else {
            Request request = call->take_request(server);
            auto invoke = [&]() -> decltype(auto) { return state.handle_call(std::move(request)); };
            using R = std::invoke_result_t<decltype(invoke)>;
            if constexpr (is_a_task<R>) {
                handler_run<R, finish_call<Request, R>>::start(server, std::move(what), invoke(), {call});
            } else {
                const serving_scope scope{server, what};
                run_telling<Request, how>(server, request, [&] { run_and_answer<Request>(server, call, invoke); });
            }
        }
    }
    static constexpr taking how = handler_traits<on_call, T, Request>::takes;
    static constexpr proc::signal_ops ops{&handle, &block::end, type_id_of<T>, type_id_of<Request>, type_name<Request>()};
};

// ---- casts, infos, continues

template <class T, class M>
struct cast_to {
    static void handle(proc::process& p, proc::signal* s) {
        auto& server = static_cast<server_base&>(p);
        if (server.behaviour().type != type_id_of<T>) return server.redirect(s, message_kind::cast);
        server.message_came();
        note_message(server, sys::event_kind::cast, static_cast<proc::message_signal<M>*>(s)->body);
        M message = proc::message_signal<M>::take(s);
        run_telling<M, handler_traits<on_cast, T, M>::takes>(server, message, [&] {
            run_quiet_handler(server, [&]() -> decltype(auto) { return state_of<T>(server).handle_cast(std::move(message)); });
        });
    }
    static constexpr proc::signal_ops ops{&handle, &proc::message_signal<M>::end, type_id_of<T>, type_id_of<M>, type_name<M>()};
};

template <class T, class M>
void run_info(server_base& server, M message) {
    run_telling<M, handler_traits<on_info, T, M>::takes>(server, message, [&] {
        run_quiet_handler(server, [&]() -> decltype(auto) { return state_of<T>(server).handle_info(std::move(message)); });
    });
}

template <class T, class M>
struct info_to {
    static void handle(proc::process& p, proc::signal* s) {
        auto& server = static_cast<server_base&>(p);
        if (server.behaviour().type != type_id_of<T>) return server.redirect(s, message_kind::info);
        server.message_came();
        note_message(server, sys::event_kind::info, static_cast<proc::message_signal<M>*>(s)->body);
        run_info<T, M>(server, proc::message_signal<M>::take(s));
    }
    static constexpr proc::signal_ops ops{&handle, &proc::message_signal<M>::end, type_id_of<T>, type_id_of<M>, type_name<M>()};
};

/// A message for one object's handler: T may be a base of the callback struct.
template <class T, class M>
struct bound_signal final : proc::signal {
    bound_signal(T* object, M&& message) : self{object}, body{std::move(message)} {}
    T* self;
    M body;
    static void end(proc::signal* s, const reason&) noexcept { proc::free_signal(static_cast<bound_signal*>(s)); }
    static M take(proc::signal* s) {
        auto* bound = static_cast<bound_signal*>(s);
        M message = std::move(bound->body);
        proc::free_signal(bound);
        return message;
    }
    static void handle_continue(proc::process& p, proc::signal* s) {
        T* const self = static_cast<bound_signal*>(s)->self;
        M message = take(s);
        note_message(static_cast<server_base&>(p), sys::event_kind::continued, message);
        run_quiet_handler(static_cast<server_base&>(p), [&]() -> decltype(auto) { return self->handle_continue(std::move(message)); });
    }
    static void handle_info(proc::process& p, proc::signal* s) {
        T* const self = static_cast<bound_signal*>(s)->self;
        M message = take(s);
        note_message(static_cast<server_base&>(p), sys::event_kind::timeout, message);
        run_quiet_handler(static_cast<server_base&>(p), [&]() -> decltype(auto) { return self->handle_info(std::move(message)); });
    }
    static constexpr proc::signal_ops continue_ops{&handle_continue, &end, nullptr, type_id_of<M>, type_name<M>()};
    static constexpr proc::signal_ops info_ops{&handle_info, &end, nullptr, type_id_of<M>, type_name<M>()};
};

template <class T, class M>
proc::signal_ptr bind_continue(T* self, M&& message) {
    using bound = bound_signal<T, std::remove_cvref_t<M>>;
    diagnose_continue<T, std::remove_cvref_t<M>>();
    if constexpr (continues<std::remove_cv_t<T>, std::remove_cvref_t<M>>) {
        auto* made = proc::make_signal<bound>(self, std::forward<M>(message));
        made->ops = &bound::continue_ops;
        return proc::signal_ptr{made};
    } else {
        return {};  // the diagnosis has failed the build
    }
}
template <class T, class M>
proc::signal_ptr bind_info(T* self, M&& message) {
    using bound = bound_signal<T, std::remove_cvref_t<M>>;
    diagnose_timeout_message<T, std::remove_cvref_t<M>>();
    if constexpr (receives<std::remove_cv_t<T>, std::remove_cvref_t<M>>) {
        auto* made = proc::make_signal<bound>(self, std::forward<M>(message));
        made->ops = &bound::info_ops;
        return proc::signal_ptr{made};
    } else {
        return {};  // the diagnosis has failed the build
    }
}

}  // namespace otp::inline OTP_ABI::behaviour
