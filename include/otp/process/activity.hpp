// What a process waits for: replies and tokens, found by their number, each with its deadline; and who goes on when
// they are there: a suspended coroutine, or a thread in a blocking call.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include "otp/base/reason.hpp"
#include "otp/process/signal.hpp"
#include "otp/runtime/executor.hpp"

namespace otp::inline OTP_ABI::proc {

class process;
struct activity;

/// Somebody who waits for one or several waits; lives in the waiting frame.
struct waiter {
    std::uint32_t missing = 0;   // waits that must still be settled
    activity* resumes = nullptr; // the coroutine that goes on; null: a blocked thread looks itself
    bool failed = false;         // the executor could not block: `failure` says why
    exec::block_result failure = exec::block_result::unblocked;
};

/// Why a blocking wait failed.
[[nodiscard, gnu::cold]] inline reason why_failed(const waiter& by, std::string_view what) {
    const auto because = [what](const reason& why, const char* text) { return reason{why}.with_text(std::string{what} + text); };
    if (by.failure == exec::block_result::no_spare_worker) return because(reason::system_limit, ": no spare worker for a blocking call");
    if (by.failure == exec::block_result::unblocked) return because(reason::killed, ": the process is killed");
    return because(reason::deadlock, ": nothing is left that could run");
}

inline constexpr signal_ops waits_for_something{nullptr, nullptr, nullptr, nullptr, "something"};

/// May a circle of processes that wait for each other be broken by ending a wait?
enum class breakable : std::uint8_t { never, at_last, first };

/// One thing that is waited for. Not movable while the process knows it.
struct wait {
    wait() = default;
    wait(const wait&) = delete;
    wait& operator=(const wait&) = delete;
    inline ~wait();  // takes itself off the process and ends a reply that nobody fetched

    [[nodiscard]] bool settled() const noexcept { return got != nullptr || expired; }
    [[nodiscard]] signal* take() noexcept { return std::exchange(got, nullptr); }

    /// For what may have to be tried again: called in the process when the token comes; false keeps it waiting, for the same
    /// number.
    bool (*retry)(wait& self) noexcept = nullptr;
    std::uint64_t ref = 0;
    exec::time_point deadline = exec::never;
    signal* got = nullptr;
    bool expired = false;
    bool waiting = false;
    breakable in_circle = breakable::never;
    reason why;  // expired, because who should answer waits for this process; else normal
    waiter* by = nullptr;
    const signal_ops* what = &waits_for_something;  // for who looks: the call, or the name of what it is
    std::uint64_t whom = 0;                         // and the number of the process that it is expected of
    std::atomic<bool>* over = nullptr;              // set when it expires
    process* target = nullptr;                      // that one, if nothing else is waited for; whoever waits keeps it
    process* owner = nullptr;
    wait* next = nullptr;
};

struct frame;

/// Who destroys a coroutine's frame in the end.
struct frame_owner {
    std::coroutine_handle<> handle{};
};

/// What the process must know of a coroutine: part of every promise.
struct frame {
    activity* driver = nullptr;     // whose loop resumes it
    frame* caller = nullptr;        // who awaits it; null: it is the outermost
    std::coroutine_handle<> self{};
    frame_owner* owner = nullptr;
};

/// The run of one coroutine with everything that it awaits. The process loop resumes `next` until nothing is set:
/// each await stores what comes next and returns, so the depth of the stack doesn't grow with the depth of the calls.
struct activity {
    explicit activity(process& p) noexcept : owner{&p} {}
    activity(const activity&) = delete;
    activity& operator=(const activity&) = delete;

    /// The outermost coroutine has ended: takes its result and frees the activity.
    virtual void finish() = 0;
    /// The process dies first: frees the activity, when the frames are gone.
    virtual void abandon() noexcept = 0;
    /// Destroys the frames, innermost first, as a stack is unwound; one after the other, so that no depth is too deep.
    void unwind() noexcept {
        while (frame* last = std::exchange(innermost, innermost ? innermost->caller : nullptr)) std::exchange(last->owner->handle, nullptr).destroy();
    }

    process* owner;
    std::coroutine_handle<> next{};       // resumed by the loop at once
    std::coroutine_handle<> suspended{};  // resumed when what it waits for is there
    frame* innermost = nullptr;           // of those that have begun and not ended
    bool finished = false;
    bool ready = false;  // everything that it waits for is there
    activity* next_activity = nullptr;
    struct service* serves = nullptr;  // the request that it serves, for the chain of callers
    const signal_ops* handles = nullptr;

protected:
    virtual ~activity() = default;
};

}  // namespace otp::inline OTP_ABI::proc
