// Hibernation: what it gives back, what wakes it, and when a server hibernates by itself. Virtual time.
#include "../process/in_process.hpp"
#include "support/looks.hpp"

#include <otp/behaviour/sys/sys.hpp>

#include <string>
#include <utility>
#include <vector>

namespace tests::hibernate {

using namespace std::chrono_literals;

namespace {

/// Each callback answers what it is told; the state counts them.
struct sleeper {
    enum class how { plain, hibernate, then_hibernate, timed, timed_zero, moment };
    struct expired {
        int n;
    };
    struct call_me {
        using reply_type = int;
        how what = how::plain;
    };
    struct cast_me {
        how what = how::plain;
    };
    struct send_me {
        how what = how::plain;
    };
    struct go_on {};
    struct seen {
        using reply_type = std::vector<std::string>;
    };

    otp::init_result init(how what, std::chrono::nanoseconds limit) {
        limit_ = limit;
        return steered(what, "init");
    }
    otp::replied<int> handle_call(call_me c) {
        ++n_;
        switch (c.what) {
            case how::hibernate: return otp::reply(n_).hibernate();
            case how::timed: return otp::reply(n_).timeout(limit_, this, expired{n_}).hibernate();
            default: return n_;
        }
    }
    otp::next handle_cast(cast_me c) { return steered(c.what, "cast"); }
    otp::next handle_info(send_me s) { return steered(s.what, "info"); }
    otp::next handle_continue(go_on) { return steered(how::hibernate, "continue"); }
    void handle_info(expired e) { events_.push_back("expired " + std::to_string(e.n)); }
    std::vector<std::string> handle_call(seen) { return events_; }

private:
    otp::steered steered(how what, const char* from) {
        ++n_;
        events_.push_back(from);
        switch (what) {
            case how::plain: break;
            case how::hibernate: return otp::noreply.hibernate();
            case how::then_hibernate: return otp::noreply.then(this, go_on{});
            case how::timed: return otp::noreply.timeout(limit_, this, expired{n_}).hibernate();
            case how::timed_zero: return otp::noreply.timeout(0s, this, expired{n_}).hibernate();
            case how::moment: return otp::noreply.timeout_at(otp::now() + limit_, this, expired{n_}).hibernate();
        }
        return otp::steered{};
    }
    std::chrono::nanoseconds limit_{};
    int n_ = 0;
    std::vector<std::string> events_;
};
using how = sleeper::how;
using texts = std::vector<std::string>;

otp::server<sleeper> start(how what = how::plain, std::chrono::nanoseconds limit = 500ms) {
    return otp::start<sleeper>(what, limit).value();
}
bool hibernates(const otp::server<sleeper>& s) { return testing::hibernates(s.id()); }

}  // namespace

TEST_CASE("HIB-01 a server hibernates from init and from each callback; the next message is handled with the state intact") {
    otp::simulation sim{1};
    SUBCASE("from init") {
        const auto s = start(how::hibernate);
        sim.run();
        CHECK(hibernates(s));
        CHECK(otp::processes().at(0).status == otp::process_status::hibernating);
        CHECK(s.call(sleeper::call_me{}).value() == 2);
    }
    SUBCASE("from handle_call") {
        const auto s = start();
        sim.run();
        CHECK_FALSE(hibernates(s));
        CHECK(s.call(sleeper::call_me{how::hibernate}).value() == 2);
        sim.run();
        CHECK(hibernates(s));
        CHECK(s.call(sleeper::call_me{}).value() == 3);
    }
    SUBCASE("from handle_cast") {
        const auto s = start();
        s.cast(sleeper::cast_me{how::hibernate});
        sim.run();
        CHECK(hibernates(s));
        CHECK(s.call(sleeper::call_me{}).value() == 3);
    }
    SUBCASE("from handle_info") {
        const auto s = start();
        s.send(sleeper::send_me{how::hibernate});
        sim.run();
        CHECK(hibernates(s));
        CHECK(s.call(sleeper::call_me{}).value() == 3);
    }
    SUBCASE("from handle_continue") {
        const auto s = start(how::then_hibernate);
        sim.run();
        CHECK(hibernates(s));
        CHECK(s.call(sleeper::seen{}).value() == texts{"init", "continue"});
    }
    SUBCASE("not before the messages that wait are handled") {
        const auto s = start();
        s.cast(sleeper::cast_me{how::hibernate});
        s.cast(sleeper::cast_me{how::plain});
        sim.run();
        CHECK_FALSE(hibernates(s));
    }
}

TEST_CASE("HIB-03 after the message that woke it a server doesn't hibernate unless it says so again") {
    otp::simulation sim{1};
    const auto s = start(how::hibernate);
    sim.run();
    REQUIRE(hibernates(s));
    s.cast(sleeper::cast_me{how::plain});
    sim.run();
    CHECK_FALSE(hibernates(s));
    s.send(sleeper::send_me{how::hibernate});
    sim.run();
    CHECK(hibernates(s));
}

TEST_CASE("HIB-04 a system request wakes a server, is served, and the server hibernates again") {
    otp::simulation sim{1};
    const auto s = start(how::hibernate);
    sim.run();
    REQUIRE(hibernates(s));
    bool while_served = true;
    CHECK(otp::sys::with_state(s, [&](const sleeper&) {
        while_served = hibernates(s);
        return 1;
    }).value() == 1);
    CHECK_FALSE(while_served);
    sim.run();
    CHECK(hibernates(s));
    CHECK(otp::sys::get_status(s).value().hibernating);
    sim.run();
    CHECK(hibernates(s));
}

TEST_CASE("HIB-05 a server hibernates before, during and after a suspension") {
    otp::simulation sim{1};
    const auto s = start(how::hibernate);
    sim.run();
    CHECK(hibernates(s));
    CHECK(otp::sys::suspend(s));
    sim.run();
    CHECK(hibernates(s));
    s.cast(sleeper::cast_me{how::plain});  // waits
    sim.run();
    CHECK(hibernates(s));
    CHECK(otp::sys::resume(s));
    sim.run();
    CHECK_FALSE(hibernates(s));
    CHECK(s.call(sleeper::seen{}).value() == texts{"init", "cast"});
    s.cast(sleeper::cast_me{how::hibernate});
    CHECK(otp::sys::suspend(s));
    CHECK(otp::sys::resume(s));
    sim.run();
    CHECK(hibernates(s));
}

TEST_CASE("HIB-06 with hibernate_after a server hibernates by itself when it had nothing to do for so long and no time-out runs") {
    otp::simulation sim{1};
    const auto s = otp::start<sleeper>({.hibernate_after = 1s}, how::plain, 10s).value();
    sim.advance(999ms);
    CHECK_FALSE(hibernates(s));
    SUBCASE("after exactly the time") {
        sim.advance(1ms);
        CHECK(hibernates(s));
        CHECK(s.call(sleeper::call_me{}).value() == 2);
        sim.advance(999ms);
        CHECK_FALSE(hibernates(s));
        sim.advance(1ms);
        CHECK(hibernates(s));
        const auto hibernated_at = sim.now();
        sim.run_all();  // and nothing is armed for it any more
        CHECK(sim.now() == hibernated_at);
    }
    SUBCASE("a message makes the time begin anew") {
        s.cast(sleeper::cast_me{});
        sim.advance(999ms);
        CHECK_FALSE(hibernates(s));
        sim.advance(1ms);
        CHECK(hibernates(s));
    }
    SUBCASE("so does a system request, which finds a hibernating server and leaves one") {
        (void)otp::sys::with_state(s, [](const sleeper&) { return 0; });
        sim.advance(999ms);
        CHECK_FALSE(hibernates(s));
        sim.advance(1ms);
        CHECK(hibernates(s));
        (void)otp::sys::with_state(s, [](const sleeper&) { return 0; });
        sim.run();
        CHECK(hibernates(s));
    }
    SUBCASE("not while a time-out runs, and after it anew") {
        CHECK(s.call(sleeper::call_me{how::timed}));
        s.cast(sleeper::cast_me{how::timed});
        (void)otp::sys::with_state(s, [](const sleeper&) { return 0; });
        s.cast(sleeper::cast_me{});
        sim.advance(999ms);
        CHECK_FALSE(hibernates(s));
        sim.advance(1ms);
        CHECK(hibernates(s));
    }
    SUBCASE("not in a suspension that began before") {
        CHECK(otp::sys::suspend(s));
        sim.advance(1h);
        CHECK_FALSE(hibernates(s));
        CHECK(otp::sys::resume(s));
        sim.advance(999ms);
        CHECK_FALSE(hibernates(s));
        sim.advance(1ms);
        CHECK(hibernates(s));
    }
}

TEST_CASE("HIB-07 with a time and a message it hibernates at once and is woken after the time, unless a message came") {
    for (const how from : {how::timed, how::moment}) {
        CAPTURE(static_cast<int>(from));
        otp::simulation sim{1};
        {
            const auto s = start(from);
            sim.run();
            CHECK(hibernates(s));
            sim.advance(499ms);
            CHECK(hibernates(s));
            sim.advance(1ms);
            CHECK_FALSE(hibernates(s));
            CHECK(s.call(sleeper::seen{}).value() == texts{"init", "expired 1"});
        }
        {
            const auto s = start(from);
            sim.advance(499ms);
            CHECK(s.call(sleeper::call_me{}).value() == 2);
            sim.advance(10s);
            CHECK_FALSE(hibernates(s));
            CHECK(s.call(sleeper::seen{}).value() == texts{"init"});
        }
        {
            const auto s = start(from);
            sim.advance(400ms);
            (void)otp::sys::with_state(s, [](const sleeper&) { return 0; });  // doesn't end it
            sim.run();
            CHECK(hibernates(s));
            sim.advance(100ms);
            CHECK(s.call(sleeper::seen{}).value() == texts{"init", "expired 1"});
        }
    }
}

TEST_CASE("HIB-08 with a time of zero the message is handled at once, before those that wait, and the server doesn't hibernate") {
    otp::simulation sim{1};
    const auto s = start(how::plain);
    s.cast(sleeper::cast_me{how::timed_zero});
    s.send(sleeper::send_me{});
    sim.run();
    CHECK_FALSE(hibernates(s));
    CHECK(s.call(sleeper::seen{}).value() == texts{"init", "cast", "expired 2", "info"});
    const auto at_start = start(how::timed_zero);
    sim.run();
    CHECK_FALSE(hibernates(at_start));
    CHECK(at_start.call(sleeper::seen{}).value() == texts{"init", "expired 1"});
}

}  // namespace tests::hibernate
