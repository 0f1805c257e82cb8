// The order of messages, and who gets a reply.
#include "listener.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace tests::order {

using namespace std::chrono_literals;
using testing::depth_of;
using testing::handled_by;
using testing::in_process;
using testing::listener;
using testing::numbers;
using testing::rest_of;
using testing::seen_by;

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
        CHECK(depth_of(s.id()) == static_cast<std::uint64_t>(i));
    }
    (void)otp::send_after(500ms, s, 11);
    sim.advance(500ms);
    CHECK(depth_of(s.id()) == 11);
    sim.advance(500ms);
    CHECK(depth_of(s.id()) == 0);
    CHECK(s.call(counted::own{}).value() == 0);  // as in Erlang: what is being handled has left the mailbox
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

}  // namespace tests::order
