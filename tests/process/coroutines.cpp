// The lifetime matrix of coroutines: what they hold is built once and destroyed once, wherever they await, end or are killed.
#include "in_process.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tests::coroutines {

using namespace std::chrono_literals;
using testing::in_process;

namespace {

/// Counts what is built and destroyed; one that is destroyed twice, or was never built, is seen.
struct counted {
    static inline int alive = 0, built = 0, wrong = 0;
    static void reset() { alive = built = wrong = 0; }
    static constexpr std::uint32_t living = 0x600d600d;

    explicit counted(int n = 0) : value{n}, text(40, static_cast<char>('a' + n % 26)) { born(); }
    counted(const counted& other) : value{other.check()}, text{other.text} { born(); }
    counted(counted&& other) noexcept : value{other.check()}, text{std::move(other.text)} { born(); }
    counted& operator=(const counted&) = default;
    counted& operator=(counted&&) = default;
    ~counted() {
        (void)check();
        mark = 0;
        --alive;
    }
    [[nodiscard]] int check() const noexcept {
        if (mark != living) ++wrong;
        return value;
    }
    int value;
    std::uint32_t mark = 0;
    std::string text;

private:
    void born() noexcept {
        mark = living;
        ++alive;
        ++built;
    }
};

/// Nothing of it is left, and nothing was destroyed twice.
#define CHECK_NO_LEAK()              \
    do {                             \
        CHECK(counted::alive == 0);  \
        CHECK(counted::wrong == 0);  \
        CHECK(counted::built > 0);   \
        counted::reset();            \
    } while (false)

// Awaitables of several kinds.
otp::task<counted> value(int n) { co_return counted{n}; }
otp::task<counted> later(int n) {
    counted held{n};
    co_await otp::sleep_for(1ms);
    co_return held;
}
otp::task<int> number(int n) { co_return n; }
otp::task<bool> truth(bool b) {
    counted held{1};
    co_await otp::sleep_for(1ms);
    co_return b;
}
otp::task<counted> failing(counted by_value) {
    counted held{by_value.value};
    co_await otp::sleep_for(1ms);
    throw std::runtime_error{held.text};
}
otp::task<std::unique_ptr<counted>> boxed(std::unique_ptr<counted> in) {
    co_await otp::sleep_for(1ms);
    co_return std::move(in);
}

/// Answers with what it was sent.
struct mirror {
    struct big {
        using reply_type = std::string;
        std::string a, b;
        std::vector<int> numbers;
    };
    struct owned {
        using reply_type = std::unique_ptr<counted>;
        std::unique_ptr<counted> held;
    };
    struct small {
        using reply_type = int;
        int n;
    };
    struct slow {
        using reply_type = counted;
        counted held;
    };
    struct fails {
        using reply_type = counted;
        counted held;
    };
    std::string handle_call(const big& b) { return b.a + "/" + b.b + "/" + std::to_string(b.numbers.size()); }
    std::unique_ptr<counted> handle_call(owned o) { return std::move(o.held); }
    int handle_call(small s) { return s.n; }
    otp::task<counted> handle_call(slow s) {
        co_await otp::sleep_for(1ms);
        co_return std::move(s.held);
    }
    otp::task<otp::result<counted>> handle_call(fails) {
        counted local{3};
        co_await otp::sleep_for(1ms);
        co_return otp::reason{"refused"};
    }
};

/// A sample process with an await of each kind in each kind of place. Says how far it came.
otp::task<> sample(otp::server<mirror> server, otp::inbox<counted> in, counted parameter, int* steps) {
    const counted first{1};
    const auto step = [steps] { ++*steps; };
    // In a loop, and in its condition.
    for (int i = 0; i < 3 && (co_await truth(true)); ++i) {
        const counted in_loop{i};
        co_await otp::sleep_for(1ms);
        step();
    }
    int n = 3;
    while (co_await number(n - 1) > 0) {
        --n;
        const counted in_while{n};
        (void)co_await later(n);
        step();
    }
    do {
        const counted in_do{5};
        co_await otp::yield();
        step();
    } while (!(co_await truth(true)));
    // In a condition with an initialiser, in && and ||, in ?:.
    if (counted c = co_await later(2); c.value == 2 && (co_await truth(true)) && !(co_await truth(false))) step();
    if ((co_await truth(false)) || (co_await truth(true))) step();
    const int picked = co_await truth(true) ? co_await number(7) : co_await number(8);
    const counted which{picked == 7 ? 7 : throw std::logic_error{"?:"}};
    step();
    // In a switch.
    switch (co_await number(2)) {
        case 1: throw std::logic_error{"switch"};
        case 2: {
            const counted in_case{2};
            (void)co_await later(4);
            step();
            break;
        }
        default: throw std::logic_error{"switch"};
    }
    // In an expression with others, as an argument, in a member call on the result.
    const auto sum = (co_await value(1)).value + (co_await later(2)).value * (co_await value(3)).value;
    if (sum != 7) throw std::logic_error{"sum"};
    step();
    std::vector<counted> kept;
    kept.push_back(co_await later(6));
    kept.push_back(co_await value(7));
    step();
    // In a try block; caught outside the handler, since a handler may not await.
    bool caught = false;
    try {
        const counted in_try{8};
        (void)co_await failing(counted{9});
    } catch (const std::runtime_error& e) {
        caught = e.what() == counted{9}.text;
    }
    if (!caught) throw std::logic_error{"catch"};
    (void)co_await later(1);
    step();
    // Move-only values in and out.
    auto box = std::make_unique<counted>(11);
    box = co_await boxed(std::move(box));
    if (box->value != 11) throw std::logic_error{"box"};
    step();
    // Requests with members that own something, built in place.
    auto text = co_await server.ask<mirror::big>(std::string(50, 'x'), "second", std::vector<int>(3, 1));
    if (!text || text->size() != 50 + 1 + 6 + 1 + 1) throw std::logic_error{"big"};
    step();
    auto back = co_await server.ask<mirror::owned>(std::move(box));
    if (!back || (*back)->value != 11) throw std::logic_error{"owned"};
    step();
    auto slow = co_await server.ask<mirror::slow>(counted{12}).timeout(1s);
    if (!slow || slow->value != 12) throw std::logic_error{"slow"};
    step();
    auto refused = co_await server.ask<mirror::fails>(counted{13});
    if (refused || refused.error() != "refused") throw std::logic_error{"fails"};
    step();
    auto late = co_await server.ask<mirror::slow>(counted{14}).timeout(1us);
    if (late || late.error() != otp::reason::timeout) throw std::logic_error{"late"};
    step();
    auto pending = server.send_request<mirror::slow>(counted{15});
    auto answered = co_await pending;
    if (!answered || answered->value != 15) throw std::logic_error{"request"};
    step();
    auto [a, b] = co_await otp::all(server.ask<mirror::slow>(counted{16}), server.ask<mirror::small>(17));
    if (!a || !b || a->value != 16 || *b != 17) throw std::logic_error{"all"};
    step();
    auto any = co_await otp::any(server.ask<mirror::slow>(counted{18}), server.ask<mirror::small>(19));
    (void)any;
    step();
    // A mailbox.
    (void)otp::send_after(1ms, in, counted{20});
    if (std::get<0>(co_await in.next()).value != 20) throw std::logic_error{"next"};
    step();
    if (co_await in.next(1ms)) throw std::logic_error{"empty"};
    step();
    (void)otp::send_after(1h, in, counted{21});
    // A blocking call: the process waits, its frames stay.
    if (server.call<mirror::slow>(counted{22}).value().value != 22) throw std::logic_error{"call"};
    step();
    if (parameter.check() != 99 || first.check() != 1 || which.check() != 7) throw std::logic_error{"locals"};
}

otp::pid start_sample(const otp::server<mirror>& server, int& steps) {
    otp::inbox<counted> in;
    return otp::spawn(sample, server, std::move(in), counted{99}, &steps);
}

}  // namespace

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
            const auto b = co_await std::move(by_name);
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

TEST_CASE("the frames of a killed process go from the innermost to the outermost") {
    struct leaves_a_note {
        std::vector<int>* notes;
        int number;
        leaves_a_note(std::vector<int>* n, int i) : notes{n}, number{i} {}
        leaves_a_note(const leaves_a_note&) = delete;
        ~leaves_a_note() { notes->push_back(number); }
    };
    struct nested {
        static otp::task<> level(std::vector<int>* notes, int n) {
            const leaves_a_note outer{notes, n};
            if (n < 5) co_await level(notes, n + 1);
            else co_await otp::sleep_for(1h);
        }
    };
    otp::simulation sim{1};
    std::vector<int> notes;
    const auto p = otp::spawn(nested::level, &notes, 1);
    sim.run();
    CHECK(notes.empty());
    otp::exit_process(p, otp::reason::kill);
    sim.run();
    CHECK(notes == std::vector{5, 4, 3, 2, 1});  // inner ones first
}

TEST_CASE("frames come from slab memory, and go back") {
    // Called through pointers that nobody sees through: clang puts a frame into its caller's where it can.
    static decltype(&number) volatile make_number = &number;
    static decltype(&later) volatile make_later = &later;
    otp::simulation sim{1};
    const auto before = otp::memory::in_use();
    {
        const auto task = make_number(1);
        CHECK(otp::memory::in_use() == before + 1);
        (void)task;
    }
    CHECK(otp::memory::in_use() == before);
    otp::pid p = otp::spawn([]() -> otp::task<> { (void)co_await make_later(1); });
    sim.run();
    CHECK(otp::memory::in_use() == before + 3);  // the process and two frames
    sim.run_all();
    p = {};
    CHECK(otp::memory::in_use() == before);
    CHECK_NO_LEAK();
}

TEST_CASE("2 million awaits of children that are done at once don't grow the stack") {
    otp::simulation sim{1, {.trace = 0}};
    const auto sum = otp::run([]() -> otp::task<std::int64_t> {
        std::int64_t total = 0;
        for (int i = 0; i < 2'000'000; ++i) total += co_await number(i);
        co_return total;
    }());
    CHECK(sum.value() == std::int64_t{1'999'999} * 1'000'000);
    CHECK(sim.steps() < 100);  // in one turn
}

TEST_CASE("awaits may nest 100,000 deep, with a value or an exception at the end") {
    struct deep {
        static otp::task<int> down(int n, bool fails) {
            if (n > 0) co_return 1 + co_await down(n - 1, fails);
            co_await otp::sleep_for(1ms);
            if (fails) throw std::out_of_range{"bottom"};
            co_return 0;
        }
    };
    otp::simulation sim{1};
    CHECK(otp::run(deep::down(100'000, false)).value() == 100'000);
    CHECK(otp::run(deep::down(100'000, true)).error().text() == "bottom");
}

TEST_CASE("a process that is killed 100,000 awaits deep gives back all of its frames") {
    struct deep {
        static otp::task<int> down(int n) {
            const counted held{n};
            if (n > 0) co_return 1 + co_await down(n - 1);
            co_await otp::sleep_for(1h);
            co_return 0;
        }
    };
    otp::simulation sim{1};
    const auto before = otp::memory::in_use();
    otp::pid p = otp::spawn([]() -> otp::task<> { (void)co_await deep::down(100'000); });
    sim.run();
    CHECK(counted::alive == 100'001);
    otp::exit_process(p, otp::reason::kill);
    sim.run();
    p = {};
    CHECK(otp::memory::in_use() == before);
    CHECK_NO_LEAK();
}

TEST_CASE("requests with owning members are built in place, in every form that is safe") {
    in_process([] {
        const auto server = otp::start<mirror>().value();
        const auto done = otp::run([](otp::server<mirror> s) -> otp::task<int> {
            int good = 0;
            const std::string a(60, 'a');
            for (int i = 0; i < 20; ++i) {
                // In a condition, in a loop, with a time-out, from temporaries and from named values.
                if (auto r = co_await s.ask<mirror::big>(a, std::string(60, 'b'), std::vector<int>(10)); r && r->size() == 124) ++good;
                if (auto r = co_await s.ask<mirror::big>(a + a, a, std::vector<int>{}).timeout(1s); r && r->size() == 183) ++good;
                auto asked = s.ask<mirror::big>(a, a, std::vector<int>(2));
                if (auto r = co_await asked; r && r->size() == 123) ++good;
                mirror::big named{a, "b", {}};
                if (auto r = co_await s.ask(named); r && r->size() == 64) ++good;
                if ((co_await s.ask<mirror::big>(a, a, std::vector<int>{})).value().size() == 123 && (co_await s.ask(mirror::small{4})).value() == 4) ++good;
                auto owned = co_await s.ask<mirror::owned>(std::make_unique<counted>(i));
                if (owned && (*owned)->value == i) ++good;
                // Two statements instead of a temporary in the await expression.
                auto never_sent = s.ask<mirror::big>(a, a, std::vector<int>(3));
                (void)never_sent;
            }
            co_return good;
        }(server));
        CHECK(done.value() == 20 * 6);
    });
    CHECK_NO_LEAK();
}

TEST_CASE("a coroutine may block: its calls, receives and waits let the others of the simulation go on") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        otp::simulation sim{seed};
        int beats = 0, done = 0;
        const auto server = otp::start<mirror>().value();
        const auto pulse = otp::spawn([&beats]() -> otp::task<> {
            for (;; ++beats) co_await otp::sleep_for(1ms);
        });
        for (int i = 0; i < 5; ++i)
            otp::spawn([server, &done]() -> otp::task<> {
                co_await otp::sleep_for(1ms);
                otp::inbox<int> in;
                for (int k = 0; k < 3; ++k) {
                    if (server.call<mirror::slow>(counted{k}).value().value != k) throw otp::exit{"call"};
                    (void)in.send_after(1ms, k);
                    if (std::get<0>(*in.receive()) != k) throw otp::exit{"receive"};
                    co_await otp::sleep_for(1ms);
                    if (otp::wait(otp::spawn([]() -> otp::task<> { co_await otp::sleep_for(1ms); })) != otp::reason::normal) throw otp::exit{"wait"};
                }
                ++done;
            });
        sim.advance(1s);
        CHECK(done == 5);
        CHECK(beats == 1000);
        otp::exit_process(pulse, otp::reason::kill);
    }
    CHECK_NO_LEAK();
}

TEST_CASE("a coroutine that is killed while it blocks unwinds, and its frames go") {
    struct gate {
        struct never {
            using reply_type = void;
        };
        void handle_call(never, otp::from<never> caller) { kept.push_back(std::move(caller)); }
        std::vector<otp::from<never>> kept;
    };
    {
        otp::simulation sim{1};
        const auto g = otp::start<gate>().value();
        const auto p = otp::spawn([g](counted by_value) -> otp::task<> {
            const counted local{1};
            (void)co_await later(2);
            (void)g.call(gate::never{}, otp::infinity);
            (void)co_await later(by_value.value);
        }, counted{3});
        sim.advance(1s);
        CHECK(otp::is_alive(p));
        otp::exit_process(p, "enough");
        CHECK(otp::wait(p) == "enough");
        CHECK(counted::alive == 0);
    }
    CHECK_NO_LEAK();
}

}  // namespace tests::coroutines
