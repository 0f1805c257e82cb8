// Monitors with a value of the user's own, in virtual time.
#include "in_process.hpp"

#include <memory>
#include <string>
#include <vector>

namespace tests::tagged_monitors {

using namespace std::chrono_literals;

namespace {

/// Counts what became of which worker.
struct foreman {
    struct worker {
        int number;
    };
    using gone = otp::tagged_down<worker>;
    struct watch {
        using reply_type = otp::monitor_ref;
        otp::pid who;
        int number;
    };
    struct forget {
        using reply_type = bool;
        otp::monitor_ref ref;
    };
    struct watch_plainly {
        using reply_type = otp::monitor_ref;
        otp::pid who;
    };
    struct sleep_and_forget {
        using reply_type = bool;
        otp::monitor_ref ref;
    };
    struct seen {
        using reply_type = std::vector<std::string>;
    };

    otp::monitor_ref handle_call(watch w) { return otp::monitor(w.who, this, worker{w.number}); }
    otp::monitor_ref handle_call(watch_plainly w) { return otp::monitor(w.who); }
    bool handle_call(forget f) { return otp::demonitor(f.ref); }
    otp::task<bool> handle_call(sleep_and_forget f) {
        co_await otp::sleep_for(1s);
        co_return otp::demonitor(f.ref, otp::flush);
    }
    std::vector<std::string> handle_call(seen) { return log; }
    void handle_info(gone g) {
        last = g;
        log.push_back("worker " + std::to_string(g.tag.number) + ": " + g.reason.to_string());
    }
    void handle_info(otp::down d) { log.push_back("somebody: " + d.reason.to_string()); }
    std::vector<std::string> log;
    gone last;
};
using texts = std::vector<std::string>;

/// Another version of it, and one that knows nothing of tags.
struct new_foreman {
    using messages = otp::messages<foreman::gone, foreman::seen>;
    static otp::result<new_foreman> code_change(foreman&& old) { return new_foreman{std::move(old.log)}; }
    std::vector<std::string> handle_call(foreman::seen) { return log; }
    void handle_info(foreman::gone g) { log.push_back("new: worker " + std::to_string(g.tag.number)); }
    std::vector<std::string> log;
};

}  // namespace

TEST_CASE("MON-18 a monitor with a tag delivers the tag, who has ended, and why, instead of a down") {
    otp::simulation sim{1};
    const auto boss = otp::start<foreman>().value();
    const auto one = testing::idle_process();
    const auto two = testing::idle_process();
    const auto ref = boss.call(foreman::watch{one, 1}).value();
    CHECK(ref);
    CHECK(boss.call(foreman::watch{two, 2}).value() != ref);
    CHECK(boss.call(foreman::watch_plainly{two}));
    otp::exit_process(one, "late");
    sim.run();
    CHECK(boss.call(foreman::seen{}).value() == texts{"worker 1: late"});
    CHECK(otp::sys::with_state(boss, [one, ref](const foreman& f) { return f.last.pid == one && f.last.ref == ref; }).value());
    otp::exit_process(two, otp::reason::kill);
    sim.run();
    CHECK(boss.call(foreman::seen{}).value() == texts{"worker 1: late", "worker 2: killed", "somebody: killed"});
    // Of one that is gone already.
    CHECK(boss.call(foreman::watch{one, 3}));
    sim.run();
    CHECK(boss.call(foreman::seen{}).value().back() == "worker 3: noproc");
    // Of itself: nothing ever comes.
    CHECK(boss.call(foreman::watch{boss.id(), 4}));
    CHECK(boss.stop());
}

TEST_CASE("a monitor with a tag ends like others, and flush takes its message out of the mailbox") {
    otp::simulation sim{1};
    const auto boss = otp::start<foreman>().value();
    const auto one = testing::idle_process();
    const auto ref = boss.call(foreman::watch{one, 1}).value();
    CHECK(boss.call(foreman::forget{ref}).value());
    CHECK_FALSE(boss.call(foreman::forget{ref}).value());
    const auto again = boss.call(foreman::watch{one, 2}).value();
    auto answer = boss.send_request(foreman::sleep_and_forget{again});
    sim.advance(500ms);
    otp::exit_process(one, otp::reason::kill);
    CHECK_FALSE(answer.receive().value());  // it had been delivered, and was taken back
    sim.run();
    CHECK(boss.call(foreman::seen{}).value().empty());
}

TEST_CASE("an inbox monitors with tags, and a tag that is not delivered is destroyed") {
    otp::simulation sim{1};
    auto tag = std::make_shared<int>(7);
    {
        otp::inbox<otp::tagged_down<std::shared_ptr<int>>> in;
        const auto one = testing::idle_process();
        const auto two = testing::idle_process();
        const auto ref = in.monitor(one, tag);
        (void)in.monitor(two, tag);
        const auto third = in.monitor(two, tag);
        CHECK(tag.use_count() == 4);
        CHECK(in.demonitor(third));
        CHECK(tag.use_count() == 3);
        otp::exit_process(one, "x");
        const auto got = std::get<0>(in.receive().value());
        CHECK(got.tag == tag);
        CHECK(got.ref == ref);
        CHECK(got.pid == one);
        CHECK(got.reason == "x");
    }
    CHECK(tag.use_count() == 1);
}

TEST_CASE("a server that became one of another struct gets its tags there") {
    otp::simulation sim{1};
    const auto boss = otp::start<foreman>().value();
    const auto one = testing::idle_process();
    CHECK(boss.call(foreman::watch{one, 1}));
    const auto changed = otp::sys::change_code<new_foreman>(boss).value();
    otp::exit_process(one, "x");
    sim.run();
    CHECK(changed.call(foreman::seen{}).value() == texts{"new: worker 1"});
}

TEST_CASE("monitors with tags belong to the server that they name") {
    testing::in_process([] {
        foreman stranger;
        try {
            (void)otp::monitor(testing::idle_process(), &stranger, foreman::worker{1});
            FAIL("it has no server");
        } catch (const otp::exit& e) {
            CHECK(e.why() == otp::reason::wrong_server);
        }
    });
}

}  // namespace tests::tagged_monitors
