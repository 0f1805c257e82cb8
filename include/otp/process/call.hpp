// A call is one block of memory: the request travels to the server in it, and the reply comes back in it. Whoever
// holds the block answers it, so a time-out, a kill or a late reply needs no agreement with anybody.
#pragma once

#include <atomic>
#include <cstdint>
#include <new>
#include <string>
#include <utility>

#include "otp/base/exit.hpp"
#include "otp/base/result.hpp"
#include "otp/process/chain.hpp"
#include "otp/process/node.hpp"
#include "otp/process/process.hpp"

namespace otp::inline OTP_ABI::proc {

/// Where a reply may go besides a mailbox: a request that its owner asks about when it likes.
class reply_cell : public ref_counted {
public:
    /// Takes the answered call. Any thread.
    virtual void answer(signal* s) noexcept = 0;
    [[nodiscard]] virtual bool abandoned() const noexcept = 0;
    /// Who has sent the request; null for a plain thread.
    [[nodiscard]] virtual process* sender() const noexcept = 0;
};

/// The untyped part of a call.
struct call_header : signal {
    ref_counted* caller = nullptr;        // a process, or a reply_cell (answers_cell); a reference of its own
    intrusive_ptr<chain_link> chain;      // who waits for the caller

    void set_caller(process& who, std::uint64_t number) noexcept {
        who.retain();
        caller = &who;
        ref = number;
    }
    void set_caller(reply_cell& cell) noexcept {
        cell.retain();
        caller = &cell;
        flags |= answers_cell;
    }
    [[nodiscard]] process* calling_process() const noexcept {
        return has(answers_cell) ? nullptr : static_cast<process*>(caller);
    }
    /// Nobody waits for the answer any more.
    [[nodiscard]] bool given_up() const noexcept {
        if (!caller) return true;
        if (has(answers_cell)) return static_cast<reply_cell*>(caller)->abandoned();
        const auto* who = static_cast<process*>(caller);
        if (!who->alive()) return true;
        return has(is_awaited_alone) ? !who->awaits(ref) : chain && chain->given_up_by(who);
    }
    /// Sends the answered call back.
    void deliver() noexcept {
        kind = signal_kind::reply;
        flags |= is_answered;
        chain = nullptr;
        ref_counted* const to = std::exchange(caller, nullptr);
        if (!to) return ops->drop(this, reason::noproc);
        if (has(answers_cell)) static_cast<reply_cell*>(to)->answer(this);
        else static_cast<process*>(to)->post(this);
        to->release();
    }

protected:
    ~call_header() {
        if (caller) caller->release();
    }
};

/// What a handler serves at the moment.
struct service {
    call_header* call = nullptr;      // while the process holds it
    intrusive_ptr<chain_link> link;   // the same as a link, made when it is first needed

    [[nodiscard]] const intrusive_ptr<chain_link>& as_link() {
        process* const who = !link && call ? call->calling_process() : nullptr;
        if (!who) return link;
        // A caller that waits for several at once has put itself there.
        if (call->chain && call->chain->caller.get() == who) link = call->chain;
        else link = chain_link::make(intrusive_ptr<process>::share(who), call->ref, call->chain);
        return link;
    }
};

/// A call with its request, then its answer, in the same place. Only the owner of the block touches it.
template <class Request, class Reply>
struct call_signal final : call_header {
    template <class... A>
    explicit call_signal(std::in_place_t, A&&... arguments) : request(build<Request>(std::forward<A>(arguments)...)) {}
    ~call_signal() {
        if (has(is_answered)) answer.~result<Reply>();
        else if (!consumed()) request.~Request();
    }
    union {
        Request request;
        result<Reply> answer;
    };

    [[nodiscard]] bool consumed() const noexcept { return (flags & request_is_consumed) != 0; }
    /// Moves the request out, for the handler.
    [[nodiscard]] Request take_request() {
        struct ender {
            call_signal& s;
            ~ender() {
                s.request.~Request();
                s.flags |= request_is_consumed;
            }
        } end{*this};
        return std::move(request);
    }
    /// The same; if the move throws, the call stands in the queue, to be answered with the exit reason.
    [[nodiscard]] Request take_request(process& server) {
        try {
            return take_request();
        } catch (...) {
            server.queue().push_front(this);
            throw;
        }
    }
    /// Puts the answer into the block and sends it back; the block is the caller's from then on.
    template <class Answer>
    void reply(Answer&& value) {
        put(std::forward<Answer>(value));
        deliver();
    }
    /// For drop: answers with a failure, or ends a block that was answered already.
    static void end(signal* s, const reason& why) noexcept {
        auto* self = static_cast<call_signal*>(s);
        if (self->has(is_answered) || !self->caller) return free_signal(self);
        self->put(why);
        self->deliver();
    }
    /// The answer; ends the block.
    [[nodiscard]] static result<Reply> fetch(signal* s) {
        auto* self = static_cast<call_signal*>(s);
        struct ender {
            call_signal* block;
            ~ender() { free_signal(block); }
        } end{self};
        return std::move(self->answer);
    }

private:
    template <class Answer>
    void put(Answer&& value) {
        // Made before the request goes: it may be a part of it, or its making may throw.
        result<Reply> made(std::forward<Answer>(value));
        if (!consumed()) {
            request.~Request();
            flags |= request_is_consumed;
        }
        ::new (static_cast<void*>(std::addressof(answer))) result<Reply>(std::move(made));
        flags |= is_answered;
    }
};

/// A call that was handed out as a `from`. The server and the holder of the `from` race to answer it; one wins the block.
struct deferred_call final : ref_counted {
    deferred_call(call_header* call, intrusive_ptr<chain_link> link) noexcept
        : call_{call}, ops_{call->ops}, link_{std::move(link)}, ref_{call->ref} {
        if (call->has(answers_cell)) cell_ = intrusive_ptr<reply_cell>::share(static_cast<reply_cell*>(call->caller));
        caller_ = intrusive_ptr<process>::share(cell_ ? cell_->sender() : call->calling_process());
        awaited_alone_ = call->has(is_awaited_alone);
    }

    /// A hint for the holder of a `from`.
    [[nodiscard]] bool caller_gave_up() const noexcept {
        if (cell_) return cell_->abandoned();
        if (!caller_ || !caller_->alive()) return caller_ != nullptr;
        return awaited_alone_ ? !caller_->awaits(ref_) : link_ && link_->given_up_by(caller_.get());
    }
    /// Who has made the call; null for a plain thread.
    [[nodiscard]] intrusive_ptr<process> calling() const noexcept {
        return caller_ && caller_->role() != process_role::thread ? caller_ : nullptr;
    }
    /// A number that no other call of this program has. For the holder of the `from`.
    [[nodiscard]] std::uint64_t tag() noexcept {
        static constinit std::atomic<std::uint64_t> last{0};
        if (tag_ == 0) tag_ = last.fetch_add(1, std::memory_order_relaxed) + 1;  // only to be different: orders nothing
        return tag_;
    }

    /// Takes the block, or null if it was answered.
    [[nodiscard]] call_header* take() noexcept {
        // Whoever takes it sees the block as the other side left it: acquire and release among all who try.
        auto* const mine = static_cast<call_header*>(call_.exchange(nullptr, std::memory_order_acq_rel));
        if (mine && link_) link_->end();
        return mine;
    }
    [[nodiscard]] bool answered() const noexcept { return call_.load(std::memory_order_acquire) == nullptr; }  // pairs with take()

    /// Who asked, for the report of a crash in the handler of `ops`; null if this is not its call.
    [[nodiscard]] process* asked_by(const signal_ops* ops) const noexcept { return ops_ == ops ? caller_.get() : nullptr; }

    /// Enters the call among those that the server owes, so that its death answers them. Nobody is served by `what` once it is answered.
    [[nodiscard]] static intrusive_ptr<deferred_call> hand_out(process& server, service& what) {
        auto link = what.as_link();
        void* const block = memory::allocate(sizeof(deferred_call));
        auto made = intrusive_ptr<deferred_call>::adopt(::new (block) deferred_call{std::exchange(what.call, nullptr), std::move(link)});
        // Answered ones are swept out now and then; the cost per call stays constant.
        deferred_call*& first = server.details().deferred;
        deferred_call* head = first;
        made->since_sweep_ = head ? head->since_sweep_ + 1 : 1;
        if (head && made->since_sweep_ > 2 * head->left_ + 16) {
            made->left_ = sweep(first);
            made->since_sweep_ = 0;
        } else if (head) {
            made->left_ = head->left_;
        }
        made->next_ = first;
        made->retain();
        first = made.get();
        return made;
    }
    /// Forgets those whose callers don't wait any more; how many are left.
    static std::uint32_t sweep(deferred_call*& first) noexcept {
        std::uint32_t left = 0;
        for (deferred_call** at = &first; *at;) {
            if ((*at)->is_over()) {
                deferred_call* gone = std::exchange(*at, (*at)->next_);
                gone->release();
            } else {
                ++left;
                at = &(*at)->next_;
            }
        }
        return left;
    }
    /// Is `caller` among those to whom an answer is owed, or is on its way?
    [[nodiscard]] static bool owes(const deferred_call& newest, const process& caller) noexcept {
        for (const deferred_call* d = &newest; d; d = d->next_)
            if (d->caller_.get() == &caller && !d->is_over()) return true;
        return false;
    }
    /// The server dies: what is still owed stands in its queue, to be answered with its reason.
    static void collect(process& server) noexcept {
        auto* mine = server.details_if_any();
        while (deferred_call* d = mine ? mine->deferred : nullptr) {
            mine->deferred = d->next_;
            if (call_header* owed = d->take()) server.queue().push(owed);
            d->release();
        }
    }

private:
    /// Answered, and the answer is not on its way any more.
    [[nodiscard]] bool is_over() const noexcept { return answered() && !(awaited_alone_ && caller_->awaits(ref_)); }
    void dispose() noexcept override {
        if (call_header* left = take()) drop(left, reason::no_reply);
        this->~deferred_call();
        memory::deallocate(this, sizeof(deferred_call));
    }
    std::atomic<signal*> call_;
    const signal_ops* ops_;
    const intrusive_ptr<chain_link> link_;  // of the caller, if that is a process
    intrusive_ptr<process> caller_;
    intrusive_ptr<reply_cell> cell_;  // null: the process itself is answered
    std::uint64_t ref_;
    std::uint64_t tag_ = 0;
    bool awaited_alone_ = false;
    deferred_call* next_ = nullptr;
    std::uint32_t since_sweep_ = 0;
    std::uint32_t left_ = 0;
};

/// Who waits for what `self` does at present: for the answer that its handler works on, else for its end. Null if nobody is known.
[[nodiscard]] inline intrusive_ptr<chain_link> waiting_for(process& self) {
    if (self.serving)
        if (const auto& link = self.serving->as_link()) return link;
    const auto* mine = self.details_if_any();
    return mine && mine->told_by && mine->told_by->holds() ? mine->told_by : nullptr;
}

/// The reason of a circle that begins with the target and ends with a wait of `self` for it.
[[nodiscard, gnu::cold, gnu::noinline]] inline reason circle_through(std::string names, const process& self, const process& target) {
    self.describe(names);
    names += " -> ";
    target.describe(names);
    return reason{reason::deadlock}.with_text("the call closes a circle: " + std::move(names));
}
/// The same for one that a wait of `self` for `target` closes; `nearest` leads to a link of the target's.
[[nodiscard, gnu::cold, gnu::noinline]] inline reason closed_circle(const process& self, const process& target, const chain_link* nearest) {
    std::string names;
    for (const chain_link* link = nearest; link; link = link->up.get()) {
        std::string name;
        link->caller->describe(name);
        names = name + " -> " + names;
        if (link->caller.get() == &target) break;
    }
    return circle_through(std::move(names), self, target);
}

/// Would a call of `self` to `target` wait for itself? Fills in the chain of the call. The answer is the reason to fail with.
[[nodiscard]] inline result<void> check_circle(process& self, process& target, call_header& call, std::string_view what) {
    if (&self == &target) return reason{reason::calling_self}.with_text("a process called itself: " + std::string{what});
    call.chain = waiting_for(self);
    const auto* mine = self.details_if_any();
    const chain_link* const told_by = mine ? mine->told_by.get() : nullptr;
    if (waits_in(call.chain.get(), target)) return closed_circle(self, target, call.chain.get());
    if (waits_in(told_by, target)) return closed_circle(self, target, told_by);
    if (mine && mine->deferred && deferred_call::owes(*mine->deferred, target)) call.flags |= is_answerable;
    return {};
}

}  // namespace otp::inline OTP_ABI::proc
