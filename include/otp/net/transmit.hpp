// Writing to a stream socket: one or several pieces of any size, whole or with an error.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string_view>
#include <utility>

#include "otp/net/operation.hpp"

namespace otp::inline OTP_ABI::net {

/// Sends all pieces, in order. They belong to the caller until it is done.
template <std::size_t Pieces>
class transmit final : public operation<transmit<Pieces>> {
    using base = operation<transmit<Pieces>>;

public:
    transmit(intrusive_ptr<stream> to, std::array<std::string_view, Pieces> pieces, exec::duration limit) noexcept
        : base{std::move(to), side::writing, limit} {
        for (std::size_t i = 0; i < Pieces; ++i) left_[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
        skip_sent(0);
    }
    [[nodiscard]] bool attempt() {
        if (first_ == Pieces) {
            sent_ = result<void>{};
            return true;
        }
        stream& to = this->on();
        if (to.is_drained(side::writing)) return false;
        const stream::use open{to};
        if (!open) {
            sent_ = reason::closed;
            return true;
        }
        while (first_ != Pieces) {
            const auto seen = to.events(side::writing);
            msghdr message{};
            message.msg_iov = left_.data() + first_;
            message.msg_iovlen = Pieces - first_;
            const auto sent = ::sendmsg(open.fd(), &message, MSG_NOSIGNAL);
            if (sent >= 0) {
                stream::add(to.sent_bytes, static_cast<std::uint64_t>(sent));
                stream::add(to.sent_times, 1);
                skip_sent(static_cast<std::size_t>(sent));
                continue;
            }
            if (errno == EINTR) continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK) {
                to.set_drained(side::writing, seen);
                return false;
            }
            if (errno == EPIPE) sent_ = reason{reason::closed}.with_text("closed by the peer");
            else sent_ = last_error("send");
            return true;
        }
        sent_ = result<void>{};
        return true;
    }
    void fail(reason why) { sent_ = std::move(why); }
    void expire() { sent_ = reason{reason::timeout}.with_text("not all sent in time"); }
    [[nodiscard]] result<void> take() { return std::move(sent_); }

private:
    void skip_sent(std::size_t sent) noexcept {
        while (first_ != Pieces && left_[first_].iov_len <= sent) sent -= left_[first_++].iov_len;
        if (first_ == Pieces) return;
        left_[first_].iov_base = static_cast<char*>(left_[first_].iov_base) + sent;
        left_[first_].iov_len -= sent;
    }
    std::array<iovec, Pieces> left_{};
    std::size_t first_ = 0;
    result<void> sent_{reason::closed};
};

}  // namespace otp::inline OTP_ABI::net
