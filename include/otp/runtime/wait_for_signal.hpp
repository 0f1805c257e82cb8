// Waiting for the order to end, from a terminal or a service manager.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <system_error>

#include "otp/config.hpp"

namespace otp::inline OTP_ABI {

namespace exec {

/// While it lives, SIGINT and SIGTERM are written to a pipe instead of ending the program.
class signal_pipe {
public:
    signal_pipe() {
        if (::pipe(ends_) < 0) throw std::system_error{errno, std::generic_category(), "otp: a pipe for signals"};
        for (const int end : ends_) {
            ::fcntl(end, F_SETFD, FD_CLOEXEC);
            ::fcntl(end, F_SETFL, O_NONBLOCK);
        }
        writer().store(ends_[1], std::memory_order_release);  // pairs with on_signal
        struct sigaction action{};
        action.sa_handler = &on_signal;
        sigemptyset(&action.sa_mask);
        ::sigaction(SIGINT, &action, &before_[0]);
        ::sigaction(SIGTERM, &action, &before_[1]);
        sigset_t wanted;
        sigemptyset(&wanted);
        sigaddset(&wanted, SIGINT);
        sigaddset(&wanted, SIGTERM);
        ::pthread_sigmask(SIG_UNBLOCK, &wanted, &mask_before_);  // at least this thread takes them
    }
    signal_pipe(const signal_pipe&) = delete;
    signal_pipe& operator=(const signal_pipe&) = delete;
    ~signal_pipe() {
        ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
        ::sigaction(SIGINT, &before_[0], nullptr);
        ::sigaction(SIGTERM, &before_[1], nullptr);
        writer().store(-1, std::memory_order_release);  // pairs with on_signal
        ::close(ends_[1]);
        ::close(ends_[0]);
    }
    /// Blocks for the next one.
    [[nodiscard]] int next() const {
        for (;;) {
            unsigned char number = 0;
            if (::read(ends_[0], &number, 1) == 1) return number;
            pollfd readable{ends_[0], POLLIN, 0};
            (void)::poll(&readable, 1, -1);
        }
    }

private:
    // Only what a signal handler may do.
    static void on_signal(int number) {
        const int kept = errno;
        const int to = writer().load(std::memory_order_acquire);  // pairs with the constructor
        const auto byte = static_cast<unsigned char>(number);
        if (to >= 0) (void)!::write(to, &byte, 1);
        errno = kept;
    }
    static std::atomic<int>& writer() noexcept {
        static constinit std::atomic<int> fd{-1};
        return fd;
    }
    int ends_[2] = {-1, -1};
    struct sigaction before_[2] = {};
    sigset_t mask_before_{};
};

}  // namespace exec

/// Blocks until the program gets SIGINT or SIGTERM, and says which. What was set for these signals before holds again when it
/// returns. For the main thread; if several threads wait, one after another gets a signal. Throws std::system_error if
/// there is no descriptor left.
inline int wait_for_signal() {
    static constinit std::mutex one_at_a_time;
    const std::lock_guard hold{one_at_a_time};
    const exec::signal_pipe signals;
    return signals.next();
}

}  // namespace otp::inline OTP_ABI
