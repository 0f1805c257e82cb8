// Turns and threads that block in a simulation.
#include "simulator.hpp"

namespace tests::simulator {

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

}  // namespace tests::simulator
