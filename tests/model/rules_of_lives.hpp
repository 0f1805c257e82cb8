// What the model says of ends, calls, timers and names.
#pragma once

#include "model.hpp"

namespace model {

namespace rules {

/// A process that ends itself normally keeps no text.
inline bool meant(const otp::reason& a, const otp::reason& b) noexcept {
    return same(a, b) || (a == otp::reason::normal && b == otp::reason::normal);
}

}  // namespace rules

/// By itself, by an order to stop, or by its parent: then terminate runs.
inline bool checker::was_given(int who, const otp::reason& why) {
    const auto is_why = [&why](const otp::reason& r) { return rules::meant(r, why); };
    person& p = of(who);
    if (std::any_of(p.leaves.begin(), p.leaves.end(), is_why) || std::any_of(p.orders.begin(), p.orders.end(), is_why)) return true;
    const int parent = life_of(who).parent;
    if (parent == 0) return false;
    for (const signal& s : between(parent, who).sent)
        if (s.n == 0 && !s.arrived && is_why(s.why) && maybe(who, true, s.at)) return true;
    if (!has_ended(parent) || !maybe(who, true, of(parent).ended)) return false;
    const pair& bond = between(who, parent);
    return (bond.may_hear && is_why(life_of(parent).why)) || (bond.dead_links > 0 && why == otp::reason::noproc);
}

/// By an exit signal that it did not trap, of another process or of the end of a linked one.
inline bool checker::was_struck(int who, const otp::reason& why) {
    if (same(why, otp::reason::killed) && of(who).killed != never) return true;
    const int count = static_cast<int>(people_.size());
    for (int from = 0; from < count; ++from) {
        for (const signal& s : between(from, who).sent) {
            if (s.n != 0 || s.arrived || !rules::meant(s.why, why) || s.why == otp::reason::kill) continue;
            if (maybe(who, false, s.at) && (s.why != otp::reason::normal || from == who)) return true;
        }
        if (from == 0 || !has_ended(from)) continue;
        const pair& p = between(who, from);
        if (!maybe(who, false, of(from).ended)) continue;
        if (p.may_hear && same(life_of(from).why, why) && why != otp::reason::normal) return true;
        if (p.dead_links > p.dead_heard && why == otp::reason::noproc) return true;
    }
    return false;
}

inline void checker::ended(const event& e) {
    const otp::reason& why = life_of(e.who).why;
    require(was_given(e.who, why) || was_struck(e.who, why), "a process ended for a reason that nobody gave");
    of(e.who).ended = index_;
    of(e.who).ended_at = e.at;
    for (auto& [n, holder] : names_)
        if (holder == e.who) holder = 0;
    for (int other = 1; other < static_cast<int>(people_.size()); ++other) {
        pair& mine = between(other, e.who);
        const pair& theirs = between(e.who, other);
        const bool i_stand = mine.linked != never;
        const bool they_stand = theirs.linked != never;
        const auto after = [](moment undone, moment made) { return undone != never && undone > made; };
        // Their link had come, for certain, when this side undid it.
        const bool undone = life_of(other).server && after(mine.unlinked, theirs.last_linked) && mine.heard_by_then > theirs.last_linked;
        mine.may_hear = i_stand || (they_stand && !undone);
        mine.must_hear = (i_stand && !after(theirs.unlinked, mine.linked)) || (they_stand && !after(mine.unlinked, theirs.linked));
    }
}

/// Does the first wait, by calls, for the second?
inline bool checker::waits_for(int who, int whom, int depth) {
    if (who == whom) return true;
    if (depth > static_cast<int>(people_.size())) return false;
    const auto& open = of(who).asked;
    return std::any_of(open.begin(), open.end(), [&](std::uint64_t n) { return waits_for(calls_.at(n).peer, whom, depth + 1); });
}

/// Each call ends once: with what settled it first, or when its time is over.
inline void checker::call_over(const event& e) {
    call& c = calls_.at(e.n);
    require(!c.over && c.who == e.who, "a call ended twice");
    c.over = true;
    auto& open = of(c.who).asked;
    open.erase(std::find(open.begin(), open.end(), e.n));
    const auto kind = e.why.kind();
    if (of(c.peer).ended < c.at) return require(!e.flag && kind == otp::reason_kind::noproc, "a call of a dead process was answered");
    if (c.who == c.peer) return require(!e.flag && kind == otp::reason_kind::calling_self, "a call to oneself was answered");
    if (!e.flag && kind == otp::reason_kind::deadlock && !(has_ended(c.peer) && same(e.why, life_of(c.peer).why)))
        return require(c.closes || waits_for(c.peer, c.who), "a call found a circle that is not there");
    const auto deadline = c.began + c.limit;
    if (c.command) return command_over(e, c);
    const moment first = std::min(c.settled, of(c.peer).ended);
    if (!e.flag && kind == otp::reason_kind::timeout) {
        require(e.at == deadline, "a call timed out too early or too late");
        return require(first == never || run_.log[first].at >= deadline, "a call timed out although its answer was there");
    }
    require(first != never, "a call ended without an answer");
    const event& answer = run_.log[first];
    require(answer.at <= deadline && e.at == answer.at, "an answer came too late");
    if (answer.kind == what::replied && !answer.flag) return require(e.flag, "a reply is not what the caller got");
    require(!e.flag, "a caller got a reply that nobody gave");
    if (answer.kind == what::replied) return require(same(e.why, answer.why), "a caller got another error than was given");
    if (answer.kind == what::dropped) return require(kind == otp::reason_kind::no_reply, "a dropped call was not no_reply");
    require(same(e.why, life_of(c.peer).why), "a caller got another reason than its server ended with");
}

inline void checker::command_over(const event& e, const call& c) {
    const auto order = stops_.find(e.n);
    if (e.flag) {
        if (order != stops_.end()) require(has_ended(c.peer) && life_of(c.peer).why == order->second, "stop was done before the end, or with another reason");
        return;
    }
    if (e.why.kind() == otp::reason_kind::timeout) return require(e.at == c.began + c.limit, "a command timed out too early or too late");
    require(has_ended(c.peer) && same(e.why, life_of(c.peer).why), "a command failed with a reason that nobody gave");
}

inline void checker::timer_rang(const event& e) {
    timer& t = timers_.at(e.n);
    require(t.peer == e.who, "a timer rang with somebody else");
    require(!t.rang, "a timer rang twice");
    require(!t.cancelled, "a cancelled timer rang");
    require(e.at >= t.due, "a timer rang too early");
    t.rang = true;
}

inline void checker::timer_cancelled(const event& e) {
    timer& t = timers_.at(e.n);
    if (e.flag) require(!t.rang && !t.cancelled, "a timer that was over could be cancelled");
    else require(t.rang || t.cancelled || has_ended(t.peer) || of(t.peer).killed != never, "a timer that was not over could not be cancelled");
    t.cancelled = t.cancelled || e.flag;
}

inline void checker::named(const event& e) {
    int& holder = names_[e.n];
    if (e.kind == what::looked_up) return require(e.peer == holder, "whereis found another process");
    if (e.kind == what::unnamed) {
        require(e.flag == (holder != 0), "a name was freed that nobody had, or was not freed");
        holder = 0;
        return;
    }
    const bool has_one = std::any_of(names_.begin(), names_.end(), [&e](const auto& entry) { return entry.second == e.peer; });
    require(e.flag == (holder == 0 && !has_one && !has_ended(e.peer)), "a name was given that was not free, or was refused");
    if (e.flag) holder = e.peer;
}

inline void checker::lives_at_the_end() {
    for (const auto& [n, c] : calls_)
        if (c.who == 0 || life_of(c.who).alive) require(c.over, "a call never ended");
    for (const auto& [n, t] : timers_)
        if (life_of(t.peer).alive) require(t.rang || t.cancelled, "a timer was lost");
    for (int who = 1; who < static_cast<int>(people_.size()); ++who)
        if (life_of(who).alive) require(!has_ended(who), "one that is gone is alive");
}

/// What is wrong with a run; empty: nothing.
[[nodiscard]] inline std::string check(const record& run) { return checker{run}.check(); }

}  // namespace model
