// The process that stands for a mailbox outside a gen_server, and how one waits for its mail.
#pragma once

#include <coroutine>
#include <cstdint>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#include "otp/base/exit.hpp"
#include "otp/process/message.hpp"
#include "otp/process/stand_in.hpp"
#include "otp/process/timers.hpp"
#include "otp/process/token.hpp"

namespace otp::inline OTP_ABI::proc {

template <class M>
struct to_inbox {
    static constexpr signal_ops ops{nullptr, &message_signal<M>::end, nullptr, type_id_of<M>, type_name<M>()};
};

/// The process that stands for an inbox: nothing but a mailbox, and who listens to it.
class inbox_process : public process {
public:
    explicit inbox_process(exec::executor& ex) noexcept : process{ex, process_role::inbox} { id_ = node::of(ex).next_number(); }

    [[nodiscard]] static intrusive_ptr<inbox_process> make(exec::executor& ex) {
        return intrusive_ptr<inbox_process>::adopt(::new (memory::allocate(sizeof(inbox_process))) inbox_process{ex});
    }
    /// The next signal of the kinds that an inbox knows; null if none is there.
    [[nodiscard]] signal* next() noexcept {
        drain();
        while (signal* s = queue_.pop()) {
            const bool counts = s->has(is_counted);
            if (s->ops == &timer_signal::timer_ops) s = timer_signal::open(s);
            if (counts) count_taken();
            if (s) return s;
        }
        return nullptr;
    }
    /// Asks for a token when something comes. False: something is there already.
    [[nodiscard]] bool listen(process& who, std::uint64_t ref) noexcept {
        {
            const std::lock_guard hold{lock_};
            listener_ = intrusive_ptr<process>::share(&who);
            ref_ = ref;
        }
        return mailbox_.try_idle();
    }
    /// Listens no more; a token may be on its way, and finds nobody.
    void stop_listening() noexcept {
        if (mailbox_.idle()) (void)mailbox_.try_busy();
    }
    /// Blocks until something comes: false if the deadline was first, or nothing is left that could run. Throws otp::exit with
    /// system_limit on a worker without a spare one.
    [[nodiscard]] bool block_for_mail(exec::time_point limit) {
        process& self = caller(executor());
        waiter by;
        wait came;
        came.ref = self.next_wait_ref();
        came.deadline = limit;
        came.what = &what;
        if (!listen(self, came.ref)) return true;
        struct quiet {
            inbox_process& in;
            ~quiet() { in.stop_listening(); }
        } at_end{*this};
        self.begin_wait(came, by);
        self.block_until_settled(by);
        if (by.failed && by.failure == exec::block_result::no_spare_worker)
            throw otp::exit{why_failed(by, "receive")};
        return !by.failed && !came.expired;
    }
    void describe(std::string& out) const override { out += "an inbox"; }
    static constexpr signal_ops what{nullptr, nullptr, nullptr, nullptr, "mail in an inbox"};

private:
    void wake() noexcept override {
        intrusive_ptr<process> who;
        std::uint64_t ref;
        {
            const std::lock_guard hold{lock_};
            who = listener_;
            ref = ref_;
        }
        send_token(*who, ref);
    }
    void destroy_state() noexcept final {}
    void dispose() noexcept override {
        this->~inbox_process();
        memory::deallocate(this, sizeof(inbox_process));
    }
    std::mutex lock_;
    intrusive_ptr<process> listener_;
    std::uint64_t ref_ = 0;
};

/// Awaits that something comes: false if the time was over first.
class mail_arrival {
public:
    mail_arrival(inbox_process& in, exec::time_point deadline) noexcept : inbox_{in}, deadline_{deadline} {}
    mail_arrival(const mail_arrival&) = delete;
    mail_arrival& operator=(const mail_arrival&) = delete;
    ~mail_arrival() {
        if (listening_) inbox_.stop_listening();
    }
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> frame) {
        activity& driver = *frame.promise().driver;
        process& self = *driver.owner;
        came_.ref = self.next_wait_ref();
        came_.deadline = deadline_;
        came_.what = &inbox_process::what;
        if (!inbox_.listen(self, came_.ref)) return false;
        listening_ = true;
        by_.resumes = &driver;
        driver.suspended = frame;
        self.begin_wait(came_, by_);
        return true;
    }
    [[nodiscard]] bool await_resume() const noexcept { return !came_.expired; }

private:
    inbox_process& inbox_;
    exec::time_point deadline_;
    wait came_;
    waiter by_;
    bool listening_ = false;
};

}  // namespace otp::inline OTP_ABI::proc
