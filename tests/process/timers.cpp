// Timers, sleeping and yielding, in virtual time.
#include "listener.hpp"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace tests::timers {

using namespace std::chrono_literals;
using testing::depth_of;
using testing::listener;
using testing::numbers;
using testing::rest_of;
using testing::seen_by;

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

TEST_CASE("TIMER-17 a cancel that answers by a message returns at once, and the message tells the time that was left") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    otp::inbox<otp::timer_cancelled> answers;
    const auto timer = otp::send_after(100ms, s, 1);
    sim.advance(30ms);
    const auto began = sim.now();
    otp::cancel_timer(timer, answers);
    CHECK(sim.now() == began);
    const auto first = std::get<0>(*answers.receive());
    CHECK(first.timer == timer);
    CHECK(first.left == 70ms);
    otp::cancel_timer(timer, answers);
    CHECK_FALSE(std::get<0>(*answers.receive()).left);
    const auto fired = otp::send_after(10ms, s, 2);
    sim.advance(20ms);
    otp::cancel_timer(fired, answers);
    CHECK_FALSE(std::get<0>(*answers.receive()).left);
    (void)otp::cancel_timer(otp::send_after(10ms, s, 3));  // without an answer
    sim.advance(1h);
    CHECK(seen_by(s) == numbers{2});
    CHECK_FALSE(answers.try_receive());
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

}  // namespace tests::timers
