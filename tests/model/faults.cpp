// The model finds faults: each is planted into the logs of real runs, wherever it fits, and must be found everywhere.
#include <doctest/doctest.h>

#include "program.hpp"
#include "rules_of_lives.hpp"
#include "rules_of_signals.hpp"

#include <array>
#include <optional>
#include <string>
#include <utility>

namespace tests::faults {

using namespace std::chrono_literals;
using model::event;
using model::record;
using model::what;

namespace {

/// Plants a fault at a line, if it fits there: the log with the fault.
using planter = std::optional<record> (*)(const record& run, std::size_t line);

struct fault {
    const char* name;
    planter plant;
};

const model::life& life_of(const record& run, int who) { return run.lives[static_cast<std::size_t>(who)]; }

record without(const record& run, std::size_t line) {
    record other = run;
    other.log.erase(other.log.begin() + static_cast<std::ptrdiff_t>(line));
    return other;
}
record with(const record& run, std::size_t before, event extra) {
    record other = run;
    extra.at = before < run.log.size() ? run.log[before].at : run.log.back().at;
    other.log.insert(other.log.begin() + static_cast<std::ptrdiff_t>(before), std::move(extra));
    return other;
}
template <class Change>
record changed(const record& run, std::size_t line, Change change) {
    record other = run;
    change(other.log[line]);
    return other;
}
std::optional<std::size_t> next_line(const record& run, std::size_t line, what kind, int who, int peer = 0) {
    for (++line; line < run.log.size(); ++line)
        if (run.log[line].kind == kind && run.log[line].who == who && (peer == 0 || run.log[line].peer == peer)) return line;
    return std::nullopt;
}
bool any_link(const record& run, int a, int b, what kind) {
    for (const event& e : run.log)
        if (e.kind == kind && ((e.who == a && e.peer == b) || (e.who == b && e.peer == a))) return true;
    return false;
}
bool is_command(const record& run, std::uint64_t call) {
    for (const event& e : run.log)
        if (e.kind == what::asked && e.n == call) return e.flag;
    return false;
}

#define AT_A(k)                       \
    const event& e = run.log[line];   \
    if (e.kind != what::k) return std::nullopt

const fault faults[] = {
    {"a letter is lost", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(got);
         return without(run, line);
     }},
    {"a letter comes twice", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(got);
         return with(run, line, e);
     }},
    {"two letters of one sender change places", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(got);
         const auto other = next_line(run, line, what::got, e.who, e.peer);
         if (!other || run.log[*other].peer != e.peer) return std::nullopt;
         record swapped = run;
         std::swap(swapped.log[line].n, swapped.log[*other].n);
         return swapped;
     }},
    {"a down is lost", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(down);
         if (!life_of(run, e.who).alive) return std::nullopt;
         for (const event& u : run.log)
             if (u.kind == what::unwatched && u.n == e.n) return std::nullopt;  // it may have taken it out of the mailbox
         return without(run, line);
     }},
    {"a down comes twice", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(down);
         return with(run, line, e);
     }},
    {"a down has another reason", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(down);
         return changed(run, line, [](event& d) { d.why = "another"; });
     }},
    {"a down overtakes the last letter of the dead", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(down);
         for (std::size_t last = line; last-- > 0;)
             if (run.log[last].kind == what::got && run.log[last].who == e.who && run.log[last].peer == e.peer) return with(without(run, line), last, e);
         return std::nullopt;
     }},
    {"a down comes after demonitor", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(unwatched);
         if (!e.there) return std::nullopt;
         for (const event& w : run.log) {
             if (w.kind != what::watched || w.n != e.n) continue;
             const auto end = next_line(run, line, what::ended, w.peer);
             if (!end || !life_of(run, e.who).alive) return std::nullopt;
             return with(run, run.log.size(), {.kind = what::down, .who = e.who, .peer = w.peer, .n = e.n, .why = life_of(run, w.peer).why});
         }
         return std::nullopt;
     }},
    {"demonitor does not find what is there", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(unwatched);
         if (!e.there) return std::nullopt;
         for (const event& w : run.log)
             if (w.kind == what::watched && w.n == e.n && life_of(run, w.peer).alive)
                 return changed(run, line, [](event& u) { u.there = false; });
         return std::nullopt;
     }},
    {"a linked end or exit signal is lost", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(heard);
         if (!life_of(run, e.who).alive || e.why == otp::reason::normal || e.why == otp::reason::noproc) return std::nullopt;
         if (any_link(run, e.who, e.peer, what::unlinked)) return std::nullopt;
         return without(run, line);
     }},
    {"a linked end or exit signal comes twice", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(heard);
         if (e.why == otp::reason::noproc) return std::nullopt;  // a second link with the dead may bring a second one
         return with(run, line, e);
     }},
    {"a linked end or exit signal has another reason", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(heard);
         return changed(run, line, [](event& h) { h.why = "another"; });
     }},
    {"a linked end comes after unlink", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(unlinked);
         const auto end = next_line(run, line, what::ended, e.peer);
         if (!end || !life_of(run, e.who).alive || next_line(run, line, what::linked, e.who, e.peer)) return std::nullopt;
         for (const event& l : run.log)
             if (l.kind == what::linked && l.who == e.peer && l.peer == e.who) return std::nullopt;
         return with(run, run.log.size(), {.kind = what::heard, .who = e.who, .peer = e.peer, .why = life_of(run, e.peer).why});
     }},
    {"a linked process lives on", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(ended);
         // It dies by the end of another; the log stops short of that.
         for (std::size_t i = 0; i < line; ++i) {
             const event& end = run.log[i];
             if (end.kind != what::ended || life_of(run, end.who).why == otp::reason::normal || !model::same(life_of(run, end.who).why, life_of(run, e.who).why)) continue;
             if (!any_link(run, e.who, end.who, what::linked) || any_link(run, e.who, end.who, what::unlinked)) continue;
             for (const event& t : run.log)
                 if (t.who == e.who && t.kind == what::traps) return std::nullopt;
             record other = run;
             other.log.resize(line);
             for (model::life& l : other.lives) l.alive = false;
             other.lives[static_cast<std::size_t>(e.who)].alive = true;
             other.dead_letters = ~std::uint64_t{0};  // not what is to be found
             return other;
         }
         return std::nullopt;
     }},
    {"a process ends for no reason", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(ended);
         record other = run;
         other.lives[static_cast<std::size_t>(e.who)].why = "another";
         return other;
     }},
    {"terminate runs in a killed process", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(ended);
         if (life_of(run, e.who).why.text() != "killed" || !life_of(run, e.who).server || life_of(run, e.who).parent != 0) return std::nullopt;
         return with(run, line, {.kind = what::last_words, .who = e.who, .why = life_of(run, e.who).why});
     }},
    {"the dead act", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(ended);
         return with(run, line + 1, {.kind = what::traps, .who = e.who, .flag = true});
     }},
    {"a call never ends", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(answered);
         if (e.who != 0 && !life_of(run, e.who).alive) return std::nullopt;
         return without(run, line);
     }},
    {"a call ends twice", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(answered);
         return with(run, line, e);
     }},
    {"a reply is lost", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(answered);
         if (!e.flag || is_command(run, e.n)) return std::nullopt;
         return changed(run, line, [](event& a) { a.flag = false, a.why = otp::reason::no_reply; });
     }},
    {"a reply is made up", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(answered);
         if (e.flag || is_command(run, e.n)) return std::nullopt;
         for (const event& r : run.log)
             if (r.kind == what::replied && r.n == e.n) return std::nullopt;  // at the very moment of the time-out, or too late
         return changed(run, line, [](event& a) { a.flag = true; });
     }},
    {"a call fails with another reason", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(answered);
         if (e.flag) return std::nullopt;
         return changed(run, line, [](event& a) { a.why = "another"; });
     }},
    {"a call times out too early", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(answered);
         if (e.flag || e.why != otp::reason::timeout) return std::nullopt;
         return changed(run, line, [](event& a) { a.at -= 1ns; });
     }},
    {"a reply is late", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(answered);
         if (!e.flag || is_command(run, e.n)) return std::nullopt;
         return changed(run, line, [](event& a) { a.at += 1ns; });
     }},
    {"a timer is lost", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(rang);
         if (!life_of(run, e.who).alive) return std::nullopt;
         return without(run, line);
     }},
    {"a timer rings twice", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(rang);
         return with(run, line, e);
     }},
    {"a timer rings too early", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(rang);
         return changed(run, line, [&run](event& r) {
             for (const event& a : run.log)
                 if (a.kind == what::armed && a.n == r.n) r.at = a.at + a.limit - 1ns;
         });
     }},
    {"a cancelled timer rings", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(cancelled);
         if (!e.flag) return std::nullopt;
         for (const event& a : run.log)
             if (a.kind == what::armed && a.n == e.n && life_of(run, a.peer).alive)
                 return with(run, run.log.size(), {.kind = what::rang, .who = a.peer, .n = e.n});
         return std::nullopt;
     }},
    {"a name outlives its process", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(named);
         const auto end = next_line(run, line, what::ended, e.peer);
         if (!e.flag || !end) return std::nullopt;
         return with(run, *end + 1, {.kind = what::looked_up, .who = 0, .peer = e.peer, .n = e.n});
     }},
    {"a name is refused that is free", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(named);
         if (!e.flag) return std::nullopt;
         return changed(run, line, [](event& n) { n.flag = false; });
     }},
    {"is_alive is wrong", [](const record& run, std::size_t line) -> std::optional<record> {
         AT_A(looked_at);
         return changed(run, line, [](event& l) { l.flag = !l.flag; });
     }},
};

}  // namespace

TEST_CASE("each fault planted into the log of a run is found") {
    std::array<int, std::size(faults)> planted{};
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        const record run = model::run_program(seed);
        REQUIRE(model::check(run).empty());
        for (std::size_t i = 0; i < std::size(faults); ++i) {
            for (std::size_t line = 0; line < run.log.size() && planted[i] < 200; ++line) {
                const auto broken = faults[i].plant(run, line);
                if (!broken) continue;
                ++planted[i];
                if (model::check(*broken).empty()) FAIL_CHECK("seed ", seed, ", line ", line, ": not found: ", std::string{faults[i].name});
            }
        }
    }
    for (std::size_t i = 0; i < std::size(faults); ++i) {
        INFO(std::string{faults[i].name});
        CHECK(planted[i] >= 3);
    }
}

}  // namespace tests::faults
