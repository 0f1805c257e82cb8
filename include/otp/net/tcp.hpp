// Stream sockets, TCP and Unix: for coroutines and for threads.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "otp/fwd.hpp"
#include "otp/net/active.hpp"
#include "otp/net/address.hpp"
#include "otp/net/buffer.hpp"
#include "otp/net/options.hpp"
#include "otp/net/receive.hpp"
#include "otp/net/stream.hpp"
#include "otp/net/transmit.hpp"

namespace otp::inline OTP_ABI {

namespace net {

/// What counts in a socket: bytes and operations, in and out. inet:getstat/1.
struct socket_statistics {
    std::uint64_t received_bytes = 0, received_times = 0, sent_bytes = 0, sent_times = 0;
};

[[nodiscard]] inline std::string_view as_text(std::string_view text) noexcept { return text; }
[[nodiscard]] inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
template <class T>
concept sendable = std::is_convertible_v<const T&, std::string_view> || std::is_convertible_v<const T&, std::span<const std::byte>>;
template <sendable T>
[[nodiscard]] std::string_view piece(const T& bytes) noexcept {
    if constexpr (std::is_convertible_v<const T&, std::string_view>) return std::string_view(bytes);
    else return as_text(std::span<const std::byte>(bytes));
}

/// What both kinds of sockets have. A socket is its handle: moved, never copied; closed when it goes.
class socket_handle {
public:
    socket_handle() noexcept = default;
    explicit socket_handle(intrusive_ptr<stream> open) noexcept : stream_{std::move(open)} {}
    socket_handle(socket_handle&&) noexcept = default;
    socket_handle& operator=(socket_handle&& other) noexcept {
        if (this != &other) {
            close();
            stream_ = std::move(other.stream_);
        }
        return *this;
    }
    ~socket_handle() { close(); }

    /// It is open on this side.
    [[nodiscard]] explicit operator bool() const noexcept { return stream_ && !stream_->closed(); }
    /// Closes both directions; whoever waits for this socket gets `closed`. Any thread. Harmless when it is closed.
    void close() noexcept {
        if (stream_) stream_->close();
    }
    /// Says that nothing more is sent: the peer reads the end, and may go on sending. False if the connection is gone.
    bool shutdown_write() noexcept {
        if (!stream_) return false;
        const stream::use open{*stream_};
        return open && ::shutdown(open.fd(), SHUT_WR) == 0;
    }
    /// The other end. Errors: closed, or what the system says of a connection that is gone.
    [[nodiscard]] result<address> peername() const {
        return with_descriptor([](int fd) { return peername_of(fd); });
    }
    /// This end.
    [[nodiscard]] result<address> sockname() const {
        return with_descriptor([](int fd) { return sockname_of(fd); });
    }
    /// Sets an option of otp::tcp: no_delay, keep_alive, linger, send_buffer, receive_buffer.
    template <socket_option Option>
    [[nodiscard]] result<void> set(Option option) {
        return with_descriptor([option](int fd) { return apply(fd, option); });
    }
    [[nodiscard]] socket_statistics statistics() const noexcept {
        if (!stream_) return {};
        constexpr auto seen = std::memory_order_relaxed;  // statistics
        return {stream_->received_bytes.load(seen), stream_->received_times.load(seen), stream_->sent_bytes.load(seen), stream_->sent_times.load(seen)};
    }
    /// Tells messages of this socket from those of another; the same after a move.
    [[nodiscard]] tcp::socket_id id() const noexcept { return tcp::socket_id{stream_.get()}; }

    // For the library's own functions.
    [[nodiscard]] const intrusive_ptr<stream>& shared() const noexcept { return stream_; }
    [[nodiscard]] intrusive_ptr<stream> release() noexcept { return std::move(stream_); }

private:
    template <class F>
    [[nodiscard]] auto with_descriptor(F f) const -> std::invoke_result_t<F, int> {
        if (!stream_) return reason::closed;
        const stream::use open{*stream_};
        if (!open) return reason::closed;
        return f(open.fd());
    }
    intrusive_ptr<stream> stream_;
};

inline constexpr exec::duration no_limit = exec::duration::max();

}  // namespace net

namespace tcp {

/// A connection for coroutines: what takes time is awaited, the process waits and no thread does.
/// Thread safety: one reader and one writer at a time; close from any thread.
class socket : public net::socket_handle {
public:
    using socket_handle::socket_handle;

    /// co_await: the bytes that are there, as soon as there are some. Errors: closed (the peer's end, or ours), timeout, a
    /// reset or another error of the system.
    [[nodiscard]] auto recv(std::chrono::nanoseconds limit = net::no_limit) { return net::receive_some{shared(), limit}; }
    /// co_await: exactly `count` bytes; 0 as recv(). What came before a time-out or an early end is there for the next recv.
    [[nodiscard]] auto recv(std::size_t count, std::chrono::nanoseconds limit = net::no_limit) {
        return net::receive_exactly{shared(), count, limit};
    }
    /// co_await: into memory of the caller's; how many bytes.
    [[nodiscard]] auto recv(std::span<std::byte> room, std::chrono::nanoseconds limit = net::no_limit) {
        return net::receive_into{shared(), room, limit};
    }
    [[nodiscard]] auto recv(std::span<char> room, std::chrono::nanoseconds limit = net::no_limit) {
        return recv(std::as_writable_bytes(room), limit);
    }
    /// co_await: sends all of the pieces (text, bytes, buffers), which must live until then. Errors: closed, a reset or another
    /// error of the system.
    template <net::sendable... Pieces>
        requires(sizeof...(Pieces) > 0)
    [[nodiscard]] auto send(const Pieces&... pieces) {
        return net::transmit<sizeof...(Pieces)>{shared(), std::array{net::piece(pieces)...}, net::no_limit};
    }
    /// The same, `limit` at most: timeout, and some of it may have been sent.
    template <net::sendable Piece>
    [[nodiscard]] auto send(const Piece& bytes, std::chrono::nanoseconds limit) {
        return net::transmit<1>{shared(), std::array{net::piece(bytes)}, limit};
    }

    /// From now on the gen_server that calls this gets what comes as handle_info(otp::tcp::data), and the end as
    /// tcp::closed or tcp::error: always (true), once (otp::once), or n times and then tcp::passive. false: no more.
    /// Throws otp::exit with bad_argument where no gen_server that receives tcp::data calls it. inet:setopts [{active, …}].
    void active(active_mode mode) { net::set_active(shared(), proc::current_process(), mode); }
    /// Lets another gen_server have the messages of an active socket. gen_tcp:controlling_process/2.
    void controlling_process(const pid& owner) { net::hand_over(shared(), owner); }
};

/// A connection for a thread: what takes time blocks it. Functions and errors as those of tcp::socket.
class blocking_socket : public net::socket_handle {
public:
    using socket_handle::socket_handle;

    [[nodiscard]] result<buffer> recv(std::chrono::nanoseconds limit = net::no_limit) { return net::receive_some{shared(), limit}.block(); }
    [[nodiscard]] result<buffer> recv(std::size_t count, std::chrono::nanoseconds limit = net::no_limit) {
        return count == 0 ? recv(limit) : net::receive_exactly{shared(), count, limit}.block();
    }
    [[nodiscard]] result<std::size_t> recv(std::span<std::byte> room, std::chrono::nanoseconds limit = net::no_limit) {
        return net::receive_into{shared(), room, limit}.block();
    }
    [[nodiscard]] result<std::size_t> recv(std::span<char> room, std::chrono::nanoseconds limit = net::no_limit) {
        return recv(std::as_writable_bytes(room), limit);
    }
    template <net::sendable... Pieces>
        requires(sizeof...(Pieces) > 0)
    [[nodiscard]] result<void> send(const Pieces&... pieces) {
        return net::transmit<sizeof...(Pieces)>{shared(), std::array{net::piece(pieces)...}, net::no_limit}.block();
    }
    template <net::sendable Piece>
    [[nodiscard]] result<void> send(const Piece& bytes, std::chrono::nanoseconds limit) {
        return net::transmit<1>{shared(), std::array{net::piece(bytes)}, limit}.block();
    }
};

}  // namespace tcp

}  // namespace otp::inline OTP_ABI
