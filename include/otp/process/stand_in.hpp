// A thread of the user's own as a process: while it calls, it has a mailbox for the reply.
#pragma once

#include <cstdint>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "otp/process/waiting.hpp"

namespace otp::inline OTP_ABI::proc {

/// Made at a thread's first call, ended with the thread.
class thread_process final : public process {
public:
    explicit thread_process(exec::executor& ex) noexcept : process{ex, process_role::thread} {}
    /// Waits by the runtime that it talks to: a simulation runs while its thread waits.
    void use(exec::executor& ex) noexcept { executor_ = &ex; }
    void describe(std::string& out) const override { out += "a thread"; }

private:
    void destroy_state() noexcept override {}
    void dispose() noexcept override { delete this; }
};

struct thread_process_holder {
    thread_process* made = nullptr;
    ~thread_process_holder() {
        if (!made) return;
        made->close_stand_in(reason::noproc);
        made->release();
    }
};
[[gnu::noinline]] inline thread_process_holder& thread_process_slot() {
    static thread_local thread_process_holder slot;
    asm volatile("");
    return slot;
}

/// The process that this thread runs, else the one that stands for the thread.
[[nodiscard]] inline process& caller(exec::executor& ex) {
    if (process* running = current_process()) return *running;
    auto& slot = thread_process_slot();
    if (!slot.made) slot.made = new thread_process{ex};
    slot.made->use(ex);
    return *slot.made;
}

/// The moment `limit` from now. The precise clock: a loaded machine's cheap one lags by more than its step, and a time-out
/// would be early.
[[nodiscard]] inline exec::time_point call_deadline(const exec::executor& ex, exec::duration limit) noexcept {
    if (limit == exec::duration::max()) return exec::never;
    const auto now = ex.now();
    return limit >= exec::never - now ? exec::never : now + limit;
}

/// Nobody answered: what was asked, whom, and how long that was waited for. One text, made at once in its full size.
[[nodiscard, gnu::cold, gnu::noinline]] inline reason timed_out(std::string_view what, const process& target, exec::duration limit) {
    struct unit {
        std::int64_t size;
        const char* name;
    };
    static constexpr unit units[]{{1'000'000'000, "s"}, {1'000'000, "ms"}, {1'000, "us"}, {1, "ns"}};
    const unit* in = units;
    while (limit.count() % in->size != 0) ++in;
    std::string text;
    text.reserve(what.size() + 64);
    text.append(what).append(" was not answered by <").append(std::to_string(node::shown(target.id())));
    text.append("> within ").append(std::to_string(limit.count() / in->size)).append(in->name);
    return reason{reason::timeout}.with_text(std::move(text));
}

}  // namespace otp::inline OTP_ABI::proc
