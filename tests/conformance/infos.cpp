// Messages for handle_info: the user's own, the library's, and what has no handler.
#include "servers.hpp"

namespace tests::infos {

using namespace std::chrono_literals;
using testing::end_of;
using testing::exits_of;
using testing::log;
using testing::run_in;
using testing::server;
using testing::witness;

TEST_CASE("INFO-01 a plain message arrives in handle_info, and what that changes is the state") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    s.send(server::note{"one"});
    s.send<server::note>("two");
    otp::recipient<server::note>{s}.send(server::note{"three"});
    CHECK(s.call(server::log_of{}).value() == log{"info one", "info two", "info three"});
}

TEST_CASE("INFO-02 a stop from handle_info runs terminate and ends the server with its reason") {
    const testing::reports quiet;
    log seen;
    otp::simulation sim{1};
    const auto s = otp::start<server>(&seen).value();
    s.send(server::stop_order{"enough"});
    CHECK(end_of(s.id()) == "enough");
    CHECK(seen == log{"terminate enough"});
}

TEST_CASE("INFO-03 what the library sends and no handle_info takes is dropped with a warning, and the server goes on") {
    struct deaf {
        struct get {
            using reply_type = int;
        };
        struct watch {
            otp::pid who;
        };
        struct wait_briefly {};
        void init() { otp::trap_exit(true); }
        int handle_call(get) { return n; }
        void handle_cast(watch w) {
            n = 7;
            (void)otp::monitor(w.who);
            otp::link(w.who);
        }
        otp::next handle_cast(wait_briefly) { return otp::noreply.timeout(1s); }
        int n = 0;
    };
    static_assert(!otp::receives<deaf, int> && !otp::receives<deaf, otp::down>);
    const testing::reports reported;
    otp::simulation sim{1};
    const auto s = otp::start<deaf>().value();
    s.cast(deaf::watch{otp::spawn([] {})});
    sim.run();
    REQUIRE(reported.lines.size() == 2);
    CHECK(reported.with("deaf") == 2);
    CHECK(reported.with("no handle_info for down") == 1);
    CHECK(reported.with("no handle_info for exit_signal") == 1);
    s.cast(deaf::wait_briefly{});
    sim.advance(2s);
    CHECK(reported.with("no handle_info for timeout") == 1);
    CHECK(s.call(deaf::get{}).value() == 7);
}

TEST_CASE("INFO-04 an exception inside handle_info is a crash, also one that says that there is no handler") {
    struct pretends {
        void handle_info(int) { throw otp::exit{otp::reason::unhandled}; }
    };
    const testing::reports reported;
    otp::simulation sim{1};
    const auto s = otp::start<pretends>().value();
    s.send(1);
    CHECK(end_of(s.id()) == otp::reason::unhandled);
    CHECK(reported.with("no handle_info") == 0);
}

TEST_CASE("INFO-05 the ends of what the server monitors come to handle_info") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(false).value();
    const auto p = testing::idle_process();
    otp::monitor_ref ref;
    run_in(w, [&] { ref = otp::monitor(p); });
    otp::exit_process(p, "over");
    sim.run();
    const auto seen = testing::downs_of(w);
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].ref == ref);
    CHECK(seen[0].pid == p);
    CHECK(seen[0].reason == "over");
}

TEST_CASE("INFO-06 the end of a linked process that is not the parent comes to handle_info of a server that traps exits") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    const auto p = testing::idle_process();
    run_in(w, [p] { otp::link(p); });
    otp::exit_process(p, "over");
    sim.run();
    const auto seen = exits_of(w);
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].pid == p);
    CHECK(seen[0].reason == "over");
    CHECK(otp::is_alive(w.id()));
}

TEST_CASE("INFO-08 a reply that comes too late is no info, also where the server takes infos of its type") {
    struct impatient {
        struct get {
            using reply_type = std::vector<int>;
        };
        struct ask {
            otp::server<server> whom;
            bool by_request;
        };
        otp::task<> handle_cast(ask a) {
            if (a.by_request) {
                auto id = a.whom.send_request(server::slow{1s});
                CHECK(id.receive(10ms).error() == otp::reason::timeout);
            } else {
                CHECK(a.whom.call(server::slow{1s}, 10ms).error() == otp::reason::timeout);
                auto late = co_await a.whom.ask<server::slow>(1s).timeout(10ms);
                CHECK(late.error() == otp::reason::timeout);
            }
        }
        void handle_info(int n) { got.push_back(n); }
        void handle_info(otp::result<int> r) { got.push_back(r.value_or(0)); }
        std::vector<int> handle_call(get) { return got; }
        std::vector<int> got;
    };
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    const auto i = otp::start<impatient>().value();
    for (const bool by_request : {false, true}) {
        i.cast(impatient::ask{s, by_request});
        sim.advance(1h);
        CHECK(i.call(impatient::get{}).value().empty());
        CHECK(testing::depth_of(i.id()) == 0);
    }
}

}  // namespace tests::infos
