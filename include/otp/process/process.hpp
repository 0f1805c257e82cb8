// The control block of a process: its mailbox, what it waits for, and how it ends. No stack of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <string>
#include <utility>

#include "otp/base/intrusive_ptr.hpp"
#include "otp/base/owned.hpp"
#include "otp/base/reason.hpp"
#include "otp/base/type_name.hpp"
#include "otp/process/activity.hpp"
#include "otp/process/lone_wait.hpp"
#include "otp/process/mailbox.hpp"
#include "otp/process/mailbox_options.hpp"
#include "otp/process/signal.hpp"
#include "otp/runtime/executor.hpp"

namespace otp::inline OTP_ABI {
struct crash_report;
}

namespace otp::inline OTP_ABI::proc {

class node;
struct relations;
struct chain_link;
struct particulars;
struct lineage;
struct deferred_call;
struct message_timer;
struct service;
struct bounds;

/// Thrown through a handler whose process was killed while it blocked; no std::exception, so that only `catch (...)`
/// can meet it, and then the next blocking call throws it again.
struct unwinding {};

enum class process_role : std::uint8_t {
    scheduled,  // takes turns on workers
    on_thread,  // runs once, on a thread of its own
    thread,     // stands for a thread of the user's own while it calls
    inbox,      // a mailbox that somebody else awaits
};

/// Whether a process that waits gives memory back.
enum class rest_state : std::uint8_t { none, asked, hibernating };

/// What became of a message that was offered to a process.
enum class offered : std::uint8_t {
    taken,
    gone,       // the process is no more; the caller keeps the message, as in the next two
    refused,    // the mailbox is full
    must_wait,  // the same, and senders are to wait for room
};

/// Whether the registry has an entry for a process; moves once to `gone`, when the process dies.
enum class name_state : std::uint8_t { none, named, gone };

class process : public exec::runnable, protected exec::timer {
public:
    process(exec::executor& ex, process_role role) noexcept;

    // ---- any thread that holds a reference

    /// Puts a signal into the mailbox. False: the process is gone, and the caller keeps the signal.
    [[nodiscard]] bool send(signal* s) noexcept {
        switch (mailbox_.push(s)) {
            case pushed::queued: return true;
            case pushed::woke: wake(); return true;
            case pushed::closed: break;
        }
        return false;
    }
    /// The same for a message that counts in the depth of the mailbox.
    [[nodiscard]] bool send_counted(signal* s) noexcept {
        s->flags |= is_counted;
        arrived_.fetch_add(1, std::memory_order_relaxed);  // a statistic: orders nothing
        if (send(s)) return true;
        arrived_.fetch_sub(1, std::memory_order_relaxed);  // as above
        return false;
    }
    /// Sends a user's message, if the mailbox has room for it.
    [[nodiscard]] offered offer(signal* s) noexcept {
        if (s->has(is_system)) return send(s) ? offered::taken : offered::gone;
        if (is_bounded()) return offer_bounded(s);
        return send_counted(s) ? offered::taken : offered::gone;
    }
    [[nodiscard]] bool await_room(process& who, std::uint64_t ref);
    void leave_room(const process& who, std::uint64_t ref) noexcept;
    /// Sends, or ends the signal with noproc.
    void post(signal* s) noexcept {
        if (!send(s)) drop(s, reason::noproc);
    }

    [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
    [[nodiscard]] inline std::uint64_t trace_id() const noexcept final;
    [[nodiscard]] exec::executor& executor() const noexcept { return *executor_; }
    [[nodiscard]] inline node& own_node() const noexcept;
    [[nodiscard]] process_role role() const noexcept { return static_cast<process_role>(born_as_ & ~(bounded_bit | child_bit)); }
    /// Its mailbox has a limit.
    [[nodiscard]] bool is_bounded() const noexcept { return (born_as_ & bounded_bit) != 0; }
    [[nodiscard]] bool alive() const noexcept { return !mailbox_.closed() && !doomed(); }
    /// With what it has ended; noproc if it lives, or only stands for a thread or an inbox.
    [[nodiscard]] reason ended_with() const noexcept;
    /// A kill has been sent: it counts as dead from then on.
    [[nodiscard]] bool doomed() const noexcept { return doomed_.load(std::memory_order_acquire); }  // pairs with doom()
    void doom() noexcept { doomed_.store(true, std::memory_order_release); }                        // pairs with doomed()
    /// Messages that wait. Exact when nobody sends.
    [[nodiscard]] inline std::uint64_t depth() const noexcept;
    /// Messages whose handling has begun, or that were dropped.
    [[nodiscard]] std::uint64_t handled() const noexcept { return handled_.load(std::memory_order_relaxed); }  // a statistic
    /// Does it wait for the answer to this very call, and for nothing else?
    [[nodiscard]] bool awaits(std::uint64_t ref) const noexcept { return lone_wait_.is_for(ref); }

    /// Waits, and has given back what memory it could spare. Any thread; relaxed, since nothing is reached through it.
    [[nodiscard]] bool hibernating() const noexcept { return rest_.load(std::memory_order_relaxed) == rest_state::hibernating; }

    // ---- the process itself: its own turn, or the thread that it stands for

    void run() noexcept final { take_turn(); }
    void describe(std::string& out) const override { write_name(out); }
    void describe_turn(std::string& out) const override { write_turn(out); }
    /// The same with all that can be seen of what it does. Any thread.
    virtual void describe_work(std::string& out) const { write_work(out); }

    /// A number for the next wait; never used twice by this process.
    [[nodiscard]] std::uint64_t next_wait_ref() noexcept { return lone_wait_.next_ref(); }
    /// Announces that it waits for one call and nothing else, so that circles of calls and given-up requests are seen.
    void set_awaiting(std::uint64_t ref) noexcept { lone_wait_.set(ref, serving || !queue_.empty()); }
    void clear_awaiting() noexcept { lone_wait_.clear(); }
    void begin_wait(wait& w, waiter& by) noexcept;
    void end_wait(wait& w) noexcept;
    /// Blocks this thread until all waits of `by` are settled. When the process is killed meanwhile it throws `unwinding`; in a
    /// destructor that runs because of that, the wait fails.
    void block_until_settled(waiter& by);
    /// For a process on a thread of its own, between things that don't block: throws `unwinding` if it was struck down.
    void check_signals() {
        if (role() != process_role::on_thread || (!mailbox_.has_mail() && !struck_)) return;
        drain();
        if (struck_ && !cleans_up()) throw unwinding{};
    }
    /// Ends the turn early, so that others get theirs, and lets the process's other work go before `a`.
    void yield(activity& a) noexcept {
        yields_ = true;
        forget_activity(a);
        activity** last = &activities_;
        while (*last) last = &(*last)->next_activity;
        *last = &a;
        a.next_activity = nullptr;
    }
    /// Lets the coroutine go on as soon as the loop comes to it.
    void make_ready(activity& a) noexcept;
    /// Runs a coroutine from where it stands, then its end if it came to it.
    void drive(activity& a);
    void add_activity(activity& a) noexcept;
    void forget_activity(activity& a) noexcept;

    /// Other handlers may run, and wait, while one waits: it never waits for one call alone.
    [[nodiscard]] bool interleaves() const noexcept { return interleaves_; }
    [[nodiscard]] bool traps_exits() const noexcept { return traps_exits_; }
    bool set_traps_exits(bool on) noexcept {
        const bool before = traps_exits_;
        traps_exits_ = on;
        return before;
    }
    /// Ends the process after the present callback. The first reason counts.
    void stop(reason why) noexcept;
    [[nodiscard]] bool stopping() const noexcept { return stopping_; }
    [[nodiscard]] const reason& exit_reason() const noexcept;
    /// Killed or hit by an exit signal: nothing of the user's runs any more, terminate included.
    [[nodiscard]] bool struck_down() const noexcept { return struck_; }

    /// Takes what has arrived: settles waits, obeys exits, links and monitors, queues messages.
    void drain() noexcept;
    /// A message by way of an alias: is that still one?
    [[nodiscard]] bool admits(signal& s) noexcept;
    /// Closes the mailbox of a thread's or inbox's stand-in.
    void close_stand_in(const reason& why) noexcept;

    [[nodiscard]] relations& related();
    [[nodiscard]] inline relations* related_if_any() const noexcept;
    [[nodiscard]] particulars& details();
    [[nodiscard]] particulars* details_if_any() const noexcept { return particulars_.get(); }
    [[nodiscard]] signal_queue& queue() noexcept { return queue_; }
    /// From now on, or no longer, it hibernates whenever it waits. Only the owner writes the word; others take it as a hint.
    void set_rest(rest_state s) noexcept { rest_.store(s, std::memory_order_relaxed); }
    [[nodiscard]] rest_state rest() const noexcept { return rest_.load(std::memory_order_relaxed); }

    /// A message leaves the queue.
    void count_taken() noexcept {
        if (is_bounded()) return count_taken_bounded();
        // Only the owner writes: a plain increment, relaxed since it is a statistic.
        handled_.store(handled_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    service* serving = nullptr;  // the request that the running handler serves, for the chain of callers

    // ---- what it does at present, for everybody who looks

    struct occupation {
        const signal_ops* with;  // the message that it handles or has handled last, or what it waits for; null: nothing yet
        bool waits;              // it does so when its mailbox is idle, too
        std::uint64_t for_whom;  // the number of the process that it waits for; 0: none
    };
    /// Any thread. Made of two words that change on their own.
    [[nodiscard]] occupation occupied() const noexcept {
        // Relaxed: a look at something that moves; what the word points to is constant.
        const auto word = doing_.load(std::memory_order_relaxed);
        return {reinterpret_cast<const signal_ops*>(word & ~waiting_bit), (word & waiting_bit) != 0, awaits_whom_.load(std::memory_order_relaxed)};
    }
    /// Has it a registered name? Any thread.
    [[nodiscard]] bool named() const noexcept { return name_state_.load(std::memory_order_acquire) == name_state::named; }  // pairs with registry::enter
    /// Nothing to do at the moment.
    [[nodiscard]] bool idle() const noexcept { return mailbox_.idle(); }
    void now_handles(const signal_ops* ops) noexcept {
        doing_.store(reinterpret_cast<std::uintptr_t>(ops), std::memory_order_relaxed);  // see occupied()
    }
    /// Who started it, and before it; null if no process did.
    [[nodiscard]] const lineage* ancestry() const noexcept { return lineage_.get(); }
    /// Was it started by this one, with a link or a monitor?
    [[nodiscard]] inline bool is_child_of(const process* other) const noexcept;
    /// Who started it with a link or a monitor, as long as it lives; else null.
    [[nodiscard]] inline intrusive_ptr<process> parent() const noexcept;
    /// For children that this process starts.
    [[nodiscard]] inline intrusive_ptr<lineage> as_parent();

    // ---- hooks of the kinds of processes; called in the process's own turns

    /// The trapped end of a linked process, or an exit_process; takes the signal.
    virtual void on_exit_message(signal* s) { drop(s, reason::unhandled); }
    /// A watched process is gone; takes the signal.
    virtual void on_down_message(signal* s) { drop(s, reason::unhandled); }
    /// Asked to end by a shutdown of its runtime, in its own way.
    virtual void ask_to_end(const reason& why) noexcept { send_exit(why); }
    /// The callback struct, null if none.
    [[nodiscard]] virtual type_id behaviour_type() const noexcept { return nullptr; }
    /// How a message of this type goes to the struct's handle_info; null if it has none for it.
    [[nodiscard]] virtual const signal_ops* info_ops(type_id) const noexcept { return nullptr; }
    /// The limits of its mailbox, if it is_bounded(). Any thread.
    [[nodiscard]] virtual bounds* limits() const noexcept { return nullptr; }
    /// Name of the callback struct or "".
    [[nodiscard]] virtual std::string_view behaviour_name() const noexcept { return {}; }
    /// The type of the server or of the callable that it was started with, or "".
    [[nodiscard]] virtual std::string_view initial_call() const noexcept { return {}; }
    /// Handles nothing but system requests. Any thread.
    [[nodiscard]] virtual bool suspended() const noexcept { return false; }

protected:
    inline ~process() override;

    /// Sets it going, once everybody who must know of it does.
    virtual void begin() noexcept { executor_->schedule(*this); }
    /// Before anything else in the first turn.
    virtual void on_first_turn() {}
    /// May the loop take the next message? False while a handler waits or the server is suspended.
    [[nodiscard]] virtual bool takes_messages() const noexcept { return true; }
    /// The next message that may be handled although takes_messages() is false; null if none.
    [[nodiscard]] virtual signal* next_urgent() noexcept { return nullptr; }
    /// Something that comes before the next message: a continue, a due time-out. True if it did something.
    virtual bool before_message() { return false; }
    /// May there be something of that kind?
    [[nodiscard]] virtual bool has_plans() const noexcept { return false; }
    /// When before_message wants to be asked again at the latest.
    [[nodiscard]] virtual exec::time_point own_deadline() const noexcept { return exec::never; }
    /// The handler has thrown.
    virtual void on_exception() noexcept {
        if (!stopping_) stop(reason{std::current_exception()});
    }
    /// Last words of a process that ends by itself; not for one that was struck down.
    virtual void on_terminate() noexcept {}
    /// Does its end by an exception make a report? Not where somebody waits for the very outcome.
    [[nodiscard]] virtual bool is_reported() const noexcept { return true; }
    /// Gives back what memory it can spare while it waits.
    virtual void spare() noexcept { spare_tables(); }
    /// What only its kind knows, for the report of its crash.
    virtual void complete(crash_report&) {}
    /// Destroys the user's state; all frames are gone already.
    virtual void destroy_state() noexcept = 0;

    /// It was idle and something came; called by the one pusher that found it so.
    virtual void wake() noexcept {
        if (blocked_) executor_->unblock(*blocked_);
        else executor_->schedule(*this);
    }
    void handle_one(signal* s) noexcept;
    void die() noexcept;
    template <class F>
    void guarded(F&& call) noexcept {
        try {
            call();
        } catch (const unwinding&) {
        } catch (...) {
            on_exception();
        }
    }

private:
    friend class node;
    friend class registry;
    friend struct launch;
    friend struct message_timer;
    friend struct circles;

    // What the virtual functions above do: those are defined in the class, or g++ would compile them all in each unit that sees it.
    /// On the thread of somebody who waits for an answer, it ends as soon as that one has mail.
    void take_turn(const process* waiting = nullptr) noexcept;
    [[nodiscard]] bool has_more_to_do() const noexcept;
    /// Destructors run, which must not throw.
    [[nodiscard]] bool cleans_up() const noexcept { return destroys_ || std::uncaught_exceptions() != 0; }
    void write_name(std::string& out) const;
    void write_turn(std::string& out) const;
    void write_work(std::string& out) const;
    void send_exit(const reason& why) noexcept;
    void leave(waiter& by) const;
    void spare_tables() noexcept;
    void receive(signal* s) noexcept;
    void receive_exit(signal* s) noexcept;
    void receive_relation(signal* s) noexcept;
    void receive_aliased(signal* s) noexcept;
    void settle(signal* s) noexcept;
    void tick() noexcept;
    void expire(wait& w) noexcept;
    void receive_order(intrusive_ptr<chain_link> by) noexcept;
    void set_timer() noexcept;
    offered offer_bounded(signal* s) noexcept;
    [[nodiscard]] bool take_place() noexcept;
    void tell_waiting() noexcept;
    void count_taken_bounded() noexcept;
    void shorten() noexcept;
    void trim() noexcept;
    [[nodiscard]] signal* take_mail_bounded() noexcept;
    [[nodiscard]] signal* close_mail_bounded() noexcept;
    [[nodiscard]] bool go_idle_bounded() noexcept;
    // The mailbox as its owner uses it, limited or not.
    [[nodiscard]] inline signal* take_mail() noexcept;
    [[nodiscard]] inline signal* close_mail() noexcept;
    [[nodiscard]] inline bool go_idle() noexcept;
    [[nodiscard]] bool is_full(std::uint64_t arrived) const noexcept;
    [[nodiscard]] std::uint64_t waiting_in_all() const noexcept {
        // Both relaxed: a statistic. The sum can be momentarily off while others send, never below zero.
        const auto handled = handled_.load(std::memory_order_relaxed);
        const auto arrived = arrived_.load(std::memory_order_relaxed);
        return arrived > handled ? arrived - handled : 0;
    }
    bool step();
    bool next_message();
    void strike(reason why) noexcept;
    void part(signal* rest, const reason& why) noexcept;
    void show_rest() noexcept;
    void report_crash(const signal* rest) noexcept;
    static void timer_due(exec::timer& due) noexcept;

protected:
    // What others write stands together; the rest is the owner's.
    mailbox<signal> mailbox_;
    std::atomic<std::uint64_t> arrived_{0};
    exec::executor* executor_;
    std::uint64_t id_ = 0;

    signal_queue queue_;
    std::atomic<std::uint64_t> handled_{0};
    wait* waits_ = nullptr;
    activity* activities_ = nullptr;
    exec::blocked* blocked_ = nullptr;  // set before the mailbox goes idle, read by the one who wakes it

    base::owned<particulars> particulars_;
    intrusive_ptr<lineage> lineage_;  // constant once the process stands in the table
    process* table_next_ = nullptr;  // the node's table, under its lock
    process* table_previous_ = nullptr;
    message_timer* timers_ = nullptr;  // those aimed at this process, under the node's lock for it
    lone_wait lone_wait_;
    static constexpr std::uintptr_t waiting_bit = 1;
    std::atomic<std::uintptr_t> doing_{0};         // the ops of a message, or of a wait and a bit
    std::atomic<std::uint64_t> awaits_whom_{0};
    std::atomic<bool> doomed_{false};
    std::atomic<name_state> name_state_{name_state::none};
    std::atomic<rest_state> rest_{rest_state::none};
    // Under the lock of the node's table, once it stands there.
    bool has_parent_ : 1 = false;    // started with a link or a monitor
    bool asked_to_end_ : 1 = false;  // by a shutdown of the runtime
    static constexpr std::uint8_t bounded_bit = 0x80, child_bit = 0x40;  // the latter is the same as has_parent_
    std::uint8_t born_as_;  // the role, and those bits, before anybody knows it; keeps the bits above apart from these, which are the owner's
    bool traps_exits_ : 1 = false;
    bool stopping_ : 1 = false;
    bool struck_ : 1 = false;
    bool destroys_ : 1 = false;  // its frames or its state
    bool started_ : 1 = false;
    bool interleaves_ : 1 = false;
    bool yields_ : 1 = false;       // a coroutine lets others go first
    bool has_yielded_ : 1 = false;  // it did so in the last turn
};

/// The process whose turn this thread runs, or null.
[[nodiscard]] inline process* current_process() noexcept { return static_cast<process*>(exec::current().turn); }
/// Makes it another one; the one before may have ended meanwhile.
inline void set_current_process(process* p) noexcept { exec::current().turn = p; }

inline wait::~wait() {
    if (waiting) owner->end_wait(*this);
    if (got) drop(got, reason::no_reply);
}

}  // namespace otp::inline OTP_ABI::proc
