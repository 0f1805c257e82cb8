// What the model says of signals: order between two processes, and one end told once to each link and monitor.
#pragma once

#include "model.hpp"

namespace model {

/// Could this exit signal have gone without a trace, with its receiver alive? Only a normal one that was not trapped.
inline bool checker::may_skip(int to, int from, const signal& s) {
    if (s.arrived) return true;
    if (s.why == otp::reason::kill) return false;
    if (!life_of(to).server) return maybe(to, true, s.at) || (s.why == otp::reason::normal && to != from);  // it has no handler for it
    return s.why == otp::reason::normal && to != from && maybe(to, false, s.at);
}

/// The letters of one sender are handled in its order, with none left out, and exit signals stand among them.
inline void checker::letter_came(const event& e) {
    pair& p = between(e.peer, e.who);
    for (; p.next < p.sent.size(); ++p.next) {
        signal& s = p.sent[p.next];
        if (s.n == e.n) {
            s.arrived = true;
            p.heard = s.at;
            ++p.next;
            return;
        }
        require(s.n == 0, "a letter was overtaken or lost");
        // A coroutine's letters go to its inbox, by another way than its signals.
        if (life_of(e.who).server) require(may_skip(e.who, e.peer, s), "a letter overtook an exit signal, or its receiver should be dead");
    }
    fail("a letter came twice, or nobody has sent it");
}

/// Whoever is told of an end has heard all that the dead have sent before.
inline void checker::all_before(int from, int to) {
    pair& p = between(from, to);
    for (std::size_t i = p.next; i < p.sent.size(); ++i) {
        if (p.sent[i].n != 0) fail("the end of a process overtook its last letter");
        if (life_of(to).server) require(may_skip(to, from, p.sent[i]), "the end of a process overtook its exit signal");
    }
}

inline void checker::exit_came(const event& e) {
    pair& p = between(e.peer, e.who);
    require(e.peer == 0 || life_of(e.who).parent != e.peer, "the exit of the parent is no message");
    for (std::size_t i = p.next; i < p.sent.size(); ++i) {
        signal& s = p.sent[i];
        if (s.n != 0 || s.arrived || !same(s.why, e.why)) continue;
        for (std::size_t k = p.next; k < i; ++k)
            require(p.sent[k].n == 0 && may_skip(e.who, e.peer, p.sent[k]), "an exit signal overtook what was sent before");
        require(maybe(e.who, true, s.at), "an exit signal is a message to one that does not trap");
        require(s.why != otp::reason::kill, "kill is a message");
        s.arrived = true;
        p.next = i + 1;
        return;
    }
    linked_end_came(e);
}

inline void checker::linked_end_came(const event& e) {
    require(e.peer != 0 && has_ended(e.peer), "an exit that nobody has sent, or that came twice");
    pair& p = between(e.who, e.peer);
    require(maybe(e.who, true, of(e.peer).ended), "a linked end is a message to one that does not trap");
    all_before(e.peer, e.who);
    if (!p.heard_end && p.may_hear && same(e.why, life_of(e.peer).why)) {
        p.heard_end = true;
        return;
    }
    require(e.why == otp::reason::noproc && p.dead_heard < p.dead_links, "a linked end came twice, unlinked, or with another reason");
    ++p.dead_heard;
}

inline void checker::changed_links(const event& e) {
    pair& p = between(e.who, e.peer);
    if (e.kind == what::unlinked) {
        p.linked = never;
        p.unlinked = index_;
        p.heard_by_then = between(e.peer, e.who).heard;
        p.must_hear = false;
        p.dead_link_stands = false;
    } else if (has_ended(e.peer)) {
        ++p.dead_links;
        p.dead_link_stands = !p.ever_linked && !between(e.peer, e.who).ever_linked;
    } else {
        p.ever_linked = true;
        p.last_linked = index_;
        if (p.linked == never) p.linked = index_;
    }
}

inline void checker::down_came(const event& e) {
    const auto found = watches_.find(e.n);
    require(found != watches_.end() && found->second.who == e.who && found->second.peer == e.peer, "a down of somebody else's monitor");
    watch& w = found->second;
    require(!w.seen, "a down came twice");
    require(has_ended(w.peer), "a down of one that is not dead");
    require(!w.over || w.may_stay, "a down came after demonitor");
    const bool late = !w.from_birth && of(w.peer).ended < w.at;
    require(late ? e.why == otp::reason::noproc : same(e.why, life_of(w.peer).why), "a down has the wrong reason");
    all_before(e.peer, e.who);
    w.seen = true;
}

inline void checker::unwatched(const event& e) {
    const auto found = watches_.find(e.n);
    require(found != watches_.end() && found->second.who == e.who, "demonitor of an unknown monitor");
    watch& w = found->second;
    const bool own = w.who == w.peer && life_of(w.who).server;  // a monitor of oneself is none
    if (w.over || w.seen || own) {
        require(!e.there, "demonitor found a monitor that was over");
        if (e.flag) w.may_stay = false;
        w.over = true;
        return;
    }
    require(e.there || has_ended(w.peer), "demonitor did not find a monitor");
    w.over = true;
    w.may_stay = !e.there && !e.flag;
}

inline void checker::signals_at_the_end() {
    const int count = static_cast<int>(people_.size());
    std::uint64_t lost = 0;
    for (int to = 0; to < count; ++to) {
        const life& receiver = life_of(to);
        for (int from = 0; from < count; ++from) {
            for (const signal& s : between(from, to).sent) {
                if (s.n != 0 && !s.arrived) ++lost;
                if (!receiver.alive) continue;
                if (s.n != 0) require(s.arrived, "a letter was lost");
                else require(may_skip(to, from, s), "an exit signal had no effect");
            }
            if (!receiver.alive || from == 0 || !has_ended(from)) continue;
            pair& p = between(to, from);
            const bool can_miss = receiver.server ? life_of(from).why == otp::reason::normal && maybe(to, false, of(from).ended)
                                                  : life_of(from).why == otp::reason::normal || maybe(to, true, of(from).ended);
            if (p.must_hear && !p.heard_end) require(can_miss, "a linked end had no effect");
            if (p.dead_link_stands && p.dead_heard == 0) require(!receiver.server, "a link with the dead had no effect");
        }
    }
    require(lost == run_.dead_letters, "lost letters and dead letters are not as many");
    for (const auto& [n, w] : watches_)
        if (life_of(w.who).alive && has_ended(w.peer) && (!w.over || w.may_stay)) require(w.seen, "a down was lost");
}

}  // namespace model
