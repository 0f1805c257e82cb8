// What runs in a server between two callbacks, in the order of its mailbox, suspended or not: the requests of otp::sys.
#pragma once

#include <chrono>
#include <string>
#include <type_traits>
#include <utility>

#include "otp/behaviour/gen_server/client.hpp"
#include "otp/process/blocking_call.hpp"

namespace otp::inline OTP_ABI::sys {

namespace system {

/// Something that runs in the server between two callbacks, suspended or not; `work` gets the server, and its state if T is
/// the callback struct and not void.
template <class Work>
struct order {
    Work work;
};
template <class T>
struct returned {
    template <class Work>
    using of = std::invoke_result_t<Work&, behaviour::server_base&, T&>;
};
template <>
struct returned<void> {
    template <class Work>
    using of = std::invoke_result_t<Work&, behaviour::server_base&>;
};

template <class T, class Work>
struct order_call {
    using reply = typename returned<T>::template of<Work>;
    using block = proc::call_signal<order<Work>, reply>;

    static reply run(Work& work, behaviour::server_base& server) {
        if constexpr (std::is_void_v<T>) return work(server);
        else return work(server, behaviour::state_of<T>(server));
    }
    static void handle(proc::process& p, proc::signal* s) {
        auto& server = static_cast<behaviour::server_base&>(p);
        auto* call = static_cast<block*>(s);
        if constexpr (!std::is_void_v<T>)
            if (server.behaviour().type != type_id_of<T>) return proc::drop(call, reason::wrong_server);
        try {
            auto taken = call->take_request();
            if constexpr (std::is_void_v<reply>) {
                run(taken.work, server);
                call->reply(result<void>{});
            } else {
                call->reply(result<reply>(run(taken.work, server)));
            }
        } catch (const proc::unwinding&) {
            server.queue().push_front(call);
            throw;
        } catch (...) {
            // The asker's function has failed, not the server.
            proc::drop(call, reason{std::current_exception()});
        }
    }
    static constexpr proc::signal_ops ops{&handle, &block::end, std::is_void_v<T> ? nullptr : type_id_of<T>, nullptr, "a system request"};
};

template <class T, class Work>
[[nodiscard]] auto ask_process(proc::process& server, Work work, std::chrono::nanoseconds limit) -> result<typename order_call<T, Work>::reply> {
    using call_type = order_call<T, Work>;
    auto* call = proc::make_signal<typename call_type::block>(std::in_place, order<Work>{std::move(work)});
    call->ops = &call_type::ops;
    call->flags |= proc::is_system;
    auto outcome = proc::call_and_block(server, call, limit, "a system request");
    if (!outcome.answer) return std::move(outcome.why);
    return call_type::block::fetch(outcome.answer);
}
/// With the state of T.
template <class T, class Work>
[[nodiscard]] auto ask(const client<T>& server, Work work, std::chrono::nanoseconds limit) -> result<typename order_call<T, Work>::reply> {
    auto found = server.resolve();
    if (!found) return found.error();
    return ask_process<T>(**found, std::move(work), limit);
}

}  // namespace system

/// Whom the functions that ask nothing of a callback struct take: a server's handle or name, or the pid of a gen_server.
class target {
public:
    template <class T>
    target(const client<T>& server) : found_{server.resolve_any()} {}
    template <class T>
    target(const otp::server<T>& server) : found_{server.resolve_any()} {}
    target(const pid& who)
        : found_{who ? result<intrusive_ptr<proc::process>>{who.shared()}
                     : result<intrusive_ptr<proc::process>>{reason{reason::bad_argument}.with_text("a null pid")}} {}

    /// Runs work(server_base&) in the server. Errors: noproc, wrong_server (it is no gen_server), those of call.
    template <class Work>
    [[nodiscard]] auto ask(Work work, std::chrono::nanoseconds limit) const -> result<typename system::order_call<void, Work>::reply> {
        if (!found_) return found_.error();
        if (!(*found_)->behaviour_type()) return reason{reason::wrong_server}.with_text("the process is no gen_server");
        return system::ask_process<void>(**found_, std::move(work), limit);
    }

private:
    result<intrusive_ptr<proc::process>> found_;
};

/// What a target can be made of. The functions take it as it is: they are templates, so that a unit compiles those that it uses.
template <class Server>
concept has_target = std::is_convertible_v<const Server&, target>;

}  // namespace otp::inline OTP_ABI::sys
