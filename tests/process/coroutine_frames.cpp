// Frames: their order at the end, their memory, their depth, and blocking in them.
#include "coroutines.hpp"

namespace tests::coroutines {

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
