// Names of processes: one name a process, one process a name. Spread over several small tables, each with a lock
// that is held for a look-up only.
#pragma once

#include <algorithm>
#include <array>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "otp/base/result.hpp"
#include "otp/base/type_name.hpp"
#include "otp/process/process.hpp"

namespace otp::inline OTP_ABI::proc {

class registry {
public:
    /// Gives a living process a name. Errors: bad_argument (empty name, the process has a name), noproc (it is gone),
    /// already_started (the name is taken; subject() is its holder).
    [[nodiscard]] result<void> enter(std::string_view name, process& p) {
        if (name.empty()) return reason{reason::bad_argument}.with_text("an empty name can't be registered");
        shard& home = shard_of(name);
        const std::lock_guard hold{home.lock};
        if (const auto taken = home.entries.find(name); taken != home.entries.end()) {
            return reason{reason::already_started}.with_text("the name " + std::string{name} + " is taken").with_subject(taken->second);
        }
        auto expected = name_state::none;
        // Acquire and release pair with leave(): the process is dead before it is seen gone.
        if (!p.name_state_.compare_exchange_strong(expected, name_state::named, std::memory_order_acq_rel, std::memory_order_acquire)) {
            if (expected == name_state::gone) return reason::noproc;
            return reason{reason::bad_argument}.with_text("the process has a name already");
        }
        home.entries[std::string{name}] = intrusive_ptr<process>::share(&p);
        const std::lock_guard hold_back{back_lock_};
        by_process_[p.id()] = std::string{name};
        return {};
    }

    /// Frees a name. Error: not_found.
    [[nodiscard]] result<void> leave(std::string_view name) {
        shard& home = shard_of(name);
        const std::lock_guard hold{home.lock};
        const auto found = home.entries.find(name);
        if (found == home.entries.end()) return reason{reason::not_found}.with_text("no process is registered as " + std::string{name});
        auto expected = name_state::named;
        // A failure means that it dies right now: then forget() finds nothing, which is fine. Pairs with forget().
        found->second->name_state_.compare_exchange_strong(expected, name_state::none, std::memory_order_acq_rel, std::memory_order_acquire);
        const std::lock_guard hold_back{back_lock_};
        by_process_.erase(found->second->id());
        home.entries.erase(found);
        return {};
    }

    [[nodiscard]] intrusive_ptr<process> find(std::string_view name) {
        shard& home = shard_of(name);
        const std::lock_guard hold{home.lock};
        const auto found = home.entries.find(name);
        return found == home.entries.end() ? nullptr : found->second;
    }

    /// Called once by a dying process: its name is free when this returns, and it can't get one any more.
    void forget(process& p) {
        // Pairs with enter() and leave().
        if (p.name_state_.exchange(name_state::gone, std::memory_order_acq_rel) != name_state::named) return;
        const std::string name = name_of(p.id());
        shard& home = shard_of(name);
        const std::lock_guard hold{home.lock};
        const auto found = home.entries.find(name);
        if (found == home.entries.end() || found->second.get() != &p) return;  // somebody freed it meanwhile
        const std::lock_guard hold_back{back_lock_};
        by_process_.erase(p.id());
        home.entries.erase(found);
    }

    /// The name of a process, "" if it has none.
    [[nodiscard]] std::string name_of(std::uint64_t id) {
        const std::lock_guard hold{back_lock_};
        const auto found = by_process_.find(id);
        return found == by_process_.end() ? std::string{} : found->second;
    }

    /// All names, sorted.
    [[nodiscard]] std::vector<std::string> names() {
        std::vector<std::string> all;
        for (shard& s : shards_) {
            const std::lock_guard hold{s.lock};
            for (auto& e : s.entries) all.push_back(e.first);
        }
        std::sort(all.begin(), all.end());
        return all;
    }

private:
    struct text_hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return base::hash_text(text); }
    };
    struct text_equal {
        using is_transparent = void;
        bool operator()(std::string_view a, std::string_view b) const noexcept { return a == b; }
    };
    struct shard {
        std::mutex lock;
        std::unordered_map<std::string, intrusive_ptr<process>, text_hash, text_equal> entries;
    };
    [[nodiscard]] shard& shard_of(std::string_view name) noexcept { return shards_[base::hash_text(name) % shards_.size()]; }

    std::array<shard, 16> shards_;
    std::mutex back_lock_;  // taken last
    std::unordered_map<std::uint64_t, std::string> by_process_;
};

}  // namespace otp::inline OTP_ABI::proc
