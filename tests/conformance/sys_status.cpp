// What a server shows of itself, and what it does while it is suspended.
#include <doctest/doctest.h>

#include <otp/gen_server.hpp>
#include <otp/runtime/simulation.hpp>

#include "support/reports.hpp"

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tests::sys_status {

using namespace std::chrono_literals;
namespace sys = otp::sys;

using texts = std::vector<std::string>;

/// Records what it hears.
struct listener {
    struct word {
        std::string text;
    };
    struct heard {
        using reply_type = texts;
    };
    void init() { otp::trap_exit(true); }
    texts handle_call(heard) { return all; }
    void handle_cast(word w) { all.push_back(std::move(w.text)); }
    void handle_info(const otp::exit_signal& e) { all.push_back("exit " + e.reason.to_string()); }
    void terminate(const otp::reason& why) {
        if (last_words) *last_words = why.to_string();
    }
    texts all;
    std::string* last_words = nullptr;
};
std::string to_string(const listener& l) { return std::to_string(l.all.size()) + " heard"; }
inline constexpr otp::name<listener> ear{"ear"};

/// Has secrets in its state, its messages, its log and its reason, and shows none.
struct vault {
    struct unlock {
        using reply_type = bool;
        std::string code;
    };
    struct blow_up {
        std::string code;
    };
    bool handle_call(const unlock& u) const { return u.code == code; }
    void handle_cast(const blow_up& b) { throw std::runtime_error{"wrong: " + b.code}; }
    void format_status(otp::status& s) const {
        s.state = "a vault";
        if (!s.message.empty()) s.message = "a message";
        if (s.reason != otp::reason::normal) s.reason = "a reason";
        for (auto& event : s.log) event = "an event";
    }
    std::string code = "secret";
};
std::string to_string(const vault& v) { return v.code; }
std::string to_string(const vault::unlock& u) { return u.code; }
std::string to_string(const vault::blow_up& b) { return b.code; }

struct clumsy {
    struct crash {};
    struct get {
        using reply_type = std::string;
    };
    std::string handle_call(get) { return secret; }
    void handle_cast(crash) { throw std::runtime_error{"over"}; }
    void format_status(otp::status& s) const {
        s.message = "half done";
        throw std::runtime_error{"oops"};
    }
    std::string secret = "secret";
};
std::string to_string(const clumsy& c) { return c.secret; }

TEST_CASE("SYS-02 get_state of a suspended server works") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    s.cast(listener::word{"before"});
    REQUIRE(sys::suspend(s));
    s.cast(listener::word{"after"});
    CHECK(sys::get_state(s)->all == texts{"before"});
}

TEST_CASE("SYS-03 get_state of a process that is gone is noproc") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>(ear).value();
    REQUIRE(s.stop());
    CHECK(sys::get_state(s).error() == otp::reason::noproc);
    CHECK(sys::get_state(ear).error() == otp::reason::noproc);
    CHECK(sys::get_status(s.id()).error() == otp::reason::noproc);
    CHECK(sys::suspend(ear).error() == otp::reason::noproc);
}

TEST_CASE("a status shows who the server is, how it does, and what its state says of itself") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>(ear).value();
    s.cast(listener::word{"one"});
    REQUIRE(sys::log(s, true));
    s.cast(listener::word{"two"});
    auto shown = sys::get_status(ear).value();
    CHECK(shown.pid == s.id());
    CHECK(shown.name == "ear");
    CHECK(shown.server == otp::type_name<listener>());
    CHECK(shown.state == "tests::sys_status::listener: 2 heard");
    CHECK(shown.log == texts{"got cast tests::sys_status::listener::word", "new state tests::sys_status::listener: 2 heard"});
    CHECK(!shown.suspended);
    CHECK(!shown.parent);
    CHECK(!shown.timeout);
    CHECK(shown.mailbox_depth == 0);
    CHECK(shown.message.empty());
    CHECK(shown.reason == otp::reason::normal);

    REQUIRE(sys::suspend(s));
    s.cast(listener::word{"three"});
    shown = sys::get_status(s.id()).value();
    CHECK(shown.suspended);
    CHECK(shown.mailbox_depth == 1);
    CHECK(to_string(shown).find("server ear " + s.id().to_string() + " tests::sys_status::listener, suspended") == 0);
}

TEST_CASE("SYS-08 format_status changes what get_status and the report of a crash show, not the state") {
    otp::simulation sim{1};
    const auto s = otp::start<vault>().value();
    CHECK(sys::get_status(s)->state == "a vault");
    CHECK(sys::get_state(s)->code == "secret");
    CHECK(s.call(vault::unlock{"secret"}).value());
    const testing::reports log;
    s.cast(vault::blow_up{"secret"});
    (void)otp::wait(s.id());
    REQUIRE(log.lines.size() == 1);
    CHECK(log.with("a vault") == 1);
    CHECK(log.with("secret") == 0);
}

TEST_CASE("SYS-10 format_status may hide the last message, the reason and the logged events") {
    otp::simulation sim{1};
    const auto s = otp::start<vault>().value();
    REQUIRE(sys::log(s, true));
    CHECK(s.call(vault::unlock{"secret"}).value());
    CHECK(sys::get_status(s)->log == texts{"an event", "an event"});
    CHECK(to_string(sys::log(s)->front()).find("secret") != std::string::npos);  // it shows, and changes nothing

    const testing::reports log;
    s.cast(vault::blow_up{"secret"});
    CHECK(otp::wait(s.id()).text() == "wrong: secret");
    REQUIRE(log.lines.size() == 1);
    CHECK(log.with("a message") == 1);
    CHECK(log.with("a reason") == 1);
    CHECK(log.with("an event") == 1);
    CHECK(log.with("secret") == 0);
}

TEST_CASE("a format_status that throws harms nothing: instead of the state it is said that it threw") {
    otp::simulation sim{1};
    const auto s = otp::start<clumsy>().value();
    CHECK(sys::get_status(s)->state == "tests::sys_status::clumsy::format_status threw: std::runtime_error: oops");
    CHECK(sys::get_status(s)->message.empty());
    CHECK(s.call(clumsy::get{}).value() == "secret");
    const testing::reports log;
    s.cast(clumsy::crash{});
    CHECK(otp::wait(s.id()).text() == "over");
    CHECK(log.with("format_status threw") == 1);
    CHECK(log.with("secret") == 0);
}

TEST_CASE("SYS-16 the exit of another than the parent waits with the other messages of a suspended server") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    REQUIRE(sys::suspend(s));
    s.cast(listener::word{"before"});
    otp::exit_process(s.id(), "a stranger's");
    s.cast(listener::word{"after"});
    sim.advance(1s);
    CHECK(sys::get_state(s)->all.empty());
    REQUIRE(sys::resume(s));
    CHECK(s.call(listener::heard{}).value() == texts{"before", "exit a stranger's", "after"});
}

TEST_CASE("the exit of its parent ends a suspended server at once") {
    otp::simulation sim{1};
    const testing::reports log;
    std::string last_words;
    otp::server<listener> s;
    const auto parent = otp::spawn([&] {
        s = otp::start_link<listener>().value();
        (void)sys::replace_state(s, [&](listener& l) { l.last_words = &last_words; });
        (void)sys::suspend(s);
        s.cast(listener::word{"waits"});
        throw otp::exit{"gone"};
    });
    CHECK(otp::wait(parent) == "gone");
    CHECK(otp::wait(s.id(), 1s) == "gone");
    CHECK(last_words == "gone");
}

TEST_CASE("SYS-17 one process suspends, another resumes; the end of the first resumes nothing") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    CHECK(otp::wait(otp::spawn([s] { (void)sys::suspend(s); })) == otp::reason::normal);
    CHECK(sys::get_status(s)->suspended);
    CHECK(s.call(listener::heard{}, 1s).error() == otp::reason::timeout);
    CHECK(otp::wait(otp::spawn([s] { (void)sys::resume(s); })) == otp::reason::normal);
    CHECK(!sys::get_status(s)->suspended);
    CHECK(s.call(listener::heard{}));
}

TEST_CASE("SYS-35 system requests are served in the order of the mailbox, between callbacks, never inside one") {
    struct slow {
        struct step {};
        otp::task<> handle_cast(step) {
            inside = true;
            co_await otp::sleep_for(1s);
            inside = false;
            ++steps;
        }
        bool inside = false;
        int steps = 0;
    };
    otp::simulation sim{1};
    const auto s = otp::start<slow>().value();
    std::pair<int, bool> seen{-1, true};
    otp::spawn([&] {
        s.cast(slow::step{});
        s.cast(slow::step{});
        seen = sys::with_state(s, [](const slow& state) { return std::pair{state.steps, state.inside}; }).value();
    });
    sim.run();
    s.cast(slow::step{});
    sim.advance(1500ms);
    CHECK(seen.first == -1);  // in the midst of the second
    sim.advance(700ms);
    CHECK(seen == std::pair{2, false});
    sim.advance(1s);
    CHECK(sys::get_state(s)->steps == 3);
}

TEST_CASE("SYS-36 a system request that the server does not know is an error, and the server lives on") {
    struct renamed {
        static otp::result<renamed> code_change(listener&&) { return renamed{}; }
        struct ping {
            using reply_type = int;
        };
        int handle_call(ping) { return 1; }
    };
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    const auto now = sys::change_code<renamed>(s).value();
    CHECK(sys::get_state(s).error() == otp::reason::wrong_server);  // it has no such state any more
    CHECK(now.call(renamed::ping{}).value() == 1);
    CHECK(sys::get_status(s)->server == otp::type_name<renamed>());

    // No gen_server knows any of them.
    const auto other = otp::spawn([] {
        otp::inbox<int> never;
        (void)never.receive(1h);
    });
    CHECK(sys::get_status(other).error() == otp::reason::wrong_server);
    CHECK(sys::suspend(otp::pid{}).error() == otp::reason::bad_argument);
    CHECK(otp::is_alive(other));
}

}  // namespace tests::sys_status
