// Time-outs with names: members of a callback struct that own timers.
#include "../process/in_process.hpp"
#include "support/looks.hpp"

#include <otp/behaviour/sys/sys.hpp>
#include <otp/runtime/explore.hpp>

#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tests::named_timers {

using namespace std::chrono_literals;

namespace {

using texts = std::vector<std::string>;

/// Two named time-outs, and any number of those with names made up while it runs.
struct door {
    struct knock {};
    struct open {
        std::chrono::nanoseconds stays_open;
    };
    struct close {
        int n;
    };
    struct lock {};
    struct shut {
        using reply_type = bool;
    };
    struct ring {
        std::string who;
    };
    struct watch {
        std::string who;
        std::chrono::nanoseconds time;
    };
    struct seen {
        using reply_type = texts;
    };

    void init() { lock_.start(1h, this, lock{}); }
    void handle_cast(knock) {}
    void handle_cast(open o) { close_.start(o.stays_open, this, close{++opened_}); }
    bool handle_call(shut) { return close_.cancel().has_value(); }
    void handle_cast(watch w) { bells_[w.who].start(w.time, this, ring{w.who}); }
    void handle_info(const close& c) { events_.push_back((c.n == opened_ ? "close " : "stale ") + std::to_string(c.n)); }
    void handle_info(lock) { events_.push_back("lock"); }
    void handle_info(const ring& r) { events_.push_back("ring " + r.who); }
    texts handle_call(seen) { return events_; }

    texts events_;
    int opened_ = 0;
    otp::scoped_timer close_;
    otp::scoped_timer lock_;
    std::map<std::string, otp::scoped_timer> bells_;
};

texts seen(const otp::server<door>& s) { return s.call(door::seen{}).value(); }

}  // namespace

TEST_CASE("other messages and an inactivity time-out don't end a named timer") {
    otp::simulation sim{1};
    const auto s = otp::start<door>().value();
    s.cast(door::open{1s});
    for (int i = 0; i < 9; ++i) {
        sim.advance(100ms);
        s.cast(door::knock{});
        (void)otp::sys::get_status(s);
    }
    sim.advance(99ms);
    CHECK(seen(s).empty());
    sim.advance(1ms);
    CHECK(seen(s) == texts{"close 1"});
    sim.advance(1h);
    CHECK(seen(s) == texts{"close 1", "lock"});
}

TEST_CASE("a named timer that is started again begins anew, and what it was to send is never sent") {
    otp::simulation sim{1};
    const auto s = otp::start<door>().value();
    s.cast(door::open{1s});
    sim.advance(999ms);
    s.cast(door::open{1s});
    sim.advance(999ms);
    CHECK(seen(s).empty());
    sim.advance(10s);
    CHECK(seen(s) == texts{"close 2"});
}

TEST_CASE("started again or cancelled when its message stands in the mailbox, it doesn't deliver that") {
    otp::simulation sim{1};
    const auto s = otp::start<door>().value();
    SUBCASE("started again") {
        s.cast(door::open{100ms});
        sim.run();
        CHECK(otp::sys::replace_state(s, [](door& d) {
            (void)otp::inbox<int>{}.receive(200ms);  // busy past the time
            d.close_.start(100ms, &d, door::close{++d.opened_});
        }));
        sim.run();
        CHECK(seen(s).empty());
        sim.advance(100ms);
        CHECK(seen(s) == texts{"close 2"});
    }
    SUBCASE("cancelled") {
        s.cast(door::open{100ms});
        sim.run();
        CHECK(otp::sys::replace_state(s, [](door& d) {
            (void)otp::inbox<int>{}.receive(200ms);
            return d.close_.cancel().has_value();
        }).value());
        sim.advance(1s);
        CHECK(seen(s).empty());
    }
}

TEST_CASE("a named timer that is cancelled is never delivered, and tells whether it was running") {
    otp::simulation sim{1};
    const auto s = otp::start<door>().value();
    CHECK_FALSE(s.call(door::shut{}).value());
    s.cast(door::open{1s});
    CHECK(s.call(door::shut{}).value());
    CHECK_FALSE(s.call(door::shut{}).value());
    sim.advance(10s);
    CHECK(seen(s).empty());
    s.cast(door::open{1s});
    sim.advance(1s);
    CHECK_FALSE(s.call(door::shut{}).value());
    CHECK(seen(s) == texts{"close 2"});
}

TEST_CASE("names may be made up while the server runs") {
    otp::simulation sim{1};
    const auto s = otp::start<door>().value();
    for (const char* who : {"a", "b", "c"}) s.cast(door::watch{who, 1s});
    sim.advance(500ms);
    s.cast(door::watch{"b", 1s});
    sim.advance(500ms);
    CHECK(seen(s).size() == 2);
    sim.advance(500ms);
    CHECK(seen(s).back() == "ring b");
    CHECK(seen(s).size() == 3);
}

TEST_CASE("a named timer ends with its server and leaves nothing") {
    otp::simulation sim{1};
    { (void)otp::start<door>().value().stop(); }  // what a first server leaves in the runtime
    sim.run();
    const auto before = otp::memory::in_use();
    const auto begun = sim.now();
    for (const bool killed : {false, true}) {
        const auto s = otp::start<door>().value();
        s.cast(door::open{1s});
        sim.run();
        if (killed) otp::exit_process(s.id(), otp::reason::kill);
        else CHECK(s.stop());
        sim.run();
    }
    CHECK(otp::memory::in_use() == before);
    sim.run_all();
    CHECK(sim.now() == begun);
}

TEST_CASE("a negative time for a named timer is a bad argument, and the timer before runs on") {
    otp::simulation sim{1};
    const auto s = otp::start<door>().value();
    s.cast(door::open{1s});
    CHECK(otp::sys::replace_state(s, [](door& d) { d.close_.start(-1ns, &d, door::close{0}); }).error() == otp::reason::bad_argument);
    sim.advance(1s);
    CHECK(seen(s) == texts{"close 1"});
}

TEST_CASE("a named timer is started in its own server, or says for whom it is") {
    otp::simulation sim{1};
    const auto s = otp::start<door>().value();
    door elsewhere;
    otp::scoped_timer timer;
    CHECK_THROWS_AS(timer.start(1s, &elsewhere, door::lock{}), otp::exit);
    timer.start(1s, s, door::lock{});
    sim.advance(1s);
    CHECK(seen(s) == texts{"lock"});
}

TEST_CASE("a named timer wakes a server that hibernates") {
    otp::simulation sim{1};
    const auto s = otp::start<door>({.hibernate_after = 100ms}).value();
    s.cast(door::open{1s});
    sim.advance(999ms);
    CHECK(testing::hibernates(s.id()));
    sim.advance(1ms);
    CHECK_FALSE(testing::hibernates(s.id()));
    CHECK(seen(s) == texts{"close 1"});
}

namespace {
/// The next version of a door: takes its timers with it.
struct gate {
    struct seen {
        using reply_type = texts;
    };
    void handle_info(const door::close& c) { events_.push_back("gate closes " + std::to_string(c.n)); }
    texts handle_call(seen) { return events_; }
    static otp::result<gate> code_change(door&& old, int) {
        gate made;
        made.close_ = std::move(old.close_);
        return made;
    }
    using messages = otp::messages<door::close>;
    texts events_;
    otp::scoped_timer close_;
};
}  // namespace

TEST_CASE("a named timer goes with the state to a new version of the server") {
    otp::simulation sim{1};
    const auto s = otp::start<door>().value();
    s.cast(door::open{1s});
    const auto g = otp::sys::change_code<gate>(s, 0).value();
    sim.advance(1h);
    CHECK(g.call(gate::seen{}).value() == texts{"gate closes 1"});
}

TEST_CASE("whenever it is started again or cancelled, at most the last start of a named timer is delivered") {
    const auto outcome = otp::explore({.seeds = 300}, [](otp::simulation& sim) {
        const auto s = otp::start<door>().value();
        for (int i = 0; i < 5; ++i)
            otp::spawn([s, i]() -> otp::task<> {
                co_await otp::sleep_for(i * 10ms);  // exactly when the one before is due
                s.cast(door::open{10ms});
            });
        sim.advance(1s);
        const auto events = seen(s);
        if (events.empty() || events.back() != "close 5") throw std::runtime_error{"the last start was not delivered"};
        for (const auto& e : events)
            if (e.starts_with("stale")) throw std::runtime_error{e};
    });
    INFO(outcome.to_string());
    CHECK(outcome.ok());
}

}  // namespace tests::named_timers
