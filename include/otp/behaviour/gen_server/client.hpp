// How one talks to a gen_server: what its handles and its typed name have in common.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "otp/behaviour/gen_server/ask.hpp"
#include "otp/behaviour/gen_server/concepts.hpp"
#include "otp/behaviour/gen_server/dispatch.hpp"
#include "otp/behaviour/gen_server/server_process.hpp"
#include "otp/process/blocking_call.hpp"
#include "otp/process/recipient.hpp"
#include "otp/process/user_registry.hpp"
#include "otp/runtime/runtime.hpp"

namespace otp::inline OTP_ABI {

/// A time limit of calls where none is said: gen_server's 5 s.
inline constexpr std::chrono::nanoseconds default_timeout = std::chrono::seconds{5};

/// The operations of a handle to a server of T. A handle made by start holds its process; a name finds it at each use.
/// A callback struct may add interface functions: `struct interface : otp::client<T> { … };`.
/// Thread safety: a value; all its functions may be called from any thread.
template <class T>
class client {
public:
    constexpr client() noexcept = default;

    /// Sends a request and blocks for its reply, `limit` at most. Errors: noproc, timeout, the exit reason of a server that dies
    /// meanwhile, what the handler failed with, calling_self, deadlock (the call would close a circle), overloaded,
    /// system_limit (a worker's call and no spare worker), wrong_server. gen_server:call/3.
    template <int = 0, class Request>
    auto call(Request&& request, std::chrono::nanoseconds limit = default_timeout) const
        -> result<behaviour::reply_or_none<std::remove_cvref_t<Request>>> {
        using R = std::remove_cvref_t<Request>;
        behaviour::diagnose_call<T, R>();
        return call_with<R>(limit, std::forward<Request>(request));
    }
    /// The same with the request built in place, and the default limit.
    template <class Request, class... A>
    auto call(A&&... arguments) const -> result<behaviour::reply_or_none<Request>> {
        behaviour::diagnose_call<T, Request>();
        behaviour::diagnose_in_place<Request, A...>();
        return call_with<Request>(default_timeout, std::forward<A>(arguments)...);
    }

    /// The same for coroutines: co_await server.ask<request>(arguments…), with .timeout(1s) for another limit. Suspends the
    /// process, not the thread. Errors as those of call.
    template <class Request, class... A>
    [[nodiscard]] auto ask(A&&... arguments) const -> asking<Request> {
        behaviour::diagnose_call<T, Request>();
        behaviour::diagnose_asked_in_place<Request, A...>();
        return ask_with<Request>(std::forward<A>(arguments)...);
    }
    /// A temporary is accepted where that is safe with g++ 12; else use ask<request>(arguments…).
    template <int = 0, class Request>
    [[nodiscard]] auto ask(Request&& request) const -> asking<std::remove_cvref_t<Request>> {
        using R = std::remove_cvref_t<Request>;
        behaviour::diagnose_call<T, R>();
        behaviour::diagnose_asked<Request>();
        return ask_with<R>(std::forward<Request>(request));
    }

    /// Sends a message for handle_cast. Never fails: what reaches nobody is a dead letter. Blocks only for room in a full mailbox that
    /// makes its senders wait (otp::wait). gen_server:cast/2.
    template <int = 0, class M>
    void cast(M&& message) const {
        using Message = std::remove_cvref_t<M>;
        behaviour::diagnose_cast<T, Message>();
        if constexpr (accepts<T, Message>) send_as<Message>(behaviour::cast_to<T, Message>::ops, std::forward<M>(message));
    }
    template <class M, class... A>
    void cast(A&&... arguments) const {
        behaviour::diagnose_cast<T, M>();
        behaviour::diagnose_in_place<M, A...>();
        if constexpr (accepts<T, M> && behaviour::built_from<M, A...>) send_as<M>(behaviour::cast_to<T, M>::ops, std::forward<A>(arguments)...);
    }
    /// Sends a message for handle_info; Erlang's `!`.
    template <int = 0, class M>
    void send(M&& message) const {
        using Message = std::remove_cvref_t<M>;
        behaviour::diagnose_send<T, Message>();
        if constexpr (receives<T, Message>) send_as<Message>(behaviour::info_to<T, Message>::ops, std::forward<M>(message));
    }
    template <class M, class... A>
    void send(A&&... arguments) const {
        behaviour::diagnose_send<T, M>();
        behaviour::diagnose_in_place<M, A...>();
        if constexpr (receives<T, M> && behaviour::built_from<M, A...>) send_as<M>(behaviour::info_to<T, M>::ops, std::forward<A>(arguments)...);
    }

    /// Sends a request whose reply is asked for later. Never fails: a missing server shows in the response.
    template <int = 0, class Request>
    [[nodiscard]] auto send_request(Request&& what) const -> request<std::remove_cvref_t<Request>>;
    template <class Request, class... A>
    [[nodiscard]] auto send_request(A&&... arguments) const -> request<Request>;

    /// Ends the server after what it was sent before, with terminate, and blocks until it is gone. Errors: noproc, timeout (it goes
    /// on ending), or the other reason that it ended with. gen_server:stop/3.
    result<void> stop(const reason& why = reason::normal, std::chrono::nanoseconds limit = infinity) const {
        auto found = resolve();
        if (!found) return found.error();
        auto outcome = proc::call_and_block(**found, behaviour::stop_call::make(why), limit, "stop");
        if (!outcome.answer) return outcome.why;
        return behaviour::stop_call::block::fetch(outcome.answer);
    }

    /// The process; of a name the one that has it now, or none.
    [[nodiscard]] pid id() const {
        auto found = resolve();
        return found ? pid{*found} : pid{};
    }

    /// The control block, for the library's own functions. Errors: noproc, wrong_server.
    [[nodiscard]] result<intrusive_ptr<proc::process>> resolve() const {
        if (!name_) return resolve_any();
        return resolve_on(exec::current_executor());
    }
    /// The same, of a name in a runtime.
    [[nodiscard]] result<intrusive_ptr<proc::process>> resolve_on(exec::executor& ex) const {
        auto found = resolve_any(ex);
        if (!found || !name_) return found;
        if ((*found)->behaviour_type() != type_id_of<T>)
            return reason{reason::wrong_server}.with_text("the process " + name_text() + " is no " + std::string{type_name<T>()});
        return found;
    }

    /// A handle and a name are recipients of what T receives; a via is one of who has its name at the moment of the conversion.
    template <class M>
    operator recipient<M>() const {
        behaviour::diagnose_send<T, M>();
        if constexpr (!receives<T, M>) return {};  // the diagnosis has failed the build
        else if (!name_) return recipient<M>{held(), behaviour::info_to<T, M>::ops};
        else if (name_ == proc::via_mark) return recipient<M>{id().shared(), behaviour::info_to<T, M>::ops};
        else return recipient<M>{name_, behaviour::info_to<T, M>::ops};
    }
    /// The same, whatever server it is.
    [[nodiscard]] result<intrusive_ptr<proc::process>> resolve_any() const { return resolve_any(exec::current_executor()); }
    [[nodiscard]] result<intrusive_ptr<proc::process>> resolve_any(exec::executor& ex) const {
        if (!name_) {
            if (!held_) return reason{reason::noproc}.with_text("an empty handle");
            return held();
        }
        auto found = name_ == proc::via_mark ? sought().where.whereis_name(sought().key).shared() : proc::node::of(ex).names().find(name_);
        if (!found) return reason{reason::noproc}.with_text("no process is registered as " + name_text());
        return found;
    }

protected:
    void become(intrusive_ptr<proc::process> process, const char* name) noexcept {
        held_ = std::move(process);
        name_ = name;
    }
    void become_via(registry& where, std::string_view key) {
        held_ = intrusive_ptr<proc::via_target>::adopt(new proc::via_target{where, key});
        name_ = proc::via_mark;
    }
    constexpr void become_name(const char* name) noexcept { name_ = name; }
    /// The process of a handle that is no name.
    [[nodiscard]] proc::process* held_process() const noexcept { return static_cast<proc::process*>(held_.get()); }
    [[nodiscard]] intrusive_ptr<proc::process> held() const noexcept { return intrusive_ptr<proc::process>::share(held_process()); }
    [[nodiscard]] const proc::via_target& sought() const noexcept { return static_cast<const proc::via_target&>(*held_); }
    [[nodiscard]] constexpr const char* held_name() const noexcept { return name_; }

private:
    template <class Request>
    using block_of = proc::call_signal<Request, behaviour::reply_or_none<Request>>;

    template <class Request, class... A>
    [[nodiscard]] static auto* make_call(A&&... arguments) {
        using block = block_of<Request>;
        if constexpr (answers<T, Request> && behaviour::built_from<Request, A...>) {
            auto* made = proc::make_signal<block>(std::in_place, std::forward<A>(arguments)...);
            made->ops = &behaviour::call_to<T, Request>::ops;
            if constexpr (behaviour::interleaves_with<T, Request>()) made->flags |= proc::is_interleaved;
            return made;
        } else {
            return static_cast<block*>(nullptr);  // the diagnosis has failed the build
        }
    }
    template <class Request, class... A>
    auto call_with(std::chrono::nanoseconds limit, A&&... arguments) const -> result<behaviour::reply_or_none<Request>> {
        if constexpr (answers<T, Request> && behaviour::built_from<Request, A...>) {
            auto found = resolve();
            if (!found) return found.error();
            auto outcome = proc::call_and_block(**found, make_call<Request>(std::forward<A>(arguments)...), limit, type_name<Request>());
            if (!outcome.answer) return std::move(outcome.why);
            return block_of<Request>::fetch(outcome.answer);
        } else {
            return reason::unhandled;  // the diagnosis above has failed the build
        }
    }
    template <class Request, class... A>
    [[nodiscard]] auto ask_with(A&&... arguments) const -> asking<Request> {
        auto found = resolve();
        auto* call = make_call<Request>(std::forward<A>(arguments)...);
        if (!found) return asking<Request>{nullptr, found.error(), call};
        return asking<Request>{std::move(*found), reason{}, call};
    }
    template <class M, class... A>
    void send_as(const proc::signal_ops& ops, A&&... arguments) const {
        auto* made = proc::make_message<M>(ops, std::forward<A>(arguments)...);
        if (!name_) return proc::send_message(held_process(), made);
        auto found = resolve();
        if (found) proc::send_message(found->get(), made);
        else proc::drop(made, found.error());
    }

    [[nodiscard]] std::string name_text() const { return name_ == proc::via_mark ? sought().key : name_; }

    intrusive_ptr<ref_counted> held_;  // the process; of a via its via_target; null of a name
    const char* name_ = nullptr;
};

namespace behaviour {
template <class T>
struct interface_of {
    using type = client<T>;
};
template <class T>
    requires requires { typename T::interface; }
struct interface_of<T> {
    // Of a wrong one the client alone, so that nothing else goes wrong.
    using type = std::conditional_t<std::is_base_of_v<client<T>, typename T::interface>, typename T::interface, client<T>>;
    static_assert(std::is_base_of_v<client<T>, typename T::interface>, "the struct `interface` of a server derives from otp::client of that server");
};
}  // namespace behaviour

/// A handle to one gen_server process of T. Copies are cheap; ==, ordering and hash are those of the process.
template <class T>
class server : public behaviour::interface_of<T>::type {
public:
    constexpr server() noexcept = default;
    /// For the library's own functions.
    explicit server(intrusive_ptr<proc::process> process) noexcept { this->become(std::move(process), nullptr); }

    [[nodiscard]] explicit operator bool() const noexcept { return this->held_process() != nullptr; }
    [[nodiscard]] pid id() const noexcept { return pid{this->held()}; }
    operator pid() const noexcept { return id(); }

    friend bool operator==(const server& a, const server& b) noexcept { return a.held_process() == b.held_process(); }
    friend std::strong_ordering operator<=>(const server& a, const server& b) noexcept { return a.id() <=> b.id(); }
    template <class OStream>
        requires requires(OStream& out, const std::string& line) { out << line; }
    friend OStream& operator<<(OStream& out, const server& s) {
        out << s.id().to_string();
        return out;
    }
};

/// A registered name that only a server of T may have; finds it at each use, in the current runtime. Of static duration and
/// constant: inline constexpr otp::name<channels> ch3{"ch3"};
template <class T>
class name : public behaviour::interface_of<T>::type {
public:
    /// `text` must outlive the name: a literal.
    explicit constexpr name(const char* text) noexcept { this->become_name(text); }
    [[nodiscard]] constexpr std::string_view text() const noexcept { return this->held_name(); }
    friend constexpr bool operator==(const name& a, const name& b) noexcept { return a.text() == b.text(); }
    friend constexpr std::strong_ordering operator<=>(const name& a, const name& b) noexcept { return a.text() <=> b.text(); }
    template <class OStream>
        requires requires(OStream& out, const std::string& line) { out << line; }
    friend OStream& operator<<(OStream& out, const name& n) {
        out << std::string{n.text()};
        return out;
    }
};

/// A name in a registry of the user's that only a server of T may have; looked for at each use. OTP's {via, Module, Name}. Sending
/// goes to who has the name. The registry must outlive it. A value, for any thread.
template <class T>
class via : public behaviour::interface_of<T>::type {
public:
    explicit via(registry& where, std::string_view key) { this->become_via(where, key); }
    [[nodiscard]] registry& where() const noexcept { return this->sought().where; }
    [[nodiscard]] std::string_view key() const noexcept { return this->sought().key; }
    friend bool operator==(const via& a, const via& b) noexcept { return &a.where() == &b.where() && a.key() == b.key(); }
    template <class OStream>
        requires requires(OStream& out, const std::string& line) { out << line; }
    friend OStream& operator<<(OStream& out, const via& v) {
        out << std::string{v.key()};
        return out;
    }
};

}  // namespace otp::inline OTP_ABI

template <class T>
struct std::hash<otp::server<T>> {
    std::size_t operator()(const otp::server<T>& s) const noexcept { return std::hash<otp::pid>{}(s.id()); }
};
template <class T>
struct std::hash<otp::name<T>> {
    std::size_t operator()(const otp::name<T>& n) const noexcept { return otp::base::hash_text(n.text()); }
};
