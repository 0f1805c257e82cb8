// The threads of a pool: who runs turns, who waits in a blocking call, who is spare, and who takes over a core that a
// blocking thread leaves.
#pragma once

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#include <pthread.h>

#include "otp/config.hpp"
#include "otp/runtime/executor.hpp"
#include "otp/runtime/futex.hpp"
#include "otp/runtime/worker.hpp"

namespace otp::inline OTP_ABI::exec {

/// How a pool makes a thread; pthread_create, or what a test puts in its place. Returns 0 or an errno.
using thread_maker = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);

/// A thread is active (it runs turns or looks for some, with a core or without), blocked, or spare. A core is held by a
/// thread or vacant. While a core is vacant nobody is spare, unless the pool has no threads of its own: there guests, the
/// user's threads, run the one core, and spare threads do only while a guest is blocked in a turn.
class crew {
public:
    enum order : std::uint32_t { stop = 1, give_back = 2, halt = 4 };
    enum class handed : std::uint8_t { over, vacated, refused };

    /// A thread of the user's that waits for a core to run turns with; its `blocked` wakes it.
    struct waiting_guest {
        blocked* by;
        waiting_guest* next = nullptr;
    };
    /// What `blocked::word` is: waiting and awake, over, waiting on its futex, running the loop, about to be over.
    enum wait_word : std::uint32_t { waiting, unblocked, asleep, driving, poked };

    crew(worker_pool& pool, void (*entry)(worker&), std::size_t workers, std::size_t spares, std::string name,
         thread_maker maker, duration spare_idle)
        : pool_{pool}, entry_{entry}, make_{maker}, name_{std::move(name)}, spare_idle_{spare_idle}, limit_{workers + spares},
          guests_only_{workers == 0} {}
    crew(const crew&) = delete;
    crew& operator=(const crew&) = delete;

    /// Begins with a thread for a core, or without: then the core is vacant. 0 or an errno.
    int start(core& c) noexcept {
        const std::lock_guard hold{lock_};
        const int failure = guests_only_ ? 0 : make(c);
        if (guests_only_ || failure != 0) vacate(c);
        return failure;
    }

    /// What all threads have been told, some of `order`. Relaxed: who must see it at once is woken after it was set.
    [[nodiscard]] std::uint32_t orders() const noexcept { return orders_.load(std::memory_order_relaxed); }

    /// A worker is about to block. `over`: another thread has its core or another worker is active; `vacated`: its core is
    /// there for whoever comes, and those who are active must hear of it; `refused`: it was the last, so it must not block.
    [[nodiscard]] handed hand_over(worker& w) noexcept {
        worker* heir = nullptr;
        handed outcome = handed::over;
        {
            const std::lock_guard hold{lock_};
            const bool others = active_ >= 2 || (guests_only_ && blocked_guests_ == 0 && !w.guest);
            if (w.mine) {
                const bool foreign = guests_only_ && blocked_guests_ == 0 && !w.guest;  // the guests want it back
                if (foreign || !give(*w.mine, heir)) {
                    if (!others) return handed::refused;
                    vacate(*w.mine);
                    outcome = handed::vacated;
                }
                w.mine = nullptr;
            } else if (!others && vacant_) {
                if (!give(*vacant_, heir)) return handed::refused;
                take_vacant();
            }
            --active_;
            if (w.guest && blocked_guests_++ == 0) revoke(give_back);
        }
        if (heir) futex::wake_one(heir->called);
        return outcome;
    }

    /// A worker's block is over: it is active again, with a core if one is vacant. True: it wants back the core of a
    /// thread that may sleep in the driver.
    [[nodiscard]] bool take_up(worker& w) noexcept {
        const std::lock_guard hold{lock_};
        ++active_;
        if (w.guest) --blocked_guests_;
        if (vacant_ && (w.guest || may_hold())) {
            w.mine = take_vacant();
        } else if (w.guest && blocked_guests_ == 0) {
            orders_.fetch_or(give_back, std::memory_order_relaxed);  // the wake-up that follows publishes it
            return true;
        }
        return false;
    }

    /// A thread that guests want their core back from: true if it has left it.
    [[nodiscard]] bool obey_give_back(worker& w) noexcept {
        const std::lock_guard hold{lock_};
        if (!(orders() & give_back)) return false;
        vacate(*std::exchange(w.mine, nullptr));
        return true;
    }

    /// A thread without a core, between turns: waits until it is given one. False: it ends.
    [[nodiscard]] bool rest(worker& w) noexcept {
        {
            const std::lock_guard hold{lock_};
            if (orders() & stop) return false;
            if (vacant_ && may_hold()) {
                w.mine = take_vacant();
                return true;
            }
            --active_;
            w.called.store(worker::none, std::memory_order_relaxed);  // nobody calls it yet
            w.next_spare = std::exchange(spares_, &w);
        }
        const time_point until = clock::now() + spare_idle_;
        for (;;) {
            // Acquire pairs with call: the core, as it was left.
            if (const auto called = w.called.load(std::memory_order_acquire); called != worker::none)
                return called == worker::take_core;
            if (futex::wait(w.called, worker::none, until)) continue;
            if (retire(w)) return false;
        }
    }

    /// A guest comes to run turns: true if it got the core. Otherwise `g`, if any, is woken when there is one to have.
    [[nodiscard]] bool enter(worker& w, waiting_guest* g) noexcept {
        const std::lock_guard hold{lock_};
        if (vacant_ && !(orders() & stop)) {
            w.mine = take_vacant();
            ++active_;
            return true;
        }
        if (g) {
            g->next = std::exchange(guests_, g);
            auto expected = std::uint32_t{waiting};
            // Relaxed: no more than a mark that it is on its way to sleep; over() acquires.
            (void)g->by->word.compare_exchange_strong(expected, asleep, std::memory_order_relaxed, std::memory_order_relaxed);
        }
        return false;
    }
    /// A guest that waited goes on, woken or not.
    void forget(waiting_guest& g) noexcept {
        const std::lock_guard hold{lock_};
        waiting_guest** at = &guests_;
        while (*at && *at != &g) at = &(*at)->next;
        if (*at) *at = g.next;
    }
    /// A guest that waited won't come for the core, even if it was woken for that: the next one may.
    void pass_on() noexcept {
        const std::lock_guard hold{lock_};
        if (vacant_) offer_core();
    }
    /// A guest is done, with the core or without.
    void exit(worker& w) noexcept {
        const std::lock_guard hold{lock_};
        --active_;
        if (w.mine) vacate(*std::exchange(w.mine, nullptr));
    }

    /// Tells all threads something; those that sleep with a core are woken by the caller afterwards.
    void tell(order o) noexcept {
        const std::lock_guard hold{lock_};
        orders_.fetch_or(o, std::memory_order_relaxed);  // under the lock, or published by the wake-up
        if (o != stop) return;
        while (worker* const w = spares_) {
            spares_ = w->next_spare;
            call(*w, worker::leave);
            futex::wake_one(w->called);
        }
    }

    /// After `stop` was told and the sleepers are woken: waits for all threads, also for those that still run a turn.
    void join() noexcept {
        for (;;) {
            worker* w;
            {
                const std::lock_guard hold{lock_};
                w = ended_ ? ended_ : all_;
                if (!w) return;
                (ended_ ? ended_ : all_) = w->next;
            }
            ::pthread_join(w->thread, nullptr);
            delete w;
        }
    }

    /// How many threads there are. Any thread.
    [[nodiscard]] std::size_t threads() const noexcept {
        const std::lock_guard hold{lock_};
        return threads_;
    }

private:
    // All private functions: under the lock, unless they say otherwise.

    [[nodiscard]] bool may_hold() const noexcept { return !guests_only_ || blocked_guests_ > 0; }

    void revoke(order o) noexcept {
        orders_.fetch_and(~std::uint32_t{o}, std::memory_order_relaxed);  // who obeys it looks again under the lock
    }

    void vacate(core& c) noexcept {
        c.next_vacant = std::exchange(vacant_, &c);
        if (!guests_only_) return;
        revoke(give_back);
        offer_core();
    }
    void offer_core() noexcept {
        waiting_guest* const g = guests_;
        if (!g) return;
        guests_ = g->next;
        auto expected = std::uint32_t{asleep};
        // Relaxed: the guest comes for the core under the lock. If its own wait is over it passes it on.
        if (g->by->word.compare_exchange_strong(expected, waiting, std::memory_order_relaxed, std::memory_order_relaxed))
            futex::wake_one(g->by->word);
    }
    core* take_vacant() noexcept { return std::exchange(vacant_, vacant_->next_vacant); }

    void call(worker& w, worker::call what) noexcept {
        w.called.store(what, std::memory_order_release);  // pairs with rest: its core, and all who used that before
    }

    // Gives a core to a spare thread, to be woken without the lock, or to a new one.
    bool give(core& c, worker*& heir) noexcept {
        if (!spares_) return threads_ < limit_ && make(c) == 0;
        heir = std::exchange(spares_, spares_->next_spare);
        heir->mine = &c;
        ++active_;
        call(*heir, worker::take_core);
        return true;
    }

    int make(core& c) noexcept {
        if (orders() & stop) return EAGAIN;
        auto* const w = new (std::nothrow) worker{pool_, entry_};
        if (!w) return ENOMEM;
        w->mine = &c;
        // The new thread inherits the mask: what the program handles comes to threads of its own. Left open are the
        // faults of the thread itself and what profilers send.
        sigset_t closed;
        sigset_t before;
        ::sigfillset(&closed);
        for (const int open : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF})
            ::sigdelset(&closed, open);
        ::pthread_sigmask(SIG_SETMASK, &closed, &before);
        const int failure = make_(&w->thread, nullptr, &crew::main, w);
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        if (failure != 0) {
            delete w;
            return failure;
        }
        name_thread(w->thread);
        w->next = all_;
        if (all_) all_->previous = w;
        all_ = w;
        ++threads_;
        ++active_;
        return 0;
    }

    void name_thread([[maybe_unused]] pthread_t thread) noexcept {
#if defined(__linux__)
        char text[16];  // the kernel's limit
        std::snprintf(text, sizeof text, "%.9s-%u", name_.c_str(), ++named_);
        ::pthread_setname_np(thread, text);
#endif
    }

    static void* main(void* self) noexcept {
        auto& w = *static_cast<worker*>(self);
        w.entry(w);
        return nullptr;
    }

    // Takes no lock: the spare itself, whose time is over. False: it was called just now. True: its thread ends.
    bool retire(worker& w) noexcept {
        worker* others;
        {
            const std::lock_guard hold{lock_};
            worker** at = &spares_;
            while (*at && *at != &w) at = &(*at)->next_spare;
            if (!*at) return false;
            *at = w.next_spare;
            --threads_;
            (w.previous ? w.previous->next : all_) = w.next;
            if (w.next) w.next->previous = w.previous;
            others = std::exchange(ended_, &w);
            w.next = nullptr;
        }
        while (others) {
            worker* const gone = std::exchange(others, others->next);
            ::pthread_join(gone->thread, nullptr);
            delete gone;
        }
        return true;
    }

    worker_pool& pool_;
    void (*const entry_)(worker&);
    const thread_maker make_;
    const std::string name_;
    const duration spare_idle_;
    const std::size_t limit_;  // of threads
    const bool guests_only_;
    std::atomic<std::uint32_t> orders_{0};

    mutable std::mutex lock_;  // guards all that follows
    worker* all_ = nullptr;
    worker* ended_ = nullptr;  // to be joined
    worker* spares_ = nullptr;  // the last one first: it is the warmest
    core* vacant_ = nullptr;
    waiting_guest* guests_ = nullptr;
    std::size_t threads_ = 0;
    std::size_t active_ = 0;
    std::size_t blocked_guests_ = 0;
    unsigned named_ = 0;
};

}  // namespace otp::inline OTP_ABI::exec
