// Everything that reaches a process is a signal in its one mailbox: messages, replies, exits, links, monitors, timers.
// One block of memory a signal, the payload behind the header.
#pragma once

#include <cstdint>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "otp/base/memory.hpp"
#include "otp/base/reason.hpp"
#include "otp/base/type_name.hpp"
#include "otp/config.hpp"

namespace otp::inline OTP_ABI::proc {

class process;
struct signal;

enum class signal_kind : std::uint8_t {
    message,    // waits its turn: calls, casts, infos, system requests
    reply,      // answers a wait of the receiver, found by its ref; so do the tokens of sockets, inboxes and requests
    tick,       // the process's own timer is due
    exit,       // by exit_process
    link_exit,  // the end of a linked process
    link,
    unlink,
    monitor,
    demonitor,
    down,
    aliased,    // a message by way of an alias, found by its ref
    query,      // asks for what only the process may read; answered at once, whatever it waits for
};

/// What a message is besides its payload; bits of signal::flags.
enum signal_flag : std::uint16_t {
    is_system = 1,      // served while the server is suspended, and does not end an inactivity time-out
    is_interleaved = 2, // may be handled while another handler of the server waits
    is_counted = 4,     // counts in the depth of the mailbox
    answers_cell = 8,   // a call whose reply goes to a request cell, not to a mailbox
    is_answered = 16,   // a call that holds its reply
    request_is_consumed = 32,  // a call whose request was moved out
    is_awaited_alone = 64,     // a call that its caller waits for and for nothing else
    is_urgent = 128,           // sent with priority, by way of an alias
    is_answerable = 256,       // a call to one whose own call its sender has handed on: somebody else may answer that
};

/// What to do with a message; one constant for each receiver and message type.
struct signal_ops {
    /// Runs the handler; takes the signal. Called in a turn of `self`.
    void (*handle)(process& self, signal* s);
    /// The signal can't be handled: answers who waits for it with `why` and destroys it. Any thread.
    void (*drop)(signal* s, const reason& why) noexcept;
    type_id receiver;  // the callback struct; null where any process will do
    type_id message;
    std::string_view message_name;
};

struct signal {
    signal* next = nullptr;
    const signal_ops* ops = nullptr;
    std::uint64_t ref = 0;  // what a reply answers, or which link or monitor is meant
    std::uint32_t size = 0; // bytes of the block
    signal_kind kind = signal_kind::message;
    std::uint16_t flags = 0;

    [[nodiscard]] bool has(signal_flag flag) const noexcept { return (flags & flag) != 0; }
};
static_assert(sizeof(signal) == 32);

/// A message from its parts: M{parts…}, but a copy or move of one that is there already, whatever its constructors swallow.
template <class M, class... A>
[[nodiscard]] M build(A&&... parts) {
    if constexpr (sizeof...(A) == 1 && (std::is_same_v<std::remove_cvref_t<A>, M> && ...)) return M(std::forward<A>(parts)...);
    else return M{std::forward<A>(parts)...};
}

/// Makes a signal of type S (derived from signal) in slab memory.
template <class S, class... A>
[[nodiscard]] S* make_signal(A&&... arguments) {
    static_assert(alignof(S) <= 16, "a message can't ask for more than 16 bytes of alignment");
    void* block = memory::allocate(sizeof(S));
    S* made;
    try {
        made = ::new (block) S(std::forward<A>(arguments)...);
    } catch (...) {
        memory::deallocate(block, sizeof(S));
        throw;
    }
    made->size = sizeof(S);
    return made;
}

/// Ends a signal that make_signal<S> made.
template <class S>
void free_signal(S* s) noexcept {
    s->~S();
    memory::deallocate(s, sizeof(S));
}

/// Destroys a signal, answering who waits for it.
inline void drop(signal* s, const reason& why) noexcept { s->ops->drop(s, why); }

/// Owns a signal until it is sent; one that is not wanted any more is no dead letter.
class signal_ptr {
public:
    signal_ptr() noexcept = default;
    explicit signal_ptr(signal* s) noexcept : signal_{s} {}
    signal_ptr(signal_ptr&& other) noexcept : signal_{other.release()} {}
    signal_ptr& operator=(signal_ptr&& other) noexcept {
        reset(other.release());
        return *this;
    }
    ~signal_ptr() { reset(); }

    [[nodiscard]] signal* get() const noexcept { return signal_; }
    signal& operator*() const noexcept { return *signal_; }
    signal* operator->() const noexcept { return signal_; }
    explicit operator bool() const noexcept { return signal_ != nullptr; }
    [[nodiscard]] signal* release() noexcept { return std::exchange(signal_, nullptr); }
    void reset(signal* s = nullptr) noexcept {
        if (signal* const old = std::exchange(signal_, s)) drop(old, reason::ignored);
    }

private:
    signal* signal_ = nullptr;
};

/// A first-in first-out queue of signals that one process owns.
class signal_queue {
public:
    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
    [[nodiscard]] signal* front() const noexcept { return first_; }
    void push(signal* s) noexcept {
        s->next = nullptr;
        (first_ ? last_->next : first_) = s;
        last_ = s;
    }
    void push_front(signal* s) noexcept {
        s->next = first_;
        if (!first_) last_ = s;
        first_ = s;
        if (may_go_ahead(*s)) passed_ = nullptr;
    }
    /// In front of all but those that went before it in this way.
    void push_urgent(signal* s) noexcept {
        signal* before = nullptr;
        for (signal* at = first_; at && at->has(is_urgent); at = at->next) before = at;
        if (!before) return push_front(s);
        s->next = before->next;
        before->next = s;
        if (last_ == before) last_ = s;
        if (may_go_ahead(*s)) passed_ = nullptr;
    }
    [[nodiscard]] signal* pop() noexcept {
        signal* s = first_;
        if (s && !(first_ = s->next)) last_ = nullptr;
        if (s == passed_) passed_ = nullptr;
        return s;
    }
    /// Gives up all, as a list with `newer` behind it.
    [[nodiscard]] signal* release_before(signal* newer) noexcept {
        if (!first_) return newer;
        passed_ = nullptr;
        last_->next = newer;
        return std::exchange(first_, nullptr);
    }
    /// Takes out the oldest signal that meets the predicate; null if there is none.
    template <class Predicate>
    [[nodiscard]] signal* take_if(Predicate wanted) noexcept {
        for (signal *before = nullptr, *s = first_; s; before = s, s = s->next)
            if (wanted(*s)) return take_behind(before, s);
        return nullptr;
    }
    /// The same, but doesn't look again at what it has passed: for those that may go ahead, by one predicate until start_over().
    template <class Predicate>
    [[nodiscard]] signal* take_next(Predicate wanted) noexcept {
        for (signal* s = passed_ ? passed_->next : first_; s; passed_ = s, s = s->next)
            if (wanted(*s)) return take_behind(passed_, s);
        return nullptr;
    }
    void start_over() noexcept { passed_ = nullptr; }

    /// Is there a signal that meets the predicate?
    template <class Predicate>
    [[nodiscard]] bool has(Predicate wanted) const noexcept {
        for (signal* s = first_; s; s = s->next)
            if (wanted(*s)) return true;
        return false;
    }

private:
    [[nodiscard]] static bool may_go_ahead(const signal& s) noexcept { return (s.flags & (is_system | is_interleaved)) != 0; }
    [[nodiscard]] signal* take_behind(signal* before, signal* s) noexcept {
        (before ? before->next : first_) = s->next;
        if (last_ == s) last_ = before;
        if (passed_ == s) passed_ = before;
        return s;
    }

    signal* first_ = nullptr;
    signal* last_ = nullptr;
    signal* passed_ = nullptr;  // up to it there is none for take_next
};

}  // namespace otp::inline OTP_ABI::proc
