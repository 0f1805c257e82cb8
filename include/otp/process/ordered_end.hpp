// An order to end by a process that waits for the end. It tells so, for whoever is told may be waiting for that process.
#pragma once

#include <utility>

#include "otp/process/call.hpp"
#include "otp/process/relations.hpp"

namespace otp::inline OTP_ABI::proc {

/// Lives as long as the wait. A process that is told by it, traps exits and waits for `self`, or for somebody who waits for
/// `self`, can't be answered before it has ended: such a wait ends with deadlock.
class ordered_end {
public:
    explicit ordered_end(process& self)
        : link_{chain_link::make(intrusive_ptr<process>::share(&self), chain_link::for_an_end, waiting_for(self))} {}
    ordered_end(const ordered_end&) = delete;
    ordered_end& operator=(const ordered_end&) = delete;
    ~ordered_end() { link_->end(); }

    /// As otp::exit_process.
    void tell(process& who, reason why) {
        if (why == reason::kill) who.doom();
        auto* s = make_peer_signal(signal_kind::exit, link_->caller.get(), 0, std::move(why));
        s->order = link_;
        who.post(s);
    }

private:
    intrusive_ptr<chain_link> link_;
};

}  // namespace otp::inline OTP_ABI::proc
