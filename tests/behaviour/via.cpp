// Names that a registry of the user's keeps, in virtual time.
#include "../process/in_process.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace tests::via {

using namespace std::chrono_literals;

namespace {

/// Keeps names in a map and writes down what it was asked.
class book final : public otp::registry {
public:
    bool register_name(std::string_view key, const otp::pid& who) override {
        const std::lock_guard hold{lock_};
        seen_.push_back("register " + std::string{key});
        auto& entry = entries_[std::string{key}];
        if (otp::is_alive(entry)) return false;
        entry = who;
        return true;
    }
    void unregister_name(std::string_view key) override {
        const std::lock_guard hold{lock_};
        seen_.push_back("unregister " + std::string{key});
        entries_.erase(std::string{key});
    }
    otp::pid whereis_name(std::string_view key) override {
        const std::lock_guard hold{lock_};
        const auto found = entries_.find(std::string{key});
        return found == entries_.end() || hides_ ? otp::pid{} : found->second;
    }
    [[nodiscard]] auto count(const std::string& what) {
        const std::lock_guard hold{lock_};
        return std::count(seen_.begin(), seen_.end(), what);
    }
    void hide(bool on) {
        const std::lock_guard hold{lock_};
        hides_ = on;
    }

private:
    std::mutex lock_;
    std::map<std::string, otp::pid> entries_;
    std::vector<std::string> seen_;
    bool hides_ = false;
};

struct tally {
    struct get {
        using reply_type = int;
    };
    struct add {
        int n;
    };
    struct note {
        int n;
    };
    struct interface : otp::client<tally> {
        auto total() const { return call(get{}); }
    };
    otp::init_result init(std::string how = "fine") {
        if (how == "stop") return otp::stop("no room");
        if (how == "throw") throw otp::exit{"thrown"};
        if (how == "ignore") return otp::ignore;
        return otp::ok;
    }
    int handle_call(get) { return sum; }
    void handle_cast(add a) { sum += a.n; }
    void handle_info(note n) { sum += 100 * n.n; }
    int sum = 0;
};
struct slow {
    otp::task<otp::init_result> init() {
        co_await otp::sleep_for(1h);
        co_return otp::ok;
    }
};
struct other {
    void init() {}
};

/// A registry that is a gen_server itself: it forgets who ends.
struct names_server {
    struct enter {
        using reply_type = bool;
        std::string key;
        otp::pid who;
    };
    struct leave {
        using reply_type = void;
        std::string key;
    };
    struct find {
        using reply_type = otp::pid;
        std::string key;
    };
    bool handle_call(const enter& e) {
        if (!entries.emplace(e.key, e.who).second) return false;
        (void)otp::monitor(e.who);
        return true;
    }
    void handle_call(const leave& l) { entries.erase(l.key); }
    otp::pid handle_call(const find& f) {
        const auto found = entries.find(f.key);
        return found == entries.end() ? otp::pid{} : found->second;
    }
    void handle_info(otp::down d) {
        std::erase_if(entries, [&d](const auto& e) { return e.second == d.pid; });
    }
    std::map<std::string, otp::pid> entries;
};
class served_registry final : public otp::registry {
public:
    explicit served_registry(otp::server<names_server> s) : server_{std::move(s)} {}
    bool register_name(std::string_view key, const otp::pid& who) override {
        return server_.call(names_server::enter{std::string{key}, who}).value();
    }
    void unregister_name(std::string_view key) override { (void)server_.call(names_server::leave{std::string{key}}); }
    otp::pid whereis_name(std::string_view key) override { return server_.call(names_server::find{std::string{key}}).value_or(otp::pid{}); }

private:
    otp::server<names_server> server_;
};

}  // namespace

TEST_CASE("START-30 a start via a registry of the user's behaves as with a local name: start, call, cast, already_started, failure") {
    otp::simulation sim{1};
    book names;
    const otp::via<tally> main_tally{names, "main"};
    CHECK(main_tally.total().error() == otp::reason::noproc);
    CHECK_FALSE(otp::whereis(main_tally));

    const auto s = otp::start<tally>(main_tally).value();
    CHECK(names.count("register main") == 1);
    CHECK(main_tally.id() == s.id());
    CHECK(otp::whereis(main_tally) == s);
    main_tally.cast(tally::add{3});
    main_tally.send(tally::note{1});
    CHECK(main_tally.total().value() == 103);
    CHECK(main_tally.send_request<tally::get>().receive().value() == 103);
    const otp::recipient<tally::note> to = main_tally;
    to.send(tally::note{2});
    CHECK(main_tally.total().value() == 303);
    const auto asked = otp::run([](otp::via<tally> v) -> otp::task<int> { co_return (co_await v.ask<tally::get>()).value(); }(main_tally));
    CHECK(asked.value() == 303);

    const auto again = otp::start<tally>(main_tally);
    CHECK(again.error() == otp::reason::already_started);
    CHECK(again.error().pid() == s.id());
    CHECK(otp::start<tally>({.name = "main", .registry = &names}).error() == otp::reason::already_started);
    // The same, when another registers between the look and the registration.
    names.hide(true);
    CHECK(otp::start<tally>(main_tally).error() == otp::reason::already_started);
    names.hide(false);
    CHECK(names.count("unregister main") == 0);
    CHECK(main_tally.id() == s.id());

    // Not a name of the runtime; and a process with one may have the other.
    CHECK_FALSE(otp::whereis("main"));
    CHECK(otp::register_name("main", s.id()));
    CHECK(otp::via<other>{names, "main"}.stop().error() == otp::reason::wrong_server);

    CHECK(main_tally.stop());
    CHECK(main_tally.total().error() == otp::reason::noproc);
    CHECK(otp::start<tally>({.name = "main", .registry = &names, .timeout = 1s}, "fine"));
    CHECK(main_tally.total().value() == 0);
    CHECK(otp::start<tally>({.registry = &names}).error() == otp::reason::bad_argument);
}

TEST_CASE("a start via a registry links and monitors as others do") {
    testing::in_process([] {
        book names;
        otp::trap_exit(true);
        const auto linked = otp::start_link<tally>(otp::via<tally>{names, "l"}).value();
        CHECK(otp::self().block()->related_if_any()->links.size() == 1);
        const auto watched = otp::start_monitor<tally>(otp::via<tally>{names, "m"}).value();
        CHECK(watched.monitor);
        CHECK(linked.stop());
        CHECK(watched.server.stop());
    });
}

TEST_CASE("REG-16 a failed start via a registry of the user's unregisters its name once") {
    otp::simulation sim{1};
    for (const char* how : {"stop", "throw", "ignore"}) {
        book names;
        const auto failed = otp::start<tally>(otp::via<tally>{names, "n"}, how);
        REQUIRE_FALSE(failed);
        CHECK(names.count("register n") == 1);
        CHECK(names.count("unregister n") == 1);
        CHECK_FALSE(names.whereis_name("n"));
        CHECK(otp::start<tally>(otp::via<tally>{names, "n"}));
    }
    book names;
    CHECK(otp::start<slow>({.name = "s", .registry = &names, .timeout = 1s}).error() == otp::reason::timeout);
    sim.run();
    CHECK(names.count("register s") == 1);
    CHECK(names.count("unregister s") == 1);
}

TEST_CASE("the registry may be a gen_server that monitors whom it names") {
    for (const bool simulated : {true, false}) {
        std::optional<otp::simulation> sim;
        std::optional<otp::runtime> rt;
        std::optional<otp::use> here;
        if (simulated) sim.emplace(1U);
        else here.emplace(rt.emplace(otp::runtime_options{.workers = 2}));
        served_registry names{otp::start<names_server>().value()};
        const otp::via<tally> t{names, "t"};
        const auto s = otp::start<tally>(t).value();
        CHECK(otp::start<tally>(t).error().pid() == s.id());
        CHECK(t.total().value() == 0);
        CHECK(t.stop());
        CHECK_FALSE(otp::start<tally>(t, "stop"));
        CHECK_FALSE(names.whereis_name("t"));
        CHECK(otp::start<tally>(t));
    }
}

}  // namespace tests::via
