// Who sleeps, who searches, and how one of the sleepers is woken for new work without waking two or none.
#pragma once

#include <cstddef>
#include <cstdint>

#include "otp/base/atomics.hpp"
#include "otp/base/owned.hpp"
#include "otp/config.hpp"

namespace otp::inline OTP_ABI::exec {

/// Where a worker sleeps.
enum class parking : std::uint32_t {
    empty,      ///< nowhere
    on_futex,   ///< on its own word
    in_driver,  ///< in the poller, or in a foreign event loop that watches it
    notified,   ///< it slept, and somebody has chosen it to be woken
};

/// One word counts the workers that are awake, and those of them that search for work; a word for each worker, its spot,
/// says where it sleeps.
///
///   who has work:  publishes it, then claim(); wakes the worker that it gets, if any.
///   a worker:      finds nothing, so park(); then looks again at everything that others publish. Something there:
///                  unpark(). Nothing: sleep until notified(), then woken().
///
/// Both sides change the same word between their write and their look, by a read-modify-write. So one of them comes
/// first, and the second sees what the first has published: either the worker finds the work, or the other finds the
/// worker parked. While one worker searches nobody else is woken: it looks once more after stop_search or park, takes
/// what was published meanwhile, or claims another.
template <class P = std_atomics>
class idle_word {
public:
    using word = typename P::template atomic<std::uint32_t>;
    static constexpr std::size_t most_workers = std::size_t{1} << 14;

    /// Whom to wake, and from what. Nobody: `where` is empty.
    struct claimed {
        std::size_t who = 0;
        parking where = parking::empty;
    };

    /// All are awake, none searches.
    explicit idle_word(std::size_t workers)
        : spots_{new word[workers]}, workers_{static_cast<std::uint32_t>(workers)}, counts_{workers_} {
        // Relaxed: nobody else knows of it yet.
        for (std::uint32_t w = 0; w < workers_; ++w) spots_[w].store(value(parking::empty), std::memory_order_relaxed);
    }

    /// Anyone, after publishing work: the worker that the caller must wake; nobody if one is awake that will look for it.
    /// The worker is notified and counted as awake and searching from here on.
    [[nodiscard]] claimed claim() noexcept {
        // A read-modify-write, not a load: see above. Release pairs with park and stop_search, who see the work.
        std::uint32_t seen = counts_.fetch_add(0, std::memory_order_release);
        for (;;) {
            do {
                if (searching(seen) != 0 || awake(seen) >= workers_) return {};
                // Relaxed: the numbers alone decide. A spot that pick misses for that is seen by the look below.
            } while (!counts_.compare_exchange_weak(seen, seen + one_awake + one_searching, std::memory_order_relaxed,
                                                    std::memory_order_relaxed));
            if (const claimed one = pick(); one.where != parking::empty) return one;
            // The sleeper has unparked itself, or another claim took it. Somebody may have seen the search that didn't
            // come to be, and left his work to it. Acquire pairs with park: a worker that has parked before this is seen
            // here; one that parks later sees the work.
            seen = counts_.fetch_sub(one_awake + one_searching, std::memory_order_acquire) - one_awake - one_searching;
            if (!any_parked()) return {};
        }
    }

    /// At the end of the pool, after publishing that: any worker that sleeps, to be woken; called until it gets nobody.
    [[nodiscard]] claimed claim_anyway() noexcept {
        // The numbers say nothing here: a worker may be notified before it is counted as asleep, and then another one is
        // counted as awake in its place. Acquire pairs with park: whoever parked before is seen; release: whoever parks
        // later sees what was published.
        counts_.fetch_add(one_awake + one_searching, std::memory_order_acq_rel);
        const claimed one = pick();
        if (one.where == parking::empty) counts_.fetch_sub(one_awake + one_searching, std::memory_order_relaxed);
        return one;
    }

    /// A worker that is awake: may it search? If so, stop_search or park ends it.
    [[nodiscard]] bool start_search() noexcept {
        // Both relaxed: the first is a guess, for enough and not too many; what the search misses is seen at its end.
        if (2 * searching(counts_.load(std::memory_order_relaxed)) >= workers_) return false;
        counts_.fetch_add(one_searching, std::memory_order_relaxed);
        return true;
    }

    /// A searching worker that has found something. True: it was the last one, so if it sees more work it must claim
    /// another worker for it.
    [[nodiscard]] bool stop_search() noexcept {
        // Acquire pairs with claims that found this one searching and left their work to it. Release: what it has stolen
        // into its own queue, for the look of a worker that parks later.
        return searching(counts_.fetch_sub(one_searching, std::memory_order_acq_rel)) == 1;
    }

    /// A worker is about to sleep; it looks at everything again before it does.
    void park(std::size_t w, parking where, bool was_searching) noexcept {
        spots_[w].store(value(where), std::memory_order_relaxed);  // published by the next line
        // Acquire pairs with claims that left their work, release with those that come: they see the spot.
        counts_.fetch_sub(one_awake + (was_searching ? one_searching : 0), std::memory_order_acq_rel);
    }

    /// A parked worker that is awake by itself. True: it was notified meanwhile, and counts as searching; false: it doesn't.
    [[nodiscard]] bool unpark(std::size_t w, parking where) noexcept {
        auto expected = value(where);
        // Relaxed: if nobody has chosen it there is nothing to see.
        if (!spots_[w].compare_exchange_strong(expected, value(parking::empty), std::memory_order_relaxed,
                                               std::memory_order_relaxed)) {
            (void)notified(w);  // to see what the claimant has published
            woken(w);
            return true;
        }
        counts_.fetch_add(one_awake, std::memory_order_relaxed);  // its next park acquires what came before this
        return false;
    }

    /// A parked worker: has it been chosen? Acquire pairs with the claim.
    [[nodiscard]] bool notified(std::size_t w) const noexcept {
        return spots_[w].load(std::memory_order_acquire) == value(parking::notified);
    }
    /// A worker that was notified: it is awake, and searches.
    void woken(std::size_t w) noexcept {
        spots_[w].store(value(parking::empty), std::memory_order_relaxed);  // nobody else changes it from `notified`
    }

    /// A worker that is parked on its futex: sleeps until it is notified. Futex::wait(word, expected) waits for as long as
    /// the word has that value, or shorter; the claimant calls Futex::wake_one(spot(w)).
    template <class Futex>
    void sleep(std::size_t w) noexcept {
        while (!notified(w)) (void)Futex::wait(spots_[w], value(parking::on_futex));
        woken(w);
    }
    [[nodiscard]] const word& spot(std::size_t w) const noexcept { return spots_[w]; }

private:
    static constexpr std::uint32_t one_awake = 1;
    static constexpr std::uint32_t one_searching = 1U << 16;

    static constexpr std::uint32_t awake(std::uint32_t counts) noexcept { return counts & (one_searching - 1); }
    static constexpr std::uint32_t searching(std::uint32_t counts) noexcept { return counts >> 16; }
    static constexpr std::uint32_t value(parking p) noexcept { return static_cast<std::uint32_t>(p); }

    // Those on a futex first: the driver stays where it is for as long as it can.
    claimed pick() noexcept {
        for (const parking where : {parking::on_futex, parking::in_driver}) {
            for (std::uint32_t w = 0; w < workers_; ++w) {
                auto expected = value(where);
                // Relaxed: a guess, and a failure says nothing. Release pairs with the worker's look at its spot: it
                // sees what was published.
                if (spots_[w].load(std::memory_order_relaxed) == expected &&
                    spots_[w].compare_exchange_strong(expected, value(parking::notified), std::memory_order_release,
                                                      std::memory_order_relaxed))
                    return {w, where};
            }
        }
        return {};
    }

    [[nodiscard]] bool any_parked() const noexcept {
        for (std::uint32_t w = 0; w < workers_; ++w) {
            const auto spot = spots_[w].load(std::memory_order_relaxed);  // read-modify-writes of counts_ order it
            if (spot == value(parking::on_futex) || spot == value(parking::in_driver)) return true;
        }
        return false;
    }

    base::owned_array<word> spots_;
    const std::uint32_t workers_;
    alignas(cache_line) word counts_;  // awake below, searching above
};

}  // namespace otp::inline OTP_ABI::exec
