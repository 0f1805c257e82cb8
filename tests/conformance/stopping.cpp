// stop: an order to end, in its turn, and the wait for the end.
#include "servers.hpp"

namespace tests::stopping {

using namespace std::chrono_literals;
using testing::in_process;
using testing::log;
using testing::server;

namespace {
struct slow_end {
    struct wait {
        using reply_type = void;
    };
    otp::task<> handle_call(wait) { co_await otp::sleep_for(1s); }
};
inline constexpr otp::name<server> stopped_name{"to be stopped"};
}  // namespace

TEST_CASE("STOP-01 stop runs terminate with normal, and the server is gone when it returns") {
    log seen;
    otp::simulation sim{1};
    const auto s = otp::start<server>(&seen).value();
    CHECK(s.stop());
    CHECK_FALSE(otp::is_alive(s.id()));
    CHECK(seen == log{"terminate normal"});
}

TEST_CASE("STOP-02 stop succeeds with any reason, and the server ends with it") {
    const testing::reports quiet;
    using otp::reason;
    for (const reason& why : {reason{reason::normal}, reason{reason::shutdown}, reason{reason::kill}, reason{reason::noproc},
                              reason{reason::timeout}, reason{"own"}, reason::shutdown_for("maintenance")}) {
        log seen;
        otp::simulation sim{1};
        const auto s = otp::start<server>(&seen).value();
        otp::inbox<otp::down> in;
        (void)in.monitor(s.id());
        CHECK(s.stop(why, otp::infinity));
        CHECK(std::get<0>(*in.receive()).reason == why);
        CHECK(seen == log{"terminate " + why.to_string()});
    }
}

TEST_CASE("STOP-03 stop of a dead process or a name that nobody has fails with noproc") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    CHECK(s.stop());
    CHECK(s.stop().error() == otp::reason::noproc);
    CHECK(stopped_name.stop().error() == otp::reason::noproc);
    CHECK(otp::server<server>{}.stop().error() == otp::reason::noproc);
}

TEST_CASE("STOP-04 stop by a name works, and the name is free afterwards") {
    otp::simulation sim{1};
    const auto s = otp::start<server>(stopped_name).value();
    CHECK(stopped_name.stop());
    CHECK_FALSE(otp::is_alive(s.id()));
    CHECK(otp::registered().empty());
    CHECK(stopped_name.stop().error() == otp::reason::noproc);
}

TEST_CASE("STOP-05 stop with a negative limit is a bad argument, and the server lives on") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    CHECK(s.stop(otp::reason::normal, -1s).error() == otp::reason::bad_argument);
    CHECK(s.call(server::plain{"still"}).value() == "still!");
}

TEST_CASE("stop with a limit that is over fails with timeout, and the end goes on") {
    otp::simulation sim{1};
    const auto s = otp::start<slow_end>().value();
    auto busy = s.send_request(slow_end::wait{});
    const auto error = s.stop(otp::reason::normal, 10ms).error();
    CHECK(error == otp::reason::timeout);
    CHECK(error.text() == "stop was not answered by " + s.id().to_string() + " within 10ms");
    CHECK(otp::is_alive(s.id()));
    CHECK(busy.receive());
    sim.run();
    CHECK_FALSE(otp::is_alive(s.id()));
}

TEST_CASE("STOP-08 stop of a server that ends with another reason meanwhile gives that reason") {
    struct bad_end {
        void terminate(const otp::reason&) { throw std::runtime_error{"at the end"}; }
    };
    const testing::reports quiet;
    otp::simulation sim{1};
    CHECK(otp::start<bad_end>().value().stop().error().text() == "at the end");
    const auto s = otp::start<slow_end>().value();
    auto busy = s.send_request(slow_end::wait{});
    otp::result<void> stopped;
    const auto stopper = otp::spawn([&stopped, s] { stopped = s.stop(); });
    sim.run();
    otp::exit_process(s.id(), "struck down");
    CHECK(otp::wait(stopper) == otp::reason::normal);
    CHECK(stopped.error() == "struck down");
}

TEST_CASE("STOP-10 stop goes through the mailbox: what was sent before is handled first, what comes later is not") {
    const testing::reports quiet;
    log seen;
    otp::simulation sim{1};
    const auto s = otp::start<server>(&seen).value();
    auto before = s.send_request(server::plain{"queued"});
    s.cast(server::note{"before"});
    auto told = s.send_request(server::log_of{});
    otp::result<void> stopped = otp::reason::noproc;
    const auto stopper = otp::spawn([&stopped, s] { stopped = s.stop("any reason"); });
    CHECK(otp::wait(stopper) == otp::reason::normal);
    CHECK(stopped);
    CHECK(before.receive().value() == "queued!");
    CHECK(told.receive().value() == log{"cast before"});
    CHECK(seen == log{"terminate any reason"});
    // While a handler waits, the stop waits too.
    const auto slow = otp::start<slow_end>().value();
    auto busy = slow.send_request(slow_end::wait{});
    auto next = slow.send_request(slow_end::wait{});
    const auto began = sim.now();
    CHECK(slow.stop());
    CHECK(sim.now() - began == 2s);
    CHECK(busy.check()->has_value());
    CHECK(next.check()->has_value());
}

TEST_CASE("STOP-14 two that stop the same server at once both end, with success or noproc") {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        otp::simulation sim{seed};
        const auto s = otp::start<server>().value();
        std::vector<otp::result<void>> ends;
        for (int i = 0; i < 2; ++i) otp::spawn([s, &ends] { ends.push_back(s.stop()); });
        sim.run();
        REQUIRE(ends.size() == 2);
        for (const auto& end : ends) CHECK((end || end.error() == otp::reason::noproc));
        CHECK_FALSE(otp::is_alive(s.id()));
    }
}

TEST_CASE("STOP-15 whatever stop ends with, it leaves no monitor and no message with its caller") {
    in_process([] {
        const testing::reports quiet;
        const auto depth = testing::depth_of(otp::self());
        const auto s = otp::start<server>().value();
        CHECK(s.stop());
        CHECK(s.stop().error() == otp::reason::noproc);
        const auto slow = otp::start<slow_end>().value();
        auto busy = slow.send_request(slow_end::wait{});
        CHECK(slow.stop(otp::reason::normal, 10ms).error() == otp::reason::timeout);
        CHECK(busy.receive());
        const auto other = otp::start<slow_end>().value();
        auto asked = other.send_request(slow_end::wait{});
        const auto killer = otp::spawn([other]() -> otp::task<> {
            co_await otp::sleep_for(100ms);
            otp::exit_process(other.id(), otp::reason::kill);
        });
        CHECK(other.stop().error() == otp::reason::killed);
        CHECK(otp::wait(killer) == otp::reason::normal);
        CHECK(otp::wait(slow.id()) == otp::reason::normal);
        CHECK(testing::is_unbound(otp::self()));
        CHECK(testing::depth_of(otp::self()) == depth);
    });
}

}  // namespace tests::stopping
