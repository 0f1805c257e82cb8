// A server of connections, and how one is started.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include "otp/base/owned.hpp"
#include "otp/behaviour/gen_server/start.hpp"
#include "otp/behaviour/socket_server/connection_owner.hpp"

namespace otp::inline OTP_ABI {

namespace behaviour {

template <class H, class... A>
inline constexpr bool is_called_with_socket = false;
template <class H, class... A>
inline constexpr bool is_called_with_socket<H, H, A...> = coroutine_handler<H, A...> || blocking_handler<H, A...>;

// The arguments of a socket_server: for a function the function itself, then what it gets after the socket; for a callback
// struct what its init or constructor gets after the socket.
template <class H, class... A>
concept serves_connections = is_called_with_socket<H, A...> || (gen_server<H> && starts_with<H, tcp::socket, A...>);

template <class H, class... A>
[[nodiscard]] base::owned<connection_maker> make_connections(std::type_identity<H>, H handler, A... arguments)
    requires is_called_with_socket<H, H, A...>
{
    if constexpr (coroutine_handler<H, A...>) return base::owned<connection_maker>{new coroutine_maker<H, A...>(std::move(handler), std::move(arguments)...)};
    else return base::owned<connection_maker>{new blocking_maker<H, A...>(std::move(handler), std::move(arguments)...)};
}
template <class H, class... A>
[[nodiscard]] base::owned<connection_maker> make_connections(std::type_identity<H>, A... arguments) {
    return base::owned<connection_maker>{new session_maker<H, A...>(std::move(arguments)...)};
}

}  // namespace behaviour

/// A gen_server that owns a listening socket and the connections that come from it. It starts acceptors; each accepts one
/// client, casts `accepted` and becomes the connection, and the owner starts the next one while the limit allows. A
/// crashed acceptor is replaced, a crashed connection logged, counted and forgotten. With its end the port is closed and
/// the connections are asked to end (`shutdown`), then killed.
///
/// Handler is a function or function object for tcp::socket that is a coroutine, one for tcp::blocking_socket, which gets
/// a thread of its own, or a callback struct whose init (or constructor) takes a tcp::socket first.
template <class Handler>
class socket_server {
public:
    struct interface : client<socket_server> {
        /// The port, 0 if the server is gone or has none.
        [[nodiscard]] std::uint16_t port() const { return this->call(port_query{}).value_or(0); }
        /// Its state; an empty one if the server is gone.
        [[nodiscard]] socket_info info() const {
            auto known = this->call(info_query{});
            return known ? std::move(*known) : socket_info{};
        }
        /// The connections now, the oldest first.
        [[nodiscard]] std::vector<connection_info> connections() const {
            auto known = this->call(connections_query{});
            return known ? std::move(*known) : std::vector<connection_info>{};
        }
        /// Closes the port; connections go on. Clients that the kernel has queued are reset. May be repeated.
        [[nodiscard("the server may be gone")]] result<void> suspend() const { return this->call(suspend_order{}); }
        /// Listens again on the same port. Errors: as those of a start.
        [[nodiscard("the port may be taken")]] result<void> resume() const { return this->call(resume_order{}); }
        /// Suspends it and blocks until all connections have ended. Error: timeout, they go on then.
        [[nodiscard("it may be too slow")]] result<void> drain(std::chrono::nanoseconds limit) const {
            return this->call(behaviour::drain_order{limit}, limit > infinity - default_timeout ? infinity : limit + default_timeout);
        }
        /// From now on at most `limit` connections; otp::unlimited for any number. More than that stay until they end.
        [[nodiscard("the server may be gone")]] result<void> set_max_connections(std::size_t limit) const {
            return this->call(limit_order{limit});
        }
    };

    struct port_query { using reply_type = std::uint16_t; };
    struct info_query { using reply_type = socket_info; };
    struct connections_query { using reply_type = std::vector<connection_info>; };
    struct suspend_order { using reply_type = void; };
    struct resume_order { using reply_type = void; };
    struct limit_order { using reply_type = void; std::size_t limit; };

    template <class... A>
        requires behaviour::serves_connections<Handler, A...>
    init_result init(socket_options options, A... arguments) {
        static constexpr behaviour::owner_ops ops{&behaviour::cast_to<socket_server, behaviour::accepted>::ops,
                                                  &behaviour::cast_to<socket_server, behaviour::accept_trouble>::ops,
                                                  &behaviour::cast_to<socket_server, behaviour::turned_away>::ops,
                                                  &behaviour::info_to<socket_server, behaviour::look_again>::ops, &behaviour::turn_clients_away<>};
        auto maker = behaviour::make_connections(std::type_identity<Handler>{}, std::move(arguments)...);
        if (auto opened = owner_.open(std::move(options), std::move(maker), ops); !opened) return otp::fail(opened.error());
        return ok;
    }
    std::uint16_t handle_call(port_query) { return owner_.port(); }
    socket_info handle_call(info_query) { return owner_.info(); }
    std::vector<connection_info> handle_call(connections_query) { return owner_.connections(); }
    void handle_call(suspend_order) { owner_.suspend(); }
    result<void> handle_call(resume_order) { return owner_.resume(); }
    void handle_call(limit_order order) { owner_.set_max_connections(order.limit); }
    void handle_call(behaviour::drain_order order, from<behaviour::drain_order> caller) {
        const recipient<behaviour::drain_deadline> self{intrusive_ptr<proc::process>::share(proc::current_process()),
                                                        behaviour::info_to<socket_server, behaviour::drain_deadline>::ops};
        owner_.drain(self, order, std::move(caller));
    }
    void handle_cast(const behaviour::accepted& news) { owner_.on_accepted(news); }
    void handle_cast(behaviour::turned_away) { owner_.on_turned_away(); }
    next handle_cast(behaviour::accept_trouble news) { return stop_unless_normal(owner_.on_trouble(std::move(news))); }
    void handle_info(behaviour::look_again) { owner_.on_look_again(); }
    void handle_info(behaviour::drain_deadline over) { owner_.on_drain_deadline(over); }
    next handle_info(const exit_signal& end) { return stop_unless_normal(owner_.on_exit(end)); }
    void terminate(const reason&) { owner_.close(); }

private:
    static next stop_unless_normal(reason why) {
        if (why == reason::normal) return noreply;
        return stop(std::move(why));
    }
    behaviour::connection_owner owner_;
};

namespace behaviour {

template <class Style, class... A>
struct served {
    using type = Style;
};
template <class F, class... A>
struct served<void, F, A...> {
    using type = std::decay_t<F>;
};

template <class Style, class... A>
[[nodiscard]] auto serve_on(exec::executor& ex, const socket_options& options, A&&... arguments) {
    using handler = typename served<Style, A...>::type;
    static_assert(serves_connections<handler, std::decay_t<A>...>,
                  "otp::serve: the handler must be callable with (otp::tcp::socket, arguments...) and return an otp::task, be callable with "
                  "(otp::tcp::blocking_socket, arguments...), or be a callback struct whose init takes (otp::tcp::socket, arguments...)");
    constexpr bool copied = (std::copy_constructible<std::decay_t<A>> && ...);
    static_assert(copied, "otp::serve: each connection gets a copy of the handler and of the arguments");
    if constexpr (copied && serves_connections<handler, std::decay_t<A>...>)
        return start_on<proc::bond::none, socket_server<handler>>(ex, start_options{.name = options.name}, options, std::forward<A>(arguments)...);
    else return result<server<socket_server<handler>>>{reason::bad_argument};
}

}  // namespace behaviour

/// Starts a server of connections: otp::serve({.port = 7000}, echo) for functions, otp::serve<session>({.port = 7000}, room) for
/// callback structs. The handler and its arguments are copied for each connection, and come after the socket. Errors: that of
/// the system (address in use, …), bad_argument (a port or an address that is none), and those of otp::start. Any thread.
template <class Style = void, class... A>
[[nodiscard]] auto serve(const socket_options& options, A&&... arguments) {
    return behaviour::serve_on<Style>(exec::current_executor(), options, std::forward<A>(arguments)...);
}

template <class Style, class... A>
auto runtime::serve(const socket_options& options, A&&... arguments) {
    return behaviour::serve_on<Style>(executor(), options, std::forward<A>(arguments)...);
}

}  // namespace otp::inline OTP_ABI
