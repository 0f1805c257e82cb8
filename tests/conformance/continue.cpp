// handle_continue: what comes before it, what it may answer, and how it ends a server. Virtual time.
#include "../process/in_process.hpp"
#include "../support/reports.hpp"
#include "support/looks.hpp"

#include <otp/behaviour/sys/sys.hpp>

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tests::continuing {

using namespace std::chrono_literals;
using testing::run_in;
using testing::witness;

namespace {

using texts = std::vector<std::string>;

/// Each callback continues; what the continue does, a function of the test's says.
struct chain {
    struct step {
        int left = 0;
    };
    struct note {};
    struct expired {};
    struct late {
        using reply_type = int;
    };
    struct called {
        using reply_type = int;
        int steps = 0;
    };
    struct cast_one {
        int steps = 0;
    };
    struct send_one {
        int steps = 0;
    };
    struct seen {
        using reply_type = texts;
    };
    using action = std::function<otp::next(chain&)>;

    otp::init_result init(texts* ends, action last) {
        otp::trap_exit(true);
        ends_ = ends;
        last_ = std::move(last);
        return otp::ok;
    }
    otp::replied<int> handle_call(called c) { return otp::reply(7).then(this, step{c.steps}); }
    otp::replied<int> handle_call(late, otp::from<late> caller) {
        caller_ = std::move(caller);
        return otp::noreply.then(this, step{});
    }
    otp::next handle_cast(cast_one c) { return otp::noreply.then(this, step{c.steps}); }
    otp::next handle_info(send_one i) { return otp::noreply.then(this, step{i.steps}); }
    otp::next handle_continue(step s) {
        events.push_back("continue");
        if (meanwhile) meanwhile(*this);
        if (s.left > 0) return otp::noreply.then(this, step{s.left - 1});
        return last_ ? last_(*this) : otp::next{otp::noreply};
    }
    void handle_cast(note) { events.push_back("cast"); }
    void handle_info(note) { events.push_back("info"); }
    void handle_info(otp::timeout) { events.push_back("timeout"); }
    void handle_info(expired) { events.push_back("expired"); }
    texts handle_call(seen) { return events; }
    void terminate(const otp::reason& why) {
        if (!ends_) return;
        *ends_ = events;
        ends_->push_back("terminate " + why.to_string());
    }

    texts events;
    std::function<void(chain&)> meanwhile;  // in each continue
    std::optional<otp::from<late>> caller_;

private:
    texts* ends_ = nullptr;
    action last_;
};

otp::server<chain> start(chain::action last = {}, texts* ends = nullptr) { return otp::start<chain>(ends, std::move(last)).value(); }
texts seen(const otp::server<chain>& s) { return s.call(chain::seen{}).value(); }

}  // namespace

TEST_CASE("CONT-04 a continue is the very next callback after a call, a cast or an info, before what waits in the mailbox") {
    otp::simulation sim{1};
    SUBCASE("call") {
        const auto s = start();
        auto answer = s.send_request(chain::called{});
        s.cast(chain::note{});
        s.send(chain::note{});
        CHECK(answer.receive().value() == 7);
        CHECK(seen(s) == texts{"continue", "cast", "info"});
    }
    SUBCASE("cast") {
        const auto s = start();
        s.cast(chain::cast_one{});
        s.cast(chain::note{});
        CHECK(seen(s) == texts{"continue", "cast"});
    }
    SUBCASE("info") {
        const auto s = start();
        s.send(chain::send_one{});
        s.cast(chain::note{});
        CHECK(seen(s) == texts{"continue", "cast"});
    }
    SUBCASE("a chain of them") {
        const auto s = start();
        s.cast(chain::cast_one{2});
        s.cast(chain::note{});
        CHECK(seen(s) == texts{"continue", "continue", "continue", "cast"});
    }
}

TEST_CASE("CONT-06 a continue that stops: terminate with its reason, which ends the server") {
    testing::reports none;
    otp::simulation sim{1};
    texts ends;
    const auto s = start([](chain&) { return otp::stop("enough"); }, &ends);
    auto behind = (s.cast(chain::cast_one{}), s.send_request(chain::seen{}));
    CHECK(behind.receive().error() == "enough");
    CHECK(ends == texts{"continue", "terminate enough"});
    CHECK_FALSE(otp::is_alive(s.id()));
}

TEST_CASE("CONT-07 a continue may reply to a caller that the state keeps") {
    otp::simulation sim{1};
    const auto s = start([](chain& c) {
        c.caller_->reply(42);
        c.caller_.reset();
        return otp::noreply;
    });
    CHECK(s.call(chain::late{}).value() == 42);
}

TEST_CASE("CONT-08 a continue may give a time-out, or hibernate, as any other callback") {
    otp::simulation sim{1};
    SUBCASE("a time-out") {
        const auto s = start([](chain&) { return otp::noreply.timeout(500ms); });
        s.cast(chain::cast_one{});
        sim.advance(1h);
        CHECK(seen(s) == texts{"continue", "timeout"});
    }
    SUBCASE("a time-out that a message ends") {
        const auto s = start([](chain&) { return otp::noreply.timeout(500ms); });
        s.cast(chain::cast_one{});
        sim.advance(499ms);
        s.cast(chain::note{});
        sim.advance(1h);
        CHECK(seen(s) == texts{"continue", "cast"});
    }
    SUBCASE("a time-out with a message") {
        const auto s = start([](chain& c) { return otp::noreply.timeout(500ms, &c, chain::expired{}); });
        s.cast(chain::cast_one{});
        sim.advance(499ms);
        CHECK(otp::sys::with_state(s, [](const chain& c) { return c.events; }).value() == texts{"continue"});
        sim.advance(1ms);
        CHECK(seen(s) == texts{"continue", "expired"});
    }
    SUBCASE("hibernate") {
        const auto s = start([](chain&) { return otp::noreply.hibernate(); });
        s.cast(chain::cast_one{});
        sim.run();
        CHECK(testing::hibernates(s.id()));
        CHECK(seen(s) == texts{"continue"});
        sim.run();
        CHECK_FALSE(testing::hibernates(s.id()));
    }
    SUBCASE("hibernate with a time and a message") {
        const auto s = start([](chain& c) { return otp::noreply.timeout(500ms, &c, chain::expired{}).hibernate(); });
        s.cast(chain::cast_one{});
        sim.advance(499ms);
        CHECK(testing::hibernates(s.id()));
        sim.advance(1ms);
        CHECK_FALSE(testing::hibernates(s.id()));
        CHECK(seen(s) == texts{"continue", "expired"});
    }
}

TEST_CASE("CONT-10 system requests and the parent's exit wait until a chain of continues has ended") {
    testing::reports none;
    otp::simulation sim{1};
    SUBCASE("get_state sees the end of the chain") {
        const auto s = start();
        s.cast(chain::cast_one{3});
        CHECK(otp::sys::with_state(s, [](const chain& c) { return c.events.size(); }).value() == 4);
    }
    SUBCASE("suspend doesn't hold up the chain, only what comes after it") {
        const auto s = start();
        s.cast(chain::cast_one{3});
        auto asked = s.send_request(chain::seen{});
        CHECK(otp::sys::suspend(s));
        sim.run();
        CHECK(otp::sys::with_state(s, [](const chain& c) { return c.events.size(); }).value() == 4);
        CHECK(otp::sys::resume(s));
        CHECK(asked.receive().value().size() == 4);
    }
    SUBCASE("the parent's exit") {
        texts ends;
        const auto parent = otp::start<witness>(true).value();
        otp::server<chain> s;
        run_in(parent, [&] { s = otp::start_link<chain>(&ends, chain::action{}).value(); });
        run_in(parent, [&] {
            s.cast(chain::cast_one{3});
            s.cast(chain::note{});
            otp::exit_process(s.id(), "the parent's");
        });
        sim.run();
        CHECK_FALSE(otp::is_alive(s.id()));
        // The exit stands behind the cast: a trapped exit is a message in the mailbox.
        CHECK(ends == texts{"continue", "continue", "continue", "continue", "cast", "terminate the parent's"});
    }
    SUBCASE("the parent's exit that comes in the middle of a chain") {
        texts ends;
        const auto parent = otp::start<witness>(true).value();
        otp::server<chain> s;
        run_in(parent, [&] { s = otp::start_link<chain>(&ends, chain::action{}).value(); });
        const auto exit_in_second = [&](chain& c) {
            if (c.events.size() != 2) return;
            run_in(parent, [&] { otp::exit_process(s.id(), "the parent's"); });
        };
        CHECK(otp::sys::replace_state(s, [&](chain& c) { c.meanwhile = exit_in_second; }));
        s.cast(chain::cast_one{3});
        sim.run();
        CHECK(ends == texts{"continue", "continue", "continue", "continue", "terminate the parent's"});
    }
}

TEST_CASE("CONT-11 an exception of a continue: terminate gets it as the reason, and the state as it was before") {
    testing::reports none;
    otp::simulation sim{1};
    texts ends;
    const auto s = start([](chain&) -> otp::next { throw otp::exit{"broken"}; }, &ends);
    s.cast(chain::note{});
    auto behind = (s.cast(chain::cast_one{}), s.send_request(chain::seen{}));
    CHECK(behind.receive().error() == "broken");
    CHECK(ends == texts{"cast", "continue", "terminate broken"});
    texts thrown;
    const auto t = start([](chain&) -> otp::next { throw std::runtime_error{"worse"}; }, &thrown);
    t.cast(chain::cast_one{});
    sim.run();
    REQUIRE(thrown.size() == 2);
    CHECK(thrown[1].find("worse") != std::string::npos);
}

}  // namespace tests::continuing
