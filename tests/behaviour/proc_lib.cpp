// Processes that tell their starter when they are ready, and that become servers, in virtual time.
#include "../process/in_process.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace tests::proc_lib {

using namespace std::chrono_literals;
using otp::reason;
using otp::proc_lib::starter;
using testing::in_process;
using testing::witness;

namespace proc_lib = otp::proc_lib;

namespace {

using texts = std::vector<std::string>;

/// Says 7 after a second, then lives for an hour.
otp::task<> slow_to_begin(starter<int> up, std::shared_ptr<std::string> seen) {
    *seen += "begun ";
    co_await otp::sleep_for(1s);
    up.init_ack(7);
    up.init_ack(8);
    co_await otp::sleep_for(1h);
    *seen += "ended";
}

struct counter {
    struct add {
        using reply_type = int;
        int n;
    };
    struct seen {
        using reply_type = texts;
    };
    struct note {
        std::string text;
    };
    struct warm_up {};
    struct late {};
    void init() { log.push_back("init"); }
    int handle_call(add a) { return sum += a.n; }
    texts handle_call(seen) { return log; }
    void handle_cast(const note& n) { log.push_back(n.text); }
    void handle_info(otp::timeout) { log.push_back("timeout"); }
    void handle_info(late) { log.push_back("late"); }
    otp::next handle_continue(warm_up) {
        log.push_back("warm");
        return otp::noreply.timeout(1s, this, late{});
    }
    void terminate(const reason& why) {
        if (end) *end = why.to_string();
    }
    int sum = 0;
    texts log;
    std::shared_ptr<std::string> end;
};
counter counting_from(int n) {
    counter made;
    made.sum = n;
    return made;
}

}  // namespace

TEST_CASE("PROC-01 a start blocks until the new process says init_ack, gives the value, and the process goes on") {
    otp::simulation sim{1};
    auto seen = std::make_shared<std::string>();
    const auto begun = sim.now();
    const auto up = proc_lib::start<int>(slow_to_begin, seen);
    REQUIRE(up);
    CHECK(sim.now() - begun == 1s);
    CHECK(up->value == 7);
    CHECK_FALSE(up->monitor);
    CHECK(otp::is_alive(up->process));
    sim.run_all();
    CHECK(*seen == "begun ended");
    CHECK_FALSE(otp::is_alive(up->process));

    // A function, and no value.
    const auto ran = proc_lib::start([](starter<> s, int n) {
        s.init_ack();
        if (n != 3) throw otp::exit{"wrong"};
    }, 3);
    CHECK(ran);

    in_process([] {
        const auto linked = proc_lib::start_link<std::string>({.name = "linked"}, [](starter<std::string> s) -> otp::task<> {
            s.init_ack("hello");
            co_await otp::sleep_for(1h);
        }).value();
        CHECK(linked.value == "hello");
        CHECK(otp::whereis("linked") == linked.process);
        CHECK(otp::self().block()->related_if_any()->links.size() == 1);
        CHECK(proc_lib::start({.name = "linked"}, [](starter<> s) { s.init_ack(); }).error() == reason::already_started);
        otp::unlink(linked.process);
    });
}

TEST_CASE("PROC-02 a process that ends before init_ack gives its starter the reason, whichever way it ends") {
    in_process([] {
        const auto throws = proc_lib::start([](starter<>) { throw otp::exit{"broken"}; });
        CHECK(throws.error() == "broken");
        const auto later = proc_lib::start<int>([](starter<int> s) -> otp::task<> {
            co_await otp::sleep_for(1s);
            s.init_fail("no disk");
        });
        CHECK(later.error() == "no disk");
        CHECK(proc_lib::start([](starter<>) {}).error() == reason::normal);
        CHECK(proc_lib::start([](starter<>) -> otp::task<> { co_return; }).error() == reason::normal);
        const auto killed = proc_lib::start([](starter<>) -> otp::task<> {
            otp::exit_process(otp::self(), reason::kill);
            co_await otp::sleep_for(1h);
        });
        CHECK(killed.error() == reason::killed);
        // The starter dropped or kept elsewhere changes nothing.
        const auto kept = proc_lib::start([](starter<> s) -> otp::task<> {
            otp::spawn([](starter<> held) -> otp::task<> {
                co_await otp::sleep_for(1h);
                held.init_ack();
            }, std::move(s));
            co_await otp::sleep_for(1s);
            throw otp::exit{"gave it away"};
        });
        CHECK(kept.error() == "gave it away");
        CHECK(proc_lib::start({.timeout = 1s}, [](starter<>) -> otp::task<> { co_await otp::sleep_for(1h); }).error() == reason::timeout);
    });
    // A linked one, of a starter that traps exits.
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    testing::run_in(w, [] {
        CHECK(proc_lib::start_link({.name = "n"}, [](starter<> s) { s.init_fail("linked"); }).error() == "linked");
        CHECK_FALSE(otp::whereis("n"));
        CHECK(proc_lib::start_monitor([](starter<> s) { s.init_fail("watched"); }).error() == "watched");
    });
    sim.run();
    CHECK(testing::downs_of(w).empty());
    CHECK(otp::is_alive(w));
}

TEST_CASE("PROC-06 a monitored start gives the value and the monitor, and later its down; linked as well, an exit, too") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    otp::monitor_ref ref;
    otp::pid who;
    testing::run_in(w, [&ref, &who] {
        auto up = proc_lib::start_monitor<int>([](starter<int> s) -> otp::task<> {
            s.init_ack(4);
            co_await otp::sleep_for(1s);
            throw otp::exit{"done"};
        }).value();
        CHECK(up.value == 4);
        ref = up.monitor;
        who = up.process;
        otp::link(who);
    });
    CHECK(ref);
    CHECK(testing::downs_of(w).empty());
    sim.run_all();
    const auto downs = testing::downs_of(w);
    REQUIRE(downs.size() == 1);
    CHECK(downs[0].ref == ref);
    CHECK(downs[0].pid == who);
    CHECK(downs[0].reason == "done");
    const auto exits = testing::exits_of(w);
    REQUIRE(exits.size() == 1);
    CHECK(exits[0].reason == "done");
}

TEST_CASE("PROC-08 a failure that init_ack tells reaches the starter before the process is gone; init_fail's when its name is free") {
    in_process([] {
        const auto told = proc_lib::start<std::optional<int>>({.name = "n"}, [](starter<std::optional<int>> s) -> otp::task<> {
            s.init_ack(std::nullopt);
            co_await otp::sleep_for(1ms);  // it has not ended yet
        }).value();
        CHECK_FALSE(told.value);
        CHECK(otp::whereis("n") == told.process);
        CHECK(otp::wait(told.process) == reason::normal);
        const auto failed = proc_lib::start<std::optional<int>>({.name = "n"}, [](starter<std::optional<int>> s) { s.init_fail("x"); });
        CHECK(failed.error() == "x");
        CHECK_FALSE(otp::whereis("n"));
    });
}

TEST_CASE("PROC-18 a process that has set itself up becomes a server: calls, casts, stop and terminate work, init is not called") {
    otp::simulation sim{1};
    auto end = std::make_shared<std::string>();
    // A coroutine that tells early.
    const auto up = proc_lib::start<otp::pid>({.name = "set up"}, [end](starter<otp::pid> s, int from) -> otp::task<proc_lib::entering<counter>> {
        s.init_ack(otp::self());
        co_await otp::sleep_for(1s);
        counter state = counting_from(from);
        state.end = end;
        co_return s.enter_loop(std::move(state));
    }, 10).value();
    const otp::server<counter> server = up.process;
    CHECK(up.value == server.id());
    const auto begun = sim.now();
    CHECK(server.call(counter::add{5}).value() == 15);  // waits for the loop
    CHECK(sim.now() - begun == 1s);
    server.cast(counter::note{"cast"});
    CHECK(server.call(counter::seen{}).value() == texts{"cast"});
    CHECK((otp::name<counter>{"set up"}).call(counter::add{0}).value() == 15);
    CHECK(otp::sys::with_state(server, [](const counter& c) { return c.sum; }).value() == 15);
    CHECK(server.stop("enough"));
    CHECK(*end == "enough");
}

TEST_CASE("options of a start count for a process that becomes a server") {
    otp::simulation sim{1};
    const auto set_up = [](starter<int> s) -> otp::task<proc_lib::entering<counter>> {
        s.init_ack(1);
        co_await otp::sleep_for(1s);
        co_return s.enter_loop(counter{});
    };
    CHECK(proc_lib::start<int>({.timeout = -1s}, set_up).error() == reason::bad_argument);
    const auto server = proc_lib::start<int>({.mailbox = {.capacity = 1, .on_full = otp::reject}}, set_up).value().process;
    server.cast(counter::note{"kept"});
    server.cast(counter::note{"refused"});
    sim.advance(1s);
    CHECK(server.call(counter::seen{}).value() == texts{"kept"});
}

TEST_CASE("PROC-21 a loop that is entered with a time-out, hibernate or continue begins with it") {
    otp::simulation sim{1};
    const auto timed = proc_lib::start([](starter<> s) { return s.enter_loop(counting_from(1)).timeout(1s); }).value().process;
    sim.advance(999ms);
    CHECK(otp::sys::with_state(timed, [](const counter& c) { return c.log; }).value().empty());
    sim.advance(1ms);
    CHECK(timed.call(counter::seen{}).value() == texts{"timeout"});
    const auto told = proc_lib::start([](starter<> s) { return s.enter_loop(counting_from(1)).timeout(1s, counter::late{}); }).value().process;
    sim.advance(1s);
    CHECK(told.call(counter::seen{}).value() == texts{"late"});
    const auto resting = proc_lib::start([](starter<> s) { return s.enter_loop(counting_from(1)).hibernate(); }).value().process;
    CHECK(resting.call(counter::add{1}).value() == 2);
    const auto warm = proc_lib::start([](starter<> s) { return s.enter_loop(counting_from(1)).then(counter::warm_up{}); }).value().process;
    CHECK(warm.call(counter::seen{}).value() == texts{"warm"});
    const auto again = proc_lib::start([](starter<> s) { return s.enter_loop(counting_from(1)).then(counter::warm_up{}); }).value().process;
    sim.advance(1s);
    CHECK(again.call(counter::seen{}).value() == texts{"warm", "late"});
}

TEST_CASE("PROC-23 messages that came before the loop was entered are handled after it, in order") {
    otp::simulation sim{1};
    const auto server = proc_lib::start<int>([](starter<int> s) -> otp::task<proc_lib::entering<counter>> {
        s.init_ack(1);
        otp::self<counter>().cast(counter::note{"own"});
        co_await otp::sleep_for(1s);
        counter state;
        state.log.push_back("set up");
        co_return s.enter_loop(std::move(state)).then(counter::warm_up{});
    }).value().process;
    server.cast(counter::note{"a"});
    auto answer = server.send_request(counter::add{2});
    server.cast(counter::note{"b"});
    sim.advance(500ms);
    CHECK_FALSE(answer.check());
    sim.advance(500ms);
    CHECK(answer.receive().value() == 2);
    CHECK(server.call(counter::seen{}).value() == texts{"set up", "warm", "own", "a", "b"});
}

TEST_CASE("a setup that fails, is killed or enters without a word ends its process, and nobody hangs") {
    in_process([] {
        const auto failed = proc_lib::start([](starter<> s, bool fails) -> otp::task<proc_lib::entering<counter>> {
            co_await otp::sleep_for(1s);
            if (fails) s.init_fail("no luck");
            co_return s.enter_loop(counter{});
        }, true);
        CHECK(failed.error() == "no luck");
        const auto mute = proc_lib::start<int>([](starter<int> s) { return s.enter_loop(counter{}); });
        CHECK(mute.error() == reason::bad_argument);
        const auto server = proc_lib::start<int>([](starter<int> s) -> otp::task<proc_lib::entering<counter>> {
            s.init_ack(1);
            co_await otp::sleep_for(1h);
            co_return s.enter_loop(counter{});
        }).value().process;
        auto waiting = server.send_request(counter::add{1});
        otp::exit_process(server, reason::kill);
        CHECK(waiting.receive().error() == reason::killed);
    });
}

TEST_CASE("many processes on workers tell their starters, and become servers, from several threads") {
    otp::runtime rt{{.workers = 2}};
    std::atomic<int> wrong{0};
    {
        std::vector<std::jthread> users;
        for (int t = 0; t != 3; ++t)
            users.emplace_back([&rt, &wrong] {
                const otp::use here{rt};
                for (int i = 0; i != 200; ++i) {
                    const auto plain = proc_lib::start<int>([](starter<int> s, int n) -> otp::task<> {
                        s.init_ack(n);
                        co_return;
                    }, i);
                    const auto failed = proc_lib::start([](starter<> s) { s.init_fail("no"); });
                    const auto up = proc_lib::start<int>([](starter<int> s, int n) -> otp::task<proc_lib::entering<counter>> {
                        s.init_ack(n);
                        co_await otp::yield();
                        co_return s.enter_loop(counting_from(n));
                    }, i);
                    const bool fine = plain && plain->value == i && failed.error() == "no" && up && up->value == i &&
                                      up->process.call(counter::add{1}).value_or(-1) == i + 1 && up->process.stop();
                    if (!fine) wrong.fetch_add(1, std::memory_order_relaxed);  // read after the threads have ended
                }
            });
    }
    CHECK(wrong.load(std::memory_order_relaxed) == 0);
}

}  // namespace tests::proc_lib
