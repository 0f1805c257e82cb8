// Timers, names, inboxes, recipients and the order of messages, in virtual time.
#include "in_process.hpp"

#include <otp/behaviour/simulated.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using testing::idle_process;
using testing::in_process;

namespace {

/// Notes what it is sent, and when.
struct listener {
    struct seen {
        using reply_type = std::vector<int>;
    };
    struct times {
        using reply_type = std::vector<otp::exec::time_point>;
    };
    struct pause {
        using reply_type = void;
        std::chrono::nanoseconds time;
    };
    struct me {
        using reply_type = otp::server<listener>;
    };
    std::vector<int> handle_call(seen) { return got; }
    std::vector<otp::exec::time_point> handle_call(times) { return when; }
    otp::task<> handle_call(pause p) { co_await otp::sleep_for(p.time); }
    otp::server<listener> handle_call(me) { return otp::self<listener>(); }
    void handle_info(int n) {
        got.push_back(n);
        when.push_back(otp::now());
    }
    void handle_info(otp::timer_message<int> m) {
        handle_info(m.message);
        fired.push_back(m.timer);
    }
    void handle_cast(int n) { handle_info(n); }
    std::vector<int> got;
    std::vector<otp::exec::time_point> when;
    std::vector<otp::timer_ref> fired;
};
struct stranger {};

using numbers = std::vector<int>;

numbers seen_by(const otp::server<listener>& s) { return s.call(listener::seen{}).value(); }

std::uint64_t depth_of(const otp::pid& p) { return p ? p.block()->depth() : 0; }
std::uint64_t handled_by(const otp::pid& p) { return p ? p.block()->handled() : 0; }

/// All that is in an inbox of numbers.
numbers rest_of(otp::inbox<int>& in) {
    numbers all;
    while (auto m = in.try_receive()) all.push_back(std::get<0>(*m));
    return all;
}

}  // namespace

TEST_CASE("TIMER-01 send_after delivers once, not before its time") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    const auto began = otp::now();
    (void)otp::send_after(100ms, s, 1);
    sim.advance(100ms - 1ns);
    CHECK(seen_by(s).empty());
    sim.advance(1ns);
    CHECK(seen_by(s) == numbers{1});
    CHECK(s.call(listener::times{}).value().at(0) == began + 100ms);
    sim.advance(1h);
    CHECK(seen_by(s) == numbers{1});
}

TEST_CASE("TIMER-02 start_timer delivers its message with the timer that it returned") {
    otp::simulation sim{1};
    otp::inbox<otp::timer_message<std::string>> in;
    const auto first = otp::start_timer(20ms, in, std::string{"first"});
    const auto second = otp::start_timer(10ms, in, std::string{"second"});
    CHECK(first != second);
    const auto a = std::get<0>(*in.receive()), b = std::get<0>(*in.receive());
    CHECK(a.message == "second");
    CHECK(a.timer == second);
    CHECK(b.message == "first");
    CHECK(b.timer == first);
    CHECK(std::hash<otp::timer_ref>{}(a.timer) == std::hash<otp::timer_ref>{}(second));
}

TEST_CASE("TIMER-03 timers of 0, 200, 100, 500, 300, 400 ms arrive in the order of their times") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        otp::simulation sim{seed};
        const auto s = otp::start<listener>().value();
        for (const int ms : {0, 200, 100, 500, 300, 400}) (void)otp::send_after(std::chrono::milliseconds{ms}, s, ms);
        sim.advance(500ms);
        CHECK(seen_by(s) == numbers{0, 100, 200, 300, 400, 500});
    }
}

TEST_CASE("TIMER-05 cancel_timer gives the time that was left, and the message never comes") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    const auto timer = otp::send_after(100ms, s, 1);
    sim.advance(30ms);
    CHECK(otp::cancel_timer(timer) == 70ms);
    CHECK_FALSE(otp::cancel_timer(timer));
    sim.advance(1s);
    CHECK(seen_by(s).empty());
    // One that has fired, and whose message stands in the mailbox, counts as not delivered.
    auto busy = s.send_request<listener::pause>(1s);
    const auto queued = otp::send_after(10ms, s, 2);
    sim.advance(500ms);
    CHECK_FALSE(otp::read_timer(queued));
    CHECK(otp::cancel_timer(queued) == 0ms);
    CHECK(busy.receive());
    CHECK(seen_by(s).empty());
    CHECK(depth_of(s.id()) == 0);
}

TEST_CASE("TIMER-07 cancel and read of no timer give none") {
    otp::simulation sim{1};
    const otp::timer_ref none;
    CHECK_FALSE(none);
    CHECK_FALSE(otp::cancel_timer(none));
    CHECK_FALSE(otp::read_timer(none));
}

TEST_CASE("TIMER-08 read_timer gives the time that is left, and none after it fired or was cancelled") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    const auto fires = otp::send_after(100ms, s, 1), cancelled = otp::send_after(100ms, s, 2);
    sim.advance(40ms);
    CHECK(otp::read_timer(fires) == 60ms);
    CHECK(otp::cancel_timer(cancelled));
    CHECK_FALSE(otp::read_timer(cancelled));
    sim.advance(60ms);
    CHECK_FALSE(otp::read_timer(fires));
}

TEST_CASE("TIMER-09 a negative time is a bad argument") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    otp::inbox<int, otp::timer_message<int>> in;
    const auto refused = [](const auto& call) {
        try {
            call();
        } catch (const otp::exit& e) {
            return e.why() == otp::reason::bad_argument;
        }
        return false;
    };
    CHECK(refused([&] { (void)otp::send_after(-1ns, s, 1); }));
    CHECK(refused([&] { (void)otp::start_timer(-1s, in, 1); }));
    CHECK(refused([&] { (void)in.send_after(-1ns, 1); }));
    CHECK(otp::run([]() -> otp::task<> { co_await otp::sleep_for(-1ns); }()).error() == otp::reason::bad_argument);
    sim.advance(1h);
    CHECK(seen_by(s).empty());
    CHECK_FALSE(in.try_receive());
}

TEST_CASE("TIMER-10 a time of zero is legal: the message stands behind those that are in the mailbox") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    s.send(1);
    (void)otp::send_after(0ns, s, 2);
    s.send(3);
    const auto began = sim.now();
    sim.run();
    CHECK(sim.now() == began);
    const auto seen = seen_by(s);
    REQUIRE(seen.size() == 3);
    CHECK(seen[0] == 1);
}

TEST_CASE("TIMER-11 very long timers start, read and cancel") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    for (const std::chrono::nanoseconds time :
         {std::chrono::nanoseconds{std::chrono::milliseconds{(std::int64_t{1} << 31) + 1}},
          std::chrono::nanoseconds{std::chrono::hours{24 * 365 * 100}}}) {
        const auto timer = otp::send_after(time, s, 1);
        CHECK(otp::read_timer(timer) == time);
        sim.advance(1h);
        CHECK(otp::read_timer(timer) == time - 1h);
        CHECK(otp::cancel_timer(timer) == time - 1h);
    }
    const auto longest = otp::send_after(std::chrono::nanoseconds::max(), s, 1);
    sim.advance(1h);
    CHECK(otp::cancel_timer(longest));
    const auto fires = otp::send_after(std::chrono::hours{24 * 365 * 100}, s, 7);
    sim.advance(std::chrono::hours{24 * 365 * 100});
    CHECK(seen_by(s) == numbers{7});
    CHECK_FALSE(otp::read_timer(fires));
}

TEST_CASE("TIMER-12 a timer aimed at a dead process isn't kept; one goes with the process that it is aimed at") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    auto message = std::make_shared<int>(1);
    const auto going = otp::send_after(1h, s, 1);
    CHECK(otp::read_timer(going));
    CHECK(s.stop());
    CHECK_FALSE(otp::read_timer(going));
    CHECK_FALSE(otp::cancel_timer(going));
    CHECK_FALSE(otp::read_timer(otp::send_after(1h, s, 1)));
    // An inbox takes its timers with it too, and the messages in them.
    otp::timer_ref left;
    std::weak_ptr<int> held = message;
    {
        otp::inbox<std::shared_ptr<int>> in;
        left = in.send_after(1h, std::move(message));
        CHECK(otp::read_timer(left));
        CHECK_FALSE(held.expired());
    }
    CHECK_FALSE(otp::read_timer(left));
    CHECK(held.expired());
    const auto began = sim.now();
    sim.run_all();
    CHECK(sim.now() == began);
}

TEST_CASE("TIMER-16 any process that knows the timer may read and cancel it") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    otp::timer_ref timer;
    const auto maker = otp::spawn([s, &timer] { timer = otp::send_after(100ms, s, 1); });
    CHECK(otp::wait(maker) == otp::reason::normal);  // the timer outlives who made it
    std::optional<std::chrono::nanoseconds> read, left;
    const auto other = otp::spawn([&]() -> otp::task<> {
        read = otp::read_timer(timer);
        co_await otp::sleep_for(10ms);
        left = otp::cancel_timer(timer);
    });
    CHECK(otp::wait(other) == otp::reason::normal);
    CHECK(read == 100ms);
    CHECK(left == 90ms);
    sim.advance(1s);
    CHECK(seen_by(s).empty());
}

TEST_CASE("TIMER-18 send_at fires at a moment of the runtime's clock; one that is past fires at once") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    sim.advance(1s);
    const auto now = otp::now();
    (void)otp::send_at(now + 50ms, s, 1);
    (void)otp::send_at(now - 500ms, s, 2);
    sim.run();
    CHECK(sim.now() == now);
    CHECK(seen_by(s) == numbers{2});
    sim.advance(50ms);
    CHECK(s.call(listener::times{}).value() == std::vector{now, now + 50ms});
}

TEST_CASE("TIMER-19 a thousand timers of the same instant all fire at it") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    const auto instant = otp::now() + 1s;
    for (int i = 0; i < 1000; ++i) (void)otp::send_at(instant, s, i);
    sim.advance(1s);
    const auto when = s.call(listener::times{}).value();
    REQUIRE(when.size() == 1000);
    CHECK(when.front() == instant);
    CHECK(when.back() == instant);
}

TEST_CASE("TIMER-23 a function that runs after a time is a process that sleeps first; its crash hurts nobody else") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    int ran = 0;
    const auto later = otp::spawn([&ran]() -> otp::task<> {
        co_await otp::sleep_for(100ms);
        ++ran;
        throw std::runtime_error{"broken"};
    });
    sim.advance(99ms);
    CHECK(ran == 0);
    sim.advance(1s);
    CHECK(ran == 1);
    CHECK_FALSE(otp::is_alive(later));
    CHECK(otp::is_alive(s.id()));
}

TEST_CASE("TIMER-24 a timer that was delivered can't be cancelled, and nothing bad comes of trying") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    const auto timer = otp::send_after(10ms, s, 1);
    sim.advance(10ms);
    CHECK(seen_by(s) == numbers{1});
    CHECK_FALSE(otp::cancel_timer(timer));
    CHECK_FALSE(otp::cancel_timer(timer));
}

TEST_CASE("TIMER-25 timers follow the monotonic clock; a test's clock fires the due ones in order") {
    static_assert(std::is_same_v<otp::exec::time_point::clock, std::chrono::steady_clock>);
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    for (int i = 10; i > 0; --i) (void)otp::send_after(i * 10ms, s, i);
    sim.advance(55ms);
    CHECK(seen_by(s) == numbers{1, 2, 3, 4, 5});
    sim.advance(45ms);
    CHECK(seen_by(s) == numbers{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
}

TEST_CASE("a timer may outlive its runtime as a value") {
    otp::timer_ref running, fired;
    {
        otp::simulation sim{1};
        const auto s = otp::start<listener>().value();
        fired = otp::send_after(1ms, s, 1);
        sim.advance(1ms);
        running = otp::send_after(1h, s, 1);
    }
    CHECK_FALSE(otp::cancel_timer(running));
    CHECK_FALSE(otp::read_timer(running));
    CHECK_FALSE(otp::cancel_timer(fired));
    CHECK_FALSE(otp::read_timer(fired));
}

TEST_CASE("a scoped timer is cancelled when its owner goes") {
    struct ticker {
        void init(otp::recipient<int> to) { later = otp::send_after(1s, to, 1); }
        otp::scoped_timer later;
    };
    otp::simulation sim{1};
    otp::inbox<int> in;
    const otp::recipient<int> to = in;
    const auto stopped = otp::start<ticker>(to).value(), living = otp::start<ticker>(to).value();
    CHECK(stopped.stop());
    {
        otp::scoped_timer outer = otp::send_after(500ms, in, 2);
        CHECK(otp::read_timer(outer.ref()) == 500ms);
        otp::scoped_timer moved = std::move(outer);
        CHECK_FALSE(outer.ref());
        moved = otp::send_after(500ms, in, 3);
        otp::scoped_timer cancelled = otp::send_after(500ms, in, 4);
        CHECK(cancelled.cancel() == 500ms);
        CHECK_FALSE(cancelled.cancel());
        sim.advance(500ms);
        CHECK(rest_of(in) == numbers{3});
    }
    (void)otp::scoped_timer{otp::send_after(1s, in, 5)};
    sim.advance(1h);
    CHECK(rest_of(in) == numbers{1});
    CHECK(otp::is_alive(living.id()));
}

TEST_CASE("a timer sent to a name looks for it when the time has come") {
    otp::simulation sim{1};
    constexpr otp::name<listener> name{"listener"};
    const auto lost = otp::dead_letters(otp::reason_kind::noproc);
    (void)otp::send_after(10ms, name, 1);
    sim.advance(10ms);
    CHECK(otp::dead_letters(otp::reason_kind::noproc) == lost);  // told when it is swept up
    (void)otp::send_after(10ms, name, 2);
    CHECK(otp::dead_letters(otp::reason_kind::noproc) == lost + 1);
    const auto early = otp::start<listener>(name).value();
    sim.advance(10ms);
    CHECK(seen_by(early) == numbers{2});
    (void)otp::send_after(10ms, name, 3);
    CHECK(early.stop());
    const auto late = otp::start<listener>(name).value();
    sim.advance(10ms);
    CHECK(seen_by(late) == numbers{3});
    (void)otp::send_after(1h, name, 4);  // still armed when the runtime ends
}

TEST_CASE("sleep_for takes exactly its time, also in a nested coroutine, and many sleep at once") {
    otp::simulation sim{1};
    const auto began = sim.now();
    struct nap {
        static otp::task<int> take(int n) {
            co_await otp::sleep_for(n * 10ms);
            co_return n;
        }
    };
    std::vector<int> woken;
    for (int i = 5; i > 0; --i)
        otp::spawn(
            [&woken](int n) -> otp::task<> {
                co_await otp::sleep_for(0ns);
                woken.push_back(co_await nap::take(n));
            },
            i);
    sim.run_all();
    CHECK(woken == std::vector{1, 2, 3, 4, 5});
    CHECK(sim.now() == began + 50ms);
}

TEST_CASE("yield lets every other process that can run go first") {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        otp::simulation sim{seed, {.strategy = otp::round_robin}};
        std::vector<int> order;
        for (int p = 0; p < 3; ++p)
            otp::spawn([&order, p]() -> otp::task<> {
                for (int i = 0; i < 2; ++i) {
                    order.push_back(p);
                    co_await otp::yield();
                }
            });
        sim.run();
        CHECK(order == std::vector{0, 1, 2, 0, 1, 2});
    }
}

TEST_CASE("wait gives the exit reason; noproc of one that is gone, timeout of one that stays") {
    otp::simulation sim{1};
    CHECK(otp::wait(otp::spawn([] {})) == otp::reason::normal);
    CHECK(otp::wait(otp::spawn([] { throw otp::exit{"own"}; })) == "own");
    const auto p = idle_process();
    const auto began = sim.now();
    CHECK(otp::wait(p, 10ms) == otp::reason::timeout);
    CHECK(sim.now() == began + 10ms);
    CHECK(otp::is_alive(p));
    otp::exit_process(p, otp::reason::kill);
    CHECK(otp::wait(p) == otp::reason::killed);
    CHECK(otp::wait(p) == otp::reason::noproc);
    CHECK(otp::wait(otp::pid{}) == otp::reason::noproc);
    CHECK(otp::wait(p, -1s) == otp::reason::bad_argument);
    in_process([] { CHECK(otp::wait(otp::self()) == otp::reason::calling_self); });
    // Several wait for the same one, from processes.
    const auto q = idle_process();
    int heard = 0;
    for (int i = 0; i < 5; ++i)
        otp::spawn([q, &heard] {
            if (otp::wait(q) == "over") ++heard;
        });
    sim.run();
    CHECK(heard == 0);
    otp::exit_process(q, "over");
    sim.run();
    CHECK(heard == 5);
}

TEST_CASE("wait of a busy server ends when the server does, not before") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    auto busy = s.send_request<listener::pause>(1s);
    sim.run();
    otp::reason heard = otp::reason::running;
    otp::spawn([s, &heard] { heard = otp::wait(s.id()); });
    sim.advance(500ms);
    CHECK(heard == otp::reason::running);
    otp::exit_process(s.id(), "stopped short");
    sim.run();
    CHECK(heard == "stopped short");
    CHECK(busy.receive().error() == "stopped short");
}

TEST_CASE("is_alive, self and pids as values") {
    otp::simulation sim{1};
    CHECK_FALSE(otp::is_alive(otp::pid{}));
    CHECK_FALSE(otp::self());
    CHECK(otp::pid{}.to_string() == "<0>");
    otp::pid inner;
    const auto p = otp::spawn([&inner]() -> otp::task<> {
        inner = otp::self();
        co_await otp::sleep_for(1s);
    });
    const auto q = idle_process();
    CHECK(otp::is_alive(p));
    sim.run();
    CHECK(inner == p);
    CHECK(p != q);
    CHECK(p < q);
    CHECK(std::hash<otp::pid>{}(p) == std::hash<otp::pid>{}(inner));
    sim.advance(1s);
    CHECK_FALSE(otp::is_alive(p));
    CHECK(p == inner);
}

TEST_CASE("self<T> is the server that the code runs in, and an exit elsewhere") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    CHECK(s.call(listener::me{}).value() == s);
    try {
        (void)otp::self<listener>();
        FAIL("a thread is no server");
    } catch (const otp::exit& e) {
        CHECK(e.why() == otp::reason::no_process);
    }
    CHECK(otp::wait(otp::spawn([] { (void)otp::self<listener>(); })) == otp::reason::wrong_server);
    CHECK(otp::server_cast<listener>(s.id()).value() == s);
    CHECK(otp::server_cast<listener>(idle_process()).error() == otp::reason::wrong_server);
    CHECK(otp::server_cast<listener>(otp::pid{}).error() == otp::reason::bad_argument);
}

TEST_CASE("spawn takes arguments by value, movable ones too, and destroys them with the process") {
    otp::simulation sim{1};
    auto token = std::make_shared<int>(4);
    std::weak_ptr<int> watch = token;
    int sum = 0;
    const auto p = otp::spawn(
        [&sum](std::unique_ptr<int> a, std::shared_ptr<int> b, const std::string& c) -> otp::task<> {
            co_await otp::sleep_for(1s);
            sum = *a + *b + static_cast<int>(c.size());
            co_await otp::sleep_for(1s);
        },
        std::make_unique<int>(1), std::move(token), std::string(40, 'x'));
    sim.advance(1s);
    CHECK(sum == 45);
    CHECK_FALSE(watch.expired());
    sim.advance(1s);
    CHECK_FALSE(otp::is_alive(p));
    CHECK(watch.expired());
    // A plain function, a function object and a captured state.
    const auto plain = otp::spawn([held = std::make_unique<int>(2), &sum](int n) { sum = *held * n; }, 21);
    CHECK(otp::wait(plain) == otp::reason::normal);
    CHECK(sum == 42);
    // A coroutine lambda may capture: the callable lives in the process.
    const auto captures = otp::spawn([text = std::string(100, 'y'), &sum]() -> otp::task<> {
        co_await otp::sleep_for(1s);
        sum = static_cast<int>(text.size());
    });
    CHECK(otp::wait(captures) == otp::reason::normal);
    CHECK(sum == 100);
}

TEST_CASE("run gives the value of a task, or what it threw") {
    otp::simulation sim{1};
    const auto began = sim.now();
    CHECK(otp::run([](int n) -> otp::task<int> {
              co_await otp::sleep_for(1s);
              co_return n + 1;
          }(41)).value() == 42);
    CHECK(sim.now() == began + 1s);
    CHECK(otp::run([]() -> otp::task<> { co_return; }()));
    const auto failed = otp::run([]() -> otp::task<std::unique_ptr<int>> {
        throw std::runtime_error{"broken"};
        co_return nullptr;
    }());
    CHECK(failed.error().text() == "broken");
    CHECK(*otp::run([]() -> otp::task<std::unique_ptr<int>> { co_return std::make_unique<int>(6); }()).value() == 6);
    CHECK(sim.run([]() -> otp::task<int> { co_return 5; }()).value() == 5);
    CHECK(sim.live() == 0);
}

TEST_CASE("PROC-24 a message sent to a new process right away is never lost") {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        otp::simulation sim{seed};
        std::vector<int> got;
        for (int i = 0; i < 10; ++i) {
            // The inbox is made before the process runs and moves into it.
            otp::inbox<int> in;
            const otp::recipient<int> to = in;
            otp::spawn([&got](otp::inbox<int> mine) -> otp::task<> { got.push_back(std::get<0>(co_await mine.next())); }, std::move(in));
            to.send(i);
        }
        sim.run();
        CHECK(got.size() == 10);
        // An exit signal is none the less received.
        const auto p = idle_process();
        otp::exit_process(p, "at once");
        CHECK(otp::wait(p) == "at once");
    }
}

TEST_CASE("PROC-25 short processes come and go without growth in memory or in the number of processes") {
    otp::simulation sim{1, {.trace = 0}};
    const auto some = [&sim](int n) {
        for (int i = 0; i < n; ++i) {
            otp::spawn([](int k) -> otp::task<> {
                if (k % 3 == 0) co_await otp::yield();
            }, i);
            if (i % 100 == 99) sim.run();
        }
        sim.run();
    };
    some(1000);
    const auto before = otp::memory::in_use();
    some(50'000);
    CHECK(otp::memory::in_use() == before);
    CHECK(sim.live() == 0);
}

// ---------------------------------------------------------------------------------------------------------- inbox

TEST_CASE("an inbox receives its types in the order of arrival, by try_receive, receive and next") {
    otp::simulation sim{1};
    otp::inbox<int, std::string> in;
    CHECK_FALSE(in.try_receive());
    in.send(1);
    in.send(std::string{"two"});
    in.send(3);
    CHECK(std::get<int>(*in.try_receive()) == 1);
    CHECK(std::get<std::string>(*in.receive()) == "two");
    CHECK(std::get<int>(*in.receive(0ns)) == 3);
    const auto began = sim.now();
    CHECK_FALSE(in.receive(10ms));
    CHECK(sim.now() == began + 10ms);
    CHECK_FALSE(in.receive(-1s));
    CHECK(sim.now() == began + 10ms);
    (void)in.send_after(5ms, 4);
    CHECK(std::get<int>(*in.receive(10ms)) == 4);
    CHECK(sim.now() == began + 15ms);
    const auto deadlocks = sim.deadlocks();
    CHECK_FALSE(in.receive());  // nothing is left that could send
    CHECK(sim.deadlocks() == deadlocks + 1);
}

TEST_CASE("next suspends a coroutine until a message comes, or its limit is over") {
    otp::simulation sim{1};
    std::vector<std::string> seen;
    otp::inbox<int> in;
    const otp::recipient<int> to = in;
    const auto p = otp::spawn(
        [&seen](otp::inbox<int> mine) -> otp::task<> {
            for (;;) {
                auto m = co_await mine.next(10ms);
                seen.push_back(m ? std::to_string(std::get<0>(*m)) : "late");
                if (m && std::get<0>(*m) == 0) break;
            }
            seen.push_back("last " + std::to_string(std::get<0>(co_await mine.next())));
        },
        std::move(in));
    sim.advance(10ms);
    CHECK(seen == std::vector<std::string>{"late"});
    to.send(7);
    sim.advance(9ms);
    CHECK(seen.back() == "7");
    to.send(8);
    to.send(0);
    sim.advance(1s);
    CHECK(seen == std::vector<std::string>{"late", "7", "8", "0"});
    to.send(9);
    CHECK(otp::wait(p) == otp::reason::normal);
    CHECK(seen.back() == "last 9");
}

TEST_CASE("a coroutine that waits in its inbox can be killed, and its inbox goes with it") {
    otp::simulation sim{1};
    otp::recipient<std::shared_ptr<int>> to;
    const auto p = otp::spawn([&to]() -> otp::task<> {
        otp::inbox<std::shared_ptr<int>> mine;
        to = mine;
        for (;;) (void)co_await mine.next();
    });
    sim.run();
    auto message = std::make_shared<int>(1);
    std::weak_ptr<int> watch = message;
    otp::exit_process(p, otp::reason::kill);
    to.send(message);
    sim.run();
    message.reset();
    CHECK_FALSE(otp::is_alive(p));
    CHECK(watch.expired());
    CHECK_FALSE(otp::is_alive(to.id()));
}

TEST_CASE("several inboxes in one process, and a move of each") {
    in_process([] {
        otp::inbox<int> a, b;
        otp::inbox<otp::down> ends;
        const auto p = otp::spawn([x = otp::recipient<int>(a), y = otp::recipient<int>(b)]() -> otp::task<> {
            x.send(1);
            co_await otp::sleep_for(1s);
            y.send(2);
            co_await otp::sleep_for(1s);
            x.send(3);
        });
        (void)ends.monitor(p);
        CHECK(std::get<0>(*b.receive()) == 2);  // past what waits in a
        CHECK(std::get<0>(*ends.receive()).pid == p);
        CHECK(std::get<0>(*a.receive()) == 1);
        otp::inbox<int> moved = std::move(a);
        CHECK(std::get<0>(*moved.receive()) == 3);
        const otp::recipient<int> to_b = b;
        moved.send(5);
        b.send(6);
        const auto lost = otp::dead_letters(otp::reason_kind::noproc);
        moved = std::move(b);  // what was in it is a dead letter, and so is what is sent to it
        CHECK(otp::dead_letters(otp::reason_kind::noproc) == lost + 1);
        to_b.send(7);
        CHECK(rest_of(moved) == numbers{6, 7});
    });
}

TEST_CASE("an inbox that goes leaves dead letters, and its recipients fail quietly") {
    otp::simulation sim{1};
    const auto lost = otp::dead_letters(otp::reason_kind::noproc);
    otp::recipient<int> to;
    {
        otp::inbox<int> in;
        to = in;
        in.send(1);
        in.send(2);
    }
    CHECK(otp::dead_letters(otp::reason_kind::noproc) == lost + 2);
    to.send(3);
    CHECK(otp::dead_letters(otp::reason_kind::noproc) == lost + 3);
}

TEST_CASE("an inbox watches processes: monitor, demonitor with what has come, noproc of the dead") {
    otp::simulation sim{1};
    otp::inbox<otp::down, int> in;
    const auto p = idle_process(), q = idle_process(), dead = otp::spawn([] {});
    sim.run();
    const auto first = in.monitor(p), second = in.monitor(p), third = in.monitor(q);
    CHECK(first != second);
    CHECK(in.demonitor(second));
    CHECK_FALSE(in.demonitor(second));
    otp::exit_process(p, "p");
    otp::exit_process(q, "q");
    sim.run();
    (void)in.demonitor(third);  // its otp::down is here already, and goes
    const auto gone = in.monitor(dead);
    const auto a = std::get<otp::down>(*in.receive()), b = std::get<otp::down>(*in.receive());
    CHECK(a.ref == first);
    CHECK(a.pid == p);
    CHECK(a.reason == "p");
    CHECK(b.ref == gone);
    CHECK(b.pid == dead);
    CHECK(b.reason == otp::reason::noproc);
    sim.run();
    CHECK_FALSE(in.try_receive());
}

// ------------------------------------------------------------------------------------------------------ recipient

TEST_CASE("a recipient is made from a server, a name, a ref and an inbox") {
    otp::simulation sim{1};
    constexpr otp::name<listener> name{"listener"};
    const auto s = otp::start<listener>(name).value();
    otp::inbox<int> in;
    const otp::recipient<int> all[] = {s, name, otp::ref<listener>{s}, in, {}};
    for (const auto& r : all) r.send(1);
    sim.run();
    CHECK(seen_by(s) == numbers{1, 1, 1});
    CHECK(rest_of(in) == numbers{1});
    CHECK(all[0].id() == s.id());
    CHECK(all[1].id() == s.id());
    CHECK(all[0] == all[2]);
    CHECK(all[0] != all[3]);
    CHECK(all[0]);
    CHECK_FALSE(all[4]);
    CHECK_FALSE(all[4].id());
}

TEST_CASE("a recipient made from a name finds who has it at each delivery") {
    otp::simulation sim{1};
    constexpr otp::name<listener> name{"listener"};
    const otp::recipient<int> to = name;
    const auto lost = otp::dead_letters(otp::reason_kind::noproc);
    to.send(1);
    CHECK(otp::dead_letters(otp::reason_kind::noproc) == lost + 1);
    const auto one = otp::start<listener>(name).value();
    to.send(2);
    CHECK(seen_by(one) == numbers{2});
    CHECK(one.stop());
    const auto two = otp::start<listener>(name).value();
    to.send(3);
    CHECK(seen_by(two) == numbers{3});
    CHECK(to.id() == two.id());
}

// ---------------------------------------------------------------------------------------------------------- names

TEST_CASE("REG-01 a registered name finds its process, for sends and calls too") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    CHECK(otp::register_name("n", s.id()));
    CHECK(otp::whereis("n") == s.id());
    constexpr otp::name<listener> name{"n"};
    CHECK(otp::whereis(name).value() == s);
    name.send(1);
    name.cast(2);
    CHECK(name.call(listener::seen{}).value() == numbers{1, 2});
    constexpr otp::name<stranger> other{"n"};
    CHECK(other.resolve().error() == otp::reason::wrong_server);
}

TEST_CASE("REG-02 a name that is taken is refused, to others and to its holder") {
    otp::simulation sim{1};
    const auto p = idle_process(), q = idle_process();
    CHECK(otp::register_name("n", p));
    const auto other = otp::register_name("n", q), same = otp::register_name("n", p);
    CHECK(other.error() == otp::reason::already_started);
    CHECK(other.error().pid() == p);
    CHECK(same.error() == otp::reason::already_started);
    CHECK(otp::register_name("m", p).error() == otp::reason::bad_argument);  // it has one already
    CHECK(otp::registered() == std::vector<std::string>{"n"});
}

TEST_CASE("REG-04 a dead process gets no name") {
    otp::simulation sim{1};
    const auto p = otp::spawn([] {});
    sim.run();
    CHECK(otp::register_name("n", p).error() == otp::reason::noproc);
    CHECK(otp::register_name("n", otp::pid{}).error() == otp::reason::bad_argument);
    CHECK_FALSE(otp::whereis("n"));
}

TEST_CASE("REG-05 an empty name is refused") {
    otp::simulation sim{1};
    CHECK(otp::register_name("", idle_process()).error() == otp::reason::bad_argument);
    CHECK_FALSE(otp::whereis(""));
}

TEST_CASE("REG-06 a name that is given up is free; the process lives on and can take another") {
    otp::simulation sim{1};
    const auto p = idle_process(), q = idle_process();
    CHECK(otp::register_name("n", p));
    CHECK(otp::unregister_name("n"));
    CHECK(otp::is_alive(p));
    CHECK_FALSE(otp::whereis("n"));
    CHECK(otp::register_name("n", q));
    CHECK(otp::register_name("m", p));
    CHECK(otp::registered() == std::vector<std::string>{"m", "n"});
}

TEST_CASE("REG-07 an unknown name can't be given up") {
    otp::simulation sim{1};
    CHECK(otp::unregister_name("n").error() == otp::reason::not_found);
}

TEST_CASE("REG-08 any process may give up any name") {
    otp::simulation sim{1};
    const auto p = idle_process();
    CHECK(otp::register_name("n", p));
    CHECK(otp::wait(otp::spawn([] { (void)otp::unregister_name("n").value(); })) == otp::reason::normal);
    CHECK_FALSE(otp::whereis("n"));
}

TEST_CASE("REG-10 of a name that went to a new process: the name reaches the new one, the old pid nobody") {
    otp::simulation sim{1};
    constexpr otp::name<listener> name{"n"};
    const auto old = otp::start<listener>(name).value();
    CHECK(old.stop());
    const auto fresh = otp::start<listener>(name).value();
    name.send(1);
    old.send(2);
    sim.run();
    CHECK(seen_by(fresh) == numbers{1});
    CHECK(old.call(listener::seen{}).error() == otp::reason::noproc);
}

TEST_CASE("REG-11 nobody has an unknown name") {
    otp::simulation sim{1};
    CHECK_FALSE(otp::whereis("n"));
    constexpr otp::name<listener> name{"n"};
    CHECK_FALSE(otp::whereis(name));
    CHECK_FALSE(name.id());
}

TEST_CASE("REG-12 registered lists exactly the living names, sorted") {
    otp::simulation sim{1};
    std::vector<otp::pid> all;
    for (const char* name : {"d", "b", "a", "c"}) {
        all.push_back(idle_process());
        CHECK(otp::register_name(name, all.back()));
    }
    CHECK(otp::registered() == std::vector<std::string>{"a", "b", "c", "d"});
    otp::exit_process(all[1], otp::reason::kill);
    sim.run();
    CHECK(otp::registered() == std::vector<std::string>{"a", "c", "d"});
    // The other runtime's names are its own.
    otp::simulation other{1};
    CHECK(otp::registered().empty());
}

// ---------------------------------------------------------------------------------------------------------- order

TEST_CASE("ORD-03 order holds between sends by pid, by name, by recipient, as info and as cast to the same process") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        otp::simulation sim{seed};
        constexpr otp::name<listener> name{"n"};
        const auto s = otp::start<listener>(name).value();
        const otp::recipient<int> by_name = name, by_handle = s;
        const auto sender = otp::spawn([=]() -> otp::task<> {
            for (int i = 0; i < 60; i += 6) {
                s.send(i);
                name.send(i + 1);
                by_name.send(i + 2);
                otp::server_cast<listener>(s.id()).value().cast(i + 3);
                by_handle.send(i + 4);
                name.cast(i + 5);
                if (i % 4 == 0) co_await otp::yield();
            }
        });
        CHECK(otp::wait(sender) == otp::reason::normal);
        const auto seen = seen_by(s);
        REQUIRE(seen.size() == 60);
        CHECK(std::is_sorted(seen.begin(), seen.end()));
    }
}

TEST_CASE("ORD-04 nothing is lost between many senders, and each one's messages keep their order, under many schedules") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        otp::simulation sim{seed, {.strategy = seed % 2 == 0 ? otp::random : otp::pct(3)}};
        const auto s = otp::start<listener>().value();
        for (int sender = 0; sender < 64; ++sender)
            otp::spawn([s, sender]() -> otp::task<> {
                for (int i = 0; i < 20; ++i) {
                    s.send(sender * 1000 + i);
                    co_await otp::yield();
                }
            });
        sim.run();
        const auto seen = seen_by(s);
        CHECK(seen.size() == 64 * 20);
        std::vector<int> next(64, 0);
        bool ordered = true;
        for (const int m : seen) ordered = ordered && next[static_cast<std::size_t>(m / 1000)]++ == m % 1000;
        CHECK(ordered);
    }
}

TEST_CASE("ORD-05 messages by way of a third process may overtake, and none is lost") {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        otp::simulation sim{seed};
        struct relay {
            otp::recipient<int> to;
            void handle_info(int n) { to.send(n); }
        };
        otp::inbox<int> in;
        const auto c = otp::start<relay>(relay{in}).value();
        otp::spawn([c, to = otp::recipient<int>(in)] {
            c.send(1);
            to.send(2);
        });
        sim.run();
        auto got = rest_of(in);
        std::sort(got.begin(), got.end());
        CHECK(got == numbers{1, 2});
    }
}

TEST_CASE("ORD-06 sends to oneself keep their order with those of others as received") {
    struct loops {
        struct seen {
            using reply_type = numbers;
        };
        struct go {};
        void handle_cast(go) {
            const auto me = otp::self<loops>();
            for (int i = 0; i < 3; ++i) me.send(i);
        }
        void handle_info(int n) { got.push_back(n); }
        numbers handle_call(seen) { return got; }
        numbers got;
    };
    otp::simulation sim{1};
    const auto s = otp::start<loops>().value();
    s.send(-2);
    s.cast(loops::go{});
    s.send(-1);
    sim.run();
    s.send(3);
    CHECK(s.call(loops::seen{}).value() == numbers{-2, -1, 0, 1, 2, 3});
}

TEST_CASE("ORD-07 a send to a dead process is no error, and the message is freed") {
    struct takes {
        void handle_info(std::shared_ptr<int>) {}
    };
    otp::simulation sim{1};
    const auto s = otp::start<takes>().value();
    CHECK(s.stop());
    const auto blocks = otp::memory::in_use();
    auto message = std::make_shared<int>(1);
    s.send(message);
    CHECK(message.use_count() == 1);
    CHECK(otp::memory::in_use() == blocks);
}

TEST_CASE("ORD-08 a send to a name that nobody has is a dead letter") {
    otp::simulation sim{1};
    constexpr otp::name<listener> name{"n"};
    const auto lost = otp::dead_letters(otp::reason_kind::noproc);
    name.send(1);
    otp::recipient<int>{name}.send(2);
    CHECK(otp::dead_letters(otp::reason_kind::noproc) == lost + 2);
    CHECK(name.resolve().error() == otp::reason::noproc);  // who wants to know asks first
}

TEST_CASE("ORD-14 the depth of a mailbox is exact when nobody sends, from outside and inside") {
    struct counted {
        struct own {
            using reply_type = std::uint64_t;
        };
        std::uint64_t handle_call(own) { return depth_of(otp::self()); }
        otp::task<> handle_cast(std::chrono::nanoseconds time) { co_await otp::sleep_for(time); }
        void handle_info(int) {}
    };
    otp::simulation sim{1};
    const auto s = otp::start<counted>().value();
    CHECK(depth_of(s.id()) == 0);
    s.cast(std::chrono::nanoseconds{1s});
    sim.run();
    for (int i = 1; i <= 10; ++i) {
        s.send(i);
        sim.run();
        CHECK(depth_of(s.id()) >= static_cast<std::uint64_t>(i));
    }
    sim.advance(1s);
    CHECK(depth_of(s.id()) == 0);
    CHECK(s.call(counted::own{}).value() == 1);  // the call itself
    CHECK(depth_of(s.id()) == 0);
    otp::inbox<int> in;
    in.send(1);
    in.send(2);
    CHECK(depth_of(in.id()) == 2);
    CHECK(in.try_receive());
    CHECK(depth_of(in.id()) == 1);
}

TEST_CASE("ORD-15 among processes that keep themselves busy a newly messaged one is served soon") {
    struct spinner {
        void handle_info(int n) { otp::self<spinner>().send(n); }
    };
    otp::runtime rt{{.workers = 1}};
    const otp::use here{rt};
    std::vector<otp::server<spinner>> busy;
    for (int i = 0; i < 16; ++i) {
        busy.push_back(otp::start<spinner>().value());
        for (int m = 0; m < 4; ++m) busy.back().send(m);
    }
    const auto s = otp::start<listener>().value();
    const auto handled = [&busy] {
        std::uint64_t sum = 0;
        for (const auto& b : busy) sum += handled_by(b.id());
        return sum;
    };
    // Measured on the worker itself, where no other thread counts.
    std::uint64_t most = 0;
    const auto asker = otp::spawn([&]() -> otp::task<> {
        for (int i = 0; i < 50; ++i) {
            const auto before = handled();
            auto seen = co_await s.ask<listener::seen>().timeout(otp::infinity);
            most = std::max(most, seen ? handled() - before : ~std::uint64_t{0});
        }
    });
    CHECK(otp::wait(asker) == otp::reason::normal);
    // A turn of each of the others before the request is handled, and another before the reply is.
    CHECK(most <= 2 * busy.size() * rt.executor().turn_budget());
    for (const auto& b : busy) otp::exit_process(b.id(), otp::reason::kill);
}

// --------------------------------------------------------------------------------- aliases: what protects a call

TEST_CASE("ALIAS-01 a reply reaches who made the call, and nobody else") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    int answered = 0;
    for (int i = 0; i < 10; ++i)
        otp::spawn([s, &answered, i]() -> otp::task<> {
            if (i % 2 == 0 ? s.call(listener::me{}).value() == s : (co_await s.ask<listener::me>()).value() == s) ++answered;
        });
    sim.run();
    CHECK(answered == 10);
}

TEST_CASE("ALIAS-02 a reply that comes after the call was given up is dropped, and what came before stays") {
    in_process([] {
        const auto s = otp::start<listener>().value();
        otp::inbox<int> in;
        in.send(1);
        const auto depth = depth_of(otp::self());
        CHECK(s.call(listener::pause{1s}, 10ms).error() == otp::reason::timeout);
        CHECK(s.call(listener::seen{}, otp::infinity).value().empty());  // the late reply has passed by
        CHECK(depth_of(otp::self()) == depth);
        CHECK(rest_of(in) == numbers{1});
    });
}

TEST_CASE("ALIAS-04 a call ends with the reply or with the server's end, whichever is first, and never with both") {
    struct both {
        struct bye {
            using reply_type = int;
        };
        otp::replied<int> handle_call(bye) { return otp::stop("over", 3); }
    };
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        otp::simulation sim{seed};
        const auto s = otp::start<both>().value();
        auto one = s.send_request(both::bye{}), two = s.send_request(both::bye{});
        CHECK(one.receive().value() == 3);
        CHECK(two.receive().error() == "over");
    }
}

TEST_CASE("ALIAS-07 a reply to a caller that is dead is no error") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    const auto caller = otp::spawn([s]() -> otp::task<> { (void)co_await s.ask<listener::pause>(1s); });
    sim.run();
    otp::exit_process(caller, otp::reason::kill);
    sim.advance(2s);
    CHECK_FALSE(otp::is_alive(caller));
    CHECK(otp::is_alive(s.id()));
    CHECK(seen_by(s).empty());
}
