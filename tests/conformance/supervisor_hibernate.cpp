// When a supervisor hibernates, and what wakes it.
#include "supervised.hpp"
#include "support/looks.hpp"

#include <utility>

namespace tests::supervisor_hibernate {

using namespace std::chrono_literals;
using namespace supervised;

namespace {
template <class T>
bool hibernates(const otp::server<T>& s) {
    return testing::hibernates(s.id());
}
}  // namespace

TEST_CASE("SUPC-29 a static supervisor hibernates after a second without work; requests and the ends of children wake it") {
    reports none;
    otp::simulation sim{1};
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{.intensity = 10}, plain("a"), plain("b")).value();
    sim.advance(999ms);
    CHECK_FALSE(hibernates(top));
    sim.advance(1ms);
    CHECK(hibernates(top));
    SUBCASE("a request is answered, and it hibernates again a second later") {
        CHECK(top.count_children().value().active == 2);
        sim.advance(999ms);
        CHECK_FALSE(hibernates(top));
        sim.advance(1ms);
        CHECK(hibernates(top));
    }
    SUBCASE("a child that ends is restarted at once") {
        const auto before = pid_of(top, "a");
        sim.advance(1s);
        REQUIRE(hibernates(top));
        otp::exit_process(before, otp::reason::kill);
        sim.run();
        CHECK_FALSE(hibernates(top));
        CHECK(pid_of(top, "a") != before);
        CHECK(top.count_children().value().active == 2);
        sim.advance(1s);
        CHECK(hibernates(top));
    }
    SUBCASE("a child can be started and ended") {
        CHECK(top.start_child(plain("c")));
        sim.advance(1s);
        CHECK(hibernates(top));
        CHECK(top.terminate_child("c"));
        sim.advance(1s);
        CHECK(hibernates(top));
    }
    record().clear();
}

TEST_CASE("the time after which a supervisor hibernates is one of its flags") {
    reports none;
    otp::simulation sim{1};
    const auto late = otp::start<otp::supervisor>(otp::supervisor_flags{.hibernate_after = 1min}).value();
    const auto not_at_all = otp::start<otp::supervisor>(otp::supervisor_flags{.hibernate_after = otp::infinity}).value();
    sim.advance(59s);
    CHECK_FALSE(hibernates(late));
    sim.advance(1s);
    CHECK(hibernates(late));
    sim.advance(1h);
    CHECK_FALSE(hibernates(not_at_all));
    CHECK(otp::start<otp::supervisor>(otp::supervisor_flags{.hibernate_after = -1s}).error() == otp::reason::bad_argument);
    CHECK(otp::sys::change_code<otp::supervisor>(not_at_all, otp::supervision{.flags = {.hibernate_after = 2s}, .children = {}}));
    sim.advance(2s);
    CHECK(hibernates(not_at_all));
}

TEST_CASE("a dynamic supervisor never hibernates by itself") {
    otp::simulation sim{1};
    const auto top =
        otp::start<otp::dynamic_supervisor<worker>>(otp::dynamic_supervisor_flags{}, otp::child<worker>("worker", std::string{"w"})).value();
    CHECK(top.start_child(1));
    sim.advance(1h);
    CHECK_FALSE(hibernates(top));
    record().clear();
}

}  // namespace tests::supervisor_hibernate
