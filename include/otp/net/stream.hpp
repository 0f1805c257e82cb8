// The shared part of a socket: its descriptor, what is known of its readiness, and who waits for it.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>

#include "otp/base/memory.hpp"
#include "otp/base/result.hpp"
#include "otp/net/buffer.hpp"
#include "otp/net/descriptor.hpp"
#include "otp/process/token.hpp"
#include "otp/process/waiting.hpp"
#include "otp/runtime/poller.hpp"

namespace otp::inline OTP_ABI::net {

enum class side : std::uint8_t { reading, writing };

/// A listener is never shut down: others may listen on it, too.
enum class stream_kind : std::uint8_t { connection, listener };

/// One watched socket. One reader and one writer at a time; close from any thread.
class stream final : public exec::io_handler {
public:
    /// Takes a descriptor that doesn't block, and has it watched. Errors: not_supported where there is no poller (a simulation),
    /// what the poller says.
    [[nodiscard]] static result<intrusive_ptr<stream>> make(exec::executor& ex, descriptor socket,
                                                             stream_kind kind = stream_kind::connection) {
        exec::poller* const watcher = ex.io();
        if (!watcher) return reason::from_errno(ENOTSUP, "sockets in a simulation");
        auto made = intrusive_ptr<stream>::adopt(::new (memory::allocate(sizeof(stream))) stream{ex, socket.release(), kind});
        if (const int failed = watcher->add(made->fd_, made, made->ticket_); failed != 0) {
            ::close(made->fd_);
            return reason::from_errno(failed, "watching a socket");
        }
        made->watched_ = true;
        return made;
    }

    void ready(exec::io_events events) noexcept override {
        if (exec::any(events & (exec::io_events::hang_up | exec::io_events::error))) hung_up_.store(true, std::memory_order_release);  // pairs with hung_up()
        if (exec::any(events & exec::io_events::readable)) notify(reader_);
        if (exec::any(events & exec::io_events::writable)) notify(writer_);
    }

    /// Ends the socket: whoever waits for it wakes up, operations that run finish first. Any thread, any number of times.
    void close() noexcept {
        if (!enter()) return;  // a use of its own: nobody else gives the number back meanwhile
        const auto before = uses_.fetch_or(closed_bit, std::memory_order_acq_rel);  // pairs with enter() and leave()
        // An operation still holds it: the peer hears of the end now.
        if (before > 1 && (before & closed_bit) == 0 && kind_ == stream_kind::connection) ::shutdown(fd_, SHUT_RDWR);
        leave();
        if ((before & closed_bit) != 0) return;  // another was first
        notify(reader_);
        notify(writer_);
    }
    [[nodiscard]] bool closed() const noexcept { return (uses_.load(std::memory_order_acquire) & closed_bit) != 0; }  // pairs with close()
    /// The peer has ended its side, or the connection is gone: after a short read there may be nothing but its end to read.
    [[nodiscard]] bool hung_up() const noexcept { return hung_up_.load(std::memory_order_acquire); }  // pairs with ready()

    /// Keeps the descriptor open during one operation.
    class use {
    public:
        explicit use(stream& s) noexcept : stream_{s}, open_{s.enter()} {}
        use(const use&) = delete;
        use& operator=(const use&) = delete;
        ~use() {
            if (open_) stream_.leave();
        }
        [[nodiscard]] explicit operator bool() const noexcept { return open_; }
        [[nodiscard]] int fd() const noexcept { return stream_.fd_; }

    private:
        stream& stream_;
        bool open_;
    };

    // ---- the one reader, the one writer

    /// A number that grows with each event; an operation remembers it from before it tried.
    [[nodiscard]] std::uint32_t events(side s) const noexcept { return of(s).events.load(std::memory_order_acquire); }  // pairs with notify()
    /// Nothing has happened since the last operation that found nothing more to do: trying again would be in vain.
    [[nodiscard]] bool is_drained(side s) const noexcept { return of(s).drained == events(s); }
    void set_drained(side s, std::uint32_t seen) noexcept { of(s).drained = seen; }

    /// Asks for one call of pump(process) in the turn of `who` when there may be something to read. False: there may be already.
    using pump_function = void (*)(proc::process& self, intrusive_ptr<stream> from);
    [[nodiscard]] bool listen_for_pump(proc::process& who, pump_function pump) noexcept {
        pump_ = pump;
        return listen(side::reading, who, 0);
    }
    /// Queues such a call now.
    static void queue_pump(proc::process& who, intrusive_ptr<stream> from, pump_function pump) {
        who.post(proc::make_signal<pump_signal>(std::move(from), pump));
    }

    /// Asks for a token at the next event. False: there was one meanwhile.
    [[nodiscard]] bool listen(side s, proc::process& who, std::uint64_t ref) noexcept {
        direction& d = of(s);
        {
            const std::lock_guard hold{lock_};
            if (d.drained != d.events.load(std::memory_order_relaxed) || closed()) return false;  // written under the lock
            d.who = intrusive_ptr<proc::process>::share(&who);
            d.ref = ref;
        }
        executor_.io()->rearm(ticket_, s == side::reading ? exec::io_events::readable : exec::io_events::writable);
        return true;
    }
    void stop_listening(side s) noexcept {
        intrusive_ptr<proc::process> gone;
        const std::lock_guard hold{lock_};
        gone = std::move(of(s).who);
    }

    [[nodiscard]] exec::executor& executor() const noexcept { return executor_; }

    /// Bytes that were read and not handed out yet, and how big the next read may be: the reader's own.
    struct reader_state {
        buffer ahead;
        std::size_t used = 0;  // of `ahead`, handed out already
        std::size_t hint = 1024;
        [[nodiscard]] std::size_t left() const noexcept { return ahead.size() - used; }
    };
    reader_state input;
    /// Who gets what comes as messages, and how many: the owner's own.
    struct active_state {
        intrusive_ptr<proc::process> owner;
        std::atomic<int> count{0};  // -1: without end. Relaxed: others only look whether a recv is allowed
        bool tells = false;

        [[nodiscard]] int left() const noexcept { return count.load(std::memory_order_relaxed); }
        void set_left(int messages) noexcept { count.store(messages, std::memory_order_relaxed); }
    };
    active_state activity;

    // Statistics: each is written by one side only, and read by any thread.
    std::atomic<std::uint64_t> received_bytes{0}, received_times{0}, sent_bytes{0}, sent_times{0};
    static void add(std::atomic<std::uint64_t>& counter, std::uint64_t n) noexcept {
        counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }

private:
    struct pump_signal final : proc::signal {
        pump_signal(intrusive_ptr<stream> of, pump_function how) noexcept : from{std::move(of)}, pump{how} { ops = &pump_ops; }
        intrusive_ptr<stream> from;
        pump_function pump;
        static void handle(proc::process& self, proc::signal* s) {
            auto* me = static_cast<pump_signal*>(s);
            auto of = std::move(me->from);
            const auto how = me->pump;
            proc::free_signal(me);
            how(self, std::move(of));
        }
        static void end(proc::signal* s, const reason&) noexcept { proc::free_signal(static_cast<pump_signal*>(s)); }
        static constexpr proc::signal_ops pump_ops_of() noexcept { return {&handle, &end, nullptr, nullptr, "socket data"}; }
        static const proc::signal_ops pump_ops;
    };
    struct direction {
        std::atomic<std::uint32_t> events{1};  // the first try needs no event
        std::uint32_t drained = 0;             // its user's own
        std::uint64_t ref = 0;                 // under the lock, as `who`
        intrusive_ptr<proc::process> who;
    };
    static constexpr std::uint32_t closed_bit = 1U << 31;

    stream(exec::executor& ex, int fd, stream_kind kind) noexcept : executor_{ex}, fd_{fd}, kind_{kind} {}
    ~stream() override {
        if (watched_ && !closed()) {
            executor_.io()->remove(fd_, ticket_);
            ::close(fd_);
        }
    }
    void dispose() noexcept override {
        this->~stream();
        memory::deallocate(this, sizeof(stream));
    }
    [[nodiscard]] direction& of(side s) noexcept { return s == side::reading ? reader_ : writer_; }
    [[nodiscard]] const direction& of(side s) const noexcept { return s == side::reading ? reader_ : writer_; }

    [[nodiscard]] bool enter() noexcept {
        // Pairs with close(): either it sees this use, or this sees that it is closed.
        if ((uses_.fetch_add(1, std::memory_order_acq_rel) & closed_bit) == 0) return true;
        leave();
        return false;
    }
    void leave() noexcept {
        if (uses_.fetch_sub(1, std::memory_order_acq_rel) == (closed_bit | 1)) really_close();  // pairs with close(): the last one out
    }
    void really_close() noexcept {
        if (gone_.exchange(true, std::memory_order_acq_rel)) return;  // leave() of a late enter() may come here twice
        executor_.io()->remove(fd_, ticket_);
        ::close(fd_);
    }
    void notify(direction& d) noexcept {
        intrusive_ptr<proc::process> who;
        std::uint64_t ref;
        {
            const std::lock_guard hold{lock_};
            d.events.store(d.events.load(std::memory_order_relaxed) + 1, std::memory_order_release);  // pairs with events()
            who = std::move(d.who);
            ref = d.ref;
        }
        if (!who) return;
        if (ref == 0) queue_pump(*who, intrusive_ptr<stream>::share(this), pump_);
        else proc::send_token(*who, ref);
    }

    exec::executor& executor_;
    int fd_;
    stream_kind kind_;
    exec::io_ticket ticket_;
    bool watched_ = false;
    pump_function pump_ = nullptr;  // set before it listens
    std::atomic<bool> hung_up_{false};
    std::atomic<bool> gone_{false};
    std::atomic<std::uint32_t> uses_{0};
    std::mutex lock_;
    direction reader_;
    direction writer_;
};

inline constexpr proc::signal_ops stream::pump_signal::pump_ops = stream::pump_signal::pump_ops_of();

}  // namespace otp::inline OTP_ABI::net
