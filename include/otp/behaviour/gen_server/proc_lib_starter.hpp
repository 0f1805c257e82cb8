// What a process of proc_lib holds while it sets itself up: the means to tell its starter, and to become a server.
#pragma once

#include <chrono>
#include <type_traits>
#include <utility>

#include "otp/base/exit.hpp"
#include "otp/behaviour/gen_server/dispatch.hpp"

namespace otp::inline OTP_ABI::proc_lib {

/// The state that a process hands over to become a gen_server of T, and what the loop begins with; made by starter::enter_loop.
/// Without more it waits for messages.
template <class T>
class [[nodiscard("it is to be returned")]] entering {
public:
    /// otp::timeout arrives by handle_info if no message came for so long.
    entering timeout(std::chrono::nanoseconds limit) && {
        how_.limit = limit;
        return std::move(*this);
    }
    /// `message` goes to handle_info if no other came for so long.
    template <class M>
    entering timeout(std::chrono::nanoseconds limit, M message) && {
        how_.limit = limit;
        how_.when_idle = behaviour::bind_info(static_cast<T*>(nullptr), std::move(message));
        bind_idle_ = &bind<M>;
        return std::move(*this);
    }
    /// Gives back what memory the process can spare while it waits.
    entering hibernate() && {
        how_.hibernates = true;
        return std::move(*this);
    }
    /// handle_continue(message) is the very first callback.
    template <class M>
    entering then(M message) && {
        how_.first = behaviour::bind_continue(static_cast<T*>(nullptr), std::move(message));
        bind_first_ = &bind<M>;
        return std::move(*this);
    }

    // For the loop.
    [[nodiscard]] T& state() noexcept { return state_; }
    [[nodiscard]] behaviour::steering release(T* self) && {
        if (bind_idle_) bind_idle_(*how_.when_idle, self);
        if (bind_first_) bind_first_(*how_.first, self);
        return std::move(how_);
    }

private:
    template <class V>
    friend class starter;
    explicit entering(T state) : state_{std::move(state)} {}
    // The messages were made before the state had its place.
    template <class M>
    static void bind(proc::signal& s, T* self) noexcept {
        static_cast<behaviour::bound_signal<T, M>&>(s).self = self;
    }
    T state_;
    behaviour::steering how_;
    void (*bind_idle_)(proc::signal& s, T* self) noexcept = nullptr;
    void (*bind_first_)(proc::signal& s, T* self) noexcept = nullptr;
};

/// What proc_lib::start gives to the new process as its first argument; nobody else can make one. Until its starter is told, the
/// starter waits; a process that ends before tells it why by its end. Thread safety: one user at a time; it may be moved to
/// other processes.
template <class V = void>
class starter {
public:
    starter(starter&&) noexcept = default;
    starter& operator=(starter&&) noexcept = default;

    /// The starter goes on, with this value; V void takes none. Only the first one counts. proc_lib:init_ack/1.
    template <class... U>
        requires(std::is_void_v<V> ? sizeof...(U) == 0 : sizeof...(U) == 1)
    void init_ack(U&&... value) {
        if (auto* call = call_ ? call_->take() : nullptr) reply_(call, result<V>(std::forward<U>(value)...));
    }
    /// The process ends with this reason, and the starter has it as its error when the process is gone and its name is free.
    /// proc_lib:init_fail/2.
    [[noreturn]] void init_fail(reason why) { throw otp::exit{std::move(why)}; }
    /// To be returned by what was started: the process becomes a gen_server of T with this state, without T's init. Its starter is
    /// told, if that has not been done and V is void; else that is the error bad_argument. gen_server:enter_loop/3,4,5.
    template <class T>
    [[nodiscard]] entering<T> enter_loop(T state) {
        behaviour::diagnose_server<T>();
        return entering<T>{std::move(state)};
    }

    /// For proc_lib::start.
    struct made_by_start;

private:
    friend made_by_start;
    using reply_function = void (*)(proc::call_header* call, result<V> value);
    explicit starter(intrusive_ptr<proc::deferred_call> call, reply_function reply) noexcept : call_{std::move(call)}, reply_{reply} {}
    intrusive_ptr<proc::deferred_call> call_;
    reply_function reply_;
};

}  // namespace otp::inline OTP_ABI::proc_lib
