// One seed, one run: the same program does the same under the same seed, another under others; what explore finds replays.
#include "../process/in_process.hpp"

#include <otp/runtime/explore.hpp>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tests::determinism {

using namespace std::chrono_literals;

namespace {

using journal = std::vector<std::string>;

/// Counts; answers slowly, at once, or not at all; is killed now and then.
struct worker {
    struct add {
        using reply_type = int;
        int n;
    };
    struct slowly {
        using reply_type = int;
        std::chrono::milliseconds time;
    };
    struct tick {
        int n;
    };
    void init(journal* all, int number) {
        notes = all;
        mine = number;
        (void)otp::send_after(number * 1ms, otp::self<worker>(), tick{0});
    }
    int handle_call(add a) { return total += a.n; }
    otp::task<int> handle_call(slowly s) {
        co_await otp::sleep_for(s.time);
        co_return total;
    }
    void handle_info(tick t) {
        note("tick " + std::to_string(t.n));
        if (t.n < 5) (void)otp::send_after(1ms, otp::self<worker>(), tick{t.n + 1});
    }
    void note(const std::string& what) { notes->push_back(std::to_string(mine) + ' ' + what); }
    void terminate(const otp::reason& why) { note("ends with " + why.to_string()); }
    journal* notes = nullptr;
    int mine = 0;
    int total = 0;
};

struct outcome {
    std::uint64_t hash;
    std::uint64_t steps;
    journal notes;
    friend bool operator==(const outcome&, const outcome&) = default;
};

/// Servers, timers, calls from coroutines and blocking ones, names, monitors, kills.
outcome run_program(std::uint64_t seed, const otp::strategy& how) {
    outcome out{};
    // Where memory lies and what the hash seeds of containers are must not matter.
    std::vector<std::string> ballast(seed % 7, std::string(100, 'x'));
    otp::simulation sim{seed, {.strategy = how}};
    journal& notes = out.notes;
    std::vector<otp::server<worker>> servers;
    for (int i = 0; i < 6; ++i) servers.push_back(otp::start<worker>({.name = "w" + std::to_string(i)}, &notes, i).value());
    otp::inbox<otp::down> ends;
    for (const auto& s : servers) (void)ends.monitor(s.id());
    for (int c = 0; c < 6; ++c)
        otp::spawn([&notes, servers, c]() -> otp::task<> {
            for (std::size_t i = 0; i < 10; ++i) {
                const auto& s = servers[(i + static_cast<std::size_t>(c)) % servers.size()];
                auto sum = co_await s.ask<worker::add>(c);
                notes.push_back("client " + std::to_string(c) + " " + (sum ? std::to_string(*sum) : sum.error().to_string()));
                if (i % 4 == 3) (void)s.call(worker::slowly{2ms}, 1ms);
                if (i % 5 == 4) co_await otp::yield();
            }
        });
    otp::spawn([&notes, servers]() -> otp::task<> {
        for (const std::size_t victim : {1U, 4U}) {
            co_await otp::sleep_for(3ms);
            otp::exit_process(servers[victim].id(), otp::reason::kill);
            notes.push_back("names: " + std::to_string(otp::registered().size()));
        }
    });
    sim.run_all();
    while (auto end = ends.try_receive()) notes.push_back("down " + std::get<0>(*end).pid.to_string() + " " + std::get<0>(*end).reason.to_string());
    out.hash = sim.trace_hash();
    out.steps = sim.steps();
    return out;
}

/// Keeps a number for others, who read it and write it back: two steps, between which another may come.
struct account {
    struct read {
        using reply_type = int;
    };
    struct write {
        using reply_type = void;
        int n;
    };
    int handle_call(read) { return value; }
    void handle_call(write w) { value = w.n; }
    int value = 0;
};

/// Pays in by reading and writing: the planted fault.
struct teller {
    struct pay_in {};
    void init(otp::server<account> a) { to = a; }
    otp::task<> handle_cast(pay_in) {
        auto before = co_await to.ask<account::read>();
        if (before) (void)co_await to.ask<account::write>(*before + 1);
    }
    otp::server<account> to;
};

void two_tellers(otp::simulation& sim) {
    const auto a = otp::start<account>().value();
    const auto t = otp::start<teller>(a).value(), u = otp::start<teller>(a).value();
    t.cast(teller::pay_in{});
    u.cast(teller::pay_in{});
    sim.run();
    const int paid = a.call(account::read{}).value();
    if (paid != 2) throw otp::exit{"lost update: " + std::to_string(paid)};
}

}  // namespace

TEST_CASE("one seed gives one run: steps, times, results and the order of everything") {
    for (const auto& how : {otp::random, otp::pct(3), otp::round_robin}) {
        for (std::uint64_t seed = 1; seed <= 20; ++seed) {
            const outcome first = run_program(seed, how), second = run_program(seed, how);
            INFO(how.to_string(), ", seed ", seed);
            CHECK(first.notes.size() > 60);
            CHECK(first == second);
        }
    }
}

TEST_CASE("different seeds give different orders") {
    std::set<std::uint64_t> hashes;
    std::set<journal> orders;
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        const auto run = run_program(seed, otp::random);
        hashes.insert(run.hash);
        orders.insert(run.notes);
    }
    CHECK(hashes.size() == 50);
    CHECK(orders.size() > 45);
}

TEST_CASE("a run replays from its choices") {
    std::string choices;
    std::uint64_t hash = 0;
    journal first, second;
    const auto program = [](otp::simulation& sim, journal& notes) {
        for (int i = 0; i < 4; ++i) (void)otp::start<worker>(&notes, i).value();
        sim.run_all();
    };
    {
        otp::simulation sim{17};
        program(sim, first);
        choices = sim.choices();
        hash = sim.trace_hash();
    }
    otp::simulation sim{99, {.strategy = otp::replay(choices)}};
    program(sim, second);
    CHECK(sim.trace_hash() == hash);
    first.resize(second.size());  // the end of the first simulation has added the servers' last words
    CHECK(first == second);
}

TEST_CASE("explore finds a lost update between two servers within 1,000 schedules, and its seed replays") {
    const auto found = otp::explore({.seeds = 1000}, two_tellers);
    REQUIRE_FALSE(found.ok());
    CHECK(found.what == "lost update: 1");
    CHECK(found.runs <= 1000);
    CHECK(found.to_string().find("OTP_SEED=" + std::to_string(found.seed)) != std::string::npos);
    // The seed alone.
    const auto again = otp::explore({.seeds = 1, .first_seed = found.seed}, two_tellers);
    CHECK(again.what == found.what);
    CHECK(again.trace == found.trace);
    // And the choices that the report shows.
    otp::simulation sim{1, {.strategy = otp::replay(found.trace)}};
    CHECK_THROWS_AS(two_tellers(sim), otp::exit);
}

TEST_CASE("the trace of the lost update is short, shows how it was lost, and replays to the same failure") {
    const auto found = otp::explore({.seeds = 1000}, two_tellers);
    REQUIRE_FALSE(found.ok());
    INFO(found.to_string());
    CHECK(std::count(found.trace.begin(), found.trace.end(), '\n') <= 21);  // the choices and at most 20 steps
    // What the account was asked, in order: both read before one of them writes; the last is the test's own.
    std::string asked;
    for (std::size_t at = 0; (at = found.trace.find("account: ", at)) != std::string::npos; ++at) {
        const auto line = found.trace.substr(at, found.trace.find('\n', at) - at);
        if (line.find("::read") != std::string::npos) asked += 'r';
        if (line.find("::write") != std::string::npos) asked += 'w';
    }
    CHECK(asked == "rrwwr");
    // All of the report will do, and so will its line of choices.
    const auto choices = found.trace.substr(0, found.trace.find('\n'));
    for (const std::string& text : {found.to_string(), found.trace, choices}) {
        otp::simulation sim{1, {.strategy = otp::replay(text)}};
        std::string failure;
        try {
            two_tellers(sim);
        } catch (const otp::exit& e) {
            failure = e.why().to_string();
        }
        CHECK(failure == found.what);
        CHECK(found.trace.ends_with('\n' + sim.trace(50)));
    }
}

TEST_CASE("OTP_SEED makes explore run that seed and no other") {
    struct environment {
        explicit environment(std::uint64_t seed) { ::setenv("OTP_SEED", std::to_string(seed).c_str(), 1); }
        ~environment() { ::unsetenv("OTP_SEED"); }
    };
    const auto found = otp::explore({.seeds = 1000}, two_tellers);
    REQUIRE_FALSE(found.ok());
    {
        const environment only{found.seed};
        const auto again = otp::explore({.seeds = 1000}, two_tellers);
        CHECK(again.runs == 1);
        CHECK(again.to_string() == found.to_string());
    }
    // One that loses nothing.
    std::uint64_t good = 1;
    while (!otp::explore({.seeds = 1, .first_seed = good}, two_tellers).ok()) ++good;
    const environment only{good};
    const auto nothing = otp::explore({.seeds = 1000}, two_tellers);
    CHECK(nothing.runs == 1);
    CHECK(nothing.ok());
}

TEST_CASE("explore finds nothing where the update is one step") {
    struct safe {
        struct pay_in {};
        struct read {
            using reply_type = int;
        };
        void handle_cast(pay_in) { ++value; }
        int handle_call(read) { return value; }
        int value = 0;
    };
    const auto found = otp::explore({.seeds = 300}, [](otp::simulation& sim) {
        const auto s = otp::start<safe>().value();
        for (int i = 0; i < 2; ++i) otp::spawn([s] { s.cast(safe::pay_in{}); });
        sim.run();
        if (s.call(safe::read{}).value() != 2) throw otp::exit{"lost"};
    });
    INFO(found.to_string());
    CHECK(found.ok());
    CHECK(found.runs == 300);
}

TEST_CASE("the report of a deadlock names who waits for whom") {
    struct patient {
        struct never {
            using reply_type = void;
        };
        void handle_call(never, otp::from<never> caller) { kept.push_back(std::move(caller)); }
        std::vector<otp::from<never>> kept;
    };
    otp::simulation sim{1};
    const auto s = otp::start<patient>({.name = "patient"}).value();
    const auto blocked = otp::spawn([s] { (void)s.call(patient::never{}, otp::infinity); });
    const auto answer = s.call(patient::never{}, otp::infinity);
    REQUIRE_FALSE(answer);
    CHECK(answer.error() == otp::reason::deadlock);
    CHECK(sim.deadlocks() == 1);
    const std::string report = sim.deadlock_report();
    INFO(report);
    CHECK(report.find(s.id().to_string()) != std::string::npos);
    CHECK(report.find("patient") != std::string::npos);
    CHECK(report.find(blocked.to_string()) != std::string::npos);
    CHECK(report.find("thread") != std::string::npos);
    // Explore takes it for a failure, and says the same.
    const auto found = otp::explore({.seeds = 3, .shorten = 0}, [](otp::simulation&) {
        const auto p = otp::start<patient>().value();
        (void)p.call(patient::never{}, otp::infinity);
    });
    CHECK(found.what.find("deadlock") != std::string::npos);
    CHECK(found.what.find("patient") != std::string::npos);
}

}  // namespace tests::determinism
