// Where the reply of a request waits until its owner asks for it, on whatever thread that is.
#pragma once

#include <coroutine>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>

#include "otp/process/call.hpp"
#include "otp/process/stand_in.hpp"
#include "otp/process/token.hpp"

namespace otp::inline OTP_ABI::proc {

/// Shared by the owner of a request and the call on its way. Whoever waits is told by a token.
class request_cell final : public reply_cell {
public:
    explicit request_cell(process* sender) noexcept : sender_{intrusive_ptr<process>::share(sender)} {}
    [[nodiscard]] static intrusive_ptr<request_cell> make(process* sender) {
        return intrusive_ptr<request_cell>::adopt(::new (memory::allocate(sizeof(request_cell))) request_cell{sender});
    }
    void answer(signal* s) noexcept override {
        intrusive_ptr<process> who;
        std::uint64_t ref = 0;
        bool queued = false;
        {
            const std::lock_guard hold{lock_};
            if (!abandoned_) answer_ = std::exchange(s, nullptr);
            who = std::move(listener_);
            ref = ref_;
            queued = queued_;
        }
        if (s) drop(s, reason::no_reply);
        if (!who) return;
        if (queued) queue_token(*who, ref);
        else send_token(*who, ref);
    }
    [[nodiscard]] bool abandoned() const noexcept override {
        const std::lock_guard hold{lock_};
        return abandoned_;
    }
    [[nodiscard]] process* sender() const noexcept override { return sender_.get(); }

    static constexpr signal_ops what{nullptr, nullptr, nullptr, nullptr, "the answer of a request"};

    // ---- the owner of the request

    [[nodiscard]] signal* take() noexcept {
        const std::lock_guard hold{lock_};
        return std::exchange(answer_, nullptr);
    }
    /// Asks for a token. False: the answer is there.
    /// It settles a wait of `who`, or stands in its queue as a message (`queued`).
    [[nodiscard]] bool listen(process& who, std::uint64_t ref, bool queued = false) {
        const std::lock_guard hold{lock_};
        if (answer_) return false;
        queued_ = queued;
        listener_ = intrusive_ptr<process>::share(&who);
        ref_ = ref;
        return true;
    }
    void stop_listening() noexcept {
        intrusive_ptr<process> gone;
        const std::lock_guard hold{lock_};
        gone = std::move(listener_);
    }
    void abandon() noexcept {
        signal* late;
        {
            const std::lock_guard hold{lock_};
            abandoned_ = true;
            late = std::exchange(answer_, nullptr);
        }
        if (late) drop(late, reason::no_reply);
    }

private:
    void dispose() noexcept override {
        this->~request_cell();
        memory::deallocate(this, sizeof(request_cell));
    }
    ~request_cell() override {
        if (answer_) drop(answer_, reason::no_reply);
    }
    mutable std::mutex lock_;
    const intrusive_ptr<process> sender_;
    signal* answer_ = nullptr;
    intrusive_ptr<process> listener_;
    std::uint64_t ref_ = 0;
    bool abandoned_ = false;
    bool queued_ = false;
};

/// Awaits a token of a cell: false if the time was over first.
class cell_answer {
public:
    cell_answer(intrusive_ptr<request_cell> cell, exec::time_point deadline) noexcept : cell_{std::move(cell)}, deadline_{deadline} {}
    cell_answer(const cell_answer&) = delete;
    cell_answer& operator=(const cell_answer&) = delete;
    ~cell_answer() {
        if (listening_) cell_->stop_listening();
    }
    [[nodiscard]] bool await_ready() const noexcept { return !cell_; }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> frame) {
        activity& driver = *frame.promise().driver;
        process& self = *driver.owner;
        came_.ref = self.next_wait_ref();
        came_.deadline = deadline_;
        came_.what = &request_cell::what;
        if (!cell_->listen(self, came_.ref)) return false;
        listening_ = true;
        by_.resumes = &driver;
        driver.suspended = frame;
        self.begin_wait(came_, by_);
        return true;
    }
    [[nodiscard]] bool await_resume() const noexcept { return !came_.expired; }

private:
    intrusive_ptr<request_cell> cell_;
    exec::time_point deadline_;
    wait came_;
    waiter by_;
    bool listening_ = false;
};

/// Blocks until the cell has its answer or the deadline is over; the reason if this thread can't block.
[[nodiscard]] inline result<void> block_for(request_cell& cell, process& self, exec::time_point deadline) {
    waiter by;
    wait came;
    came.ref = self.next_wait_ref();
    came.deadline = deadline;
    came.what = &request_cell::what;
    if (!cell.listen(self, came.ref)) return {};
    self.begin_wait(came, by);
    struct quiet {
        request_cell& cell;
        ~quiet() { cell.stop_listening(); }
    } at_end{cell};
    self.block_until_settled(by);
    if (by.failed) return why_failed(by, "a request");
    return {};
}

}  // namespace otp::inline OTP_ABI::proc
