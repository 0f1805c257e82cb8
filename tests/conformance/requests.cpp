// Requests whose responses are asked for later, and sets of them.
#include "servers.hpp"

#include <optional>
#include <type_traits>

namespace tests::requests {

using namespace std::chrono_literals;
using testing::in_process;
using testing::log;
using testing::run_in;
using testing::server;
using testing::witness;

namespace {

using requests = otp::request_set<server::slow, std::string>;
struct three_servers {
    otp::server<server> a = otp::start<server>().value(), b = otp::start<server>().value(), c = otp::start<server>().value();
    /// Answered after 400, 1 and 200 ms.
    [[nodiscard]] requests asked() const {
        requests set;
        CHECK(set.add(a.send_request(server::slow{400ms}), "a"));
        CHECK(set.add(b.send_request(server::slow{1ms}), "b"));
        CHECK(set.add(c.send_request(server::slow{200ms}), "c"));
        return set;
    }
};

}  // namespace

TEST_CASE("REQ-01 a request's response is received, by a thread and in a coroutine") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    auto sent = s.send_request(server::plain{"x"});
    CHECK(sent.receive(otp::infinity).value() == "x!");
    CHECK_FALSE(sent);
    CHECK(sent.check()->error() == otp::reason::bad_argument);
    CHECK(otp::run([](otp::server<server> to) -> otp::task<int> {
              auto id = to.send_request<server::slow>(5ms);
              auto response = co_await id;
              co_return response.value();
          }(s))
              .value() == 5);
}

TEST_CASE("REQ-02 send_request returns at once, and several may be outstanding to one server or many") {
    otp::simulation sim{1};
    const three_servers all;
    const auto began = sim.now();
    auto one = all.a.send_request(server::slow{10ms}), two = all.a.send_request(server::slow{20ms});
    auto three = all.b.send_request(server::slow{5ms});
    CHECK(sim.now() == began);
    CHECK(two.receive().value() == 20);
    CHECK(one.check()->value() == 10);
    CHECK(three.check()->value() == 5);
    CHECK(sim.now() - began == 30ms);
}

TEST_CASE("REQ-05 a response that is there is never passed over by a time-out") {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        otp::simulation sim{seed};
        const auto s = otp::start<server>().value();
        auto here = s.send_request(server::slow{10ms});
        auto with_zero = s.send_request(server::plain{"x"});
        sim.advance(1s);
        CHECK(here.receive(-1s).value() == 10);
        CHECK(with_zero.receive(0s).value() == "x!");
        // It comes at the very instant of the time-out.
        auto same = s.send_request(server::slow{10ms});
        if (const auto response = same.wait(10ms)) {
            CHECK(response->value() == 10);
        } else {
            CHECK_FALSE(same.check());
            CHECK(same.receive(1ms).value() == 10);
        }
    }
}

TEST_CASE("REQ-06 check gives none for whatever else has come, takes nothing of it, and gives the response once it is there") {
    in_process([] {
        const auto s = otp::start<server>().value();
        otp::inbox<int> in;
        auto id = s.send_request(server::slow{10ms});
        auto other = s.send_request(server::plain{"other"});
        in.send(1);
        CHECK_FALSE(id.check());
        CHECK(std::get<0>(*in.try_receive()) == 1);
        in.send(2);
        CHECK(other.receive().value() == "other!");
        CHECK(id.check()->value() == 10);
        CHECK(std::get<0>(*in.try_receive()) == 2);
    });
}

TEST_CASE("REQ-07 a request to a name that nobody has doesn't fail; its response is noproc, which names it") {
    otp::simulation sim{1};
    constexpr otp::name<server> nobody{"nobody"};
    auto id = nobody.send_request(server::later{});
    CHECK(id);
    const auto response = id.receive();
    CHECK(response.error() == otp::reason::noproc);
    CHECK(response.error().text().find("nobody") != std::string_view::npos);
}

TEST_CASE("REQ-08 a request to a dead process doesn't fail; its response is noproc") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    CHECK(s.stop());
    CHECK(s.send_request(server::later{}).receive().error() == otp::reason::noproc);
    CHECK(otp::server<server>{}.send_request(server::later{}).receive().error() == otp::reason::noproc);
}

TEST_CASE("REQ-09 the response of a server that dies first is its reason, for what it handles, keeps and has queued") {
    const testing::reports quiet;
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    auto kept = s.send_request(server::later{});
    sim.run();
    auto handled = s.send_request(server::exit_with{otp::reason::shutdown});
    auto queued = s.send_request(server::plain{"x"});
    CHECK(handled.receive().error() == otp::reason::shutdown);
    CHECK(kept.receive().error() == otp::reason::shutdown);
    CHECK(queued.receive().error() == otp::reason::shutdown);
}

TEST_CASE("REQ-10 once the response was taken the server's death tells the client nothing") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    const auto w = otp::start<witness>(true).value();
    run_in(w, [s] {
        auto id = s.send_request(server::plain{"x"});
        CHECK(id.receive());
        CHECK(testing::is_unbound(otp::self()));
    });
    otp::exit_process(s.id(), "gone");
    sim.run();
    CHECK(testing::exits_of(w).empty());
    CHECK(testing::downs_of(w).empty());
    CHECK(testing::depth_of(w.id()) == 0);
}

TEST_CASE("REQ-13 an empty set has size 0, and gives none at once, also without a limit") {
    otp::simulation sim{1};
    const auto began = sim.now();
    requests set;
    CHECK(set.size() == 0);
    CHECK(set.empty());
    CHECK_FALSE(set.check());
    CHECK_FALSE(set.wait());
    CHECK_FALSE(set.wait(otp::infinity));
    CHECK_FALSE(set.wait(1s));
    CHECK_FALSE(otp::run([](requests mine) -> otp::task<bool> {
                    auto none = co_await mine.next();
                    co_return none.has_value();
                }(std::move(set)))
                    .value());
    CHECK(sim.now() == began);
    CHECK(sim.deadlocks() == 0);
}

TEST_CASE("REQ-14 a request that is added moves into the set, which grows by one") {
    static_assert(!std::is_copy_constructible_v<requests> && std::is_nothrow_move_constructible_v<requests>);
    static_assert(!std::is_invocable_v<decltype(&requests::add), requests&, const otp::request<server::slow>&, std::string>);
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    requests set;
    for (std::size_t n = 0; n < 3; ++n) {
        CHECK(set.size() == n);
        auto id = s.send_request(server::slow{1ms});
        CHECK(set.add(std::move(id), std::to_string(n)));
        CHECK_FALSE(id);
    }
    // The whole set may move, and goes on.
    CHECK(set.wait()->first == "0");
    requests moved = std::move(set);
    CHECK(set.empty());
    CHECK(moved.size() == 2);
    CHECK(moved.wait()->first == "1");
    set = std::move(moved);
    CHECK(set.wait()->first == "2");
}

TEST_CASE("REQ-15 a request can't be added twice: the second time it is an empty one, a bad argument") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    requests set;
    auto id = s.send_request(server::slow{1ms});
    CHECK(set.add(std::move(id), "first"));
    CHECK(set.add(std::move(id), "second").error() == otp::reason::bad_argument);
    auto taken = s.send_request(server::slow{1ms});
    CHECK(taken.receive());
    CHECK(set.add(std::move(taken), "third").error() == otp::reason::bad_argument);
    CHECK(set.size() == 1);
    CHECK(set.wait()->first == "first");
}

TEST_CASE("REQ-16 responses come with their labels in the order of arrival, and each leaves the set") {
    otp::simulation sim{1};
    const three_servers all;
    const auto began = sim.now();
    auto set = all.asked();
    for (const std::string label : {"b", "c", "a"}) {
        const auto size = set.size();
        const auto arrived = set.wait();
        REQUIRE(arrived);
        CHECK(arrived->first == label);
        CHECK(arrived->second.value() == (label == "a" ? 400 : label == "b" ? 1 : 200));
        CHECK(sim.now() - began == std::chrono::milliseconds{arrived->second.value()});
        CHECK(set.size() == size - 1);
    }
    CHECK_FALSE(set.wait());
    // The same in a coroutine.
    const auto labels = otp::run([](three_servers servers) -> otp::task<std::string> {
        auto mine = servers.asked();
        std::string seen;
        while (auto arrived = co_await mine.next()) seen += arrived->first;
        co_return seen;
    }(all));
    CHECK(labels.value() == "bca");
}

TEST_CASE("REQ-17 a response stays in the set until it is taken, is taken once, and the empty set doesn't wait for its limit") {
    // A response that is taken without leaving the set does not exist: it is moved out. So nothing handled can be waited for again.
    otp::simulation sim{1};
    const three_servers all;
    auto set = all.asked();
    sim.advance(1h);
    CHECK(set.size() == 3);
    std::string seen;
    while (auto arrived = set.check()) seen += arrived->first;
    CHECK(seen == "bca");
    const auto ended = sim.now();
    CHECK_FALSE(set.wait(1s));
    CHECK(sim.now() == ended);
}

TEST_CASE("REQ-19 a wait of a set that runs into its limit leaves the requests alive") {
    otp::simulation sim{1};
    const three_servers all;
    const auto began = sim.now();
    auto set = all.asked();
    CHECK(set.wait(100ms)->first == "b");
    CHECK_FALSE(set.wait(10ms));
    CHECK(sim.now() - began == 11ms);
    CHECK_FALSE(set.wait(0s));
    CHECK(set.size() == 2);
    CHECK(set.wait(1s)->second.value() == 200);
    CHECK(set.wait(1s)->second.value() == 400);
}

TEST_CASE("REQ-20 a deadline that is past is a limit of zero") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    sim.advance(1h);
    const auto past = sim.now() - 1ms;
    auto id = s.send_request(server::slow{10ms});
    requests set;
    set.add(s.send_request(server::slow{1ms}), "x");
    const auto began = sim.now();
    CHECK_FALSE(id.wait(past - otp::now()));
    CHECK_FALSE(set.wait(past - otp::now()));
    CHECK(sim.now() == began);
    sim.advance(1s);
    CHECK(id.wait(past - otp::now())->value() == 10);
    CHECK(set.wait(past - otp::now())->first == "x");
}

TEST_CASE("REQ-21 of a server in the set that dies only its own label gets the reason") {
    otp::simulation sim{1};
    const three_servers all;
    auto set = all.asked();
    otp::exit_process(all.c.id(), "gone");
    const auto died = set.wait();
    REQUIRE(died);
    CHECK(died->first == "c");
    CHECK(died->second.error() == "gone");
    CHECK(set.size() == 2);
    CHECK(set.wait()->second.value() == 1);
    CHECK(set.wait()->second.value() == 400);
}

TEST_CASE("REQ-23 a limit near the longest there is means never, and is no short one") {
    struct slow_start {
        otp::task<> init() { co_await otp::sleep_for(1s); }
    };
    const auto longest = std::chrono::nanoseconds::max();
    for (const auto limit : {longest, longest - 1ns, longest - 1s, std::chrono::nanoseconds{std::chrono::hours{24 * 365 * 250}}}) {
        otp::simulation sim{1};
        sim.advance(24h);  // so that a sum with the time of day would be too large
        const auto s = otp::start<slow_start>({.timeout = limit});
        CHECK(s);
        const auto t = otp::start<server>().value();
        CHECK(t.call(server::slow{1s}, limit).value() == 1000);
        CHECK(t.send_request(server::slow{1s}).receive(limit).value() == 1000);
        requests set;
        CHECK(set.add(t.send_request(server::slow{1s}), "x"));
        CHECK(set.wait(limit)->second.value() == 1000);
        CHECK(otp::run([](otp::server<server> to, std::chrono::nanoseconds most) -> otp::task<int> {
                  auto answer = co_await to.ask<server::slow>(1s).timeout(most);
                  co_return answer.value();
              }(t, limit))
                  .value() == 1000);
        otp::inbox<int> in;
        (void)in.send_after(1s, 7);
        CHECK(in.receive(limit));
        const auto sleeper = otp::spawn([limit]() -> otp::task<> { co_await otp::sleep_for(limit); });
        CHECK(otp::wait(sleeper, 1h) == otp::reason::timeout);
        const auto brief = otp::spawn([]() -> otp::task<> { co_await otp::sleep_for(1s); });
        CHECK(otp::wait(brief, limit) == otp::reason::normal);
        CHECK(otp::sys::with_state(t, [](const server&) { return 1; }, limit).value() == 1);
        CHECK(t.stop(otp::reason::normal, limit));
        otp::exit_process(sleeper, otp::reason::kill);
    }
}

TEST_CASE("a receive whose time is over gives the request up: its response can't be had any more") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    auto sent = s.send_request(server::slow{400ms});
    CHECK(sent.receive(10ms).error() == otp::reason::timeout);
    CHECK_FALSE(sent);
    sim.advance(1s);
    CHECK(sent.check()->error() == otp::reason::bad_argument);
}

}  // namespace tests::requests
