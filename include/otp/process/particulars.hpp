// What only some processes have, apart from the control block: bonds with others, a reason to end, owed replies.
#pragma once

#include <cstdint>
#include <string>

#include "otp/base/flat_map.hpp"
#include "otp/base/owned.hpp"
#include "otp/process/chain.hpp"
#include "otp/process/lineage.hpp"
#include "otp/process/process.hpp"

namespace otp::inline OTP_ABI::proc {

struct peer_signal;

/// Both sides of a link may have made it at once, each under a number of its own; an unlink or an end that crosses
/// a new link is told apart by these numbers.
struct link_entry {
    intrusive_ptr<process> peer;
    std::uint64_t mine = 0;    // 0: made by the other side only
    std::uint64_t theirs = 0;  // 0: not known to be made by the other side
};

struct watch_entry {
    intrusive_ptr<process> target;
    signal_ptr tagged{};  // the message that is delivered instead of a down; `fill` puts into it how the process has ended
    void (*fill)(signal* tagged, peer_signal& end) noexcept = nullptr;
};

/// An alias of the process.
struct alias_entry {
    bool ends_with_monitor = false;  // of the same ref
    bool has_priority = false;
};

struct relations {
    base::flat_map<link_entry> links;                  // by the peer's id
    base::flat_map<watch_entry> watches;               // by ref: whom this process monitors
    base::flat_map<intrusive_ptr<process>> watchers;   // by ref: who monitors this process
    base::flat_map<alias_entry> aliases;               // by ref

    [[nodiscard]] bool empty() const noexcept { return links.empty() && watches.empty() && watchers.empty() && aliases.empty(); }
    void end_alias_of_monitor(std::uint64_t ref) noexcept {
        if (const alias_entry* entry = aliases.find(ref); entry && entry->ends_with_monitor) (void)aliases.erase(ref);
    }
};

/// All of it belongs to the process itself.
struct particulars {
    reason why = reason::normal;             // the exit reason, once it stops
    base::owned<relations> bonds;
    deferred_call* deferred = nullptr;       // calls that it owes an answer, the newest first
    intrusive_ptr<lineage> own_line;         // what its children get
    signal_ptr last_words;                   // an answer that is due only when the process is gone
    reason last_reason;
    signal_queue end_waiters;                // calls of otp::wait
    intrusive_ptr<chain_link> told_by;       // who has told it to end, and waits for that
    std::string last_text;                   // for the report of a crash: the message that was being handled
    intrusive_ptr<process> last_client;      // and who sent it, if it was answered already

    /// Nothing of it is kept for a process that lives and waits.
    [[nodiscard]] bool empty() const noexcept {
        return !bonds && !deferred && !own_line && !last_words && end_waiters.empty() && !(told_by && told_by->holds());
    }
};

inline particulars& process::details() {
    if (!particulars_) particulars_.reset(new particulars);
    return *particulars_;
}

inline bool process::is_child_of(const process* other) const noexcept { return (born_as_ & child_bit) != 0 && other && lineage_->id == other->id(); }

inline const reason& process::exit_reason() const noexcept { return particulars_ ? particulars_->why : reason::normal; }

inline reason process::ended_with() const noexcept {
    const bool lived = role() == process_role::scheduled || role() == process_role::on_thread;
    return lived && mailbox_.closed() ? exit_reason() : reason{reason::noproc};  // who sees it closed sees the reason, which stays
}

inline relations& process::related() {
    auto& bonds = details().bonds;
    if (!bonds) bonds.reset(new relations);
    return *bonds;
}
inline relations* process::related_if_any() const noexcept { return particulars_ ? particulars_->bonds.get() : nullptr; }

}  // namespace otp::inline OTP_ABI::proc
