// Host names to addresses, without keeping a worker: each look-up has a thread of its own, which the asker may outlive
// or leave.
#pragma once

#include <netdb.h>
#include <sys/socket.h>

#include <coroutine>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "otp/net/address.hpp"
#include "otp/net/descriptor.hpp"
#include "otp/process/stand_in.hpp"
#include "otp/process/token.hpp"

namespace otp::inline OTP_ABI::net {

using addresses = std::vector<address>;

/// All addresses of a name, in the system's order. Blocks. Errors: not_found; a system error.
[[nodiscard]] inline result<addresses> addresses_of(const std::string& host, std::uint16_t port) {
    addrinfo wanted{};
    wanted.ai_family = AF_UNSPEC;
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
    if (failed == EAI_SYSTEM) return last_error("looking up " + host);
    if (failed != 0) return reason{reason::not_found}.with_text(host + ": " + ::gai_strerror(failed));
    struct ender {
        addrinfo* list;
        ~ender() { ::freeaddrinfo(list); }
    } end{found};
    addresses all;
    for (const addrinfo* each = found; each; each = each->ai_next) all.push_back(address::from_system(each->ai_addr, each->ai_addrlen));
    return all;
}

/// A look-up on its way: shared by its thread and by who asked. Awaited by a coroutine, or blocked for.
class lookup {
public:
    lookup(std::string host, std::uint16_t port, exec::time_point deadline) : deadline_{deadline} {
        try {
            std::thread{[to = shared_, name = std::move(host), port] {
                auto found = addresses_of(name, port);
                const std::lock_guard hold{to->lock};
                to->found = std::move(found);
                to->done = true;
                // Told under the lock: whoever waits can't go, and its runtime with it, before this is over.
                if (to->who) proc::send_token(*std::exchange(to->who, nullptr), to->ref);
            }}.detach();
        } catch (const std::system_error& none) {
            shared_->found = reason::from_errno(none.code().value(), "a thread to look up a name");
            shared_->done = true;
        }
    }
    lookup(const lookup&) = delete;
    lookup& operator=(const lookup&) = delete;
    ~lookup() {
        const std::lock_guard hold{shared_->lock};
        shared_->who = nullptr;
    }

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> frame) {
        proc::activity& driver = *frame.promise().driver;
        by_.resumes = &driver;
        if (!wait_in(*driver.owner)) return false;
        driver.suspended = frame;
        return true;
    }
    [[nodiscard]] result<addresses> await_resume() { return take(); }

    [[nodiscard]] result<addresses> block(exec::executor& ex) {
        proc::process& self = proc::caller(ex);
        if (wait_in(self)) self.block_until_settled(by_);
        return take();
    }

private:
    static constexpr proc::signal_ops what{nullptr, nullptr, nullptr, nullptr, "a host's address"};
    struct shared {
        std::mutex lock;
        bool done = false;
        result<addresses> found{reason::timeout};
        intrusive_ptr<proc::process> who;
        std::uint64_t ref = 0;
    };
    [[nodiscard]] bool wait_in(proc::process& self) {
        wait_.ref = self.next_wait_ref();
        wait_.deadline = deadline_;
        wait_.what = &what;
        {
            const std::lock_guard hold{shared_->lock};
            if (shared_->done) return false;
            shared_->who = intrusive_ptr<proc::process>::share(&self);
            shared_->ref = wait_.ref;
        }
        self.begin_wait(wait_, by_);
        return true;
    }
    [[nodiscard]] result<addresses> take() {
        if (by_.failed) return proc::why_failed(by_, "a look-up");
        const std::lock_guard hold{shared_->lock};
        if (!shared_->done) return reason{reason::timeout}.with_text("the name was not looked up in time");
        return std::move(shared_->found);
    }
    std::shared_ptr<shared> shared_ = std::make_shared<shared>();
    exec::time_point deadline_;
    proc::wait wait_;
    proc::waiter by_;
};

}  // namespace otp::inline OTP_ABI::net
