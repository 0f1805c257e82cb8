// Processes as values: their life, their end, what runs in them.
#include "listener.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tests::processes {

using namespace std::chrono_literals;
using testing::idle_process;
using testing::in_process;
using testing::listener;

TEST_CASE("wait gives the exit reason, also of one that is gone; timeout of one that stays") {
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
    CHECK(otp::wait(p) == otp::reason::killed);
    const auto failed = otp::spawn([] { throw std::runtime_error{"long ago"}; });
    sim.run();
    CHECK(otp::wait(failed, 0s).text() == "long ago");
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
    // A member function, and a task that is there already.
    struct adder {
        int sum = 0;
        void add(int n) { sum += n; }
        otp::task<> add_later(int n) {
            co_await otp::sleep_for(1s);
            sum += n;
        }
    } to;
    CHECK(otp::wait(otp::spawn(&adder::add, &to, 1)) == otp::reason::normal);
    CHECK(otp::wait(otp::spawn(&adder::add_later, std::ref(to), 10)) == otp::reason::normal);
    CHECK(otp::wait(otp::spawn(to.add_later(100))) == otp::reason::normal);
    CHECK(to.sum == 111);
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

}  // namespace tests::processes
