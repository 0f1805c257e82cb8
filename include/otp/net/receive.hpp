// Reading from a stream socket: what is there, an exact number of bytes, into memory of the caller's.
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include "otp/base/order.hpp"
#include "otp/net/buffer.hpp"
#include "otp/net/operation.hpp"

namespace otp::inline OTP_ABI::net {

inline constexpr std::size_t smallest_read = 1024;
inline constexpr std::size_t largest_read = 64 * 1024;

/// One read of the descriptor into [to, to + room). Positive: that many bytes. 0: nothing now. Negative: `why` says the end.
[[nodiscard]] inline std::ptrdiff_t read_once(stream& from, char* to, std::size_t room, reason& why) {
    if (from.is_drained(side::reading)) return 0;
    const stream::use open{from};
    if (!open) {
        why = reason::closed;
        return -1;
    }
    for (;;) {
        const auto seen = from.events(side::reading);
        const auto got = ::recv(open.fd(), to, room, 0);
        if (got > 0) {
            // A short read has emptied the socket: the next event will say so when there is more. Not at the peer's end,
            // which may have been reported together with these bytes.
            if (static_cast<std::size_t>(got) < room && !from.hung_up()) from.set_drained(side::reading, seen);
            stream::add(from.received_bytes, static_cast<std::uint64_t>(got));
            stream::add(from.received_times, 1);
            return got;
        }
        if (got == 0) {
            why = reason{reason::closed}.with_text("closed by the peer");
            return -1;
        }
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            from.set_drained(side::reading, seen);
            return 0;
        }
        why = last_error("recv");
        return -1;
    }
}

/// What is there, as soon as there is something.
class receive_some final : public operation<receive_some> {
public:
    receive_some(intrusive_ptr<stream> from, exec::duration limit) noexcept : operation{std::move(from), side::reading, limit} {}
    [[nodiscard]] bool attempt() {
        auto& input = on().input;
        if (input.left() != 0) {
            if (input.used == 0) got_ = std::move(input.ahead);
            else got_ = buffer::copy_of(input.ahead.view().substr(input.used));
            input.ahead = buffer{};
            input.used = 0;
            return true;
        }
        if (on().is_drained(side::reading)) return false;
        buffer room{input.hint};
        reason why;
        const auto got = read_once(on(), room.data(), room.capacity(), why);
        if (got == 0) return false;
        if (got < 0) {
            got_ = std::move(why);
            return true;
        }
        const auto size = static_cast<std::size_t>(got);
        if (size == room.capacity()) input.hint = base::min(input.hint * 4, largest_read);
        else if (size * 8 < room.capacity()) input.hint = base::max(input.hint / 2, smallest_read);
        room.resize(size);
        got_ = std::move(room);
        return true;
    }
    void fail(reason why) { got_ = std::move(why); }
    void expire() { got_ = reason{reason::timeout}.with_text("nothing received in time"); }
    [[nodiscard]] result<buffer> take() { return std::move(got_); }

private:
    result<buffer> got_{reason::closed};
};

/// Exactly `count` bytes. What came before a time-out or an early end stays for the next read.
class receive_exactly final : public operation<receive_exactly> {
public:
    receive_exactly(intrusive_ptr<stream> from, std::size_t count, exec::duration limit) noexcept
        : operation{std::move(from), side::reading, limit}, count_{count} {}
    [[nodiscard]] bool attempt() {
        auto& input = on().input;
        for (;;) {
            if (input.left() >= count_) {
                got_ = buffer::copy_of(input.ahead.view().substr(input.used, count_));
                input.used += count_;
                if (input.left() == 0) {
                    input.ahead = buffer{};
                    input.used = 0;
                }
                return true;
            }
            if (on().is_drained(side::reading)) return false;
            make_room();
            reason why;
            const auto got = read_once(on(), input.ahead.data() + input.ahead.size(), input.ahead.capacity() - input.ahead.size(), why);
            if (got == 0) return false;
            if (got < 0) {
                got_ = std::move(why);
                return true;
            }
            input.ahead.resize(input.ahead.size() + static_cast<std::size_t>(got));
        }
    }
    void fail(reason why) { got_ = std::move(why); }
    void expire() { got_ = reason{reason::timeout}.with_text("not enough received in time"); }
    [[nodiscard]] result<buffer> take() { return std::move(got_); }

private:
    // Grows as bytes come, so that a large count costs nothing before they do.
    void make_room() {
        auto& input = on().input;
        if (input.ahead.capacity() > input.ahead.size()) return;
        buffer bigger{base::max(smallest_read, base::min(base::max(input.left() * 2, input.hint), base::max(count_, smallest_read)))};
        const auto kept = input.ahead.view().substr(input.used);
        if (!kept.empty()) std::memcpy(bigger.data(), kept.data(), kept.size());
        bigger.resize(kept.size());
        input.ahead = std::move(bigger);
        input.used = 0;
    }
    std::size_t count_;
    result<buffer> got_{reason::closed};
};

/// Into the caller's memory: as many bytes as are there, at least one.
class receive_into final : public operation<receive_into> {
public:
    receive_into(intrusive_ptr<stream> from, std::span<std::byte> room, exec::duration limit) noexcept
        : operation{std::move(from), side::reading, limit}, room_{room} {}
    [[nodiscard]] bool attempt() {
        if (room_.empty()) {
            got_ = std::size_t{0};
            return true;
        }
        auto& input = on().input;
        if (const auto left = base::min(input.left(), room_.size()); left != 0) {
            std::memcpy(room_.data(), input.ahead.data() + input.used, left);
            input.used += left;
            if (input.left() == 0) {
                input.ahead = buffer{};
                input.used = 0;
            }
            got_ = left;
            return true;
        }
        reason why;
        const auto got = read_once(on(), reinterpret_cast<char*>(room_.data()), room_.size(), why);
        if (got == 0) return false;
        if (got < 0) got_ = std::move(why);
        else got_ = static_cast<std::size_t>(got);
        return true;
    }
    void fail(reason why) { got_ = std::move(why); }
    void expire() { got_ = reason{reason::timeout}.with_text("nothing received in time"); }
    [[nodiscard]] result<std::size_t> take() { return std::move(got_); }

private:
    std::span<std::byte> room_;
    result<std::size_t> got_{reason::closed};
};

}  // namespace otp::inline OTP_ABI::net
