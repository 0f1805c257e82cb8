// A stub stands in for a server: the test sees each request, and answers it, late, wrongly, or never.
#include <doctest/doctest.h>

#include <otp/gen_server.hpp>
#include <otp/testing.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

using namespace std::chrono_literals;

namespace stubs {

struct store {
    struct get {
        using reply_type = std::string;
        std::string key;
    };
    struct put {
        std::string key, value;
    };
    struct flush {};
    struct interface : otp::client<store> {
        auto find(std::string key) const { return call(get{std::move(key)}); }
    };
    [[noreturn]] std::string handle_call(const get&) { throw otp::exit{"the real store runs"}; }
    void handle_cast(const put&) { throw otp::exit{"the real store runs"}; }
    void handle_info(flush) { throw otp::exit{"the real store runs"}; }
};
inline constexpr otp::name<store> the_store{"store"};

/// Asks the store, and keeps what it knows if that is slow.
struct cache {
    struct read {
        using reply_type = std::string;
        std::string key;
    };
    struct write {
        std::string key, value;
    };
    void init(otp::server<store> s) {
        behind = s;
        watch = otp::monitor(behind.id());
    }
    otp::task<std::string> handle_call(read r) {
        auto fresh = co_await behind.ask<store::get>(r.key).timeout(100ms);
        co_return fresh ? *fresh : "stale: " + fresh.error().to_string();
    }
    void handle_cast(write w) {
        behind.cast(store::put{w.key, w.value});
        behind.send(store::flush{});
    }
    otp::next handle_info(otp::down d) { return otp::stop(otp::reason::shutdown_for("without a store: " + d.reason.to_string())); }
    otp::server<store> behind;
    otp::scoped_monitor watch;
};

template <class F>
std::string failure_of(F&& expectation) {
    try {
        expectation();
    } catch (const otp::probe_failure& f) {
        return f.what();
    }
    return {};
}

}  // namespace stubs

namespace tests::stub {

using namespace stubs;

TEST_CASE("a stub sees what a server is asked, and the test answers") {
    otp::simulation sim{7};
    otp::stub<store> fake;
    const auto server = otp::start<cache>(fake.handle()).value();
    auto pending = server.send_request<cache::read>("k");
    {
        auto [request, caller] = fake.expect_call<store::get>();
        CHECK(request.key == "k");
        CHECK(caller.alive());
        CHECK(caller.caller() == server.id());
        sim.advance(99ms);
        caller.reply("v");
    }
    CHECK(pending.wait().value().value() == "v");

    pending = server.send_request<cache::read>("k");
    auto slow = fake.expect_call<store::get>();
    fake.expect_none(100ms);
    slow.caller.reply("too late");
    CHECK(pending.wait().value().value().starts_with("stale: timeout"));

    pending = server.send_request<cache::read>("k");
    (void)fake.expect_call<store::get>();  // dropped
    CHECK(pending.wait().value().value() == "stale: no_reply");

    pending = server.send_request<cache::read>("k");
    fake.expect_call<store::get>().caller.fail(otp::reason::not_found);
    CHECK(pending.wait().value().value() == "stale: not_found");

    server.cast(cache::write{"a", "b"});
    CHECK(fake.expect_cast<store::put>().value == "b");
    (void)fake.expect_info<store::flush>();
    fake.expect_none(1h);
}

TEST_CASE("the death of a stub answers its callers, and is seen by monitors and links") {
    otp::simulation sim{7};
    otp::stub<store> fake;
    otp::probe<> probe;
    const auto server = otp::start<cache>(fake.handle()).value();
    const auto linked = otp::spawn([s = fake.id()]() -> otp::task<> {
        otp::link(s);
        co_await otp::sleep_for(1h);
    });
    for (const auto& who : {server.id(), linked, fake.id()}) (void)probe.monitor(who);
    auto taken = server.send_request<cache::read>("k");
    auto held = fake.expect_call<store::get>();
    auto direct = fake.handle().send_request<store::get>("never seen");
    sim.run();
    fake.die("disk full");
    CHECK(taken.wait().value().value() == "stale: disk full");
    CHECK(direct.wait().value().error() == otp::reason{"disk full"});
    CHECK(probe.expect_down(fake.id()) == otp::reason{"disk full"});
    otp::reason of_server, of_linked;
    for (int i = 0; i < 2; ++i) {
        const auto end = probe.expect<otp::down>(0s);
        (end.pid == linked ? of_linked : of_server) = end.reason;
    }
    CHECK(of_server == otp::reason::shutdown_for("without a store: disk full"));
    CHECK(of_linked == otp::reason{"disk full"});
    CHECK_FALSE(otp::is_alive(fake.id()));
    CHECK(fake.handle().call(store::get{"k"}).error() == otp::reason::noproc);
    CHECK(failure_of([&] { (void)fake.expect_call<store::get>(1s); }) ==
          "expected a call of stubs::store::get within 1s at the stub of stubs::store, but nothing came (at +0.000000000s, seed 7)");
    held.caller.reply("into the void");
}

TEST_CASE("the end of a stub can be waited for, and its test does not see that") {
    otp::simulation sim{7};
    otp::stub<store> fake;
    otp::reason seen;
    const auto waits = otp::spawn([&seen, id = fake.id()] { seen = otp::wait(id); });
    fake.expect_none(1s);
    fake.die("over");
    CHECK(otp::wait(waits) == otp::reason::normal);
    CHECK(seen == otp::reason{"over"});
}

TEST_CASE("a stub obeys a stop") {
    otp::simulation sim{7};
    otp::stub<store> fake;
    std::optional<otp::result<void>> stopped;
    (void)otp::spawn([&stopped, s = fake.handle()] { stopped = s.stop(otp::reason::shutdown); });
    CHECK(fake.expect_stop() == otp::reason::shutdown);
    sim.run();
    REQUIRE(stopped);
    CHECK(stopped->has_value());
    CHECK_FALSE(otp::is_alive(fake.id()));
}

TEST_CASE("a stub under a name") {
    otp::simulation sim{7};
    {
        otp::stub<store> fake{the_store};
        CHECK(otp::whereis(the_store) == fake.handle());
        CHECK_THROWS_AS(otp::stub<store>{the_store}, otp::exit);
        auto pending = the_store.send_request<store::get>("k");
        fake.expect_call<store::get>().caller.reply("v");
        CHECK(pending.wait().value().value() == "v");
        const auto found = otp::spawn([] {
            if (the_store.find("k").value() != "w") throw otp::exit{"wrong answer"};
        });
        fake.expect_call<store::get>().caller.reply("w");
        CHECK(otp::wait(found) == otp::reason::normal);
    }
    CHECK_FALSE(otp::whereis(the_store));
    CHECK(otp::start<store>(the_store));
}

TEST_CASE("a failure of a stub says what was expected and what came; its sender hears that nobody handled it") {
    otp::simulation sim{7};
    otp::stub<store> fake;
    auto server = fake.handle();
    CHECK(failure_of([&] { (void)fake.expect_call<store::get>(50ms); }) ==
          "expected a call of stubs::store::get within 50ms at the stub of stubs::store, but nothing came (at +0.050000000s, seed 7)");
    auto pending = server.send_request<store::get>("k");
    CHECK(failure_of([&] { (void)fake.expect_cast<store::put>(1s); }) ==
          "expected a cast of stubs::store::put within 1s at the stub of stubs::store, but stubs::store::get came (at +0.050000000s, seed 7)");
    CHECK(pending.wait().value().error() == otp::reason::unhandled);
    server.cast(store::put{"a", "b"});
    CHECK(failure_of([&] { (void)fake.expect_info<store::flush>(1s); }) ==
          "expected an info stubs::store::flush within 1s at the stub of stubs::store, but stubs::store::put came (at +0.050000000s, seed 7)");
    server.send(store::flush{});
    CHECK(failure_of([&] { fake.expect_none(1s); }) ==
          "expected nothing for 1s at the stub of stubs::store, but stubs::store::flush came (at +0.050000000s, seed 7)");
    server.send(store::flush{});
    CHECK(failure_of([&] { (void)fake.expect_stop(1s); }) ==
          "expected a stop within 1s at the stub of stubs::store, but stubs::store::flush came (at +0.050000000s, seed 7)");
}

TEST_CASE("nothing that only a real server can do harms a stub") {
    otp::simulation sim{7};
    otp::stub<store> fake;
    const auto asked = otp::spawn([s = fake.handle()] {
        const auto state = otp::sys::with_state(s, [](const store&) { return 1; });
        throw otp::exit{state.error()};
    });
    otp::probe<> probe;
    (void)probe.monitor(asked);
    CHECK(failure_of([&] { fake.expect_none(1s); }).find("but a system request came") != std::string::npos);
    CHECK(probe.expect_down(asked) == otp::reason::unhandled);
    otp::exit_process(fake.id(), otp::reason{"go"});
    fake.expect_none(1s);
    CHECK(otp::is_alive(fake.id()));
}

TEST_CASE("stubs move, and one that goes ends as a server that is shut down") {
    otp::simulation sim{7};
    otp::probe<> probe;
    otp::stub<store> one;
    const auto first = one.id();
    (void)probe.monitor(first);
    otp::stub<store> two{std::move(one)};
    CHECK(two.id() == first);
    two = otp::stub<store>{};
    CHECK(probe.expect_down(first) == otp::reason::shutdown);
}

TEST_CASE("a stub on real workers") {
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    otp::stub<store> fake{the_store};
    otp::probe<> probe;
    const auto server = otp::start<cache>(fake.handle()).value();
    (void)probe.monitor(server.id());
    for (int i = 0; i < 100; ++i) {
        auto pending = server.send_request<cache::read>("k");
        fake.expect_call<store::get>(1min).caller.reply("v");
        const auto answer = pending.wait(1min).value().value();
        CHECK((answer == "v" || answer.starts_with("stale: timeout")));  // a machine may stand still for 100 ms
        server.cast(cache::write{"a", "b"});
        CHECK(fake.expect_cast<store::put>(1min).key == "a");
        (void)fake.expect_info<store::flush>(1min);
    }
    fake.die(otp::reason::killed);
    CHECK(probe.expect_down(server.id(), 1min) == otp::reason::shutdown_for("without a store: killed"));
}

}  // namespace tests::stub
