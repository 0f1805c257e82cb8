// An init that gives an error without a crash: OTP 26's {error, Reason}.
#include "../process/in_process.hpp"
#include "../support/reports.hpp"

#include <otp/gen_server.hpp>

#include <string>
#include <vector>

namespace tests::failed_init {

using testing::exits_of;
using testing::run_in;
using testing::witness;
using texts = std::vector<std::string>;

TEST_CASE("an init that fails as expected: start gives the error, a normal end, no terminate, no report") {
    struct picky {
        texts* seen;
        otp::init_result init(texts* s, int n) {
            seen = s;
            if (n == 1) return otp::fail("no");
            if (n == 2) throw otp::fail(otp::reason::not_found);
            return otp::ok;
        }
        void terminate(const otp::reason&) { seen->push_back("terminate"); }
    };
    const testing::reports reported;
    texts seen;
    otp::simulation sim{1};
    CHECK(otp::start<picky>({.name = "picky"}, &seen, 1).error() == "no");
    CHECK(otp::start<picky>(&seen, 2).error() == otp::reason::not_found);
    CHECK_FALSE(otp::whereis("picky"));
    const auto w = otp::start<witness>(true).value();
    run_in(w, [&seen] { CHECK(otp::start_link<picky>(&seen, 1).error() == "no"); });
    sim.run();
    REQUIRE(exits_of(w).size() == 1);
    CHECK(exits_of(w)[0].reason == otp::reason::normal);
    CHECK(seen.empty());
    CHECK(sim.live() == 1);
    CHECK(reported.lines.empty());
}

}  // namespace tests::failed_init
