// Who waits until the last connection of a server has ended.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "otp/base/order.hpp"
#include "otp/behaviour/gen_server/actions.hpp"
#include "otp/behaviour/gen_server/from.hpp"
#include "otp/process/send_after.hpp"

namespace otp::inline OTP_ABI::behaviour {

/// Stop listening, then answer when the last connection has ended.
struct drain_order {
    using reply_type = void;
    std::chrono::nanoseconds limit;
};
/// Sent by the owner to itself: the time of this drain is over.
struct drain_deadline {
    std::uint64_t number;
};

class drains {
public:
    void add(drain_order order, from<drain_order> caller, const recipient<drain_deadline>& owner) {
        const auto number = ++last_;
        if (order.limit != infinity) (void)send_after(base::max(order.limit, std::chrono::nanoseconds{0}), owner, drain_deadline{number});
        open_.push_back({number, std::move(caller)});
    }
    void all_ended() {
        for (auto& each : std::exchange(open_, {})) each.caller.reply();
    }
    void time_is_over(drain_deadline which, std::size_t connections) {
        auto found = open_.begin();
        while (found != open_.end() && found->number != which.number) ++found;
        if (found == open_.end()) return;
        found->caller.fail(reason{reason::timeout}.with_text(std::to_string(connections) + " connections have not ended"));
        open_.erase(found);
    }

private:
    struct entry {
        std::uint64_t number;
        from<drain_order> caller;
    };
    std::vector<entry> open_;
    std::uint64_t last_ = 0;
};

}  // namespace otp::inline OTP_ABI::behaviour
