// What is reported of a server that ends, and when nothing is.
#include "captured.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

namespace tests::reports {

using namespace std::chrono_literals;
using captured::has;
using captured::part_of;
using otp::reason;

namespace {

struct account {
    struct pay {
        using reply_type = int;
        int amount;
        friend std::string to_string(const pay& p) { return "pay " + std::to_string(p.amount); }
    };
    struct end {
        reason why;
    };
    struct end_call {
        using reply_type = int;
        reason why;
        bool answered;
    };
    struct later {
        using reply_type = int;
    };
    struct slow {
        using reply_type = int;
    };
    struct noise {};

    void init(int start) { balance = start; }
    int handle_call(pay p) {
        if (p.amount > balance) throw std::runtime_error{"not enough"};
        return balance -= p.amount;
    }
    otp::replied<int> handle_call(end_call e) {
        if (e.answered) return otp::stop(e.why, 1);
        return otp::stop(e.why);
    }
    void handle_call(later, otp::from<later> caller) {
        kept = std::move(caller);
        throw std::logic_error{"later never comes"};
    }
    otp::task<int> handle_call(slow) {
        co_await otp::sleep_for(10ms);
        throw std::logic_error{"too slow"};
    }
    otp::next handle_cast(end e) { return otp::stop(e.why); }
    void handle_cast(noise) {}
    void handle_info(end e) { throw otp::exit{e.why}; }
    friend std::string to_string(const account& a) { return "balance " + std::to_string(a.balance); }
    int balance = 0;
    otp::from<later> kept;
};

/// Shows that it was asked, not what it knows.
struct vault {
    struct open {
        std::string password;
        friend std::string to_string(const open& o) { return o.password; }
    };
    void handle_cast(const open&) { throw std::runtime_error{"burst"}; }
    void format_status(otp::status& s) const {
        s.state = "hidden";
        s.message = "open";
    }
    std::string secret = "gold";
};
struct clumsy {
    void handle_cast(account::noise) { throw std::runtime_error{"first"}; }
    void format_status(otp::status&) const { throw std::runtime_error{"second"}; }
};

otp::server<account> started() { return otp::start<account>({.name = "till"}, 10).value(); }

const reason quiet_ends[] = {reason{reason::normal}, reason{reason::shutdown}, reason::shutdown_for("closing time")};

}  // namespace

TEST_CASE("EXC-07 a callback that exits with shutdown makes no report") {
    otp::simulation sim{1};
    const captured::reports seen;
    for (const reason& why : {reason{reason::shutdown}, reason::shutdown_for("closing time")}) {
        const auto s = started();
        s.send(account::end{why});
        CHECK(otp::wait(s.id()) == why);
    }
    CHECK(seen.texts.empty());
}

// OTP logs two reports of one end, the server's and its process's. Here it is one that holds all of both.
TEST_CASE("EXC-08 a crash makes exactly one report, an error") {
    otp::simulation sim{1};
    for (int kind = 0; kind != 3; ++kind) {
        const captured::reports seen;
        const auto s = started();
        if (kind == 0) (void)s.call(account::pay{11});
        if (kind == 1) s.cast(account::end{"broke"});
        if (kind == 2) s.send(account::end{"robbed"});
        (void)otp::wait(s.id());
        sim.run();
        CHECK(seen.only().starts_with("crash of "));
        CHECK(seen.levels[0] == otp::log_level::error);
        CHECK(seen.crash().pid == s.id());
    }
}

TEST_CASE("EXC-11 the report holds name, last message, state, reason and client") {
    otp::simulation sim{1};
    const captured::reports seen;
    const auto s = started();
    CHECK(s.call(account::pay{3}).value() == 7);
    const auto client = otp::spawn([s] { (void)s.call(account::pay{11}); });
    (void)otp::register_name("shopper", client);
    CHECK(otp::wait(s.id()).text() == "not enough");
    sim.run();
    const std::string& text = seen.only();
    CHECK(part_of(text, "process") == s.id().to_string() + " till");
    CHECK(has(part_of(text, "last message"), "account::pay: pay 11"));
    CHECK(has(part_of(text, "state"), "balance 7"));
    CHECK(part_of(text, "reason") == "exception std::runtime_error: not enough");
    CHECK(part_of(text, "client") == client.to_string() + " shopper, alive");
    const auto& parts = seen.crash();
    CHECK(parts.name == "till");
    CHECK(parts.client == client);
    CHECK(parts.reason.text() == "not enough");
    CHECK(parts.reason.exception_type() == "std::runtime_error");
}

TEST_CASE("EXC-11 format_status decides what the report shows of state and message") {
    otp::simulation sim{1};
    const captured::reports seen;
    const auto s = otp::start<vault>().value();
    s.cast(vault::open{"sesame"});
    (void)otp::wait(s.id());
    CHECK(part_of(seen.only(), "state") == "hidden");
    CHECK(part_of(seen.only(), "last message") == "open");
    CHECK(!has(seen.only(), "sesame"));
    CHECK(!has(seen.only(), "gold"));
}

TEST_CASE("EXC-11 a format_status that throws costs its line, not the report") {
    otp::simulation sim{1};
    const captured::reports seen;
    const auto s = otp::start<clumsy>().value();
    s.cast(account::noise{});
    CHECK(otp::wait(s.id()).text() == "first");
    CHECK(has(part_of(seen.only(), "state"), "format_status threw"));
    CHECK(has(part_of(seen.only(), "reason"), "first"));
}

TEST_CASE("STOP-13 a stop is reported unless its reason is normal, shutdown or shutdown_for") {
    otp::simulation sim{1};
    const captured::reports seen;
    for (const reason& why : quiet_ends) {
        CHECK(started().stop(why));
        const auto s = started();
        s.cast(account::end{why});
        (void)otp::wait(s.id());
    }
    CHECK(seen.texts.empty());
    const auto s = started();
    CHECK(s.stop("burnt down"));
    CHECK(part_of(seen.only(), "reason") == "burnt down");
}

TEST_CASE("LOG-05 the report names the client of the last request, and says whether it lives") {
    otp::simulation sim{1};
    const captured::reports seen;
    const auto s = started();
    SUBCASE("one that waits") {
        const auto client = otp::spawn([s] { (void)s.call(account::pay{11}); });
        (void)otp::wait(s.id());
        CHECK(seen.crash().client == client);
        CHECK(seen.crash().client_is_alive);
        CHECK(part_of(seen.only(), "client") == client.to_string() + ", alive");
    }
    SUBCASE("one that has died meanwhile") {
        const auto client = otp::spawn([s]() -> otp::task<> { (void)co_await s.ask<account::slow>(); });
        sim.advance(1ms);
        otp::exit_process(client, reason::kill);
        (void)otp::wait(s.id());
        CHECK(seen.crash().client == client);
        CHECK(!seen.crash().client_is_alive);
        CHECK(part_of(seen.only(), "client") == client.to_string() + ", dead");
    }
    SUBCASE("one that was answered before the stop") {
        otp::pid client = otp::spawn([s] { (void)s.call(account::end_call{"sold", true}); });
        (void)otp::wait(s.id());
        CHECK(seen.crash().client == client);
    }
    SUBCASE("one that is answered by the stop") {
        otp::pid client = otp::spawn([s] { (void)s.call(account::end_call{"sold", false}); });
        (void)otp::wait(s.id());
        CHECK(seen.crash().client == client);
    }
    SUBCASE("one that was to be answered later") {
        otp::pid client = otp::spawn([s] { (void)s.call(account::later{}); });
        (void)otp::wait(s.id());
        CHECK(seen.crash().client == client);
    }
    SUBCASE("a thread") {
        (void)s.call(account::pay{11});
        CHECK(part_of(seen.only(), "client") == "a thread, alive");
    }
    SUBCASE("none for a cast") {
        CHECK(s.call(account::pay{1}));
        s.cast(account::end{"sold"});
        (void)otp::wait(s.id());
        CHECK(!seen.crash().has_client);
        CHECK(part_of(seen.only(), "client").empty());
    }
}

TEST_CASE("LOG-04 a report is several lines or one, of bounded length and depth") {
    otp::simulation sim{1};
    const captured::reports seen;
    const auto crash = [&sim] {
        const auto s = started();
        otp::sys::suspend(s).value();
        s.cast(account::end{reason{std::string(3000, 'x')}});
        for (int i = 0; i != 10; ++i) s.cast(account::noise{});
        otp::sys::resume(s).value();
        (void)otp::wait(s.id());
        sim.run();
    };
    SUBCASE("several lines at first") {
        crash();
        CHECK(has(seen.only(), "\n    process:        <"));
        CHECK(has(seen.only(), "\n    mailbox:        10 messages: "));
        CHECK(has(seen.only(), ", … 2 more"));
        CHECK(seen.only().size() <= 8192);
    }
    SUBCASE("one line") {
        const captured::form one{{.single_line = true}};
        crash();
        CHECK(!has(seen.only(), "\n"));
        CHECK(has(seen.only(), "; process: <"));
        CHECK(has(seen.only(), "; mailbox: 10 messages: "));
    }
    SUBCASE("limited in length") {
        const captured::form brief{{.chars_limit = 200}};
        crash();
        CHECK(seen.only().size() <= 200);
        CHECK(seen.only().ends_with("…"));
    }
    SUBCASE("limited in depth") {
        const captured::form shallow{{.depth = 1}};
        crash();
        CHECK(has(seen.only(), ", … 9 more"));
    }
    SUBCASE("one less than the depth that there is") {
        const captured::form nearly{{.depth = 9}};
        crash();
        CHECK(has(seen.only(), ", … 1 more"));
    }
    SUBCASE("exactly as deep") {
        const captured::form enough{{.depth = 10}};
        crash();
        CHECK(!has(seen.only(), " more"));
    }
    SUBCASE("without limits") {
        const captured::form whole{{.chars_limit = 0, .depth = 0}};
        crash();
        CHECK(has(seen.only(), std::string(3000, 'x')));
        CHECK(!has(seen.only(), "…"));
    }
}

TEST_CASE("LOG-01 a supervisor's reports come in parts, too, and its progress as information") {
    otp::simulation sim{1};
    const captured::reports seen{otp::log_level::info};
    const auto top = otp::start<otp::supervisor>({.name = "bank"}, otp::supervisor_flags{.intensity = 1}, otp::child<account>("till", 5)).value();
    REQUIRE(seen.supervisors.size() == 1);
    CHECK(seen.supervisors[0].about == otp::report_kind::progress);
    CHECK(seen.levels[0] == otp::log_level::info);
    CHECK(seen.supervisors[0].child == top.which_child("till").value().pid);
    CHECK(has(seen.only(), "\"bank\": started; child \"till\" "));
    const auto first = seen.supervisors[0].child;
    otp::server<account>{first.shared()}.cast(account::end{"broke"});
    sim.run();
    REQUIRE(seen.supervisors.size() == 3);
    const auto& ended = seen.supervisors[1];
    CHECK(ended.about == otp::report_kind::supervisor);
    CHECK(ended.what == "child_terminated");
    CHECK(ended.reason == "broke");
    CHECK(ended.name == "bank");
    CHECK(ended.supervisor == top.id());
    CHECK(ended.child_id == "till");
    CHECK(ended.child == first);
    CHECK(ended.restart == otp::permanent);
    CHECK(seen.supervisors[2].what == "started");
}

TEST_CASE("LINK-20 the list of links shows partners, and is empty after unlink and exit") {
    otp::simulation sim{1};
    const auto idle = [] { return otp::spawn([]() -> otp::task<> { co_await otp::sleep_for(1h); }); };
    const auto one = idle();
    const auto two = idle();
    bool linked = false, unlinked = false;
    const auto self = otp::spawn([&]() -> otp::task<> {
        otp::trap_exit(true);
        otp::link(one);
        otp::link(two);
        linked = otp::links_of(otp::self()).value() == std::vector<otp::pid>{one, two};
        co_await otp::sleep_for(1min);
        otp::unlink(one);
        unlinked = otp::links_of(otp::self()).value() == std::vector<otp::pid>{two};
        co_await otp::sleep_for(1h);
    });
    sim.advance(1s);
    CHECK(linked);
    CHECK(otp::links_of(self).value() == std::vector<otp::pid>{one, two});
    CHECK(otp::links_of(one).value() == std::vector<otp::pid>{self});
    sim.advance(1min);
    CHECK(unlinked);
    CHECK(otp::links_of(one).value().empty());
    CHECK(otp::links_of(self).value() == std::vector<otp::pid>{two});
    otp::exit_process(two, "gone");
    sim.run();
    CHECK(otp::links_of(self).value().empty());
    CHECK(otp::links_of(two).error() == reason::noproc);
}

}  // namespace tests::reports
