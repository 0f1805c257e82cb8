// What is built and destroyed where coroutines await, are killed, throw and return.
#include "coroutines.hpp"

namespace tests::coroutines {

TEST_CASE("awaits in loops, conditions, switch, &&, ?:, try, arguments: each value is built and destroyed once") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        {
            otp::simulation sim{seed};
            int steps = 0;
            const auto server = otp::start<mirror>().value();
            CHECK(otp::wait(start_sample(server, steps)) == otp::reason::normal);
            CHECK(steps == 25);
        }
        CHECK_NO_LEAK();
    }
}

TEST_CASE("a process killed at any of its suspension points leaves nothing behind") {
    // Killed after its n-th turn for each n: at every suspension point once.
    std::size_t points = 0;
    for (std::uint64_t at = 0;; ++at) {
        bool ended = false;
        {
            otp::simulation sim{3, {.strategy = otp::round_robin}};
            int steps = 0;
            const auto server = otp::start<mirror>().value();
            const auto p = start_sample(server, steps);
            for (std::uint64_t n = 0; n < at && otp::is_alive(p);)
                if (sim.step()) ++n;
                else if (!sim.simulator().pass_time(otp::exec::never)) break;
            ended = !otp::is_alive(p);
            otp::exit_process(p, otp::reason::kill);
            sim.run();
            CHECK_FALSE(otp::is_alive(p));
            CHECK(server.call(mirror::small{1}).value() == 1);  // the server is none the worse for it
        }
        INFO("killed after step ", at);
        CHECK_NO_LEAK();
        if (ended) break;
        ++points;
    }
    MESSAGE("killed at ", points, " points");
    CHECK(points > 50);
}

TEST_CASE("a server killed while it serves a sample's requests leaves nothing behind, wherever that is") {
    for (std::uint64_t at = 0; at < 120; ++at) {
        {
            otp::simulation sim{3, {.strategy = otp::round_robin}};
            int steps = 0;
            const auto server = otp::start<mirror>().value();
            const auto p = start_sample(server, steps);
            for (std::uint64_t n = 0; n < at;)
                if (sim.step()) ++n;
                else if (!sim.simulator().pass_time(otp::now() + 1s)) break;
            otp::exit_process(server.id(), otp::reason::kill);
            sim.advance(1min);
            CHECK_FALSE(otp::is_alive(p));  // it fails on the missing reply, or was done
        }
        INFO("killed after step ", at);
        CHECK_NO_LEAK();
    }
}

TEST_CASE("a simulation that ends with its processes suspended leaves nothing behind") {
    for (int ms = 0; ms < 40; ++ms) {
        {
            otp::simulation sim{1};
            int steps = 0;
            const auto server = otp::start<mirror>().value();
            (void)start_sample(server, steps);
            sim.advance(ms * 1ms);
        }
        CHECK_NO_LEAK();
    }
}

TEST_CASE("values and exceptions of nested tasks") {
    struct nested {
        static otp::task<int> sum(int n) {
            if (n == 0) co_return 0;
            const int below = co_await sum(n - 1);
            co_return below + n;
        }
        static otp::task<int> fails(int n) {
            counted held{n};
            if (n == 0) throw std::out_of_range{"bottom"};
            co_return co_await fails(n - 1);
        }
        static otp::task<std::optional<std::string>> maybe(bool some) {
            if (!some) co_return std::nullopt;
            co_return "text";
        }
        static otp::task<std::string> long_text() { co_return std::string(100, 'z'); }
        static otp::task<> nothing() { co_return; }
    };
    {
        otp::simulation sim{1};
        CHECK(otp::run(nested::sum(100)).value() == 5050);
        const auto failed = otp::run(nested::fails(100));
        CHECK(failed.error().text() == "bottom");
        CHECK_THROWS_AS(failed.error().rethrow(), std::out_of_range);
        CHECK(otp::run(nested::maybe(true)).value() == "text");
        CHECK_FALSE(otp::run(nested::maybe(false)).value());
        CHECK(otp::run(nested::long_text()).value() == std::string(100, 'z'));
        CHECK(otp::run(nested::nothing()));
        CHECK(otp::run([]() -> otp::task<> { throw otp::exit{"own"}; co_return; }()).error() == "own");
        // An exception that is caught in the middle goes no further.
        CHECK(otp::run([]() -> otp::task<int> {
                  int caught = 0;
                  for (int i = 0; i < 3; ++i) {
                      try {
                          (void)co_await nested::fails(2);
                      } catch (const std::out_of_range&) {
                          ++caught;
                      }
                  }
                  co_return caught;
              }()).value() == 3);
    }
    CHECK_NO_LEAK();
}

TEST_CASE("a task that is moved, replaced, awaited by name, or never awaited") {
    {
        otp::simulation sim{1};
        const auto done = otp::run([]() -> otp::task<int> {
            auto never_started = later(1);
            (void)never_started;
            auto replaced = failing(counted{2});
            replaced = later(3);
            auto moved = std::move(replaced);
            auto by_name = later(4);
            const auto a = co_await std::move(moved);
            const auto b = co_await by_name;
            auto left_over = later(5);
            otp::task<counted> empty;
            co_return a.value + b.value;
        }());
        CHECK(done.value() == 7);
        // Handed to a process that never takes its first turn.
        const auto p = otp::spawn([](counted) -> otp::task<> { co_return; }, counted{6});
        otp::exit_process(p, otp::reason::kill);
        sim.run();
        CHECK_FALSE(otp::is_alive(p));
    }
    CHECK_NO_LEAK();
    // Nobody runs it.
    { [[maybe_unused]] const auto task = failing(counted{7}); }
    CHECK_NO_LEAK();
}

TEST_CASE("an exception from the copy of a parameter reaches the caller, and no frame is left") {
    struct bad_copy {
        bad_copy() = default;
        bad_copy(const bad_copy&) { throw std::runtime_error{"no copy"}; }
        counted held{1};
    };
    struct takes {
        static otp::task<int> two(counted, bad_copy) { co_return 1; }
    };
    {
        otp::simulation sim{1};
        const bad_copy source;
        const auto blocks = otp::memory::in_use();
        CHECK_THROWS_WITH_AS((void)takes::two(counted{2}, source), "no copy", std::runtime_error);
        CHECK(otp::memory::in_use() == blocks);
        const auto p = otp::spawn([&source]() -> otp::task<> { (void)co_await takes::two(counted{3}, source); });
        const auto why = otp::wait(p);
        CHECK(why.text() == "no copy");
    }
    CHECK_NO_LEAK();
}

}  // namespace tests::coroutines
