// Connecting to a server: by address, Unix path or name, from a coroutine or a thread.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "otp/base/order.hpp"
#include "otp/net/lookup.hpp"
#include "otp/net/tcp.hpp"
#include "otp/process/sleep.hpp"
#include "otp/process/task.hpp"
#include "otp/runtime/runtime.hpp"

namespace otp::inline OTP_ABI {

namespace net {

/// Waits until a connect that has begun is over.
class connected final : public operation<connected> {
public:
    connected(intrusive_ptr<stream> on, exec::duration limit) noexcept : operation{std::move(on), side::writing, limit} {}
    [[nodiscard]] bool attempt() {
        if (on().is_drained(side::writing)) return false;
        const stream::use open{on()};
        if (!open) return fail(reason::closed), true;
        const auto seen = on().events(side::writing);
        pollfd writable{open.fd(), POLLOUT, 0};
        if (::poll(&writable, 1, 0) == 0) {
            on().set_drained(side::writing, seen);
            return false;
        }
        int error = 0;
        socklen_t length = sizeof(error);
        if (::getsockopt(open.fd(), SOL_SOCKET, SO_ERROR, &error, &length) < 0) error = errno;
        if (error == 0 && connected_to_itself(open.fd())) error = ECONNREFUSED;
        if (error != 0) fail(reason::from_errno(error, "connect"));
        else done_ = result<void>{};
        return true;
    }
    void fail(reason why) { done_ = std::move(why); }
    void expire() { done_ = reason{reason::timeout}.with_text("not connected in time"); }
    [[nodiscard]] result<void> take() { return std::move(done_); }

private:
    // TCP's simultaneous open: a free port of the range that the kernel takes its own from.
    [[nodiscard]] static bool connected_to_itself(int fd) {
        const auto mine = sockname_of(fd);
        const auto peer = peername_of(fd);
        return mine && peer && mine->port() != 0 && *mine == *peer;
    }
    result<void> done_{reason::closed};
};

/// A socket to one address after another, until one answers; all within one time limit.
class connecting {
public:
    connecting(exec::executor& ex, exec::duration limit) noexcept : executor_{ex}, deadline_{deadline_after(ex, limit)} {}

    [[nodiscard]] exec::time_point deadline() const noexcept { return deadline_; }
    /// How long it may still take.
    [[nodiscard]] exec::duration left() const noexcept {
        if (deadline_ == exec::never) return exec::duration::max();
        return base::max(deadline_ - executor_.now(), exec::duration::zero());
    }
    void try_all(addresses where) { where_ = std::move(where); }
    void failed(reason why) { why_ = std::move(why); }

    /// Begins with the next address; false: there is none. Then wait for socket() to be connected.
    [[nodiscard]] bool begin_next() {
        while (next_ < where_.size()) {
            const address& to = where_[next_];
            busy_ = false;
            if (begin(to)) return true;
            if (busy_ && left() > exec::duration::zero()) return true;
            ++next_;
        }
        return false;
    }
    /// A Unix socket whose queue is full: nothing to wait for, but to try again a little later.
    [[nodiscard]] bool is_busy() const noexcept { return busy_; }
    [[nodiscard]] const intrusive_ptr<stream>& socket() const noexcept { return socket_.shared(); }
    /// True: it is connected.
    [[nodiscard]] bool settle(result<void> outcome) {
        if (outcome) return true;
        why_ = reason{outcome.error()}.with_text(where_[next_].to_string() + ": " + std::string{outcome.error().text()});
        socket_ = socket_handle{};
        ++next_;
        return false;
    }
    template <class Socket>
    [[nodiscard]] result<Socket> take(bool done) {
        if (!done) return std::move(why_);
        return Socket{socket_.release()};
    }
    static constexpr std::chrono::milliseconds busy_pause{10};

private:
    // Connects before the poller knows the socket: one that is not connecting counts as hung up.
    [[nodiscard]] bool begin(const address& to) {
        auto fresh = open_stream(to.family());
        if (!fresh) return why_ = fresh.error(), false;
        while (::connect(fresh->get(), to.raw(), to.length()) < 0 && errno != EINPROGRESS) {
            if (errno == EINTR) break;  // it goes on by itself
            busy_ = errno == EAGAIN;
            return why_ = last_error("connect " + to.to_string()), false;
        }
        auto watched = stream::make(executor_, std::move(*fresh));
        if (!watched) return why_ = watched.error(), false;
        socket_ = socket_handle{std::move(*watched)};
        return true;
    }
    exec::executor& executor_;
    exec::time_point deadline_;
    addresses where_;
    std::size_t next_ = 0;
    socket_handle socket_;
    bool busy_ = false;
    reason why_ = reason{reason::not_found}.with_text("no address");
};

/// What can be connected to without looking up a name.
[[nodiscard]] inline result<address> known_address(std::string_view host, int port) {
    if (host.empty()) return reason{reason::bad_argument}.with_text("an empty host name");
    const bool local = host.find('/') != std::string_view::npos || host.front() == '@';
    if (!local && (port < 1 || port > 65535)) return reason{reason::bad_argument}.with_text("a port is 1 to 65535, not " + std::to_string(port));
    if (!local && (host.size() > 253 || host.front() == '.' || host.find("..") != std::string_view::npos))
        return reason{reason::bad_argument}.with_text("no host name");
    return address::parse(host, port);
}
[[nodiscard]] inline bool may_be_name(std::string_view host, int port) noexcept {
    return !host.empty() && host.find('/') == std::string_view::npos && host.front() != '@' && host.size() <= 253 && host.front() != '.' &&
           host.find("..") == std::string_view::npos && port >= 1 && port <= 65535;
}

}  // namespace net

namespace tcp {

/// Connects and blocks this thread, `limit` at most for all of it: the look-up of a name (on a thread of its own), and each of its
/// addresses in turn. `host` is an IPv4 or IPv6 address, a name, or the path of a Unix socket, where the port doesn't matter.
/// Errors: bad_argument, not_found (no such name), timeout, what the system says (connection refused, …). Any thread.
/// gen_tcp:connect/4.
[[nodiscard]] inline result<blocking_socket> connect(std::string_view host, int port = 0, std::chrono::nanoseconds limit = net::no_limit) {
    if (limit < std::chrono::nanoseconds::zero()) return reason{reason::bad_argument}.with_text("a negative time limit");
    exec::executor& ex = exec::current_executor();
    net::connecting way{ex, limit};
    if (auto known = net::known_address(host, port)) {
        way.try_all({*known});
    } else {
        if (!net::may_be_name(host, port)) return known.error();
        net::lookup asked{std::string{host}, static_cast<std::uint16_t>(port), way.deadline()};
        auto found = asked.block(ex);
        if (!found) return found.error();
        way.try_all(std::move(*found));
    }
    bool done = false;
    while (!done && way.begin_next()) {
        if (way.is_busy()) {
            proc::process& self = proc::caller(ex);
            proc::waiter by;
            proc::wait pause;
            pause.ref = self.next_wait_ref();
            pause.deadline = net::deadline_after(ex, net::connecting::busy_pause);
            self.begin_wait(pause, by);
            self.block_until_settled(by);
            if (by.failed) return proc::why_failed(by, "connect");
            continue;
        }
        net::connected wait{way.socket(), way.left()};
        done = way.settle(wait.block());
    }
    return way.take<blocking_socket>(done);
}

/// co_await: the same for a coroutine, which waits without a thread. `host` is copied.
template <class = void>  // g++ compiles a coroutine in each unit that sees it, but a template only where it is used
[[nodiscard]] task<result<socket>> async_connect(std::string host, int port = 0, std::chrono::nanoseconds limit = net::no_limit) {
    if (limit < std::chrono::nanoseconds::zero()) co_return reason{reason::bad_argument}.with_text("a negative time limit");
    exec::executor& ex = exec::current_executor();
    net::connecting way{ex, limit};
    if (auto known = net::known_address(host, port)) {
        net::addresses one;
        one.push_back(*known);
        way.try_all(std::move(one));
    } else {
        if (!net::may_be_name(host, port)) co_return known.error();
        net::lookup asked{host, static_cast<std::uint16_t>(port), way.deadline()};
        auto found = co_await asked;
        if (!found) co_return found.error();
        way.try_all(std::move(*found));
    }
    bool done = false;
    while (!done && way.begin_next()) {
        if (way.is_busy()) {
            co_await sleep_for(net::connecting::busy_pause);
            continue;
        }
        net::connected wait{way.socket(), way.left()};
        auto outcome = co_await wait;
        done = way.settle(std::move(outcome));
    }
    co_return way.take<socket>(done);
}

}  // namespace tcp

}  // namespace otp::inline OTP_ABI
