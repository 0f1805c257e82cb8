// What is shown of a server: what is left of its time-out, and the message that it stopped at.
#include "../conformance/captured.hpp"

#include <chrono>
#include <string>

namespace tests::shown {

using namespace std::chrono_literals;

namespace {

struct parcel {
    int number;
};
std::string to_string(const parcel& p) { return "parcel " + std::to_string(p.number); }

struct picky {
    otp::init_result init() { return otp::ok.timeout(10s); }
    otp::next handle_cast(const parcel&) { return otp::stop("unwanted"); }
    void handle_info(otp::timeout) {}
};

}  // namespace

TEST_CASE("a status shows what is left of the inactivity time-out") {
    otp::simulation sim{1};
    const auto s = otp::start<picky>().value();
    sim.advance(4s);
    CHECK(otp::sys::get_status(s)->timeout == 6s);
    sim.advance(6s);
    CHECK_FALSE(otp::sys::get_status(s)->timeout);
}

TEST_CASE("the report of a server that stops shows the text of the message at which it did") {
    const captured::reports seen;
    otp::simulation sim{1};
    otp::start<picky>()->cast(parcel{7});
    sim.run();
    CHECK(seen.crash().message.find("parcel 7") != std::string::npos);
}

TEST_CASE("to resume a server that isn't suspended leaves its time-out as it is") {
    otp::simulation sim{1};
    const auto s = otp::start<picky>().value();
    sim.advance(4s);
    REQUIRE(otp::sys::resume(s));
    CHECK(otp::sys::get_status(s)->timeout == 6s);
}

}  // namespace tests::shown
