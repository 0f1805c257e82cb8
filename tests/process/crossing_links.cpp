// Links between processes that run at the same time: signals cross, and none counts for a link that it doesn't mean.
#include "in_process.hpp"

#include <otp/process/introspection.hpp>

#include <atomic>
#include <functional>
#include <vector>

namespace tests::crossing_links {

using testing::exits_of;
using testing::idle_process;
using testing::run_in;
using testing::witness;

namespace {

/// A witness whose handler runs and looks into no mailbox, until the test has done its part.
class held_up {
public:
    template <class F>
    held_up(const otp::server<witness>& who, F then)
        : going_{who.send_request<witness::do_in>(std::function<void()>([this, then] {
              reach(1);
              stage_.wait(1, std::memory_order_acquire);  // pairs with reach()
              then();
          }))} {
        stage_.wait(0, std::memory_order_acquire);  // as above
    }
    void goes_on() {
        reach(2);
        CHECK(going_.receive());
    }

private:
    void reach(int stage) {
        stage_.store(stage, std::memory_order_release);  // pairs with the waits
        stage_.notify_all();
    }
    std::atomic<int> stage_{0};
    otp::request<witness::do_in> going_;
};

/// What a linked witness hears of the end "boom" of a process, if it does `then` when that end is in its mailbox.
template <class F>
std::vector<otp::exit_signal> heard_after(F then) {
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    const auto w = otp::start<witness>(true).value();
    const auto other = idle_process();
    run_in(w, [other] { otp::link(other); });
    held_up doing{w, [other, then] { then(other); }};
    otp::inbox<otp::down> ends;
    (void)ends.monitor(other);
    otp::exit_process(other, "boom");
    CHECK(ends.receive());  // those that it is linked with were told before
    doing.goes_on();
    return exits_of(w);
}

}  // namespace

TEST_CASE("an end that is on its way when the link is taken off doesn't count for a link that is made after that") {
    const auto exits = heard_after([](const otp::pid& other) {
        otp::unlink(other);
        otp::link(other);
    });
    REQUIRE(exits.size() == 1);
    CHECK(exits[0].reason == otp::reason::noproc);
}

TEST_CASE("a second link changes nothing, also while the end of the other process is on its way") {
    const auto exits = heard_after([](const otp::pid& other) { otp::link(other); });
    REQUIRE(exits.size() == 1);
    CHECK(exits[0].reason == "boom");
}

TEST_CASE("a link that one side makes while the other takes off an older one stays on both sides") {
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    const auto a = otp::start<witness>(true).value(), b = otp::start<witness>(true).value();
    run_in(a, [b] { otp::link(b); });
    run_in(b, [] {});  // it has heard of the link
    held_up unlinking{a, [b] { otp::unlink(b); }};
    run_in(b, [a] { otp::link(a); });
    unlinking.goes_on();
    CHECK(otp::links_of(b).value() == std::vector<otp::pid>{a});
    CHECK(otp::links_of(a).value() == std::vector<otp::pid>{b});
    otp::inbox<otp::down> ends;
    (void)ends.monitor(b);
    CHECK(b.stop("boom"));
    CHECK(ends.receive());  // as above
    REQUIRE(exits_of(a).size() == 1);
    CHECK(exits_of(a)[0].reason == "boom");
}

}  // namespace tests::crossing_links
