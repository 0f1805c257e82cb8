// Names of processes: one name a process, one process a name. Spread over several small tables, each with a lock
// that is held for a look-up only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "otp/base/flat_map.hpp"
#include "otp/base/order.hpp"
#include "otp/base/owned.hpp"
#include "otp/base/result.hpp"
#include "otp/base/type_name.hpp"
#include "otp/process/process.hpp"

namespace otp::inline OTP_ABI::proc {

class registry {
public:
    registry() = default;
    registry(const registry&) = delete;
    registry& operator=(const registry&) = delete;
    ~registry() {
        by_process_.for_each([](std::uint64_t, entry* e) { delete e; });
    }

    /// Gives a living process a name. Errors: bad_argument (empty name, the process has a name), noproc (it is gone),
    /// already_started (the name is taken; subject() is its holder).
    [[nodiscard]] result<void> enter(std::string_view name, process& p) {
        if (name.empty()) return reason{reason::bad_argument}.with_text("an empty name can't be registered");
        base::owned<entry> fresh{new entry{std::string{name}, intrusive_ptr<process>::share(&p)}};
        shard& home = shard_of(fresh->key);
        const std::lock_guard hold{home.lock};
        if (const entry* taken = home.find(fresh->key, name)) {
            return reason{reason::already_started}.with_text("the name " + fresh->name + " is taken").with_subject(taken->holder);
        }
        auto expected = name_state::none;
        // Acquire and release pair with leave(): the process is dead before it is seen gone.
        if (!p.name_state_.compare_exchange_strong(expected, name_state::named, std::memory_order_acq_rel, std::memory_order_acquire)) {
            if (expected == name_state::gone) return reason::noproc;
            return reason{reason::bad_argument}.with_text("the process has a name already");
        }
        const std::lock_guard hold_back{back_lock_};
        try {
            by_process_.insert(p.id(), fresh.get());
            home.put(*fresh);
        } catch (...) {
            by_process_.erase(p.id());
            expected = name_state::named;
            p.name_state_.compare_exchange_strong(expected, name_state::none, std::memory_order_acq_rel, std::memory_order_acquire);  // as above
            throw;
        }
        (void)fresh.release();
        return {};
    }

    /// Frees a name. Error: not_found.
    [[nodiscard]] result<void> leave(std::string_view name) {
        const auto key = key_of(name);
        shard& home = shard_of(key);
        base::owned<entry> gone;  // ends when the locks are given back
        const std::lock_guard hold{home.lock};
        entry* const found = home.find(key, name);
        if (!found) return reason{reason::not_found}.with_text("no process is registered as " + std::string{name});
        auto expected = name_state::named;
        // A failure means that it dies right now: then forget() finds nothing, which is fine. Pairs with forget().
        found->holder->name_state_.compare_exchange_strong(expected, name_state::none, std::memory_order_acq_rel, std::memory_order_acquire);
        gone.reset(take_out(home, *found));
        return {};
    }

    [[nodiscard]] intrusive_ptr<process> find(std::string_view name) {
        const auto key = key_of(name);
        const shard& home = shard_of(key);
        const std::lock_guard hold{home.lock};
        const entry* const found = home.find(key, name);
        return found ? found->holder : nullptr;
    }

    /// Called once by a dying process: its name is free when this returns, and it can't get one any more.
    void forget(process& p) {
        // Pairs with enter() and leave().
        if (p.name_state_.exchange(name_state::gone, std::memory_order_acq_rel) != name_state::named) return;
        const std::string name = name_of(p.id());
        const auto key = key_of(name);
        shard& home = shard_of(key);
        base::owned<entry> gone;  // ends when the locks are given back
        const std::lock_guard hold{home.lock};
        entry* const found = home.find(key, name);
        if (found && found->holder.get() == &p) gone.reset(take_out(home, *found));  // else somebody freed it meanwhile
    }

    /// The name of a process, "" if it has none.
    [[nodiscard]] std::string name_of(std::uint64_t id) {
        const std::lock_guard hold{back_lock_};
        entry* const* const found = by_process_.find(id);
        return found ? (*found)->name : std::string{};
    }

    /// All names, sorted.
    [[nodiscard]] std::vector<std::string> names() {
        std::vector<std::string> all;
        for (shard& s : shards_) {
            const std::lock_guard hold{s.lock};
            s.entries.for_each([&all](std::uint64_t, const entry* e) {
                for (; e; e = e->same_key) all.push_back(e->name);
            });
        }
        base::sort(all.data(), all.size(), [](const std::string& a, const std::string& b) { return a < b; });
        return all;
    }

private:
    struct entry {
        std::string name;
        intrusive_ptr<process> holder;
        std::uint64_t key = key_of(name);
        entry* same_key = nullptr;  // the next one
    };
    struct shard {
        mutable std::mutex lock;
        base::flat_map<entry*> entries;

        [[nodiscard]] entry* find(std::uint64_t key, std::string_view name) const noexcept {
            entry* const* const first = entries.find(key);
            entry* e = first ? *first : nullptr;
            while (e && e->name != name) e = e->same_key;
            return e;
        }
        void put(entry& e) {
            entry** const first = entries.find(e.key);
            if (!first) {
                entries.insert(e.key, &e);
                return;
            }
            e.same_key = *first;
            *first = &e;
        }
        void take_out(entry& e) noexcept {
            entry** at = entries.find(e.key);
            if (*at == &e && !e.same_key) {
                entries.erase(e.key);
                return;
            }
            while (*at != &e) at = &(*at)->same_key;
            *at = e.same_key;
        }
    };
    [[nodiscard]] static std::uint64_t key_of(std::string_view name) noexcept { return base::hash_text(name) | 1U; }  // not zero
    [[nodiscard]] shard& shard_of(std::uint64_t key) noexcept { return shards_[(key >> 32) % shard_count]; }
    [[nodiscard]] entry* take_out(shard& home, entry& e) noexcept {
        const std::lock_guard hold{back_lock_};
        by_process_.erase(e.holder->id());
        home.take_out(e);
        return &e;
    }

    static constexpr std::size_t shard_count = 16;
    shard shards_[shard_count];
    std::mutex back_lock_;  // taken last
    base::flat_map<entry*> by_process_;
};

}  // namespace otp::inline OTP_ABI::proc
