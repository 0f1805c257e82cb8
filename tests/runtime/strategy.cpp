#include "otp/runtime/strategy.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "otp/base/unique_function.hpp"
#include "otp/runtime/explore.hpp"

namespace tests::strategy {

using namespace std::chrono_literals;
using otp::exec::candidate;
using otp::exec::chooser;
using otp::exec::runnable;

namespace {

class toy final : public runnable {
public:
    toy(otp::exec::executor& ex, std::uint64_t id, otp::base::unique_function<void(toy&)> body)
        : home{ex}, id_{id}, body_{std::move(body)} {
        home.schedule(*this);
    }
    void run() noexcept override {
        ++turns;
        body_(*this);
    }
    [[nodiscard]] std::uint64_t trace_id() const noexcept override { return id_; }
    void describe(std::string& out) const override { out.append("toy"); }
    void again() { home.yield_back(*this); }
    void sleep(otp::exec::duration span) {
        otp::exec::blocked b;
        b.who = this;
        (void)home.block(b, home.now() + span);
    }

    otp::exec::executor& home;
    int turns = 0;

private:
    void dispose() noexcept override {}  // the test owns it
    std::uint64_t id_;
    otp::base::unique_function<void(toy&)> body_;
};

std::uint64_t next(chooser& from) { return from.take().id; }
void add(chooser& to, std::uint64_t id) { to.add({id, nullptr, nullptr}); }

// A bug of depth 2: `reader` must come to its last turn exactly between two certain turns of `writer`.
bool shows_planted_bug(otp::simulation& sim) {
    constexpr int length = 100;
    bool open = false, bug = false;
    toy writer{sim.executor(), 1, [&](toy& self) {
                   open = self.turns == length / 2;
                   if (self.turns < length) self.again();
               }};
    toy reader{sim.executor(), 2, [&](toy& self) {
                   if (self.turns < length) return self.again();
                   bug = open;
               }};
    sim.run();
    return bug;
}

int count_planted_bug(const otp::strategy& how, int seeds) {
    int found = 0;
    for (int seed = 1; seed <= seeds; ++seed) {
        otp::simulation sim{static_cast<std::uint64_t>(seed), {.strategy = how, .trace = 0}};
        found += shows_planted_bug(sim) ? 1 : 0;
    }
    return found;
}

// Sets OTP_SEED for a scope, or unsets it: the tests here must not depend on the caller's.
class seed_variable {
public:
    explicit seed_variable(const char* value) {
        if (const char* outer = std::getenv("OTP_SEED")) outer_ = std::make_unique<std::string>(outer);
        value ? ::setenv("OTP_SEED", value, 1) : ::unsetenv("OTP_SEED");
    }
    ~seed_variable() { outer_ ? ::setenv("OTP_SEED", outer_->c_str(), 1) : ::unsetenv("OTP_SEED"); }
    seed_variable(const seed_variable&) = delete;
    seed_variable& operator=(const seed_variable&) = delete;

private:
    std::unique_ptr<std::string> outer_;
};

}  // namespace

TEST_CASE("random numbers are the same everywhere, and spread evenly") {
    otp::exec::random_source dice{1};
    CHECK(dice.next() == 17405687883870564846U);
    CHECK(dice.next() == 834844254806117752U);
    std::array<int, 3> hits{};
    for (int n = 0; n < 30'000; ++n) ++hits[dice.below(3)];
    for (const int each : hits) {
        CHECK(each > 9'700);
        CHECK(each < 10'300);
    }
    CHECK(dice.below(1) == 0);
}

TEST_CASE("random takes each with the same probability, wherever it stands") {
    std::array<std::array<int, 4>, 4> hits{};  // position in the order taken, id
    for (std::uint64_t seed = 0; seed < 4'000; ++seed) {
        chooser choose{otp::random, seed};
        for (std::uint64_t id = 0; id < 4; ++id) add(choose, id);
        for (auto& position : hits) ++position[next(choose)];
        CHECK(choose.empty());
    }
    for (const auto& position : hits)
        for (const int count : position) {
            CHECK(count > 850);
            CHECK(count < 1'150);
        }
}

TEST_CASE("round robin keeps the order of arrival over many rounds") {
    chooser choose{otp::round_robin, 1};
    for (std::uint64_t id = 0; id < 100; ++id) add(choose, id);
    bool in_order = true;
    for (std::uint64_t n = 0; n < 10'000; ++n) {
        const auto id = next(choose);
        in_order = in_order && id == n % 100;
        add(choose, id);
    }
    CHECK(in_order);
    CHECK(choose.size() == 100);
    CHECK(choose.tie(7) == 0);
    CHECK(choose.timer_first());
}

TEST_CASE("pct runs the highest priority alone until a change point lowers it for good") {
    // Which of two runs, turn by turn: with depth 1 one of them only; with depth 2 at most one change, then for ever.
    const auto changes = [](unsigned depth, std::uint64_t seed) {
        chooser choose{otp::pct(depth), seed};
        add(choose, 1);
        add(choose, 2);
        int count = 0;
        std::uint64_t last = 0;
        for (int n = 0; n < 16'000; ++n) {
            const auto id = next(choose);
            if (last != 0 && id != last) ++count;
            last = id;
            add(choose, id);
        }
        return count;
    };
    int changed = 0;
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        CHECK(changes(1, seed) == 0);
        CHECK(changes(2, seed) <= 1);
        changed += changes(2, seed);
        CHECK(changes(3, seed) <= 2);
    }
    CHECK(changed > 40);
}

TEST_CASE("pct keeps a process lowered that ran alone and meets another later") {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        chooser choose{otp::pct(2, 100), seed};
        add(choose, 1);
        for (int n = 0; n < 100; ++n) {
            CHECK(next(choose) == 1);
            add(choose, 1);
        }
        add(choose, 2);
        CHECK(next(choose) == 2);
    }
}

TEST_CASE("pct starves nobody for ever") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        otp::simulation sim{seed, {.strategy = otp::pct(1), .trace = 0, .steps = 1'000'000}};
        bool done = false;
        toy waits{sim.executor(), 1, [&](toy& self) {
                      if (!done) self.again();
                  }};
        toy does{sim.executor(), 2, [&](toy&) { done = true; }};
        sim.run();
        CHECK(done);
    }
}

TEST_CASE("pct of depth 2 finds an order of two events that random rarely finds, and depth 1 can't") {
    // Expected are 1 in 400 when the length is told, 1 in 700 when not, 1 in 50'000 by chance.
    constexpr int seeds = 10'000;
    CHECK(count_planted_bug(otp::pct(2, 200), seeds) >= 10);
    CHECK(count_planted_bug(otp::pct(2), seeds) >= 5);
    CHECK(count_planted_bug(otp::random, seeds) <= 1);
    CHECK(count_planted_bug(otp::pct(1), seeds) == 0);
    CHECK(count_planted_bug(otp::round_robin, 10) == 0);
}

TEST_CASE("strategies know their names") {
    CHECK(otp::random.to_string() == "random");
    CHECK(otp::round_robin.to_string() == "round_robin");
    CHECK(otp::pct(3).to_string() == "pct(3)");
    CHECK(otp::pct(3, 100).to_string() == "pct(3, 100)");
    CHECK(otp::replay("1 2 3").to_string() == "replay");
}

TEST_CASE("choices are printed in runs, and read back") {
    using otp::exec::choice_list;
    const std::vector<std::uint64_t> choices{7, 4, 4, 4, 9, 18'446'744'073'709'551'615U, 0, 0};
    std::string text;
    choice_list::print(choices, text);
    CHECK(text == "7 4*3 9 18446744073709551615 0*2");
    CHECK(choice_list::parse(text)->choices == choices);
    CHECK(choice_list::parse("seed 9, choices: " + text + "\n12  +0.5s #3")->choices == choices);
    CHECK(choice_list::parse("")->choices.empty());
    CHECK(choice_list::parse("no numbers 1 2")->choices.empty());
    CHECK(choice_list::parse("1 2*x 3")->choices == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("a replay makes the choices of the recorded run, whatever its seed and strategy") {
    const auto run = [](std::uint64_t seed, otp::strategy how) {
        otp::simulation sim{seed, {.strategy = std::move(how)}};
        std::string order;
        std::vector<std::unique_ptr<toy>> toys;
        for (std::uint64_t id = 1; id <= 5; ++id)
            toys.push_back(std::make_unique<toy>(sim.executor(), id, [&order, id](toy& self) {
                for (int n = 0; n < 4; ++n) {
                    order += static_cast<char>('a' + id - 1);
                    self.sleep((id % 2) * 1ms);  // ties of timers, and timers against turns
                }
                if (self.turns < 3) self.again();
            }));
        sim.run_all();
        return std::tuple{order, sim.trace_hash(), sim.choices()};
    };
    for (std::uint64_t seed = 1; seed <= 30; ++seed)
        for (const auto& how : {otp::random, otp::round_robin, otp::pct(3)}) {
            const auto recorded = run(seed, how);
            CHECK(run(999, otp::replay(std::get<2>(recorded))) == recorded);
        }
    CHECK(std::get<0>(run(1, otp::random)) != std::get<0>(run(2, otp::random)));
}

TEST_CASE("a replay of another program's choices still runs to the end") {
    otp::simulation sim{1, {.strategy = otp::replay("77 88*5 3")}};
    std::string order;
    std::vector<std::unique_ptr<toy>> toys;
    for (std::uint64_t id = 1; id <= 3; ++id)
        toys.push_back(std::make_unique<toy>(sim.executor(), id, [&order, id](toy& self) {
            order += std::to_string(id);
            if (self.turns < 4) self.again();
        }));
    sim.run();
    CHECK(order == "123123312312");
}

TEST_CASE("explore finds a planted bug, and its seed and its choices show it again") {
    const seed_variable none{nullptr};
    const auto test = [](otp::simulation& sim) {
        if (shows_planted_bug(sim)) throw std::runtime_error{"the planted bug"};
    };
    const auto found = otp::explore({.seeds = 3000, .strategies = {otp::pct(2)}}, test);
    CHECK(!found.ok());
    CHECK(found.what == "the planted bug");
    CHECK(found.runs < 3000);
    CHECK(found.trace.find("pct(2), 200 steps, choices: ") == 0);
    CHECK(found.trace.find("  #1 toy\n") != std::string::npos);
    CHECK(found.to_string().find("OTP_SEED=" + std::to_string(found.seed)) != std::string::npos);

    otp::simulation by_seed{found.seed, {.strategy = otp::pct(2)}};
    CHECK_THROWS_WITH(test(by_seed), "the planted bug");
    otp::simulation by_trace{4711, {.strategy = otp::replay(found.trace)}};
    CHECK_THROWS_WITH(test(by_trace), "the planted bug");
    CHECK(by_trace.trace_hash() == by_seed.trace_hash());
}

TEST_CASE("explore runs each seed once when nothing fails, in a simulation of its own") {
    const seed_variable none{nullptr};
    std::vector<std::uint64_t> seeds;
    const auto found = otp::explore({.seeds = 10, .first_seed = 100}, [&](otp::simulation& sim) {
        seeds.push_back(sim.seed());
        CHECK(sim.steps() == 0);
        CHECK(otp::exec::current().used == &sim.executor());
        toy one{sim.executor(), 1, [](toy&) {}};
        sim.run();
    });
    CHECK(found.ok());
    CHECK(found.runs == 10);
    CHECK(found.trace.empty());
    CHECK(found.to_string() == "10 runs, no failure");
    CHECK(seeds == std::vector<std::uint64_t>{100, 101, 102, 103, 104, 105, 106, 107, 108, 109});
}

TEST_CASE("explore looks on for a shorter run that fails") {
    const seed_variable none{nullptr};
    const auto found = otp::explore({.seeds = 1000, .shorten = 50}, [](otp::simulation& sim) {
        // Seeds from 10 on fail; seed 40 soonest.
        if (sim.seed() < 10) return;
        const int length = sim.seed() == 40 ? 3 : 20;
        toy one{sim.executor(), 1, [&](toy& self) {
                    if (self.turns < length) self.again();
                }};
        sim.run();
        throw otp::exit{otp::reason{"seed " + std::to_string(sim.seed())}};
    });
    CHECK(found.seed == 40);
    CHECK(found.what == otp::reason{"seed 40"}.to_string());
    CHECK(found.runs == 60);  // 10 is the first, then 50 more
}

TEST_CASE("OTP_SEED makes explore run that seed only, with the strategy that it had") {
    const auto test = [](otp::simulation& sim) {
        if (shows_planted_bug(sim)) throw std::runtime_error{"the planted bug"};
    };
    otp::exploration all;
    {
        const seed_variable none{nullptr};
        all = otp::explore({.seeds = 5000}, test);
    }
    REQUIRE(!all.ok());
    const seed_variable one{std::to_string(all.seed).c_str()};
    const auto again = otp::explore({.seeds = 5000}, test);
    CHECK(again.seed == all.seed);
    CHECK(again.what == all.what);
    CHECK(again.trace == all.trace);
    CHECK(again.runs == 1);
}

TEST_CASE("explore reports a deadlock that the test did not look at, unless told otherwise") {
    const seed_variable none{nullptr};
    const auto test = [](otp::simulation& sim) {
        otp::exec::blocked b;
        (void)sim.executor().block(b, otp::exec::never);
    };
    const auto found = otp::explore({.seeds = 3}, test);
    CHECK(found.what == "deadlock: nothing can run and no timer is armed:\nthe simulation's own thread\n");
    CHECK(otp::explore({.seeds = 3, .deadlock_fails = false}, test).ok());
}

TEST_CASE("explore reports a run that never ends") {
    const seed_variable none{nullptr};
    const auto found = otp::explore({.seeds = 1, .steps = 500}, [](otp::simulation& sim) {
        toy restless{sim.executor(), 1, [](toy& self) {
                         if (self.turns < 1000) self.again();
                     }};
        sim.run();
    });
    CHECK(found.what == "still running after 500 steps");
}

TEST_CASE("explore notices a test that is not the same in each run of a seed") {
    const seed_variable none{nullptr};
    int calls = 0;
    const auto found = otp::explore({.seeds = 1}, [&](otp::simulation& sim) {
        toy one{sim.executor(), 1, [&](toy& self) {
                    if (self.turns < 5 + calls) self.again();
                }};
        sim.run();
        ++calls;
        throw 1;
    });
    CHECK(found.what.find("an exception of unknown type (the test is not the same in each run") == 0);
}

}  // namespace tests::strategy
