// What the processes of a random program did and saw, in the order in which it happened: a simulation runs on one thread.
#pragma once

#include <otp/base/reason.hpp>
#include <otp/runtime/executor.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace model {

enum class what : std::uint8_t {
    ended,      // who is gone: its state is destroyed; nobody else has run since its mailbox closed
    traps,      // who, flag: on or off
    sent,       // who sends peer message n
    got,        // who handles message n of peer
    told,       // who sends peer an exit signal
    ordered,    // who sends peer the order to stop
    heard,      // who gets an exit as a message: from peer, why
    linked,     // who links itself with peer
    unlinked,   // who unlinks itself from peer
    watched,    // who monitors peer under the ref n; flag: from its birth
    unwatched,  // who ends the monitor n; flag: with flush; there: it was still there
    down,       // who gets the down n of peer, why
    asked,      // who calls peer; n, limit; flag: a system request
    replied,    // who answers call n; flag: with the error why
    dropped,    // who drops the `from` of call n
    answered,   // the call n of who is over; flag: with a reply, else why
    armed,      // who arms the timer n for peer; limit: the delay
    cancelled,  // who cancels timer n; flag: it was in time
    rang,       // who gets the message of timer n
    named,      // who registers peer under the name n; flag: it could
    unnamed,    // who frees the name n; flag: somebody had it
    looked_up,  // who looks for the name n and finds peer, 0 for none
    looked_at,  // who asks whether peer is alive; flag: it is
    leaves,     // who is about to end itself, why
    last_words  // who is in its terminate, why
};

/// One line of the log. Processes are numbered from 1; 0 is the thread outside.
struct event {
    what kind{};
    int who = 0;
    int peer = 0;
    std::uint64_t n = 0;
    otp::reason why{};
    bool flag = false;
    bool there = false;
    otp::exec::duration limit{};
    otp::exec::time_point at{};
};

/// What is known of a process besides.
struct life {
    bool server = false;  // a gen_server; else a coroutine with an inbox
    int parent = 0;       // 0: none
    bool alive = false;   // when all was quiet
    otp::reason why;      // what it ended with
};

/// A run, up to the moment when nothing could run any more and no timer was left.
struct record {
    std::vector<event> log;
    std::vector<life> lives;  // by number
    std::uint64_t dead_letters = 0;
};

inline const char* name_of(what kind) {
    static constexpr const char* names[] = {"ended",    "traps",    "sent",  "got",       "told",  "ordered", "heard",   "linked",    "unlinked",
                                            "watched",  "unwatched", "down", "asked",     "replied", "dropped", "answered", "armed",   "cancelled",
                                            "rang",     "named",    "unnamed", "looked_up", "looked_at", "leaves", "last_words"};
    return names[static_cast<std::size_t>(kind)];
}

/// A log for people.
inline std::string to_text(const record& of) {
    std::string out;
    for (std::size_t i = 0; i < of.log.size(); ++i) {
        const event& e = of.log[i];
        out += std::to_string(i) + "  " + std::to_string(e.at.time_since_epoch().count() / 1000) + " us  " + std::to_string(e.who) + ' ' +
               name_of(e.kind) + ' ' + std::to_string(e.peer) + " #" + std::to_string(e.n) + (e.flag ? " yes" : "") + (e.there ? " there" : "");
        if (e.why != otp::reason::normal || e.why.text() != "normal") out += " (" + e.why.to_string() + ")";
        out += '\n';
    }
    for (std::size_t i = 1; i < of.lives.size(); ++i) {
        const life& l = of.lives[i];
        out += std::to_string(i) + (l.server ? " server" : " coroutine") + " of " + std::to_string(l.parent) + (l.alive ? " alive" : " ended: " + l.why.to_string()) + '\n';
    }
    return out;
}

/// The very same reason: also its text, by which each signal of the program can be told from the others.
inline bool same(const otp::reason& a, const otp::reason& b) noexcept { return a.kind() == b.kind() && a.text() == b.text(); }

}  // namespace model
