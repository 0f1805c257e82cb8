// Timers that send a message: the blocks that the wheel, the target and the handles share.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>

#include "otp/process/node.hpp"
#include "otp/process/process.hpp"

namespace otp::inline OTP_ABI::proc {

/// A timer and the message that it sends. What was cancelled is not delivered, even if it stands in the mailbox already.
struct message_timer final : ref_counted, exec::timer {
    enum class stage : std::uint8_t { armed, fired, cancelled, delivered };
    using finder = intrusive_ptr<process> (*)(const message_timer& t);

    message_timer(exec::executor& ex, std::uint64_t id, signal_ptr what) noexcept
        : exec::timer{&message_timer::due}, executor{ex}, number{id}, message{std::move(what)} {}

    exec::executor& executor;
    std::uint64_t number;
    signal_ptr message;
    intrusive_ptr<process> target;  // null: `find` looks when the time has come
    finder find = nullptr;
    const char* name = nullptr;
    exec::time_point when{};
    std::atomic<stage> at{stage::armed};
    message_timer* next_of_target = nullptr;  // under the node's timer lock of the target, as the next two
    message_timer* previous_of_target = nullptr;
    bool listed = false;

    [[nodiscard]] static intrusive_ptr<message_timer> make(exec::executor& ex, std::uint64_t id, signal_ptr what) {
        return intrusive_ptr<message_timer>::adopt(::new (memory::allocate(sizeof(message_timer))) message_timer{ex, id, std::move(what)});
    }

    /// Arms it; nothing happens if its target is dead already.
    void start() noexcept {
        node::of(executor).spent().sweep();
        if (!list()) {
            at.store(stage::cancelled, std::memory_order_release);  // pairs with the loads of pending and cancel
            message.reset();
            return;
        }
        retain();  // the wheel
        executor.arm(*this, when);
    }

    /// True: it will not be delivered, and would have been.
    bool cancel() noexcept {
        for (stage seen = at.load(std::memory_order_acquire); seen == stage::armed || seen == stage::fired;) {  // pairs with due()
            if (!at.compare_exchange_weak(seen, stage::cancelled, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
            message.reset();
            if (seen != stage::armed) return true;
            unlist();
            forget();
            return true;
        }
        return false;
    }
    [[nodiscard]] bool pending() const noexcept { return at.load(std::memory_order_acquire) == stage::armed; }  // pairs with due()

    /// The target is gone: its timers go with it.
    static void drop_all(process& gone) noexcept { drop_all(gone.timers_, gone.own_node().timer_lock(gone)); }
    /// All of one list.
    static void drop_all(message_timer*& head, std::mutex& lock) noexcept {
        message_timer* list;
        {
            const std::lock_guard hold{lock};
            list = std::exchange(head, nullptr);
            for (message_timer* t = list; t; t = t->next_of_target) t->listed = false;
        }
        while (list) {
            message_timer* const t = std::exchange(list, list->next_of_target);
            (void)t->cancel();
            t->release();  // the list's
        }
    }

    /// Gives back the wheel's reference: when this returns the wheel does not touch it any more.
    void forget() noexcept {
        (void)executor.disarm(*this);
        release();
    }

private:
    static inline void due(exec::timer& t) noexcept;
    // A timer for a name stands in the runtime's own list.
    [[nodiscard]] message_timer*& list_head() noexcept { return target ? target->timers_ : node::of(executor).named_timers(); }
    [[nodiscard]] std::mutex& list_lock() noexcept {
        return target ? target->own_node().timer_lock(*target) : node::of(executor).named_timer_lock();
    }
    /// Enters it with its target; false if that is gone.
    [[nodiscard]] bool list() noexcept {
        const std::lock_guard hold{list_lock()};
        if (target && !target->alive()) return false;
        if (!target) node::of(executor).end_named_timers = &message_timer::drop_all;
        message_timer*& head = list_head();
        next_of_target = head;
        if (next_of_target) next_of_target->previous_of_target = this;
        head = this;
        listed = true;
        retain();  // the list's
        return true;
    }
    void unlist() noexcept {
        {
            const std::lock_guard hold{list_lock()};
            if (!listed) return;
            listed = false;
            if (next_of_target) next_of_target->previous_of_target = previous_of_target;
            (previous_of_target ? previous_of_target->next_of_target : list_head()) = next_of_target;
        }
        release();  // the list's
    }
    void dispose() noexcept override {
        this->~message_timer();
        memory::deallocate(this, sizeof(message_timer));
    }
};

/// What a timer puts into the mailbox: opened when its turn comes, if it was not cancelled by then.
struct timer_signal final : signal {
    explicit timer_signal(intrusive_ptr<message_timer> of) noexcept : timer{std::move(of)} { ops = &timer_ops; }
    intrusive_ptr<message_timer> timer;

    /// The message, or null if it was cancelled; ends the envelope.
    [[nodiscard]] static signal* open(signal* s) noexcept {
        auto* envelope = static_cast<timer_signal*>(s);
        const auto timer = std::move(envelope->timer);
        free_signal(envelope);
        timer->forget();
        auto expected = message_timer::stage::fired;
        // Pairs with cancel(): one of both wins.
        const bool ours = timer->at.compare_exchange_strong(expected, message_timer::stage::delivered, std::memory_order_acq_rel, std::memory_order_relaxed);
        return ours ? timer->message.release() : nullptr;
    }
    static void handle(process& self, signal* s) {
        signal* const message = open(s);
        if (!message) return;
        if (message->kind == signal_kind::aliased && !self.admits(*message)) return drop(message, reason::noproc);
        self.now_handles(message->ops);
        message->ops->handle(self, message);
    }
    static void end(signal* s, const reason& why) noexcept {
        if (signal* message = open(s)) drop(message, why);
    }
    static const signal_ops timer_ops;
};
inline constexpr signal_ops timer_signal::timer_ops{&timer_signal::handle, &timer_signal::end, nullptr, nullptr, "timer"};

inline void message_timer::due(exec::timer& t) noexcept {
    auto& self = static_cast<message_timer&>(t);
    auto expected = stage::armed;
    // Pairs with cancel(): one of both wins.
    if (!self.at.compare_exchange_strong(expected, stage::fired, std::memory_order_acq_rel, std::memory_order_relaxed)) return;
    self.unlist();
    const auto to = self.target ? self.target : self.find ? self.find(self) : nullptr;
    auto* envelope = make_signal<timer_signal>(intrusive_ptr<message_timer>::share(&self));
    if (to && to->send_counted(envelope)) return;
    // The wheel still holds the timer: it can't end here.
    node::of(self.executor).spent().push(envelope);
}

}  // namespace otp::inline OTP_ABI::proc
