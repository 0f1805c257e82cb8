// The processes of a random program, and what they note down.
#pragma once

#include "log.hpp"

#include <otp/gen_server.hpp>
#include <otp/runtime/simulation.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace model {

using dice = otp::exec::random_source;

/// A message, and what its receiver is to do with it: a number that the operation is made from.
struct letter {
    int from;
    std::uint64_t n;
    std::uint64_t order;
};
/// The same for a handler that is a coroutine.
struct journey {
    letter what;
};
/// What a timer sends.
struct alarm {
    std::uint64_t n;
};

struct actor;
struct riddle {  // answered later, by anybody
    using reply_type = std::uint64_t;
    std::uint64_t n;
};

/// One who takes part.
struct member {
    otp::pid pid;
    otp::ref<actor> server;  // null: a coroutine
    otp::recipient<letter> letters;
    otp::recipient<alarm> alarms;
    struct watch {
        otp::monitor_ref ref;
        int peer;
    };
    std::vector<watch> watches;
    bool ended = false;
};
struct owed {
    int server;
    std::uint64_t n;
    otp::from<riddle> caller;
};
struct armed_timer {
    std::uint64_t n;
    otp::timer_ref timer;
};

struct world {
    explicit world(std::uint64_t seed) : chance{seed} {
        members.emplace_back();  // the thread outside
        result.lives.emplace_back();
    }
    otp::simulation* sim = nullptr;  // shorter-lived: its processes use the world to their end
    dice chance;
    std::vector<member> members;
    std::vector<owed> debts;
    std::vector<armed_timer> timers;
    record result;
    std::uint64_t last_number = 0;
    int budget = 0;     // how many operations are left
    bool crowded = false;  // few processes at a time, with much to do with one another and short lives
    bool over = false;  // what happens now is not in the record

    std::uint64_t number() noexcept { return ++last_number; }
    void note(event e) {
        if (over) return;
        e.at = sim->now();
        result.log.push_back(std::move(e));
    }
    [[nodiscard]] int number_of(const otp::pid& p) const noexcept {
        if (!p) return 0;
        for (std::size_t i = 1; i < members.size(); ++i)
            if (members[i].pid == p) return static_cast<int>(i);
        return 0;
    }
    member& operator[](int i) { return members[static_cast<std::size_t>(i)]; }

    /// A place for one more.
    int enter(bool server, int parent) {
        members.emplace_back();
        result.lives.push_back({.server = server, .parent = parent, .alive = false, .why = {}});
        return static_cast<int>(members.size()) - 1;
    }
    [[nodiscard]] int anybody(dice& d) noexcept {
        const auto count = members.size() - 1;
        if (crowded && count > 3 && d.below(8) != 0) return static_cast<int>(count - d.below(3));
        return count == 0 ? 0 : 1 + static_cast<int>(d.below(count));
    }
    [[nodiscard]] int any_server(dice& d) noexcept {
        for (int tries = 0; tries < 8; ++tries)
            if (const int found = anybody(d); found != 0 && (*this)[found].server) return found;
        return 0;
    }
    void ends(int who) {
        (*this)[who].ended = true;
        note({.kind = what::ended, .who = who});
    }
};

/// A reason like no other: its text has a number.
inline otp::reason some_reason(dice& d, std::uint64_t n, const char* how) {
    std::string text = how + std::string{" "} + std::to_string(n);
    switch (d.below(8)) {
        case 0: return otp::reason{otp::reason::normal}.with_text(std::move(text));
        case 1: return otp::reason{otp::reason::shutdown}.with_text(std::move(text));
        case 2: return otp::reason{otp::reason::killed}.with_text(std::move(text));
        default: return text;
    }
}

/// Notes the end of a coroutine's process.
class end_note {
public:
    end_note(world& w, int who) noexcept : world_{&w}, who_{who} {}
    end_note(end_note&& other) noexcept : world_{std::exchange(other.world_, nullptr)}, who_{other.who_} {}
    end_note& operator=(end_note&&) = delete;
    ~end_note() {
        if (world_) world_->ends(who_);
    }

private:
    world* world_;
    int who_;
};

}  // namespace model
