// Dynamic children: their order, when they are restarted, and after which time.
#include "supervised.hpp"

namespace tests::dynamic_children {

using namespace std::chrono_literals;
using namespace supervised;
using otp::reason;

namespace {

auto start_pool(otp::child_of<worker> each) {
    return otp::start<otp::dynamic_supervisor<worker>>(otp::dynamic_supervisor_flags{.intensity = 1, .period = 3600s}, std::move(each)).value();
}
auto each_worker() { return otp::child<worker>("w", "w", 1); }

}  // namespace

TEST_CASE("which_children of a dynamic supervisor gives the newest first") {
    otp::simulation sim{1};
    const auto pool = start_pool(each_worker());
    std::vector<otp::pid> all;
    for (int i = 0; i != 5; ++i) all.insert(all.begin(), pool.start_child()->id());
    std::vector<otp::pid> told;
    const auto children = pool.which_children().value();
    for (const auto& c : children) told.push_back(c.pid);
    CHECK(told == all);
}

TEST_CASE("a transient dynamic child isn't restarted after normal, shutdown or shutdown_for, and is forgotten") {
    for (const auto& why : {reason{reason::normal}, reason{reason::shutdown}, otp::reason::shutdown_for("upgrade"), reason{"crash"}}) {
        otp::simulation sim{1};
        const reports seen;
        const auto pool = start_pool(each_worker().restart(otp::transient));
        pool.start_child()->cast(worker::end{why});
        sim.run();
        CHECK(pool.which_children()->size() == (why == "crash" ? 1 : 0));
        CHECK(seen.with("child_terminated") == (why == "crash" ? 1 : 0));
    }
}

TEST_CASE("the restart of a dynamic child counts once, and each one waits twice as long as the one before") {
    otp::simulation sim{1};
    const reports quiet;
    const auto pool = otp::start<otp::dynamic_supervisor<worker>>(otp::dynamic_supervisor_flags{.intensity = 3, .period = 3600s},
                                                                  each_worker().backoff(1s, 1min))
                          .value();
    REQUIRE(pool.start_child());
    for (const auto wait : {1s, 2s, 4s}) {
        otp::server<worker>{pool.which_children()->at(0).pid.shared()}.cast(worker::end{"crash"});
        sim.run();
        (void)take_record();
        CHECK(pool.count_children()->active == 0);
        sim.advance(wait - 1ns);
        CHECK(take_record().empty());
        sim.advance(1ns);
        CHECK(take_record() == texts{"+w"});
        CHECK(pool.count_children()->active == 1);
    }
    otp::server<worker>{pool.which_children()->at(0).pid.shared()}.cast(worker::end{"crash"});
    sim.run();
    CHECK_FALSE(otp::is_alive(pool));
}

TEST_CASE("a restart of a dynamic child that fails waits twice as long before the next, too") {
    otp::simulation sim{1};
    const reports quiet;
    moods() = {"", "no", "no"};
    const auto pool = otp::start<otp::dynamic_supervisor<moody>>(otp::dynamic_supervisor_flags{.intensity = 10, .period = 3600s},
                                                                 otp::child<moody>("m").backoff(1s, 1min))
                          .value();
    pool.start_child()->cast(worker::end{"crash"});
    sim.advance(6s);
    CHECK(pool.count_children()->active == 0);
    sim.advance(1s);
    CHECK(pool.count_children()->active == 1);  // after 1, 2 and 4 s
}

}  // namespace tests::dynamic_children
