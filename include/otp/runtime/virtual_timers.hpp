// The timers of a simulation: exact order to the nanosecond, one thread, and ties that a seed decides.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "otp/config.hpp"
#include "otp/runtime/executor.hpp"

namespace otp::inline OTP_ABI::exec {

/// Timers by deadline, for one thread. A heap of (deadline, order of arming), in which each timer knows its place.
class virtual_timers {
public:
    virtual_timers() = default;
    virtual_timers(const virtual_timers&) = delete;
    virtual_timers& operator=(const virtual_timers&) = delete;
    /// Lets go of what is still armed, without firing it; those timers still live.
    ~virtual_timers() {
        for (const entry& e : heap_) leave(*e.who);
    }

    /// Arms `t` for `deadline`, or re-arms it; as to ties it counts as armed now.
    void arm(timer& t, time_point deadline) {
        disarm(t);
        t.home.store(this, std::memory_order_relaxed);  // one thread uses all this
        t.deadline = deadline;
        heap_.push_back({deadline, ++armed_, &t});
        rise(heap_.size() - 1);
    }

    /// True: `t` was armed here, and is not any more.
    bool disarm(timer& t) noexcept {
        if (t.home.load(std::memory_order_relaxed) != this) return false;  // one thread
        erase(index_of(t));
        return true;
    }

    /// The earliest deadline, exactly; `never` if nothing is armed.
    [[nodiscard]] time_point next_deadline() const noexcept { return heap_.empty() ? never : heap_.front().deadline; }

    /// Takes out a timer with the earliest deadline, if that is not after `now`; null if there is none. The caller fires
    /// it. Of n > 1 timers with that very deadline, `choose(n)` names one, from 0: 0 is the one armed first, the others
    /// stand in an order that is the same in each run.
    template <class Choose>
        requires std::convertible_to<std::invoke_result_t<Choose&, std::size_t>, std::size_t>
    [[nodiscard]] timer* pop_due(time_point now, Choose&& choose) {
        if (next_deadline() > now || heap_.empty()) return nullptr;
        const std::size_t picked = tied() > 1 ? ties_[static_cast<std::size_t>(choose(ties_.size()))] : 0;
        timer* const t = heap_[picked].who;
        erase(picked);
        return t;
    }

    [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }

private:
    struct entry {
        time_point deadline;
        std::uint64_t order;
        timer* who;
    };

    [[nodiscard]] static bool before(const entry& a, const entry& b) noexcept {
        return a.deadline != b.deadline ? a.deadline < b.deadline : a.order < b.order;
    }
    // A timer's place in the heap is kept in its `previous`, which is never followed here.
    [[nodiscard]] static std::size_t index_of(const timer& t) noexcept {
        return reinterpret_cast<std::uintptr_t>(t.previous);
    }
    void put(std::size_t at, const entry& e) noexcept {
        heap_[at] = e;
        e.who->previous = reinterpret_cast<timer*>(static_cast<std::uintptr_t>(at));
    }
    static void leave(timer& t) noexcept {
        t.previous = nullptr;
        t.home.store(nullptr, std::memory_order_relaxed);  // one thread
    }

    void rise(std::size_t at) noexcept {
        const entry moving = heap_[at];
        while (at != 0 && before(moving, heap_[(at - 1) / 2])) {
            put(at, heap_[(at - 1) / 2]);
            at = (at - 1) / 2;
        }
        put(at, moving);
    }
    void sink(std::size_t at) noexcept {
        const entry moving = heap_[at];
        for (;;) {
            std::size_t child = 2 * at + 1;
            if (child >= heap_.size()) break;
            if (child + 1 < heap_.size() && before(heap_[child + 1], heap_[child])) ++child;
            if (!before(heap_[child], moving)) break;
            put(at, heap_[child]);
            at = child;
        }
        put(at, moving);
    }
    void erase(std::size_t at) noexcept {
        leave(*heap_[at].who);
        const entry last = heap_.back();
        heap_.pop_back();
        if (at == heap_.size()) return;
        heap_[at] = last;
        sink(at);
        rise(index_of(*last.who));
    }

    // Lists the places of all timers with the earliest deadline; they are the top of the heap, without a gap.
    std::size_t tied() {
        ties_.assign(1, 0);
        for (std::size_t n = 0; n < ties_.size(); ++n)
            for (std::size_t child = 2 * ties_[n] + 1; child <= 2 * ties_[n] + 2 && child < heap_.size(); ++child)
                if (heap_[child].deadline == heap_.front().deadline) ties_.push_back(child);
        return ties_.size();
    }

    std::vector<entry> heap_;
    std::vector<std::size_t> ties_;  // of pop_due, kept for its memory
    std::uint64_t armed_ = 0;
};

}  // namespace otp::inline OTP_ABI::exec
