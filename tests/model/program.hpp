// One random program: some processes, and a thread outside that sets them going; then everything comes to rest.
#pragma once

#include "actors.hpp"

#include <otp/base/log.hpp>
#include <otp/runtime/explore.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace model {

/// Seed n runs under one of these.
inline otp::strategy strategy_of(std::uint64_t seed) {
    switch (seed % 4) {
        case 0: return otp::pct(3);
        case 1: return otp::random;
        case 2: return otp::pct(2);
        default: return seed % 3 == 0 ? otp::round_robin : otp::random;
    }
}

/// Counts the letters that reached nobody.
class letter_office {
public:
    letter_office() { otp::on_dead_letter(&letter_office::count, this); }
    letter_office(const letter_office&) = delete;
    letter_office& operator=(const letter_office&) = delete;
    ~letter_office() { otp::on_dead_letter(nullptr); }
    [[nodiscard]] std::uint64_t counted() const noexcept { return count_; }

private:
    static void count(const otp::dead_letter& l, void* self) {
        if (l.message.find("letter") != l.message.npos || l.message.find("journey") != l.message.npos) ++static_cast<letter_office*>(self)->count_;
    }
    std::uint64_t count_ = 0;
};

/// Crashes are what the programs are about: nobody wants to read of each.
class no_reports {
public:
    no_reports() : before_{otp::set_logger(nullptr)} {}
    no_reports(const no_reports&) = delete;
    no_reports& operator=(const no_reports&) = delete;
    ~no_reports() { (void)otp::set_logger(before_.sink, before_.context); }

private:
    otp::logger before_;
};

/// Nothing runs, no timer is left, nobody is suspended and nobody waits for an answer.
inline void come_to_rest(world& w) {
    w.budget = 0;
    for (int rounds = 0; rounds < 3; ++rounds) {
        w.sim->run_all();
        for (std::size_t i = 1; i < w.members.size(); ++i)
            if (w.members[i].server && !w.members[i].ended) (void)otp::sys::resume(otp::server<actor>{w.members[i].server});
    }
    w.sim->run_all();
}

/// Runs the program of a seed; its log up to the rest. Throws std::logic_error if something is left after the end.
inline record run_program(std::uint64_t seed) {
    const no_reports quiet;
    letter_office office;
    world w{seed * 0x9e3779b97f4a7c15U + 1};
    otp::simulation sim{seed, {.strategy = strategy_of(seed), .trace = 0, .steps = 1'000'000}};
    w.sim = &sim;
    dice d{seed};
    w.budget = 40 + static_cast<int>(d.below(120));
    w.crowded = d.below(2) == 0;
    for (auto count = 3 + d.below(4); count != 0; --count) bear(w, 0, d);
    while (w.budget > 0) {
        if (d.below(6) == 0) {
            (void)act(w, 0, d.next());
        } else if (const int to = w.anybody(d); w[to].letters) {
            const letter l{0, w.number(), d.next()};
            w.note({.kind = what::sent, .who = 0, .peer = to, .n = l.n});
            w[to].letters.send(l);
            --w.budget;  // also if nobody is left to do it
        } else {
            --w.budget;
        }
        switch (d.below(8)) {
            case 0: sim.run(); break;
            case 1: sim.advance(std::chrono::milliseconds{1}); break;
            case 2: break;
            default:
                for (auto steps = d.below(w.crowded ? 3 : 6); steps != 0; --steps) (void)sim.step();
        }
    }
    come_to_rest(w);
    w.over = true;
    w.result.dead_letters = office.counted();
    for (std::size_t i = 1; i < w.members.size(); ++i) {
        const auto* block = w.members[i].pid.block();
        w.result.lives[i].alive = block && !w.members[i].ended;
        if (block && w.members[i].ended) w.result.lives[i].why = block->exit_reason();
    }
    record result = std::move(w.result);
    w.debts.clear();
    for (member& m : w.members)
        if (m.pid) otp::exit_process(m.pid, otp::reason::kill);
    sim.run();
    // A late answer stands in this thread's own mailbox until the thread looks.
    (void)otp::wait(otp::spawn([] {}));
    if (sim.live() != 0) throw std::logic_error{"a process is left"};
    if (!otp::registered().empty()) throw std::logic_error{"a name is left"};
    if (sim.simulator().spent()) throw std::logic_error{"it does not come to rest"};
    if (sim.simulator().pass_time(otp::exec::never)) throw std::logic_error{"a timer is left"};
    return result;
}

}  // namespace model
