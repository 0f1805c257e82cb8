// The plain model: reads the log of a run line by line, and says what could not have happened.
#pragma once

#include "log.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace model {

/// The first line of the log that the model does not allow.
struct violation {
    std::string text;
};

class checker {
public:
    explicit checker(const record& run) : run_{run}, people_(run.lives.size()), pairs_(run.lives.size() * run.lives.size()) {}

    /// What is wrong with the run; empty: nothing.
    [[nodiscard]] std::string check() {
        try {
            for (index_ = 0; index_ < run_.log.size(); ++index_) look_at(run_.log[index_]);
            at_the_end();
        } catch (const violation& v) {
            return v.text;
        }
        return {};
    }

private:
    using moment = std::size_t;  // a line's number
    static constexpr moment never = std::numeric_limits<moment>::max();

    struct person {
        moment ended = never;
        otp::exec::time_point ended_at{};
        std::vector<std::pair<moment, bool>> traps;
        moment killed = never;  // the first kill that was sent to it
        std::vector<std::uint64_t> asked;  // calls that it waits for
        std::vector<otp::reason> leaves;
        std::vector<otp::reason> orders;
    };
    struct signal {
        std::uint64_t n = 0;  // a letter; 0: an exit signal
        otp::reason why;
        moment at = 0;
        bool arrived = false;
    };
    struct pair {
        std::vector<signal> sent;  // by the first to the second
        std::size_t next = 0;      // the first that has not arrived
        moment heard = 0;          // when the last letter that has arrived was sent
        // What the first has done about a link with the second.
        bool ever_linked = false;
        moment linked = never;       // the first time since it last undid it
        moment last_linked = never;
        moment unlinked = never;
        moment heard_by_then = 0;    // at the unlink: when the last letter that it had got from the second was sent
        // When the second has ended: is the first told, by link?
        bool may_hear = false, must_hear = false;
        bool heard_end = false;
        int dead_links = 0, dead_heard = 0;  // links with the second when it was gone, and how often noproc came
        bool dead_link_stands = false;
    };
    struct watch {
        int who, peer;
        moment at;
        bool from_birth;
        bool seen = false;
        bool over = false;      // demonitor has returned
        bool may_stay = false;  // its down was in the mailbox by then
    };
    struct call {
        int who, peer;
        moment at;
        otp::exec::time_point began;
        otp::exec::duration limit;
        bool command;
        bool closes = false;  // a circle, when it was made: at its end the other may have given up waiting, at the same moment
        bool over = false;
        moment settled = never;  // who has answered or dropped it, first
    };
    struct timer {
        int peer;
        otp::exec::time_point due;
        bool rang = false, cancelled = false;
    };

    [[noreturn]] void fail(const std::string& what) const {
        throw violation{"line " + std::to_string(index_) + ": " + what};
    }
    void require(bool holds, const char* what) const {
        if (!holds) fail(what);
    }
    [[nodiscard]] person& of(int who) { return people_[static_cast<std::size_t>(who)]; }
    [[nodiscard]] pair& between(int from, int to) { return pairs_[static_cast<std::size_t>(from) * people_.size() + static_cast<std::size_t>(to)]; }
    [[nodiscard]] const life& life_of(int who) const { return run_.lives[static_cast<std::size_t>(who)]; }
    [[nodiscard]] bool has_ended(int who) { return of(who).ended != never; }

    // Did it trap exits, or not, at some moment from `since` on?
    [[nodiscard]] bool maybe(int who, bool trapping, moment since) {
        bool state = false;
        for (const auto& [at, on] : of(who).traps) {
            if (at > since) {
                if (state == trapping) return true;
            }
            state = on;
        }
        return state == trapping;
    }

    void look_at(const event& e);
    void at_the_end();

    // rules_of_signals.hpp: letters and exit signals of one process to another, links, monitors
    [[nodiscard]] bool may_skip(int to, int from, const signal& s);
    void letter_came(const event& e);
    void exit_came(const event& e);
    void linked_end_came(const event& e);
    void all_before(int from, int to);
    void changed_links(const event& e);
    void down_came(const event& e);
    void unwatched(const event& e);
    void signals_at_the_end();

    // rules_of_lives.hpp: why processes end, calls, timers, names
    void ended(const event& e);
    [[nodiscard]] bool was_given(int who, const otp::reason& why);
    [[nodiscard]] bool was_struck(int who, const otp::reason& why);
    void call_over(const event& e);
    void command_over(const event& e, const call& c);
    [[nodiscard]] bool waits_for(int who, int whom, int depth = 0);
    void timer_rang(const event& e);
    void timer_cancelled(const event& e);
    void named(const event& e);
    void lives_at_the_end();

    const record& run_;
    moment index_ = 0;
    std::vector<person> people_;
    std::vector<pair> pairs_;
    std::map<std::uint64_t, watch> watches_;
    std::map<std::uint64_t, call> calls_;
    std::map<std::uint64_t, timer> timers_;
    std::map<std::uint64_t, otp::reason> stops_;  // the calls that are orders to stop
    std::map<std::uint64_t, int> names_;
};

inline void checker::look_at(const event& e) {
    require(e.who == 0 || !has_ended(e.who), "a process that is gone did something");
    switch (e.kind) {
        case what::ended: return ended(e);
        case what::traps: of(e.who).traps.emplace_back(index_, e.flag); return;
        case what::sent: between(e.who, e.peer).sent.push_back({.n = e.n, .why = {}, .at = index_}); return;
        case what::got: return letter_came(e);
        case what::told:
            if (has_ended(e.peer)) return;
            between(e.who, e.peer).sent.push_back({.n = 0, .why = e.why, .at = index_});
            if (e.why == otp::reason::kill) of(e.peer).killed = std::min(of(e.peer).killed, index_);
            return;
        case what::ordered:
            of(e.peer).orders.push_back(e.why);
            stops_.emplace(e.n, e.why);
            return;
        case what::heard: return exit_came(e);
        case what::linked:
        case what::unlinked: return changed_links(e);
        case what::watched: watches_[e.n] = {e.who, e.peer, index_, e.flag}; return;
        case what::unwatched: return unwatched(e);
        case what::down: return down_came(e);
        case what::asked:
            calls_[e.n] = {e.who, e.peer, index_, e.at, e.limit, e.flag, waits_for(e.peer, e.who)};
            of(e.who).asked.push_back(e.n);
            return;
        case what::replied:
        case what::dropped: {
            call& c = calls_.at(e.n);
            if (c.settled == never && !has_ended(c.peer)) c.settled = index_;
            return;
        }
        case what::answered: return call_over(e);
        case what::armed: timers_[e.n] = {e.peer, e.at + e.limit}; return;
        case what::cancelled: return timer_cancelled(e);
        case what::rang: return timer_rang(e);
        case what::named:
        case what::unnamed:
        case what::looked_up: return named(e);
        case what::looked_at:
            return require(e.flag == (!has_ended(e.peer) && of(e.peer).killed == never), "is_alive is wrong");
        case what::leaves: of(e.who).leaves.push_back(e.why); return;
        case what::last_words:
            require(same(e.why, life_of(e.who).why), "terminate was told another reason than the others");
            return require(was_given(e.who, e.why), "terminate ran although an exit signal has ended it");
    }
}

inline void checker::at_the_end() {
    signals_at_the_end();
    lives_at_the_end();
}

}  // namespace model
