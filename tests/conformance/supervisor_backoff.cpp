// Restarts that wait, by chance a little less, so that many that fell together don't come back together.
#include "supervised.hpp"

#include <algorithm>
#include <limits>

namespace tests::supervisor_backoff {

using namespace std::chrono_literals;
using namespace supervised;
using otp::reason;

namespace {

using waits = std::vector<std::chrono::nanoseconds>;

struct fragile {
    struct fall {};
    std::vector<otp::exec::time_point>* born = nullptr;
    void init(std::vector<otp::exec::time_point>* starts) { (born = starts)->push_back(otp::now()); }
    void handle_cast(fall) { throw otp::exit{"fell"}; }
};

/// Eight children fall at once, `rounds` times; how long each start came after the fall.
waits waits_of(std::uint64_t seed, double jitter, int rounds = 1) {
    otp::simulation sim{seed};
    const reports quiet;
    std::vector<otp::exec::time_point> born;
    std::vector<otp::child_spec> all;
    for (int i = 0; i != 8; ++i) all.push_back(otp::child<fragile>("c" + std::to_string(i), &born).backoff(100ms, 10s, jitter));
    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{.intensity = 1000}, std::move(all)).value();
    waits seen;
    for (int round = 0; round != rounds; ++round) {
        born.clear();
        const auto fell = sim.now();
        const auto children = top.which_children().value();
        for (const auto& c : children) otp::server_cast<fragile>(c.pid).value().cast(fragile::fall{});
        sim.advance(100ms * (1 << round));
        REQUIRE(born.size() == 8);
        for (const auto& moment : born) seen.push_back(moment - fell);
    }
    CHECK(top.stop());
    return seen;
}

}  // namespace

TEST_CASE("restarts with jitter wait different times, none longer than the backoff, none shorter than its part allows") {
    const auto plain = waits_of(1, 0);
    CHECK(std::all_of(plain.begin(), plain.end(), [](auto w) { return w == 100ms; }));
    auto seen = waits_of(1, 0.5);
    std::sort(seen.begin(), seen.end());
    CHECK(seen.front() >= 50ms);
    CHECK(seen.back() <= 100ms);
    CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
    const auto whole = waits_of(1, 1);
    CHECK(*std::min_element(whole.begin(), whole.end()) < 50ms);
}

TEST_CASE("the backoff grows as it does without jitter") {
    const auto seen = waits_of(3, 0.25, 4);
    for (std::size_t i = 0; i != seen.size(); ++i) {
        const auto full = 100ms * (1 << (i / 8));
        CHECK(seen[i] <= full);
        CHECK(seen[i] >= full * 3 / 4);
    }
}

TEST_CASE("in a simulation the seed decides the jitter: the same seed, the same waits") {
    CHECK(waits_of(7, 0.5, 3) == waits_of(7, 0.5, 3));
    CHECK(waits_of(7, 0.5) != waits_of(8, 0.5));
}

TEST_CASE("dynamic children have jitter, too") {
    otp::simulation sim{5};
    const reports quiet;
    std::vector<otp::exec::time_point> born;
    const auto pool = otp::start<otp::dynamic_supervisor<fragile>>(otp::dynamic_supervisor_flags{.intensity = 100},
                                                                   otp::child<fragile>("f", &born).backoff(100ms, 1s, 0.5))
                          .value();
    std::vector<otp::server<fragile>> all;
    for (int i = 0; i != 4; ++i) all.push_back(pool.start_child().value());
    born.clear();
    const auto fell = sim.now();
    for (const auto& f : all) f.cast(fragile::fall{});
    sim.advance(49ms);
    CHECK(born.empty());
    sim.advance(51ms);
    REQUIRE(born.size() == 4);
    CHECK(born.front() != born.back());
    CHECK(born.back() - fell <= 100ms);
}

TEST_CASE("a jitter below 0, above 1 or no number is refused") {
    otp::simulation sim{1};
    for (const double jitter : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()})
        CHECK(otp::start<otp::supervisor>(otp::supervisor_flags{}, plain("a").backoff(1s, 2s, jitter)).error() == reason::bad_argument);
}

}  // namespace tests::supervisor_backoff
