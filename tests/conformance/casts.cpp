// Casts: sent at once, handled in order, lost without an error.
#include "servers.hpp"

namespace tests::casts {

using namespace std::chrono_literals;
using testing::end_of;
using testing::log;
using testing::server;

TEST_CASE("CAST-01 a cast returns at once, also when the server is busy or suspended") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    auto busy = s.send_request<server::slow>(1s);
    sim.run();
    const auto began = sim.now();
    s.cast(server::note{"while busy"});
    CHECK(sim.now() == began);
    CHECK_FALSE(busy.check());
    CHECK(busy.receive());
    CHECK(otp::sys::suspend(s));
    const auto suspended = sim.now();
    s.cast(server::note{"while suspended"});
    CHECK(sim.now() == suspended);
    CHECK(otp::sys::with_state(s, [](const server& state) { return state.seen.size(); }).value() == 1);
    CHECK(otp::sys::resume(s));
    CHECK(s.call(server::log_of{}).value() == log{"cast while busy", "cast while suspended"});
}

TEST_CASE("CAST-02 a cast reaches handle_cast with its message, and what that changes is the state") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    s.cast(server::note{"one"});
    s.cast<server::note>("two");
    const server::note kept{"three"};
    s.cast(kept);
    CHECK(s.call(server::log_of{}).value() == log{"cast one", "cast two", "cast three"});
    CHECK(kept.text == "three");
}

TEST_CASE("CAST-03 a cast to a name that nobody has is no error; it is a dead letter") {
    otp::simulation sim{1};
    constexpr otp::name<server> nobody{"nobody"};
    const auto lost = otp::dead_letters(otp::reason_kind::noproc);
    nobody.cast(server::note{"x"});
    CHECK(otp::dead_letters(otp::reason_kind::noproc) == lost + 1);
    otp::server<server>{}.cast(server::note{"x"});
    CHECK(otp::dead_letters(otp::reason_kind::noproc) == lost + 2);
}

TEST_CASE("CAST-04 a cast to a dead process is no error; it is a dead letter, and its memory is freed") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    CHECK(s.stop());
    const auto lost = otp::dead_letters(otp::reason_kind::noproc);
    const auto blocks = otp::memory::in_use();
    s.cast(server::note{"x"});
    CHECK(otp::dead_letters(otp::reason_kind::noproc) == lost + 1);
    CHECK(otp::memory::in_use() == blocks);
}

TEST_CASE("CAST-06 a stop from handle_cast runs terminate and ends the server with its reason") {
    const testing::reports quiet;
    log seen;
    otp::simulation sim{1};
    const auto s = otp::start<server>(&seen).value();
    s.cast(server::stop_order{"enough"});
    CHECK(end_of(s.id()) == "enough");
    CHECK(seen == log{"terminate enough"});
}

}  // namespace tests::casts
