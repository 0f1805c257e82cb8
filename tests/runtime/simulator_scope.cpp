// The simulation as the current runtime, its trace and its end.
#include "simulator.hpp"

namespace tests::simulator {

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
