// Links and monitors of one process, in its own tables without locks: the other side is told by signals.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "otp/process/particulars.hpp"
#include "otp/process/process.hpp"

namespace otp::inline OTP_ABI::proc {

/// A link signal, an exit, a monitor or a down: who sends it, and why.
struct peer_signal final : signal {
    peer_signal(signal_kind what, process* sender, std::uint64_t number, reason because = {}) noexcept
        : from{intrusive_ptr<process>::share(sender)}, why{std::move(because)} {
        kind = what;
        ref = number;
        ops = &peer_ops;
    }
    intrusive_ptr<process> from;
    reason why;
    std::uint64_t known = 0;  // links: the number that the other side had given, as far as the sender knew
    intrusive_ptr<chain_link> order;  // exits: the sender waits for the end

    static void handle_trapped(process& self, signal* s) { self.on_exit_message(s); }
    static void handle_down(process& self, signal* s) { self.on_down_message(s); }
    static void end(signal* s, const reason&) noexcept { free_signal(static_cast<peer_signal*>(s)); }
    static const signal_ops peer_ops;
    static const signal_ops exit_message_ops;
    static const signal_ops down_message_ops;
};
inline constexpr signal_ops peer_signal::peer_ops{nullptr, &peer_signal::end, nullptr, nullptr, "signal"};
inline constexpr signal_ops peer_signal::exit_message_ops{&peer_signal::handle_trapped, &peer_signal::end, nullptr, nullptr, "exit_signal"};
inline constexpr signal_ops peer_signal::down_message_ops{&peer_signal::handle_down, &peer_signal::end, nullptr, nullptr, "down"};

[[nodiscard]] inline peer_signal* make_peer_signal(signal_kind kind, process* from, std::uint64_t ref, reason why = {}) {
    return make_signal<peer_signal>(kind, from, ref, std::move(why));
}

inline void process::spare_tables() noexcept {
    if (relations* const mine = related_if_any()) {
        mine->links.shrink_to_fit();
        mine->watches.shrink_to_fit();
        mine->watchers.shrink_to_fit();
        mine->aliases.shrink_to_fit();
        if (mine->empty()) particulars_->bonds.reset();
    }
    if (particulars_ && particulars_->empty()) particulars_.reset();
}

/// Links `self` with `peer`, once. A peer that is gone answers with the end noproc.
inline void link(process& self, process& peer, std::uint64_t number) {
    if (&self == &peer) return;
    auto& links = self.related().links;
    link_entry* entry = links.find(peer.id());
    if (entry && entry->mine != 0) return;
    const std::uint64_t theirs = entry ? entry->theirs : 0;
    links.insert(peer.id(), link_entry{intrusive_ptr<process>::share(&peer), number, theirs});
    auto* s = make_peer_signal(signal_kind::link, &self, number);
    if (peer.send(s)) return;
    free_signal(s);
    auto* gone = make_peer_signal(signal_kind::link_exit, &peer, 0, reason::noproc);
    gone->known = number;
    self.post(gone);
}

/// Ends a link: no end of that peer is delivered after this returns, unless a trapped one stands in the mailbox already.
inline void unlink(process& self, process& peer) {
    auto* mine = self.related_if_any();
    if (!mine) return;
    const link_entry* const entry = mine->links.find(peer.id());
    if (!entry) return;
    auto* s = make_peer_signal(signal_kind::unlink, &self, entry->mine);
    s->known = entry->theirs;
    mine->links.erase(peer.id());
    peer.post(s);
}

/// Starts a monitor under `ref`; its one down, or the message of `tag`, comes as a message.
inline void monitor(process& self, process& target, std::uint64_t ref, watch_entry tag = {}) {
    if (&self == &target) return;
    tag.target = intrusive_ptr<process>::share(&target);
    self.related().watches.insert(ref, std::move(tag));
    auto* s = make_peer_signal(signal_kind::monitor, &self, ref);
    if (target.send(s)) return;
    free_signal(s);
    self.post(make_peer_signal(signal_kind::down, &target, ref, reason::noproc));
}

/// Ends a monitor; true if it was there. A down that stands in the mailbox already stays unless `flush`.
inline bool demonitor(process& self, std::uint64_t ref, bool flush) {
    bool there = false;
    if (auto* mine = self.related_if_any()) {
        if (watch_entry* const entry = mine->watches.find(ref)) {
            const watch_entry ended{std::move(*entry)};
            mine->watches.erase(ref);
            there = true;
            mine->end_alias_of_monitor(ref);
            ended.target->post(make_peer_signal(signal_kind::demonitor, &self, ref));
        }
    }
    if (flush && !there) {
        self.drain();
        signal* found = self.queue().take_if([ref](const signal& s) {
            return s.ref == ref && (s.ops == &peer_signal::down_message_ops || s.kind == signal_kind::down);
        });
        if (found) drop(found, reason::ignored);
    }
    return there;
}

/// May a message still come by way of its alias? It is an ordinary one from then on.
inline bool process::admits(signal& s) noexcept {
    auto* mine = related_if_any();
    const alias_entry* entry = mine ? mine->aliases.find(s.ref) : nullptr;
    if (entry && !entry->has_priority) s.flags = static_cast<std::uint16_t>(s.flags & ~is_urgent);
    s.kind = signal_kind::message;
    s.ref = 0;
    return entry != nullptr;
}

inline void process::receive_aliased(signal* s) noexcept {
    if (!admits(*s)) {
        if (s->has(is_counted)) count_taken();
        drop(s, reason::noproc);
    } else if (s->has(is_urgent)) {
        queue_.push_urgent(s);
    } else {
        queue_.push(s);
    }
}

inline void process::receive_relation(signal* s) noexcept {
    auto* p = static_cast<peer_signal*>(s);
    switch (p->kind) {
        case signal_kind::link: {
            auto& links = related().links;
            if (link_entry* entry = links.find(p->from->id())) entry->theirs = p->ref;
            else links.insert(p->from->id(), link_entry{p->from, 0, p->ref});
            break;
        }
        case signal_kind::unlink: {
            auto* mine = related_if_any();
            link_entry* entry = mine ? mine->links.find(p->from->id()) : nullptr;
            if (!entry) break;
            // The peer had not seen our own link yet: that one is newer and stays.
            if (entry->mine != 0 && p->known != entry->mine) entry->theirs = 0;
            else mine->links.erase(p->from->id());
            break;
        }
        case signal_kind::monitor: related().watchers.insert(p->ref, p->from); break;
        case signal_kind::demonitor:
            if (auto* mine = related_if_any()) mine->watchers.erase(p->ref);
            break;
        case signal_kind::down: {
            auto* mine = related_if_any();
            watch_entry* const entry = mine ? mine->watches.find(p->ref) : nullptr;
            if (!entry) break;
            watch_entry ended{std::move(*entry)};
            mine->watches.erase(p->ref);
            mine->end_alias_of_monitor(p->ref);
            if (role() == process_role::thread) break;  // nobody can receive it
            if (ended.tagged) {
                ended.fill(ended.tagged.get(), *p);
                ended.tagged->ref = p->ref;
                ended.tagged->kind = signal_kind::down;  // for demonitor
                queue_.push(ended.tagged.release());
                break;
            }
            p->kind = signal_kind::message;
            p->ops = &peer_signal::down_message_ops;
            queue_.push(p);
            return;
        }
        default: break;
    }
    free_signal(p);
}

}  // namespace otp::inline OTP_ABI::proc
