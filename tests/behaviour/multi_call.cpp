// One request to several servers, and one cast to all of them, in virtual time.
#include "../process/in_process.hpp"
#include "support/looks.hpp"

#include <string>
#include <vector>

namespace tests::multi_call {

using namespace std::chrono_literals;
using testing::in_process;

namespace {

struct clerk {
    struct get {
        using reply_type = std::string;
        std::string prefix;
    };
    struct work {
        using reply_type = void;
        std::chrono::nanoseconds how_long{};
    };
    struct add {
        int n;
    };
    struct sum {
        using reply_type = int;
    };
    struct crash {
        using reply_type = int;
    };
    void init(std::string called, std::chrono::nanoseconds takes = 0ns) {
        name = std::move(called);
        time = takes;
    }
    otp::task<std::string> handle_call(get g) {
        if (time > 0ns) co_await otp::sleep_for(time);
        co_return g.prefix + name;
    }
    otp::task<void> handle_call(work w) { co_await otp::sleep_for(w.how_long); }
    int handle_call(sum) { return total; }
    int handle_call(crash) {
        if (name == "weak") throw otp::exit{"too much"};
        return 7;
    }
    void handle_cast(add a) { total += a.n; }
    std::string name;
    std::chrono::nanoseconds time{};
    int total = 0;
};
inline constexpr otp::name<clerk> here{"here"};
inline constexpr otp::name<clerk> there{"there"};

std::vector<otp::server<clerk>> five(std::chrono::nanoseconds each) {
    std::vector<otp::server<clerk>> all;
    for (const char* name : {"a", "b", "c", "d", "e"}) all.push_back(otp::start<clerk>(name, each).value());
    return all;
}

}  // namespace

TEST_CASE("MULTI-01 multi_call to a registered server gives its reply and no bad ones") {
    otp::simulation sim{1};
    REQUIRE(otp::start<clerk>(here, "h"));
    const auto all = otp::multi_call({here}, clerk::get{"i am "});
    REQUIRE(all.replies.size() == 1);
    CHECK(all.replies[0].who == here);
    CHECK(all.replies[0].value == "i am h");
    CHECK(all.bad.empty());
}

TEST_CASE("MULTI-02 multi_call to a name that nobody has: it is among the bad ones, and the caller goes on") {
    in_process([] {
        REQUIRE(otp::start<clerk>(here, "h"));
        const auto all = otp::multi_call({there, here}, clerk::get{});
        REQUIRE(all.replies.size() == 1);
        CHECK(all.replies[0].who == here);
        REQUIRE(all.bad.size() == 1);
        CHECK(all.bad[0].who == there);
        CHECK(all.bad[0].reason == otp::reason::noproc);
    });
}

TEST_CASE("multi_call to nobody gives nothing at once, one to itself is bad") {
    otp::simulation sim{1};
    const auto begun = sim.now();
    const auto none = otp::multi_call(std::vector<otp::server<clerk>>{}, clerk::get{});
    CHECK(none.replies.empty());
    CHECK(none.bad.empty());
    CHECK(sim.now() == begun);

    struct selfish {
        struct get {
            using reply_type = int;
        };
        struct ask_me {
            using reply_type = std::string;
        };
        int handle_call(get) { return 1; }
        std::string handle_call(ask_me) { return otp::multi_call({otp::self<selfish>()}, get{}).bad.at(0).reason.to_string(); }
    };
    CHECK(otp::start<selfish>().value().call(selfish::ask_me{}).value().find("calling_self") == 0);
}

TEST_CASE("MULTI-04 late answers of a multi_call reach nobody, and nothing else of it does") {
    otp::simulation sim{1};
    const auto w = otp::start<testing::witness>(true).value();
    const auto slow = otp::start<clerk>("slow", 200ms).value();
    const auto quick = otp::start<clerk>("quick").value();
    testing::run_in(w, [slow, quick] {
        const auto all = otp::multi_call({slow, quick}, clerk::get{}, 100ms);
        REQUIRE(all.replies.size() == 1);
        CHECK(all.replies[0].value == "quick");
        REQUIRE(all.bad.size() == 1);
        CHECK(all.bad[0].who == slow);
        CHECK(all.bad[0].reason == otp::reason::timeout);
        const auto* mine = otp::self().block()->related_if_any();
        CHECK((!mine || mine->watches.empty()));
    });
    sim.advance(1s);
    CHECK(slow.stop());
    CHECK(quick.stop());
    CHECK(testing::depth_of(w.id()) == 0);
    CHECK(testing::downs_of(w).empty());
    CHECK(testing::exits_of(w).empty());
    // What came late settles no wait that came after it.
    testing::run_in(w, [] {
        const auto s = otp::start<clerk>("next", 10ms).value();
        CHECK(s.call(clerk::get{}).value() == "next");
    });
}

TEST_CASE("MULTI-05 all requests of a multi_call go out before any answer is awaited") {
    otp::simulation sim{1};
    const auto all = five(100ms);
    const auto begun = sim.now();
    const auto got = otp::multi_call(all, clerk::get{});
    CHECK(sim.now() - begun == 100ms);
    REQUIRE(got.replies.size() == 5);
    for (std::size_t i = 0; i != 5; ++i) CHECK(got.replies[i].who == all[i]);

    // The limit is one for all of them.
    const auto again = sim.now();
    const auto none = otp::multi_call(all, clerk::work{1h}, 50ms);
    CHECK(sim.now() - again == 50ms);
    CHECK(none.bad.size() == 5);
}

TEST_CASE("MULTI-06 a target that dies during a multi_call is bad, the rest are fine") {
    in_process([] {
        const auto a = otp::start<clerk>("a").value();
        const auto weak = otp::start<clerk>("weak").value();
        const auto b = otp::start<clerk>("b").value();
        const auto all = otp::multi_call({a, weak, b}, clerk::crash{});
        CHECK(all.replies.size() == 2);
        REQUIRE(all.bad.size() == 1);
        CHECK(all.bad[0].who == weak);
        CHECK(all.bad[0].reason == "too much");

        otp::spawn([a]() -> otp::task<> {
            co_await otp::sleep_for(10ms);
            otp::exit_process(a, otp::reason::kill);
        });
        const auto killed = otp::multi_call({a, b}, clerk::work{20ms});
        REQUIRE(killed.bad.size() == 1);
        CHECK(killed.bad[0].who == a);
        CHECK(killed.bad[0].reason == otp::reason::killed);
        CHECK(killed.replies.size() == 1);
    });
}

TEST_CASE("a coroutine awaits a multi_call: its process waits, other processes go on") {
    otp::simulation sim{1};
    const auto all = five(100ms);
    const auto begun = sim.now();
    const auto got = otp::run([](std::vector<otp::server<clerk>> to) -> otp::task<otp::multi_result<otp::server<clerk>, clerk::get>> {
        const auto none = co_await otp::multi_ask<clerk::work>(to, 1h).timeout(10ms);
        if (none.bad.size() != 5) throw otp::exit{"no limit"};
        co_return co_await otp::multi_ask<clerk::get>(to, "x");
    }(all));
    REQUIRE(got);
    CHECK(got->bad.size() == 0);
    REQUIRE(got->replies.size() == 5);
    CHECK(got->replies[0].value == "xa");
    CHECK(sim.now() - begun > 1h);
}

TEST_CASE("MULTI-08 abcast returns at once; each target that is there handles it, the others are passed over") {
    otp::simulation sim{1};
    const auto all = five(0ns);
    REQUIRE(otp::start<clerk>(here, "h"));
    CHECK(all[2].stop());
    const auto begun = sim.now();
    otp::abcast(all, clerk::add{3});
    otp::abcast({here, there}, clerk::add{4});
    CHECK(sim.now() == begun);
    CHECK(all[0].call(clerk::sum{}).value() == 3);
    CHECK(all[1].call(clerk::sum{}).value() == 3);
    CHECK(all[4].call(clerk::sum{}).value() == 3);
    CHECK(here.call(clerk::sum{}).value() == 4);
}

TEST_CASE("a multi_call from a thread to servers on workers") {
    otp::runtime rt{{.workers = 2}};
    const otp::use inside{rt};
    const auto all = five(1ms);
    for (int i = 0; i != 100; ++i) {
        const auto got = otp::multi_call(all, clerk::get{"y"}, 30s);
        REQUIRE(got.replies.size() == 5);
        CHECK(got.replies[4].value == "ye");
    }
}

}  // namespace tests::multi_call
