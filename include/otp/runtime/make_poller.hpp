// Which poller a runtime gets.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "otp/base/owned.hpp"
#include "otp/config.hpp"
#include "otp/runtime/epoll_poller.hpp"
#include "otp/runtime/poll_poller.hpp"
#include "otp/runtime/poller.hpp"

namespace otp::inline OTP_ABI::exec {

/// Makes a poller of that kind; null, with errno set, if the system can't give one (EMFILE, ENFILE, ENOMEM; ENOSYS
/// where there is no epoll). `automatic` takes poll(2) if the environment variable OTP_POLLER is "poll"; else epoll, and
/// poll(2) where there is none.
[[nodiscard]] inline base::owned<poller> make_poller(poller_kind kind = poller_kind::automatic) {
    const auto working = [](base::owned<poller> fresh, int failure) -> base::owned<poller> {
        if (failure == 0) return fresh;
        fresh.reset();
        errno = failure;
        return nullptr;
    };
    const bool chosen = kind != poller_kind::automatic;
    if (!chosen) {
        const char* const wish = std::getenv("OTP_POLLER");
        kind = wish && std::string_view{wish} == "poll" ? poller_kind::poll : poller_kind::epoll;
    }
    if (kind == poller_kind::epoll) {
#if defined(__linux__)
        auto* const fresh = new epoll_poller;
        auto epoll = working(base::owned<poller>{fresh}, fresh->failure());
        if (epoll || chosen || errno != ENOSYS) return epoll;
#else
        errno = ENOSYS;
        if (chosen) return nullptr;
#endif
    }
    auto* const fresh = new poll_poller;
    return working(base::owned<poller>{fresh}, fresh->failure());
}

}  // namespace otp::inline OTP_ABI::exec
