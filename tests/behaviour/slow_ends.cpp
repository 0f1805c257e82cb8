// Ends that take their time: a failed start, a terminate that is cut short, a start while the runtime ends.
#include <doctest/doctest.h>

#include <chrono>
#include <memory>

#include "otp/otp.hpp"
#include "support/reports.hpp"

namespace tests::slow_ends {

using namespace std::chrono_literals;
using otp::reason;

namespace {

/// Takes a second to go.
struct slow_to_go {
    slow_to_go() = default;
    slow_to_go(const slow_to_go&) = delete;
    ~slow_to_go() { (void)otp::inbox<int>{}.receive(1s); }
};
struct refusing {
    otp::init_result init(bool throws) {
        if (throws) throw otp::exit{"not today"};
        return otp::stop("not today");
    }
    slow_to_go member;
};
struct holder {
    explicit holder(const std::shared_ptr<reason>& into) : why{into} {}
    struct idle {};
    void handle_cast(idle) {}
    std::shared_ptr<reason> why;
    void terminate(const reason&) {
        if (why) *why = otp::start<holder>(std::shared_ptr<reason>{}).error();
        else (void)otp::inbox<int>{}.receive(1h);
    }
};

}  // namespace

TEST_CASE("the starter hears of a failed init when the state is gone and the name is free") {
    const testing::reports quiet;
    for (const bool throws : {false, true}) {
        otp::simulation sim{1};
        constexpr otp::name<refusing> name{"refusing"};
        const auto begun = sim.now();
        CHECK(otp::start<refusing>(name, throws).error() == "not today");
        CHECK(sim.now() - begun == 1s);
        CHECK_FALSE(otp::whereis(name));
        CHECK(sim.live() == 0);
    }
}

TEST_CASE("the starter hears of a failed proc_lib start when what the process owned is gone and the name is free") {
    const testing::reports quiet;
    otp::simulation sim{1};
    const auto begun = sim.now();
    const auto started = otp::proc_lib::start(
        {.name = "refusing"}, [](otp::proc_lib::starter<>, const std::shared_ptr<slow_to_go>&) { throw otp::exit{"not today"}; },
        std::make_shared<slow_to_go>());
    CHECK(started.error() == "not today");
    CHECK(sim.now() - begun == 1s);
    CHECK_FALSE(otp::whereis("refusing"));
    CHECK(sim.live() == 0);
}

TEST_CASE("a kill in the middle of terminate is what the server has ended with") {
    otp::simulation sim{1};
    const auto s = otp::start<holder>(std::shared_ptr<reason>{}).value();
    otp::inbox<otp::down> ends;
    (void)ends.monitor(s);
    auto stopping = otp::reason{reason::noproc};
    const auto stopper = otp::spawn([s, &stopping] { stopping = s.stop("enough").error(); });
    sim.run();
    CHECK(otp::is_alive(s));
    otp::exit_process(s, reason::kill);
    CHECK(std::get<0>(*ends.receive()).reason == reason::killed);
    CHECK(otp::wait(stopper) == reason::normal);
    CHECK(stopping == reason::killed);
}

TEST_CASE("a runtime that ends takes no new processes: a start fails with shutdown") {
    const auto why = std::make_shared<reason>();
    {
        otp::simulation sim{1};
        REQUIRE(otp::start<holder>(why));
    }
    CHECK(*why == reason::shutdown);
}

TEST_CASE("a process that outlives who has started it is asked to end, too, when its runtime ends") {
    struct child {
        explicit child(const std::shared_ptr<reason>& into) : why{into} {}
        std::shared_ptr<reason> why;
        void terminate(const reason& ended) { *why = ended; }
    };
    struct parent {
        explicit parent(const std::shared_ptr<reason>& into) { (void)otp::start_monitor<child>(into).value(); }
        void handle_info(const otp::down&) {}
    };
    for (const bool ends_before : {false, true}) {
        const auto why = std::make_shared<reason>();
        {
            otp::simulation sim{1};
            const auto started = otp::start<parent>(why);
            if (ends_before) CHECK(started->stop());
        }
        CHECK(*why == reason::shutdown);
    }
}

}  // namespace tests::slow_ends
