// Inboxes, and recipients of one type of message.
#include "listener.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tests::inboxes {

using namespace std::chrono_literals;
using testing::idle_process;
using testing::in_process;
using testing::listener;
using testing::numbers;
using testing::rest_of;
using testing::seen_by;

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

}  // namespace tests::inboxes
