// Descriptors to watch, and who listens to them.
#pragma once

#include "otp/runtime/poller.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "otp/runtime/make_poller.hpp"

#if defined(__linux__)
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

namespace tests::poller {

using namespace std::chrono_literals;
using otp::intrusive_ptr;
using otp::exec::clock;
using otp::exec::duration;
using otp::exec::io_events;
using otp::exec::io_handler;
using otp::exec::io_ticket;
using otp::exec::make_poller;
using otp::exec::never;
using otp::exec::poll_poller;
using otp::exec::poller;
using otp::exec::poller_kind;

#if defined(__linux__)
using otp::exec::epoll_poller;
#define POLLERS epoll_poller, poll_poller
#else
#define POLLERS poll_poller
#endif

constexpr io_events readable = io_events::readable;
constexpr io_events writable = io_events::writable;
constexpr io_events hang_up = io_events::hang_up;
constexpr duration forever = duration::max();

// Notes what it hears; counts how many of its kind live.
class listener : public io_handler {
public:
    listener() { alive().fetch_add(1); }
    void ready(io_events events) noexcept override {
        last = events;
        seen |= events;
        calls.fetch_add(1, std::memory_order_release);
        if (then) then(*this);
    }
    static std::atomic<int>& alive() {
        static std::atomic<int> count{0};
        return count;
    }

    std::atomic<int> calls{0};
    io_events last = io_events::none;  // of the polling thread, as is `seen`
    io_events seen = io_events::none;
    void (*then)(listener&) noexcept = nullptr;
    void* context = nullptr;

protected:
    ~listener() override { alive().fetch_sub(1); }
    void dispose() noexcept override { delete this; }
};

inline intrusive_ptr<listener> listen() { return intrusive_ptr<listener>::adopt(new listener); }

// Two connected sockets that don't block.
struct pair {
    pair() {
        int both[2] = {-1, -1};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0);
        here = both[0];
        there = both[1];
        for (const int fd : both) ::fcntl(fd, F_SETFL, O_NONBLOCK);
    }
    pair(const pair&) = delete;
    pair& operator=(const pair&) = delete;
    ~pair() {
        close_here();
        close_there();
    }
    void close_here() {
        if (here >= 0) ::close(std::exchange(here, -1));
    }
    void close_there() {
        if (there >= 0) ::close(std::exchange(there, -1));
    }
    int here = -1;
    int there = -1;
};

inline void put(int fd, const char* text = "x") {
    const std::string all{text};
    REQUIRE(::send(fd, all.data(), all.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(all.size()));
}

// Reads until EAGAIN or the end; tells how much there was.
inline std::size_t drain(int fd) {
    char buffer[4096];
    std::size_t total = 0;
    for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;) total += static_cast<std::size_t>(n);
    return total;
}

// Writes until EAGAIN.
inline void fill(int fd) {
    const std::vector<char> block(65536);
    while (::send(fd, block.data(), block.size(), MSG_NOSIGNAL) > 0) {
    }
    REQUIRE(errno == EAGAIN);
}

// A listener whose descriptor has been registered and has made its first report.
struct watched {
    watched(poller& p, int descriptor) : at{p}, fd{descriptor}, who{listen()} {
        REQUIRE(at.add(fd, who, ticket) == 0);
        at.poll(0ns);
        who->last = who->seen = io_events::none;
        who->calls = 0;
    }
    watched(const watched&) = delete;
    watched& operator=(const watched&) = delete;
    ~watched() { at.remove(fd, ticket); }

    poller& at;
    int fd;
    intrusive_ptr<listener> who;
    io_ticket ticket;
};

// Waits in poll(2) for as long as a test may take; false is a failure.
inline bool readable_now(int fd, int milliseconds = 0) {
    pollfd one{fd, POLLIN, 0};
    return ::poll(&one, 1, milliseconds) == 1;
}

}  // namespace tests::poller
