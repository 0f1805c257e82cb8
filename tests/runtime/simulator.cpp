#include "otp/runtime/simulator.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../support/alone.hpp"
#include "otp/base/unique_function.hpp"
#include "otp/runtime/simulation.hpp"

namespace tests::simulator {

using namespace std::chrono_literals;
using otp::exec::block_result;
using otp::exec::blocked;
using otp::exec::duration;
using otp::exec::executor;
using otp::exec::never;
using otp::exec::runnable;
using otp::exec::time_point;

namespace {

// A process of the poorest sort: a body that is one turn.
class toy final : public runnable {
public:
    toy(executor& ex, std::uint64_t id, otp::base::unique_function<void(toy&)> body)
        : home{ex}, id_{id}, body_{std::move(body)} {}

    void run() noexcept override {
        ++turns;
        body_(*this);
    }
    [[nodiscard]] std::uint64_t trace_id() const noexcept override { return id_; }
    void describe(std::string& out) const override { out.append("toy ").append(std::to_string(id_)).append(waits_for); }

    void again() { home.yield_back(*this); }
    block_result wait(blocked& b, time_point deadline = never) {
        b.who = this;
        return home.block(b, deadline);
    }
    block_result sleep(duration span) {
        blocked b;
        return wait(b, home.now() + span);
    }

    executor& home;
    int turns = 0;
    const char* waits_for = "";

private:
    void dispose() noexcept override {}  // the test owns it
    std::uint64_t id_;
    otp::base::unique_function<void(toy&)> body_;
};

// Toys that write their name once in each of so many turns.
struct crowd {
    crowd(otp::simulation& on, int count, int turns) : sim{on} {
        for (int n = 0; n < count; ++n) {
            const char name = static_cast<char>('a' + n);
            const auto body = [this, name, turns](toy& self) {
                order += name;
                if (self.turns < turns) self.again();
            };
            toys.push_back(std::make_unique<toy>(sim.executor(), static_cast<std::uint64_t>(n + 1), body));
        }
        for (auto& each : toys) sim.executor().schedule(*each);
    }
    otp::simulation& sim;
    std::string order;
    std::vector<std::unique_ptr<toy>> toys;
};

struct bell : otp::exec::timer {
    explicit bell(std::string& to, char what) : timer{&ring}, log{to}, name{what} {}
    static void ring(timer& t) noexcept { static_cast<bell&>(t).log += static_cast<bell&>(t).name; }
    std::string& log;
    char name;
};

}  // namespace

TEST_CASE("the same seed gives the same run, another seed another order") {
    const auto run = [](std::uint64_t seed) {
        otp::simulation sim{seed};
        crowd all{sim, 5, 5};
        sim.run();
        return std::pair{all.order, sim.trace_hash()};
    };
    int different = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CHECK(run(seed) == run(seed));
        if (run(seed).first != run(1).first) {
            ++different;
            CHECK(run(seed).second != run(1).second);
        }
    }
    CHECK(different == 19);
}

TEST_CASE("the hash of a trace tells two runs apart that differ in their times only") {
    const auto run = [](duration later) {
        otp::simulation sim{3};
        crowd all{sim, 1, 1};
        sim.run();
        sim.advance(later);
        sim.executor().schedule(*all.toys[0]);
        sim.run();
        return sim.trace_hash();
    };
    CHECK(run(1ms) == run(1ms));
    CHECK(run(1ms) != run(2ms));
}

TEST_CASE("round robin takes the runnable ones in the order in which they came") {
    otp::simulation sim{9, {.strategy = otp::round_robin}};
    crowd all{sim, 4, 3};
    sim.run();
    CHECK(all.order == "abcdabcdabcd");
    CHECK(sim.steps() == 12);
}

TEST_CASE("a step is one turn or one due timer, and false when there is neither") {
    otp::simulation sim{1, {.strategy = otp::round_robin}};
    crowd all{sim, 2, 1};
    bell due{all.order, '!'}, later{all.order, '?'};
    sim.executor().arm(due, sim.now());
    sim.executor().arm(later, sim.now() + 1s);
    CHECK(sim.step());
    CHECK(all.order == "!");
    CHECK(sim.step());
    CHECK(all.order == "!a");
    CHECK(sim.step());
    CHECK(all.order == "!ab");
    CHECK(!sim.step());
    sim.executor().disarm(later);
}

TEST_CASE("run fires what is due and lets no time pass") {
    otp::simulation sim;
    const auto start = sim.now();
    std::string log;
    bell due{log, 'd'}, later{log, 'l'};
    sim.executor().arm(due, start);
    sim.executor().arm(later, start + 1ns);
    sim.run();
    CHECK(log == "d");
    CHECK(sim.now() == start);
    sim.run_all();
    CHECK(log == "dl");
    CHECK(sim.now() == start + 1ns);
}

TEST_CASE("time jumps from timer to timer, in their order") {
    otp::simulation sim;
    const auto start = sim.now();
    std::string log;
    bell a{log, 'a'}, b{log, 'b'}, c{log, 'c'};
    sim.executor().arm(c, start + 1000h);
    sim.executor().arm(a, start + 5ms);
    sim.executor().arm(b, start + 1h);
    sim.run_all();
    CHECK(log == "abc");
    CHECK(sim.now() == start + 1000h);
}

TEST_CASE("advance runs what becomes due on the way, also at its very end, and what follows from it") {
    otp::simulation sim;
    const auto start = sim.now();
    std::string log;
    std::vector<time_point> woken;
    toy sleeper{sim.executor(), 1, [&](toy& self) {
                    for (int n = 0; n < 10; ++n) {
                        CHECK(self.sleep(10ms) == block_result::timed_out);
                        woken.push_back(sim.now());
                    }
                }};
    sim.executor().schedule(sleeper);
    sim.advance(49ms);
    CHECK(sim.now() == start + 49ms);
    CHECK(woken.size() == 4);
    sim.advance(1ms);
    CHECK(woken.size() == 5);
    sim.advance(1h);
    CHECK(sim.now() == start + 50ms + 1h);
    REQUIRE(woken.size() == 10);
    for (int n = 0; n < 10; ++n) CHECK(woken[static_cast<std::size_t>(n)] == start + (n + 1) * 10ms);
    sim.advance(-5ms);
    CHECK(sim.now() == start + 50ms + 1h);
}

TEST_CASE("a disarmed timer does not fire, a re-armed one fires once, at its last deadline") {
    otp::simulation sim;
    std::string log;
    bell a{log, 'a'}, b{log, 'b'};
    sim.executor().arm(a, sim.now() + 1s);
    sim.executor().arm(b, sim.now() + 1s);
    sim.executor().arm(b, sim.now() + 2s);
    CHECK(sim.executor().disarm(a));
    CHECK(!sim.executor().disarm(a));
    sim.advance(1s);
    CHECK(log.empty());
    sim.run_all();
    CHECK(log == "b");
    CHECK(!sim.executor().disarm(b));
}

TEST_CASE("run_until stops at the step that makes its predicate true, else at the limit") {
    otp::simulation sim{1, {.strategy = otp::round_robin}};
    crowd all{sim, 2, 3};
    const auto start = sim.now();
    CHECK(sim.run_until([&] { return all.order.size() == 3; }, 1h));
    CHECK(all.order == "aba");
    CHECK(sim.now() == start);
    CHECK(!sim.run_until([&] { return all.order.size() == 100; }, 1h));
    CHECK(all.order == "ababab");
    CHECK(sim.now() == start + 1h);
    CHECK(sim.run_until([&] { return sim.now() == start + 2h; }, 1h));
}

TEST_CASE("a block of the simulation's thread runs the simulation until it is unblocked") {
    otp::simulation sim;
    const auto start = sim.now();
    blocked b;
    toy waker{sim.executor(), 1, [&](toy& self) {
                  self.sleep(24h);
                  self.home.unblock(b);
              }};
    sim.executor().schedule(waker);
    const auto real = std::chrono::steady_clock::now();
    CHECK(sim.executor().block(b, never) == block_result::unblocked);
    CHECK(sim.now() == start + 24h);
    CHECK(std::chrono::steady_clock::now() - real < 1h);
}

TEST_CASE("a block ends exactly at its deadline, in virtual time") {
    otp::simulation sim;
    const auto start = sim.now();
    blocked b;
    CHECK(sim.executor().block(b, start + 3s) == block_result::timed_out);
    CHECK(sim.now() == start + 3s);
    CHECK(sim.executor().block(b, start + 3s) == block_result::timed_out);  // past: at once

    sim.executor().unblock(b);
    CHECK(sim.executor().block(b, start) == block_result::unblocked);
    CHECK(sim.now() == start + 3s);
    sim.run_all();
    CHECK(sim.now() == start + 3s);  // no timer is left behind
}

TEST_CASE("an unblock in time leaves no timer behind") {
    otp::simulation sim;
    const auto start = sim.now();
    blocked b;
    toy waker{sim.executor(), 1, [&](toy& self) {
                  self.sleep(1s);
                  self.home.unblock(b);
              }};
    toy waiter{sim.executor(), 2, [&](toy& self) { CHECK(self.wait(b, start + 2s) == block_result::unblocked); }};
    sim.executor().schedule(waker);
    sim.executor().schedule(waiter);
    sim.run_all();
    CHECK(sim.now() == start + 1s);
}

TEST_CASE("a turn that blocks lets the others go on") {
    otp::simulation sim{1, {.strategy = otp::round_robin}};
    std::string order;
    blocked b;
    toy first{sim.executor(), 1, [&](toy& self) {
                  order += 'w';
                  CHECK(self.wait(b) == block_result::unblocked);
                  order += 'W';
              }};
    toy second{sim.executor(), 2, [&](toy& self) {
                   order += 'x';
                   if (self.turns < 3) return self.again();
                   self.home.unblock(b);
               }};
    sim.executor().schedule(first);
    sim.executor().schedule(second);
    sim.run();
    CHECK(order == "wxxxW");
}

TEST_CASE("a turn whose deadline is past lets others run before it goes on") {
    otp::simulation sim{1, {.strategy = otp::round_robin}};
    bool flag = false;
    int polls = 0;
    toy poller{sim.executor(), 1, [&](toy& self) {
                   while (!flag) {
                       ++polls;
                       CHECK(self.sleep(0s) == block_result::timed_out);
                   }
               }};
    toy setter{sim.executor(), 2, [&](toy& self) {
                   if (self.turns < 5) return self.again();
                   flag = true;
               }};
    const auto start = sim.now();
    sim.executor().schedule(poller);
    sim.executor().schedule(setter);
    sim.run();
    CHECK(polls == 5);
    CHECK(sim.now() == start);
}

TEST_CASE("a deadline that is due does not wake a turn that is unblocked already") {
    otp::simulation sim{1, {.strategy = otp::round_robin}};
    const auto deadline = sim.now() + 1s;
    blocked b;
    toy waiter{sim.executor(), 1, [&](toy& self) { CHECK(self.wait(b, deadline) == block_result::unblocked); }};
    sim.executor().schedule(waiter);
    sim.run();
    const auto before = sim.steps();
    sim.simulator().pass_time_to(deadline);
    sim.executor().unblock(b);
    sim.run();
    CHECK(sim.steps() == before + 1);
}

TEST_CASE("an unblock between a time-out and the turn that it woke counts") {
    // The deadline and the unblock fall on the same moment: which result comes depends on the seed, but never a hang, and
    // the unblock is never lost for the next block.
    int unblocked = 0, timed_out = 0;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        otp::simulation sim{seed};
        blocked b;
        toy waker{sim.executor(), 1, [&](toy& self) {
                      self.sleep(1s);
                      self.home.unblock(b);
                  }};
        toy waiter{sim.executor(), 2, [&](toy& self) {
                       const auto first = self.wait(b, self.home.now() + 1s);
                       (first == block_result::unblocked ? unblocked : timed_out) += 1;
                       if (first == block_result::timed_out) CHECK(self.wait(b) == block_result::unblocked);
                   }};
        sim.executor().schedule(waker);
        sim.executor().schedule(waiter);
        sim.run_all();
    }
    CHECK(unblocked > 20);
    CHECK(timed_out > 20);
}

TEST_CASE("turns that block on each other in a chain end in its order, and the thread that waits for all") {
    otp::simulation sim{5};
    constexpr int length = 200;
    std::vector<std::unique_ptr<blocked>> links;
    std::vector<std::unique_ptr<toy>> toys;
    int ended = 0;
    for (int n = 0; n <= length; ++n) links.push_back(std::make_unique<blocked>());
    for (int n = 0; n < length; ++n)
        toys.push_back(std::make_unique<toy>(sim.executor(), static_cast<std::uint64_t>(n + 1), [&, n](toy& self) {
            if (n + 1 < length) CHECK(self.wait(*links[static_cast<std::size_t>(n + 1)]) == block_result::unblocked);
            CHECK(++ended == length - n);
            self.home.unblock(*links[static_cast<std::size_t>(n)]);
        }));
    for (auto& each : toys) sim.executor().schedule(*each);
    CHECK(sim.executor().block(*links[0], never) == block_result::unblocked);
    CHECK(ended == length);
}

TEST_CASE("a predicate of run_until may block: the simulation runs nested") {
    otp::simulation sim{2};
    const auto start = sim.now();
    std::vector<std::unique_ptr<toy>> sleepers;
    int slept = 0;
    const auto sleep_in_simulation = [&] {
        blocked b;
        sleepers.push_back(std::make_unique<toy>(sim.executor(), sleepers.size() + 1, [&](toy& self) {
            self.sleep(1s);
            ++slept;
            self.home.unblock(b);
        }));
        sim.executor().schedule(*sleepers.back());
        CHECK(sim.executor().block(b, never) == block_result::unblocked);
    };
    toy ticks{sim.executor(), 100, [](toy& self) {
                  for (int n = 0; n < 100; ++n) self.sleep(100ms);
              }};
    sim.executor().schedule(ticks);
    CHECK(sim.run_until(
        [&] {
            sleep_in_simulation();
            return slept == 4;
        },
        1h));
    CHECK(sim.now() >= start + 4s);
    CHECK(sim.now() < start + 5s);  // a step between two calls of the predicate takes 100 ms at most
    sim.run_all();
    CHECK(sim.now() == start + 10s);
}

TEST_CASE("a turn may block in a catch block and throw through frames that were paused") {
    otp::simulation sim{4};
    std::string caught;
    std::vector<std::unique_ptr<toy>> toys;
    for (int n = 0; n < 10; ++n)
        toys.push_back(std::make_unique<toy>(sim.executor(), static_cast<std::uint64_t>(n), [&, n](toy& self) {
            try {
                try {
                    throw std::runtime_error{std::to_string(n)};
                } catch (const std::exception&) {
                    self.sleep((10 - n) * 1ms);
                    throw;
                }
            } catch (const std::exception& e) {
                caught += e.what();
            }
        }));
    for (auto& each : toys) sim.executor().schedule(*each);
    try {
        throw 1;
    } catch (int) {
        sim.run_all();
        CHECK(std::uncaught_exceptions() == 0);
    }
    CHECK(caught == "9876543210");
}

TEST_CASE("nothing left to run is a deadlock, and the report says who waits") {
    otp::simulation sim{1};
    blocked for_ever, mine;
    toy stuck{sim.executor(), 7, [&](toy& self) {
                  self.waits_for = " waits for a fork";
                  CHECK(self.wait(for_ever) == block_result::unblocked);
              }};
    sim.executor().schedule(stuck);
    CHECK(sim.deadlocks() == 0);
    CHECK(sim.executor().block(mine, never) == block_result::deadlock);
    CHECK(sim.deadlocks() == 1);
    CHECK(sim.deadlock_report() ==
          "nothing can run and no timer is armed:\ntoy 7 waits for a fork\nthe simulation's own thread\n");
    sim.executor().unblock(for_ever);
    CHECK(sim.executor().block(mine, sim.now() + 1s) == block_result::timed_out);  // with a deadline there is none
    CHECK(sim.deadlocks() == 1);
}

TEST_CASE("past the limit of stacks a block fails at once, and works again when one is free") {
    otp::simulation sim{1, {.strategy = otp::round_robin, .stacks = 3}};
    std::string results;
    std::vector<std::unique_ptr<toy>> toys;
    for (int n = 0; n < 5; ++n)
        toys.push_back(std::make_unique<toy>(sim.executor(), static_cast<std::uint64_t>(n), [&](toy& self) {
            switch (self.sleep(1s)) {
                case block_result::timed_out: results += 't'; break;
                case block_result::no_spare_worker: results += 'n'; break;
                default: results += '?'; break;
            }
        }));
    for (auto& each : toys) sim.executor().schedule(*each);
    sim.run();
    CHECK(results == "nnn");  // one stack stays free, so that somebody can wake the two
    sim.run_all();
    CHECK(results == "nnntt");
    sim.executor().schedule(*toys[4]);
    sim.run_all();
    CHECK(results == "nnnttt");
}

TEST_CASE("a limit of steps ends a run that would not end") {
    otp::simulation sim{1, {.steps = 1000}};
    toy restless{sim.executor(), 1, [&](toy& self) {
                     if (self.turns < 5000) self.again();
                 }};
    sim.executor().schedule(restless);
    sim.run();
    CHECK(restless.turns == 1000);
    blocked b;
    CHECK(sim.executor().block(b, never) == block_result::deadlock);
    CHECK(sim.deadlock_report().find("all steps that the options allow are done") == 0);
}

TEST_CASE("the current runtime is the simulation as long as it lives, and in its turns") {
    auto& slot = otp::exec::current();
    CHECK(slot.used == nullptr);
    {
        otp::simulation sim;
        CHECK(slot.used == &sim.executor());
        CHECK(slot.running == nullptr);
        CHECK(!sim.executor().runs_here());
        {
            otp::simulation inner;
            CHECK(slot.used == &inner.executor());
        }
        CHECK(slot.used == &sim.executor());
        toy looks{sim.executor(), 1, [&](toy& self) {
                      for (int n = 0; n < 2; ++n) {
                          CHECK(otp::exec::current().running == &self.home);
                          CHECK(self.home.runs_here());
                          self.sleep(1ms);
                      }
                  }};
        sim.executor().schedule(looks);
        sim.run();
        CHECK(slot.running == nullptr);
        sim.run_all();
        CHECK(looks.turns == 1);
        CHECK(sim.executor().io() == nullptr);
        CHECK(sim.executor().turn_budget() == 1);
        CHECK(sim.executor().simulated());
    }
    CHECK(slot.used == nullptr);
}

TEST_CASE("what a turn uses as its runtime stays with it while it is blocked") {
    otp::simulation other;
    otp::simulation sim;
    int checked = 0;
    const auto body = [&](executor* mine) {
        return [&, mine](toy& self) {
            auto* const before = std::exchange(otp::exec::current().used, mine);
            for (int n = 0; n < 5; ++n) {
                self.sleep(1ms);
                CHECK(otp::exec::current().used == mine);
                ++checked;
            }
            otp::exec::current().used = before;
        };
    };
    toy a{sim.executor(), 1, body(&sim.executor())}, b{sim.executor(), 2, body(&other.executor())};
    sim.executor().schedule(a);
    sim.executor().schedule(b);
    sim.run_all();
    CHECK(checked == 10);
    CHECK(otp::exec::current().used == &sim.executor());
}

TEST_CASE("two simulations on one thread do not disturb each other, also one inside a turn of the other") {
    otp::simulation outer{1};
    const auto outer_start = outer.now();
    toy nests{outer.executor(), 1, [&](toy& self) {
                  otp::simulation inner{2};
                  const auto start = inner.now();
                  toy sleeper{inner.executor(), 1, [&](toy& me) {
                                  me.sleep(1h);
                                  blocked b;
                                  // Its own stack is not one of the outer simulation.
                                  CHECK(self.home.block(b, never) == block_result::deadlock);
                              }};
                  inner.executor().schedule(sleeper);
                  inner.run_all();
                  CHECK(inner.now() == start + 1h);
                  CHECK(self.sleep(1s) == block_result::timed_out);
              }};
    outer.executor().schedule(nests);
    outer.run_all();
    CHECK(outer.now() == outer_start + 1s);
}

TEST_CASE("a process can't run the simulation that it is part of") {
    otp::simulation sim;
    int refused = 0;
    toy meddler{sim.executor(), 1, [&](toy&) {
                    try {
                        sim.run();
                    } catch (const otp::exit& e) {
                        if (e.why() == otp::reason::bad_argument) ++refused;
                    }
                }};
    sim.executor().schedule(meddler);
    sim.run();
    CHECK(refused == 1);
}

TEST_CASE("the trace shows the last steps with their times") {
    otp::simulation sim{1, {.strategy = otp::round_robin, .trace = 3}};
    CHECK(sim.trace(50).empty());
    crowd all{sim, 2, 2};
    sim.run();
    bell a{all.order, '!'};
    sim.executor().arm(a, sim.now() + 1500ms);
    sim.run_all();
    CHECK(sim.trace(50) ==
          "2  +0.000000000s  #1 toy 1  (1 of 2)\n3  +0.000000000s  #2 toy 2\n4  +1.500000000s  a timer\n");
    CHECK(sim.trace(1) == "4  +1.500000000s  a timer\n");

    otp::simulation silent{1, {.trace = 0}};
    crowd others{silent, 2, 2};
    silent.run();
    CHECK(silent.trace(50).empty());
    CHECK(silent.steps() == 4);
}

TEST_CASE("half a million blocks pass quickly on two stacks") {
    otp::simulation sim{1, {.trace = 0, .stacks = 3}};
    constexpr int rounds = 250'000;
    toy a{sim.executor(), 1, [&](toy& self) {
              for (int n = 0; n < rounds; ++n) self.sleep(1us);
          }};
    toy b{sim.executor(), 2, [&](toy& self) {
              for (int n = 0; n < rounds; ++n) self.sleep(2us);
          }};
    const auto start = sim.now();
    sim.executor().schedule(a);
    sim.executor().schedule(b);
    sim.run_all();
    CHECK(sim.now() == start + rounds * 2us);
}

// ---- the end of a simulation

namespace {

// Stands for the process layer: its processes are blocked turns, which a kill unwinds.
struct killed {};
struct clients final : otp::exec::tenant {
    explicit clients(executor& ex) : home{ex} {}
    ~clients() override { log += "gone"; }
    void begin_shutdown() noexcept override {
        log += "asked ";
        if (obedient) kill_all();
    }
    void kill_all() noexcept override {
        log += obedient ? "" : "killed ";
        dying = true;
        for (auto* b : waiting) home.unblock(*b);
        waiting.clear();
    }
    [[nodiscard]] std::size_t live() const noexcept override { return alive; }
    [[nodiscard]] std::string who_is_alive() const override { return "a stubborn one"; }

    executor& home;
    static inline std::string log;
    bool obedient = true;
    bool dying = false;
    std::size_t alive = 0;
    std::vector<blocked*> waiting;
};

struct client {
    client(otp::simulation& sim, std::uint64_t id)
        : of{sim.executor().tenant_as<clients>()}, body{sim.executor(), id, [this](toy& self) { live(self); }} {
        ++of.alive;
        sim.executor().schedule(body);
    }
    void live(toy& self) {
        struct guard {
            clients& of;
            ~guard() {
                --of.alive;
                clients::log += "unwound ";
            }
        };
        try {
            const guard alive{of};
            blocked b;
            of.waiting.push_back(&b);
            (void)self.wait(b);
            if (of.dying) throw killed{};
        } catch (const killed&) {
        }
    }
    clients& of;
    toy body;
};

}  // namespace

TEST_CASE("the end of a simulation ends its processes, and unwinds the stacks of the blocked ones") {
    clients::log.clear();
    {
        std::unique_ptr<client> one, two;
        otp::simulation sim{1};
        one = std::make_unique<client>(sim, 1);
        two = std::make_unique<client>(sim, 2);
        sim.run();
        CHECK(sim.live() == 2);
    }
    CHECK(clients::log == "asked unwound unwound gone");
}

TEST_CASE("processes that don't end when asked are killed after their time") {
    clients::log.clear();
    {
        std::unique_ptr<client> one;
        otp::simulation sim{1};
        one = std::make_unique<client>(sim, 1);
        sim.executor().tenant_as<clients>().obedient = false;
        sim.run();
        const auto start = sim.now();
        sim.simulator().shut_down();
        CHECK(sim.now() == start + 30s);
        CHECK(sim.live() == 0);
    }
    CHECK(clients::log == "asked killed unwound gone");
}

TEST_CASE("processes that refuse to end are named") {
    std::string report;
    const auto keep = [](const otp::log_record& record, void* out) noexcept {
        static_cast<std::string*>(out)->append(record.text);
    };
    const auto before = otp::set_logger(keep, &report);
    {
        otp::simulation sim{1};
        sim.executor().tenant_as<clients>().alive = 1;
    }
    otp::set_logger(before.sink, before.context);
    CHECK(report == "end of a simulation: these refuse to end:\na stubborn one");
}

// ---- other threads

TEST_CASE("another thread may ask for the time; its block is refused") {
    otp::simulation sim;
    auto result = block_result::unblocked;
    bool runs_here = true;
    std::thread{[&] {
        blocked b;
        result = sim.executor().block(b, never);
        runs_here = sim.executor().runs_here();
        CHECK(sim.now() == sim.executor().coarse_now());
    }}.join();
    CHECK(result == block_result::deadlock);
    CHECK(!runs_here);
}

TEST_CASE("another thread that schedules ends the program") {
    const int status = testing::alone([] {
        ::signal(SIGABRT, SIG_DFL);
        otp::set_logger(nullptr);
        std::set_terminate([] { ::_exit(42); });
        otp::simulation sim;
        toy t{sim.executor(), 1, [](toy&) {}};
        std::thread{[&] { sim.executor().schedule(t); }}.join();
    });
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 42);
}

}  // namespace tests::simulator
