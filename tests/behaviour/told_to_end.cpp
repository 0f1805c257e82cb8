// A child that its supervisor has told to end, and that waits for its supervisor.
#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "otp/otp.hpp"

namespace tests::told_to_end {

using namespace std::chrono_literals;

namespace {

constexpr otp::name<otp::supervisor> top{"top"};

struct child {
    struct work {
        using reply_type = std::string;
        bool blocks;
    };
    void init() { otp::trap_exit(true); }
    otp::task<std::string> handle_call(work w) {
        co_await otp::sleep_for(1s);
        if (w.blocks) co_return top.which_child("child").error().to_string();
        const auto answer = co_await top.ask<otp::behaviour::which_children_query>();
        co_return answer.error().to_string();
    }
};

}  // namespace

TEST_CASE("a call of its supervisor by a child that was told to end while it serves somebody else's call closes a circle") {
    for (const bool blocks : {false, true}) {
        otp::simulation sim{1};
        REQUIRE(otp::start<otp::supervisor>(top, otp::supervisor_flags{}, otp::child<child>("child").shutdown(1h)));
        const otp::server<child> c{top.which_child("child")->pid.shared()};
        std::string heard;
        otp::spawn([&] { heard = c.call(child::work{blocks}).value_or("no answer"); });
        sim.run();
        bool ended = false;
        otp::spawn([&ended] { ended = top.terminate_child("child").has_value(); });
        sim.advance(2s);
        CHECK(heard.starts_with("deadlock: the call closes a circle"));
        CHECK(ended);
    }
}

}  // namespace tests::told_to_end
