// Watching a running server: trace, log, log file, statistics, functions of the user's own.
#include <doctest/doctest.h>

#include <otp/behaviour/gen_server/debug_options.hpp>
#include <otp/gen_server.hpp>
#include <otp/runtime/simulation.hpp>

#include "support/reports.hpp"

#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <unistd.h>

namespace tests::sys_debug {

using namespace std::chrono_literals;
namespace sys = otp::sys;

struct tally {
    struct get {
        using reply_type = int;
    };
    struct add {
        int n;
    };
    struct refuse {
        using reply_type = int;
    };
    struct later {
        using reply_type = int;
    };
    struct idle {};
    struct then {};
    struct end {};
    int handle_call(get) { return sum; }
    otp::result<int> handle_call(refuse) { return otp::reason::overloaded; }
    void handle_call(later, otp::from<later> caller) { caller.reply(sum); }
    void handle_cast(add a) { sum += a.n; }
    void handle_info(add a) { sum += a.n; }
    otp::next handle_cast(idle) { return otp::noreply.timeout(1s); }
    otp::next handle_cast(then) { return otp::noreply.then(this, add{5}); }
    otp::next handle_cast(end) { return otp::stop(otp::reason::normal); }
    void handle_continue(add a) { sum += a.n; }
    void handle_info(otp::timeout) {}
    void handle_info(const otp::exit_signal&) {}
    int sum = 0;
};
std::string to_string(const tally& t) { return "sum " + std::to_string(t.sum); }
std::string to_string(const tally::add& a) { return std::to_string(a.n); }
inline constexpr otp::name<tally> named{"tally"};

using texts = std::vector<std::string>;

texts logged_by(const sys::target& server) {
    texts lines;
    const auto events = sys::log(server).value();
    for (const auto& e : events) lines.push_back(to_string(e));
    return lines;
}

/// A file that is gone with the test.
struct scratch_file {
    std::string path;
    scratch_file() {
        char made[] = "/tmp/otp_sys_XXXXXX";
        const int opened = ::mkstemp(made);
        REQUIRE(opened >= 0);
        ::close(opened);
        path = made;
    }
    ~scratch_file() { (void)std::remove(path.c_str()); }
    scratch_file(const scratch_file&) = delete;
    scratch_file& operator=(const scratch_file&) = delete;
    [[nodiscard]] texts lines() const {
        texts all;
        std::ifstream in{path};
        for (std::string line; std::getline(in, line);) all.push_back(line);
        return all;
    }
};

TEST_CASE("SYS-19 a trace has one line for each message that comes, and for each reply and new state, in order") {
    otp::simulation sim{1};
    const auto s = otp::start<tally>(named).value();
    texts lines;
    REQUIRE(sys::trace(s, [&lines](std::string_view line) { lines.emplace_back(line); }));
    s.cast(tally::add{2});
    s.send(tally::add{3});
    CHECK(s.call(tally::get{}).value() == 5);
    CHECK(lines == texts{"*DBG* tally got cast tests::sys_debug::tally::add: 2", "*DBG* tally new state tests::sys_debug::tally: sum 2",
                         "*DBG* tally got tests::sys_debug::tally::add: 3", "*DBG* tally new state tests::sys_debug::tally: sum 5",
                         "*DBG* tally got call tests::sys_debug::tally::get",
                         "*DBG* tally sent int: 5, new state tests::sys_debug::tally: sum 5"});
    REQUIRE(sys::trace(s, false));
    lines.clear();
    s.cast(tally::add{1});
    CHECK(s.call(tally::get{}).value() == 6);
    CHECK(lines.empty());

    const testing::reports log;
    REQUIRE(sys::trace(named, true));
    s.cast(tally::add{1});
    CHECK(s.call(tally::get{}).value() == 7);
    CHECK(log.lines.size() == 4);
    CHECK(log.lines.back() == "*DBG* tally sent int: 7, new state tests::sys_debug::tally: sum 7");
}

TEST_CASE("a sink that throws is taken off, and the server goes on") {
    otp::simulation sim{1};
    const auto s = otp::start<tally>().value();
    const testing::reports log;
    int calls = 0;
    REQUIRE(sys::trace(s, [&calls](std::string_view) {
        ++calls;
        throw std::runtime_error{"full"};
    }));
    CHECK(s.call(tally::get{}).value() == 0);
    CHECK(s.call(tally::get{}).value() == 0);
    CHECK(calls == 1);
    CHECK(log.with("its trace failed and is off: std::runtime_error: full") == 1);
}

TEST_CASE("events name who asks, errors, late replies, continues, time-outs and exits") {
    otp::simulation sim{1};
    const auto s = otp::start<tally>().value();
    REQUIRE(sys::log(s, 20));
    otp::reason refused;
    const auto asker = otp::spawn([s, &refused] { refused = s.call(tally::refuse{}).error(); });
    CHECK(otp::wait(asker) == otp::reason::normal);
    CHECK(refused == otp::reason::overloaded);
    CHECK(logged_by(s) == texts{"got call tests::sys_debug::tally::refuse from " + asker.to_string(),
                                "sent error: overloaded to " + asker.to_string() + ", new state tests::sys_debug::tally: sum 0"});
    REQUIRE(sys::log(s, false));
    REQUIRE(sys::log(s, 20));
    CHECK(s.call(tally::later{}).value() == 0);
    s.cast(tally::then{});
    s.cast(tally::idle{});
    sim.advance(2s);
    const std::string state = "new state tests::sys_debug::tally: sum ";
    CHECK(logged_by(s) == texts{"got call tests::sys_debug::tally::later", state + '0',
                                "got cast tests::sys_debug::tally::then", state + '0',
                                "got continue tests::sys_debug::tally::add: 5", state + '5',
                                "got cast tests::sys_debug::tally::idle", state + '5', "got timeout otp::timeout", state + '5'});
}

TEST_CASE("the end of a monitored process is an event, whether it is watched by pid or by name") {
    struct watcher {
        void init(otp::server<tally> watched) { (void)otp::monitor(watched.id()), (void)otp::monitor("tally"); }
        void handle_info(const otp::down&) {}
    };
    otp::simulation sim{1};
    const auto watched = otp::start<tally>(named).value();
    const auto s = otp::start<watcher>(watched).value();
    REQUIRE(sys::log(s, true));
    REQUIRE(watched.stop());
    sim.run();
    const auto told = logged_by(s);
    REQUIRE(told.size() == 4);  // each with the state that it leaves
    const auto end = "down: " + watched.id().to_string() + " normal";
    CHECK(told[0].find(end) != std::string::npos);
    CHECK(told[2].find(end) != std::string::npos);
}

TEST_CASE("SYS-20 no_debug switches all of it off") {
    otp::simulation sim{1};
    const scratch_file file;
    const auto s = otp::start<tally>().value();
    int traced = 0;
    int told = 0;
    REQUIRE(sys::trace(s, [&traced](std::string_view) { ++traced; }));
    REQUIRE(sys::log(s, true));
    REQUIRE(sys::log_to_file(s, file.path));
    REQUIRE(sys::statistics(s, true));
    REQUIRE(sys::install(s, "mine", [&told](int&, const sys::event&, std::string_view) { ++told; }, 0));
    CHECK(s.call(tally::get{}).value() == 0);
    CHECK(traced == 2);
    CHECK(told == 2);
    CHECK(file.lines().size() == 2);
    REQUIRE(sys::no_debug(s));
    CHECK(s.call(tally::get{}).value() == 0);
    CHECK(traced == 2);
    CHECK(told == 2);
    CHECK(file.lines().size() == 2);
    CHECK(sys::log(s)->empty());
    CHECK(sys::statistics(s).error() == otp::reason::not_found);
}

TEST_CASE("SYS-21 a log keeps the last 10 events or as many as are asked for, oldest first, until it is switched off") {
    otp::simulation sim{1};
    const auto s = otp::start<tally>().value();
    CHECK(sys::log(s)->empty());
    REQUIRE(sys::log(s, true));
    for (int n = 1; n <= 7; ++n) s.cast(tally::add{n});
    const auto got = [](int n) { return "got cast tests::sys_debug::tally::add: " + std::to_string(n); };
    const auto state = [](int n) { return "new state tests::sys_debug::tally: sum " + std::to_string(n); };
    CHECK(logged_by(s) == texts{got(3), state(6), got(4), state(10), got(5), state(15), got(6), state(21), got(7), state(28)});
    REQUIRE(sys::log(s, 3));
    CHECK(logged_by(s) == texts{state(21), got(7), state(28)});
    s.cast(tally::add{2});
    CHECK(logged_by(s) == texts{state(28), got(2), state(30)});
    CHECK(sys::log(s, 0).error() == otp::reason::bad_argument);
    CHECK(sys::log(s, -1).error() == otp::reason::bad_argument);
    CHECK(logged_by(s).size() == 3);
    REQUIRE(sys::log(s, false));
    CHECK(sys::log(s)->empty());
    REQUIRE(sys::log(s, true));
    CHECK(sys::log(s)->empty());
}

TEST_CASE("SYS-22 events go to a file until it is switched off; a file that can't be opened is an error") {
    otp::simulation sim{1};
    const scratch_file file;
    const auto s = otp::start<tally>(named).value();
    REQUIRE(sys::log_to_file(s, file.path));
    s.cast(tally::add{1});
    CHECK(s.call(tally::get{}).value() == 1);
    const texts written{"*DBG* tally got cast tests::sys_debug::tally::add: 1", "*DBG* tally new state tests::sys_debug::tally: sum 1",
                        "*DBG* tally got call tests::sys_debug::tally::get",
                        "*DBG* tally sent int: 1, new state tests::sys_debug::tally: sum 1"};
    CHECK(file.lines() == written);
    const auto bad = sys::log_to_file(s, file.path + "/no/such/place");
    CHECK(bad.error() == otp::reason{std::errc::not_a_directory});
    CHECK(bad.error().text().find(file.path + "/no/such/place: Not a directory") != std::string_view::npos);
    CHECK(s.call(tally::get{}).value() == 1);
    CHECK(file.lines() == written);  // as in OTP the one before was closed
    REQUIRE(sys::log_to_file(s, file.path));
    CHECK(s.call(tally::get{}).value() == 1);
    CHECK(file.lines().size() == 2);
    REQUIRE(sys::log_to_file(s, false));
    CHECK(s.call(tally::get{}).value() == 1);
    CHECK(file.lines().size() == 2);
    CHECK(sys::log_to_file(s, true).error() == otp::reason::bad_argument);
}

TEST_CASE("a server that stops has no new state to tell") {
    otp::simulation sim{1};
    const auto s = otp::start<tally>(named).value();
    texts lines;
    REQUIRE(sys::trace(s, [&lines](std::string_view line) { lines.emplace_back(line); }));
    s.cast(tally::end{});
    CHECK(otp::wait(s.id()) == otp::reason::normal);
    CHECK(lines == texts{"*DBG* tally got cast tests::sys_debug::tally::end"});
}

TEST_CASE("SYS-23 statistics count what comes and what is answered, since they were switched on") {
    otp::simulation sim{1};
    const auto s = otp::start<tally>().value();
    CHECK(sys::statistics(s).error() == otp::reason::not_found);
    CHECK(s.call(tally::get{}).value() == 0);
    sim.advance(1s);
    const auto begin = otp::now();
    REQUIRE(sys::statistics(s, true));
    CHECK(s.call(tally::get{}).value() == 0);
    s.cast(tally::add{1});
    s.send(tally::add{1});
    sim.advance(2s);
    const auto counted = sys::statistics(s).value();
    CHECK(counted.messages_in == 3);
    CHECK(counted.messages_out == 1);
    CHECK(counted.start == begin);
    CHECK(counted.now == begin + 2s);
    REQUIRE(sys::statistics(s, false));
    CHECK(sys::statistics(s).error() == otp::reason::not_found);
    CHECK(sys::statistics(s).error().text().find("no statistics") != std::string_view::npos);
}

TEST_CASE("debugging works while the server is suspended, and through a pid") {
    otp::simulation sim{1};
    const auto s = otp::start<tally>().value();
    REQUIRE(sys::suspend(s.id()));
    REQUIRE(sys::log(s.id(), true));
    REQUIRE(sys::statistics(s.id(), true));
    s.cast(tally::add{1});
    CHECK(sys::log(s.id())->empty());
    CHECK(sys::statistics(s.id())->messages_in == 0);
    REQUIRE(sys::resume(s.id()));
    CHECK(sys::log(s.id())->size() == 2);
    CHECK(sys::statistics(s.id())->messages_in == 1);
}

TEST_CASE("SYS-29 debug options of a start hold from the first message; one that fails is ignored with a line in the log") {
    static_assert(!std::is_convertible_v<const char*, sys::debug_option> && !std::is_convertible_v<int, sys::debug_option>);
    otp::simulation sim{1};
    const scratch_file file;
    const testing::reports log;
    int told = 0;
    const auto count = [&told](int&, const sys::event&, std::string_view) { ++told; };
    const auto s = otp::start<tally>({.name = "tally",
                                      .debug = {sys::traced, sys::logged(3), sys::counted, sys::logged_to(file.path),
                                                sys::installed("count", count, 0)}}).value();
    s.cast(tally::add{1});
    s.cast(tally::add{2});
    sim.run();
    CHECK(log.with("*DBG* tally ") == 4);
    CHECK(log.lines.front() == "*DBG* tally got cast tests::sys_debug::tally::add: 1");
    CHECK(sys::log(s)->size() == 3);
    CHECK(sys::statistics(s)->messages_in == 2);
    CHECK(file.lines().size() == 4);
    CHECK(told == 4);

    const auto before = log.lines.size();
    const auto other = otp::start<tally>({.debug = {sys::logged_to(file.path + "/no"), sys::logged(0), sys::counted}});
    REQUIRE(other);
    CHECK(log.lines.size() == before + 2);
    CHECK(log.with("is ignored: system: " + file.path + "/no: Not a directory") == 1);
    CHECK(other->call(tally::get{}).value() == 0);
    CHECK(sys::statistics(*other)->messages_in == 1);
    CHECK(sys::log(*other)->empty());
}

}  // namespace tests::sys_debug
