// What a callback struct owns ends with its server, however that ends: callers that wait, timers, monitors.
#include "../process/in_process.hpp"
#include "../support/reports.hpp"

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tests::members {

using namespace std::chrono_literals;

namespace {

/// Keeps a caller, a timer to another process and a monitor.
struct keeper {
    struct wait {
        using reply_type = int;
    };
    struct forget {
        using reply_type = bool;
    };
    struct fail {};
    struct stop {};
    void init(otp::pid watched, otp::recipient<int> to) {
        monitor_ = otp::monitor(watched);
        timer_ = otp::send_after(1s, to, 7);
    }
    void handle_call(wait, otp::from<wait> caller) { caller_ = std::move(caller); }
    bool handle_call(forget) {
        const bool waited = caller_ && caller_->alive();
        caller_.reset();
        monitor_ = {};
        timer_ = {};
        return waited;
    }
    void handle_cast(fail) { throw std::runtime_error{"broken"}; }
    otp::next handle_cast(stop) { return otp::stop("stopped"); }
    void handle_info(const otp::down&) { ++downs_; }
    std::optional<otp::from<wait>> caller_;
    otp::scoped_timer timer_;
    otp::scoped_monitor monitor_;
    int downs_ = 0;
};

bool is_watched(const otp::pid& who) {
    const auto* related = who.block()->related_if_any();
    return related && !related->watchers.empty();
}
std::size_t received(otp::inbox<int>& in) {
    std::size_t n = 0;
    while (in.try_receive()) ++n;
    return n;
}

enum class end { stop, exception, exit_signal, kill };

}  // namespace

TEST_CASE("a timer and a monitor of a server's own end with it, and the caller that it kept gets its reason") {
    testing::reports none;
    for (const end how : {end::stop, end::exception, end::exit_signal, end::kill}) {
        CAPTURE(static_cast<int>(how));
        otp::simulation sim{1};
        const auto watched = testing::idle_process();
        otp::inbox<int> in;
        const auto s = otp::start<keeper>(watched, otp::recipient<int>{in}).value();
        auto waiting = s.send_request(keeper::wait{});
        sim.run();
        CHECK(is_watched(watched));
        switch (how) {
            case end::stop: s.cast(keeper::stop{}); break;
            case end::exception: s.cast(keeper::fail{}); break;
            case end::exit_signal: otp::exit_process(s.id(), "struck"); break;
            case end::kill: otp::exit_process(s.id(), otp::reason::kill); break;
        }
        sim.run();
        CHECK_FALSE(otp::is_alive(s.id()));
        CHECK_FALSE(is_watched(watched));
        const auto why = waiting.receive().error();
        switch (how) {
            case end::stop: CHECK(why == "stopped"); break;
            case end::exception: CHECK(why.to_string().find("broken") != std::string::npos); break;
            case end::exit_signal: CHECK(why == "struck"); break;
            case end::kill: CHECK(why == otp::reason::killed); break;
        }
        sim.advance(10s);
        CHECK(received(in) == 0);
    }
}

TEST_CASE("what a member of a living server held ends when it lets it go: the caller gets no_reply at once") {
    otp::simulation sim{1};
    const auto watched = testing::idle_process();
    otp::inbox<int> in;
    const auto s = otp::start<keeper>(watched, otp::recipient<int>{in}).value();
    auto waiting = s.send_request(keeper::wait{});
    const auto began = sim.now();
    CHECK(s.call(keeper::forget{}).value());
    CHECK(waiting.receive().error() == otp::reason::no_reply);
    CHECK(sim.now() == began);
    sim.run();
    CHECK_FALSE(is_watched(watched));
    sim.advance(10s);
    CHECK(received(in) == 0);
    otp::exit_process(watched, otp::reason::kill);
    sim.run();
    CHECK(otp::is_alive(s.id()));
}

TEST_CASE("a caller kept by one that is replaced gets no_reply, and the new one waits") {
    otp::simulation sim{1};
    const auto watched = testing::idle_process();
    otp::inbox<int> in;
    const auto s = otp::start<keeper>(watched, otp::recipient<int>{in}).value();
    auto first = s.send_request(keeper::wait{});
    auto second = s.send_request(keeper::wait{});
    CHECK(first.receive().error() == otp::reason::no_reply);
    CHECK_FALSE(second.check());
    CHECK(s.stop());
    CHECK(second.receive().error() == otp::reason::normal);
}

TEST_CASE("a monitor of a scope takes the end that is here already back when the scope ends, or another one comes into its place") {
    otp::simulation sim{1};
    const auto w = otp::start<testing::witness>(true).value();
    const auto a = testing::idle_process(), b = testing::idle_process();
    testing::run_in(w, [a, b] {
        otp::scoped_monitor watch{otp::monitor(a)};
        otp::exit_process(a, "boom");
        CHECK(otp::wait(a) == "boom");
        watch = otp::monitor(b);
        otp::exit_process(b, "boom");
        CHECK(otp::wait(b) == "boom");
    });
    CHECK(testing::downs_of(w).empty());
}

}  // namespace tests::members
