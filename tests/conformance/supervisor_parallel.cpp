// Children that start at the same time, in virtual time.
#include "supervised.hpp"

namespace tests::supervisor_parallel {

using namespace std::chrono_literals;
using namespace supervised;
using otp::reason;

namespace {

/// Takes its time to start; the record says when it began and when it was ready.
struct slow {
    struct fall {};
    otp::task<otp::init_result> init(std::string id, std::chrono::nanoseconds takes, bool fails = false) {
        otp::trap_exit(true);
        name = std::move(id);
        record().push_back("begin " + name);
        co_await otp::sleep_for(takes);
        if (fails && std::exchange(broken(), false)) co_return otp::stop("broken " + name);
        record().push_back("ready " + name);
        co_return otp::ok;
    }
    void handle_cast(fall) { throw otp::exit{"fell"}; }
    void handle_info(otp::exit_signal) {}
    void terminate(const reason&) { record().push_back("end " + name); }
    static bool& broken() {
        static bool is = false;
        return is;
    }
    std::string name;
};
struct fails_after {
    otp::task<otp::init_result> init(std::chrono::nanoseconds time, std::string why) {
        co_await otp::sleep_for(time);
        co_return otp::stop(why);
    }
};
auto side_by_side(const char* id, std::chrono::nanoseconds takes, bool fails = false) {
    return otp::child<slow>(id, std::string{id}, takes, fails).parallel();
}
auto alone(const char* id, std::chrono::nanoseconds takes) { return otp::child<slow>(id, std::string{id}, takes); }

}  // namespace

TEST_CASE("parallel children that stand side by side start at the same time, others one after another, and all end in reverse order") {
    otp::simulation sim{1};
    (void)take_record();
    const auto begun = sim.now();
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{}, alone("a", 100ms), side_by_side("b", 300ms), side_by_side("c", 100ms),
                                                 side_by_side("d", 200ms), alone("e", 100ms))
                         .value();
    CHECK(sim.now() - begun == 500ms);
    const auto seen = take_record();
    REQUIRE(seen.size() == 10);
    CHECK(seen[0] == "begin a");
    CHECK(seen[1] == "ready a");
    CHECK(texts(seen.begin() + 5, seen.end()) == texts{"ready c", "ready d", "ready b", "begin e", "ready e"});
    texts ids;
    const auto all = top.which_children().value();
    for (const auto& c : all) ids.push_back(c.id);
    CHECK(ids == texts{"e", "d", "c", "b", "a"});
    CHECK(top.stop());
    CHECK(take_record() == texts{"end e", "end d", "end c", "end b", "end a"});
    CHECK(sim.live() == 0);
}

TEST_CASE("when one of several parallel children fails to start, the others end in reverse order, and the supervisor says which") {
    otp::simulation sim{1};
    const reports quiet;
    (void)take_record();
    slow::broken() = true;
    const auto failed = otp::start<otp::supervisor>(otp::supervisor_flags{}, side_by_side("a", 300ms), side_by_side("b", 100ms, true), side_by_side("c", 200ms), alone("d", 1ms));
    REQUIRE_FALSE(failed);
    CHECK(failed.error() == otp::reason::failed_child);
    CHECK(failed.error().text() == "b");
    CHECK(failed.error().cause() == "broken b");
    const auto seen = take_record();
    REQUIRE(seen.size() == 7);
    CHECK(texts(seen.begin() + 3, seen.end()) == texts{"ready c", "ready a", "end c", "end a"});
    CHECK(sim.live() == 0);
}

TEST_CASE("of several parallel children that fail to start the first in order is told, whichever failed first") {
    otp::simulation sim{1};
    const reports quiet;
    const auto fails = [](const char* id, std::chrono::nanoseconds after) { return otp::child<fails_after>(id, after, std::string{"no "} + id).parallel(); };
    const auto failed = otp::start<otp::supervisor>(otp::supervisor_flags{}, side_by_side("a", 1ms), fails("b", 300ms), fails("c", 100ms), fails("d", 200ms));
    REQUIRE_FALSE(failed);
    CHECK(failed.error().text() == "b");
    CHECK(failed.error().cause() == "no b");
    CHECK(sim.live() == 0);
}

TEST_CASE("a restart of all starts parallel children at the same time; one that fails is tried again, the others stay") {
    otp::simulation sim{1};
    const reports quiet;
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{.strategy = otp::one_for_all, .intensity = 10}, side_by_side("a", 100ms),
                                                 side_by_side("b", 100ms, true), side_by_side("c", 100ms))
                         .value();
    (void)take_record();
    const auto fell = sim.now();
    otp::server_cast<slow>(top.which_child("c").value().pid).value().cast(slow::fall{});
    sim.advance(50ms);
    CHECK(top.count_children().value().active == 3);
    CHECK(sim.now() - fell == 100ms);
    const auto restarted = top.which_child("a").value().pid;
    (void)take_record();

    slow::broken() = true;
    otp::server_cast<slow>(top.which_child("c").value().pid).value().cast(slow::fall{});
    sim.advance(1s);
    CHECK(top.count_children().value().active == 3);
    CHECK(top.which_child("a").value().pid != restarted);
    CHECK_FALSE(slow::broken());
    CHECK(top.stop());
}

TEST_CASE("a parallel child that is ignored, misfits or is named behaves as any other") {
    otp::simulation sim{1};
    const reports quiet;
    moods() = {"ignore"};
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{}, otp::child<moody>("m").restart(otp::temporary).parallel(),
                                                 side_by_side("n", 1ms).named("n"), otp::child("f", [] { return otp::start_link<moody>(); }).parallel())
                         .value();
    CHECK(top.count_children().value().specs == 2);
    CHECK(otp::whereis("n") == top.which_child("n").value().pid);
    const auto taken = otp::start<otp::supervisor>(otp::supervisor_flags{}, side_by_side("x", 1ms), side_by_side("n", 1ms).named("n"));
    CHECK(taken.error().text() == "n");
    CHECK(taken.error().cause() == reason::already_started);
    CHECK(top.stop());
    CHECK(sim.live() == 0);
}

}  // namespace tests::supervisor_parallel
