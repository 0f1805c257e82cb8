// Calls of coroutines: they suspend the process, not the thread.
#pragma once

#include <chrono>
#include <coroutine>
#include <string>
#include <tuple>
#include <utility>
#include <variant>

#include "otp/behaviour/gen_server/concepts.hpp"
#include "otp/process/call.hpp"
#include "otp/process/room.hpp"
#include "otp/process/task.hpp"

namespace otp::inline OTP_ABI {

namespace proc {

/// One call that a coroutine waits for, without its types.
class pending_call {
public:
    pending_call(intrusive_ptr<process> target, reason failed, call_header* call, exec::duration limit, std::string_view what) noexcept
        : target_{std::move(target)}, failed_{std::move(failed)}, call_{call}, limit_{limit}, what_{what} {}
    pending_call(const pending_call&) = delete;
    pending_call& operator=(const pending_call&) = delete;
    ~pending_call() {
        if (wait_.retry) target_->leave_room(*owner_, wait_.ref);
        take_back(reason::no_reply);
        if (alone_ && owner_) owner_->clear_awaiting();
        if (shown_) shown_->end();
    }

    /// Sends it. False: it has failed already, and nobody needs to wait.
    bool send(process& self, waiter& by, bool alone) {
        call_header* const call = std::exchange(call_, nullptr);
        if (!target_) {
            drop(call, reason::noproc);
            return false;
        }
        if (limit_ < exec::duration::zero()) {
            drop(call, reason::bad_argument);
            failed_ = reason{reason::bad_argument}.with_text("a negative time limit");
            return false;
        }
        // An order to end counts, and a call that has come already is none that crosses this one. Not between several calls: the answer
        // of the first would settle what doesn't wait yet.
        if (alone) self.drain();
        if (auto circle = check_circle(self, *target_, *call, what_); !circle) {
            drop(call, reason::deadlock);
            failed_ = circle.error();
            return false;
        }
        owner_ = &self;
        wait_.of = this;
        wait_.ref = self.next_wait_ref();
        wait_.deadline = call_deadline(self.executor(), limit_);
        wait_.what = call->ops;
        wait_.whom = target_->id();
        call->set_caller(self, wait_.ref);
        if (alone && !self.interleaves()) {
            call->flags |= is_awaited_alone;
            self.set_awaiting(wait_.ref);
            wait_.target = target_.get();
            wait_.in_circle = breakable::first;
            alone_ = true;
        } else {
            shown_ = chain_link::make(intrusive_ptr<process>::share(&self), chain_link::among_others, std::move(call->chain));
            call->chain = shown_;
            wait_.over = &shown_->over;
        }
        self.begin_wait(wait_, by);
        call_ = call;
        if (!offer()) return true;
        self.end_wait(wait_);
        --by.missing;
        return false;
    }
    /// The answer, or null and why().
    [[nodiscard]] signal* take() noexcept {
        if (alone_) {
            owner_->clear_awaiting();
            alone_ = false;
        }
        if (signal* answer = wait_.take()) return answer;
        if (wait_.why != reason::normal) failed_ = std::move(wait_.why);
        else if (wait_.expired) failed_ = timed_out(what_, *target_, limit_);
        else if (wait_.waiting) failed_ = reason{reason::no_reply}.with_text(std::string{what_} + " is not waited for any more");
        return nullptr;
    }
    [[nodiscard]] const reason& why() const noexcept { return failed_; }
    [[nodiscard]] bool settled() const noexcept { return !wait_.waiting; }

    // For a new prvalue with another limit.
    [[nodiscard]] intrusive_ptr<process> move_target() noexcept { return std::move(target_); }
    [[nodiscard]] call_header* move_call() noexcept { return std::exchange(call_, nullptr); }
    [[nodiscard]] reason move_failure() noexcept { return std::move(failed_); }
    [[nodiscard]] std::string_view what() const noexcept { return what_; }

private:
    struct wait_for_reply : wait {
        pending_call* of = nullptr;
    };
    /// Sends it, or enters the process among those that wait for room. True: neither, it has failed.
    bool offer() {
        for (;;) {
            const offered how = target_->offer(call_);
            if (how == offered::taken) {
                call_ = nullptr;
                wait_.retry = nullptr;
                return false;
            }
            if (how == offered::must_wait) {
                wait_.retry = &pending_call::room_came;
                if (!target_->await_room(*owner_, wait_.ref)) continue;
                if (alone_) circles::look(*owner_, wait_);  // no call tells the other one of this wait
                return false;
            }
            wait_.retry = nullptr;
            take_back(reason::noproc);
            failed_ = refusal(how, what_);
            return true;
        }
    }
    /// It was not sent, and nobody is to be answered.
    void take_back(const reason& why) noexcept {
        call_header* const call = std::exchange(call_, nullptr);
        if (!call) return;
        if (auto* self = std::exchange(call->caller, nullptr)) self->release();
        drop(call, why);
    }
    static bool room_came(wait& w) noexcept { return static_cast<wait_for_reply&>(w).of->offer(); }

    intrusive_ptr<process> target_;
    reason failed_;
    call_header* call_;
    exec::duration limit_;
    std::string_view what_;
    wait_for_reply wait_;
    process* owner_ = nullptr;
    intrusive_ptr<chain_link> shown_;  // whether it still waits, if not alone
    bool alone_ = false;
};

}  // namespace proc

/// A request that co_await sends, and whose reply it returns: otp::result<reply>. Made by ask; used up by one co_await.
template <class Request>
class [[nodiscard("ask sends nothing until it is awaited")]] asking {
    using reply_type = behaviour::reply_or_none<Request>;
    using block = proc::call_signal<Request, reply_type>;

public:
    explicit asking(intrusive_ptr<proc::process> target, reason failed, block* call, exec::duration limit = std::chrono::seconds{5}) noexcept
        : call_{std::move(target), std::move(failed), call, limit, type_name<Request>()} {}

    /// The same request with another time limit than 5 s.
    [[nodiscard]] asking timeout(exec::duration limit) && {
        return asking{call_.move_target(), call_.move_failure(), static_cast<block*>(call_.move_call()), limit};
    }

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> awaiting) {
        proc::activity& driver = *awaiting.promise().driver;
        by_.resumes = &driver;
        if (!call_.send(*driver.owner, by_, true)) return false;
        driver.suspended = awaiting;
        return true;
    }
    [[nodiscard]] result<reply_type> await_resume() { return take(); }

    // For otp::all and otp::any.
    [[nodiscard]] proc::pending_call& pending() noexcept { return call_; }
    [[nodiscard]] result<reply_type> take() {
        if (proc::signal* answer = call_.take()) return block::fetch(answer);
        return call_.why();
    }

private:
    proc::pending_call call_;
    proc::waiter by_;
};

namespace behaviour {

/// Awaits several asks at once. They stay where they are, in the full expression of the co_await.
template <bool All, class... Asks>
class joint_ask {
public:
    explicit joint_ask(Asks&... asks) noexcept : asks_{&asks...} {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> awaiting) {
        proc::activity& driver = *awaiting.promise().driver;
        by_.resumes = &driver;
        bool failed = false;
        std::apply([&](Asks*... ask) { ((failed |= !ask->pending().send(*driver.owner, by_, false)), ...); }, asks_);
        if (by_.missing == 0 || (!All && failed)) return false;
        if (!All) by_.missing = 1;
        driver.suspended = awaiting;
        return true;
    }

protected:
    std::tuple<Asks*...> asks_;
    proc::waiter by_;
};

template <class... Asks>
class all_asks : public joint_ask<true, Asks...> {
public:
    using joint_ask<true, Asks...>::joint_ask;
    [[nodiscard]] auto await_resume() {
        return std::apply([](Asks*... ask) { return std::tuple{ask->take()...}; }, this->asks_);
    }
};

template <class... Asks>
class any_ask : public joint_ask<false, Asks...> {
public:
    using joint_ask<false, Asks...>::joint_ask;
    /// Which came first, and its result; the others are abandoned.
    [[nodiscard]] auto await_resume() {
        return pick<0>();
    }

private:
    using first_one = std::variant<decltype(std::declval<Asks&>().take())...>;
    template <std::size_t I>
    first_one pick() {
        auto& ask = *std::get<I>(this->asks_);
        if constexpr (I + 1 < sizeof...(Asks)) {
            if (!ask.pending().settled()) return pick<I + 1>();
        }
        return first_one{std::in_place_index<I>, ask.take()};
    }
};

}  // namespace behaviour

/// Awaits the replies of requests to different servers at once: a tuple of their results.
template <class... Requests>
[[nodiscard]] auto all(asking<Requests>&&... asks) noexcept {
    return behaviour::all_asks<asking<Requests>...>{asks...};
}
/// Awaits the first of several replies: a variant of the results, index() tells which. The other requests are abandoned.
template <class... Requests>
[[nodiscard]] auto any(asking<Requests>&&... asks) noexcept {
    return behaviour::any_ask<asking<Requests>...>{asks...};
}

}  // namespace otp::inline OTP_ABI
