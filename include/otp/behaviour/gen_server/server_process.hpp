// A process with a callback struct inside: its making, and what the loop knows of the struct.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "otp/base/log.hpp"
#include "otp/base/text_of.hpp"
#include "otp/behaviour/gen_server/dispatch.hpp"
#include "otp/behaviour/gen_server/status.hpp"

namespace otp::inline OTP_ABI::behaviour {

template <class T, class M>
concept has_info = handler_traits<on_info, T, M>::found;

/// The hooks of T as the loop calls them.
template <class T>
struct callbacks_for {
    static void terminate(void* state, const reason& why) { (void)static_cast<T*>(state)->terminate(why); }
    static void destroy(void* state) { std::destroy_at(static_cast<T*>(state)); }
    static void on_exit(server_base& server, proc::signal* s) { run_info<T, exit_signal>(server, proc::take_exit(s)); }
    static void on_down(server_base& server, proc::signal* s) { run_info<T, down>(server, proc::take_down(s)); }
    static void on_timeout(server_base& server) {
        note_message(server, sys::event_kind::timeout, timeout{});
        run_info<T, timeout>(server, timeout{});
    }
    static void show_state(const void* state, std::string& text) { text = base::text_of(*static_cast<const T*>(state)); }
    static void format_status(const void* state, status& shown) { static_cast<const T*>(state)->format_status(shown); }
    template <class M>
    static consteval const proc::signal_ops* ops_if_received() {
        if constexpr (complete<M>) {
            if constexpr (has_info<T, M>) return &info_to<T, M>::ops;
            else return nullptr;
        } else {
            return nullptr;
        }
    }
    static const proc::signal_ops* info(type_id message) {
        if (message == type_id_of<tcp::data>) return ops_if_received<tcp::data>();
        if (message == type_id_of<tcp::closed>) return ops_if_received<tcp::closed>();
        if (message == type_id_of<tcp::error>) return ops_if_received<tcp::error>();
        if (message == type_id_of<tcp::passive>) return ops_if_received<tcp::passive>();
        return nullptr;
    }
    template <class M>
    static void take_over(type_id message, message_kind kind, const proc::signal_ops*& found) noexcept {
        if (message != type_id_of<M>) return;
        if constexpr (answers<T, M>)
            if (kind == message_kind::call) found = &call_to<T, M>::ops;
        if constexpr (accepts<T, M>)
            if (kind == message_kind::cast) found = &cast_to<T, M>::ops;
        if constexpr (receives<T, M>)
            if (kind == message_kind::info) found = &info_to<T, M>::ops;
    }
    template <class... M>
    static const proc::signal_ops* take_over_one_of(type_id message, message_kind kind, messages<M...>) noexcept {
        const proc::signal_ops* found = nullptr;
        (take_over<M>(message, kind, found), ...);
        return found;
    }
    template <class U>
    static const proc::signal_ops* takeover(type_id message, message_kind kind) {
        return take_over_one_of(message, kind, typename U::messages{});
    }
    static void destroy_on_heap(void* state) { delete static_cast<T*>(state); }
    static consteval callbacks make(bool on_heap) {
        callbacks made{type_id_of<T>, type_name<T>(), nullptr, on_heap ? &destroy_on_heap : &destroy, nullptr, nullptr, nullptr, &info, nullptr};
        if constexpr (requires { typename T::messages; }) made.takeover = &takeover<T>;
        made.show_state = &show_state;
        if constexpr (formats_status<T>) made.format_status = &format_status;
        if constexpr (terminate_traits<T>::found) made.terminate = &terminate;
        if constexpr (has_info<T, exit_signal>) made.on_exit = &on_exit;
        if constexpr (has_info<T, down>) made.on_down = &on_down;
        if constexpr (has_info<T, timeout>) made.on_timeout = &on_timeout;
        return made;
    }
    static constexpr callbacks table = make(false);
    static constexpr callbacks table_on_heap = make(true);  // of a struct that the server became
};

inline void server_base::unhandled(std::string_view message) const {
    std::string text{"server "};
    describe(text);
    text += " has no handle_info for ";
    text += message;
    base::log(log_level::warning, text);
}

/// An order to end, and who waits for the end.
struct stop_order {
    reason why;
};
struct stop_call final {
    using block = proc::call_signal<stop_order, void>;
    static void handle(proc::process& p, proc::signal* s) {
        auto* call = static_cast<block*>(s);
        p.stop(call->request.why);
        p.queue().push_front(call);  // answered when the process is gone
    }
    /// It has ended as ordered, or for another reason.
    static void end(proc::signal* s, const reason& why) noexcept {
        auto* call = static_cast<block*>(s);
        if (call->has(proc::is_answered) || !call->caller) return proc::free_signal(call);
        if (why == call->request.why) call->reply(result<void>{});
        else call->reply(why);
    }
    static constexpr proc::signal_ops ops{&handle, &end, nullptr, type_id_of<stop_order>, "stop"};
    [[nodiscard]] static block* make(reason why) {
        auto* made = proc::make_signal<block>(std::in_place, stop_order{std::move(why)});
        made->ops = &ops;
        made->flags |= proc::is_system;
        return made;
    }
};

/// Also while a handler waits: its coroutine goes first then.
inline void server_base::order_end(const reason& why) noexcept {
    auto* order = stop_call::make(why);
    order->flags |= proc::is_interleaved;
    post(order);
}

template <class T>
class server_process final : public server_base {
public:
    explicit server_process(exec::executor& ex) noexcept : server_base{ex, callbacks_for<T>::table} {
        static_assert(alignof(T) <= 16, "a callback struct can't ask for more than 16 bytes of alignment");
        interleaves_ = requires { typename T::interleaves; };
    }
    /// The limits of the mailbox, which few servers have, stand behind the process in its block.
    [[nodiscard]] static intrusive_ptr<server_process> make(exec::executor& ex, const mailbox_options& mailbox = {}) {
        const bool bounded = mailbox.capacity != mailbox_options{}.capacity;
        void* block = memory::allocate(bounded ? bounded_size() : sizeof(server_process));
        auto made = intrusive_ptr<server_process>::adopt(::new (block) server_process{ex});
        if (bounded) {
            ::new (static_cast<std::byte*>(block) + sizeof(server_process)) proc::bounds{mailbox};
            made->born_as_ |= bounded_bit;
        }
        return made;
    }
    [[nodiscard]] proc::bounds* limits() const noexcept override {
        auto* const block = reinterpret_cast<std::byte*>(const_cast<server_process*>(this));
        return std::launder(reinterpret_cast<proc::bounds*>(block + sizeof(server_process)));
    }
    [[nodiscard]] void* room() noexcept { return room_; }
    [[nodiscard]] std::string_view initial_call() const noexcept override { return type_name<T>(); }

private:
    void dispose() noexcept override {
        const bool bounded = is_bounded();
        if (bounded) std::destroy_at(limits());
        this->~server_process();
        memory::deallocate(this, bounded ? bounded_size() : sizeof(server_process));
    }
    static consteval std::size_t bounded_size() { return sizeof(server_process) + sizeof(proc::bounds); }
    alignas(T) std::byte room_[sizeof(T)];
};

// ---- init

template <class... A>
struct init_arguments {
    std::tuple<A...> values;
};

/// Runs init, or the constructor, with the arguments of start; then answers the starter.
template <class T, class... A>
struct init_call {
    using block = proc::call_signal<init_arguments<A...>, void>;

    static void handle(proc::process& p, proc::signal* s) {
        auto& server = static_cast<server_process<T>&>(p);
        auto* call = static_cast<block*>(s);
        auto arguments = call->take_request(server);
        proc::service what{call, nullptr};
        if (!named(server, call)) return;
        if constexpr (has_init<T, A...>) {
            T* made;
            try {
                made = ::new (server.room()) T();
            } catch (...) {
                return fail(server, call, reason{std::current_exception()});
            }
            server.set_state(made);
            auto invoke = [&]() -> decltype(auto) {
                return std::apply([made](A&... values) -> decltype(auto) { return made->init(std::move(values)...); }, arguments.values);
            };
            using R = std::invoke_result_t<decltype(invoke)>;
            if constexpr (is_a_task<R>) {
                handler_run<R, finish_init<R>>::start(server, std::move(what), invoke(), {call});
            } else {
                const serving_scope scope{server, what};
                run(server, call, invoke);
            }
        } else {
            const serving_scope scope{server, what};
            try {
                T* made = std::apply([&](A&... values) { return ::new (server.room()) T(std::move(values)...); }, arguments.values);
                server.set_state(made);
            } catch (...) {
                return fail(server, call, reason{std::current_exception()});
            }
            server.init_done();
            call->reply(result<void>{});
        }
    }
    static constexpr proc::signal_ops ops{&handle, &block::end, type_id_of<T>, nullptr, "init"};

private:
    template <class Task>
    struct finish_init {
        block* call;
        void done(server_base& server, Task& work) {
            run(server, std::exchange(call, nullptr), [&]() -> decltype(auto) { return work.take_result(); });
        }
        void abandoned(server_base& server) noexcept { server.queue().push_front(call); }
    };

    /// Takes the name in a registry of the user's, if there is one to take. False: it has failed.
    [[nodiscard]] static bool named(server_base& server, block* call) {
        try {
            auto taken = server.take_name();
            if (taken) return true;
            fail(server, call, taken.error());
        } catch (const proc::unwinding&) {
            server.queue().push_front(call);
        } catch (...) {
            fail(server, call, reason{std::current_exception()});
        }
        return false;
    }
    /// The starter hears of a failure when the process is gone and its name is free.
    static void fail(server_base& server, block* call, reason why) { fail(server, call, why, why); }
    static void fail(server_base& server, block* call, reason end, reason told) {
        auto& details = server.details();
        details.last_reason = std::move(told);
        details.last_words.reset(call);
        server.stop(std::move(end));
    }
    static void finish(server_base& server, block* call, steering how) {
        if (how.never_began) return fail(server, call, reason::normal, std::move(how.why));
        if (how.stops) return fail(server, call, std::move(how.why));
        if (how.limit < std::chrono::nanoseconds::zero())
            return fail(server, call, reason{reason::bad_argument}.with_text("init returned a negative time-out"));
        server.steer(std::move(how));
        server.init_done();
        call->reply(result<void>{});
    }
    template <class Call>
    static void run(server_base& server, block* call, Call&& invoke) {
        using R = std::invoke_result_t<Call>;
        steering how;
        try {
            if constexpr (std::is_void_v<R>) invoke();
            else how = init_result(invoke()).release();
        } catch (const proc::unwinding&) {
            return server.queue().push_front(call);
        } catch (...) {
            try {
                how = thrown_init();
            } catch (...) {
                return fail(server, call, reason{std::current_exception()});
            }
        }
        finish(server, call, std::move(how));
    }
};

}  // namespace otp::inline OTP_ABI::behaviour
