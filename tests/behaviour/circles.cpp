// Who waits for whom: what could only wait for itself ends at once.
#include "../conformance/servers.hpp"

#include <otp/behaviour/testing/simulated.hpp>
#include <otp/supervisor.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <initializer_list>

namespace tests::circles {

using namespace std::chrono_literals;

namespace {

/// Calls or stops itself.
struct narcissus {
    enum class way { call, ask, stop, wait };
    struct look {
        using reply_type = std::string;
        way how;
    };
    otp::task<std::string> handle_call(look l) {
        const auto mine = otp::self<narcissus>();
        if (l.how == way::call) co_return mine.call(l, otp::infinity).error().to_string();
        if (l.how == way::stop) co_return mine.stop().error().to_string();
        if (l.how == way::wait) co_return otp::wait(mine.id()).to_string();
        auto answer = co_await mine.ask<look>(way::call).timeout(otp::infinity);
        co_return answer.error().to_string();
    }
};

/// Calls another one of its kind before it answers.
struct partner {
    struct meet {
        using reply_type = std::string;
    };
    struct know {
        using reply_type = void;
        otp::server<partner> other;
        bool blocks;
    };
    void handle_call(know k) {
        other = k.other;
        blocks = k.blocks;
    }
    otp::task<std::string> handle_call(meet) {
        if (!other) co_return "end";
        otp::result<std::string> answer{""};
        if (blocks) answer = other.call(meet{});
        else answer = co_await other.ask<meet>();
        co_return answer ? "(" + *answer + ")" : answer.error().to_string();
    }
    otp::server<partner> other;
    bool blocks = false;
};

}  // namespace

TEST_CASE("CALL-23 a call to itself ends with calling_self at once, also without a limit, and the server goes on") {
    using way = narcissus::way;
    otp::simulation sim{1};
    const auto n = otp::start<narcissus>().value();
    const auto began = sim.now();
    for (const way how : {way::call, way::ask, way::wait}) CHECK(n.call(narcissus::look{how}).value().starts_with("calling_self"));
    CHECK(sim.now() == began);
}

TEST_CASE("STOP-12 a stop of itself ends with calling_self at once, and the server lives on") {
    otp::simulation sim{1};
    const auto n = otp::start<narcissus>().value();
    const auto began = sim.now();
    CHECK(n.call(narcissus::look{narcissus::way::stop}).value().starts_with("calling_self"));
    CHECK(sim.now() == began);
    CHECK(otp::is_alive(n.id()));
}

TEST_CASE("CALL-25 a call that closes a circle ends at once with deadlock that names the chain; the others get their answers") {
    for (const bool blocks : {false, true}) {
        for (std::uint64_t seed = 1; seed <= 20; ++seed) {
            otp::simulation sim{seed};
            const auto a = otp::start<partner>().value(), b = otp::start<partner>().value(), c = otp::start<partner>().value();
            CHECK(a.call<partner::know>(b, blocks));
            CHECK(b.call<partner::know>(c, blocks));
            CHECK(a.call(partner::meet{}).value() == "((end))");
            CHECK(c.call<partner::know>(a, blocks));
            const auto began = sim.now();
            const auto answer = a.call(partner::meet{}).value();
            CHECK(sim.now() == began);
            CHECK(answer.find("deadlock") != std::string::npos);
            CHECK(answer.find(a.id().to_string()) != std::string::npos);
            CHECK(answer.find(b.id().to_string()) != std::string::npos);
            CHECK(answer.find(c.id().to_string()) != std::string::npos);
            CHECK(c.call<partner::know>(otp::server<partner>{}, blocks));
            CHECK(a.call(partner::meet{}).value() == "((end))");
        }
    }
}

// ---- starts

namespace {

using otp::reason;
using tree = otp::server<otp::supervisor>;
inline constexpr otp::name<otp::supervisor> top_name{"top"};

/// Asks somebody for something.
struct helper {
    struct do_it {
        using reply_type = void;
        std::function<reason()> what;
    };
    otp::result<void> handle_call(const do_it& order) { return order.what(); }
};

/// Its init does something that may wait for its starter.
struct eager {
    otp::init_result init(std::function<reason()> what) {
        auto why = what();
        if (why != reason::normal) return otp::stop(std::move(why));
        return otp::ok;
    }
};
[[nodiscard]] bool names(const reason& why, std::initializer_list<otp::pid> all) {
    std::size_t from = 0;
    for (const auto& p : all) {
        from = why.text().find(p.to_string(), from);
        if (from == std::string_view::npos) return false;
    }
    return true;
}

}  // namespace

TEST_CASE("an init that calls who waits for it ends at once with deadlock that names the chain") {
    const testing::reports quiet;
    otp::simulation sim{1};
    const auto began = sim.now();
    const auto h = otp::start<helper>().value(), other = otp::start<helper>().value();
    // A server starts another one, which asks the first one: itself, or by way of a third.
    const auto starts = [h](std::function<reason()> what) {
        return h.call(helper::do_it{[what] { return otp::start<eager>(what).error(); }}, otp::infinity).error();
    };
    const std::function<reason()> ask_back = [h] { return h.call(helper::do_it{}, otp::infinity).error(); };
    const auto direct = starts(ask_back);
    CHECK(direct == reason::deadlock);
    CHECK(names(direct, {h.id(), h.id()}));
    const auto by_another = starts([other, ask_back] { return other.call(helper::do_it{ask_back}, otp::infinity).error(); });
    CHECK(by_another == reason::deadlock);
    CHECK(names(by_another, {h.id(), other.id(), h.id()}));
    CHECK(starts([h] { return h.stop().error(); }) == reason::deadlock);
    CHECK(starts([h] { return otp::wait(h.id()); }) == reason::deadlock);
    CHECK(sim.now() == began);
    CHECK(otp::is_alive(h.id()));
}

TEST_CASE("a child whose init asks its own supervisor to start, end or list children fails at once with deadlock") {
    const testing::reports quiet;
    const std::function<reason()> uses[] = {
        [] { return top_name.start_child(otp::child<helper>("h")).error(); },
        [] { return top_name.terminate_child("c").error(); },
        [] { return top_name.which_children().error(); },
        [] { return top_name.stop().error(); },
    };
    for (const auto& use : uses) {
        otp::simulation sim{1};
        const auto began = sim.now();
        // While the supervisor starts, and later by an order.
        const auto first = otp::start<otp::supervisor>({.name = "top"}, otp::supervisor_flags{}, otp::child<eager>("c", use));
        CHECK(first.error() == otp::reason::failed_child);
        CHECK(first.error().cause() == reason::deadlock);
        const tree top = otp::start<otp::supervisor>({.name = "top"}, otp::supervisor_flags{}).value();
        const auto why = top.start_child(otp::child<eager>("c", use)).error();
        CHECK(why == reason::deadlock);
        CHECK(names(why, {top.id(), top.id()}));
        CHECK(sim.now() == began);
        CHECK(top.count_children().value().specs == 0);
    }
}

TEST_CASE("a child that starts beside others and asks its own supervisor fails at once with deadlock, too; the others start") {
    const testing::reports quiet;
    otp::simulation sim{1};
    const auto other = otp::start<helper>().value();
    const std::function<reason()> nothing = [] { return reason{}; };
    const std::function<reason()> direct = [] { return top_name.which_children().error(); };
    const std::function<reason()> by_another = [other, direct] { return other.call(helper::do_it{direct}, otp::infinity).error(); };
    for (const auto& use : {direct, by_another, std::function<reason()>{[] { return top_name.stop().error(); }}}) {
        const auto began = sim.now();
        const auto failed = otp::start<otp::supervisor>({.name = "top"}, otp::supervisor_flags{}, otp::child<eager>("a", nothing).parallel(),
                                                        otp::child<eager>("b", use).parallel(), otp::child<eager>("c", nothing).parallel());
        REQUIRE(failed.error() == otp::reason::failed_child);
        CHECK(failed.error().cause() == reason::deadlock);
        CHECK(failed.error().cause().text().find("otp::supervisor ->") != std::string_view::npos);
        CHECK(sim.now() == began);
    }
    // Once they have started nobody waits for them any more.
    const tree top = otp::start<otp::supervisor>({.name = "top"}, otp::supervisor_flags{}, otp::child<helper>("a").parallel(),
                                                 otp::child<helper>("b").parallel()).value();
    const otp::server<helper> a{top.which_child("a").value().pid.shared()};
    CHECK(a.call(helper::do_it{[] { return reason{std::to_string(top_name.which_children().value().size())}; }}).error() == "2");
}

// ---- ends

namespace {

/// A child that traps exits; in a handler or in its end it does something that may wait for its supervisor.
struct mutineer {
    struct go {
        std::function<reason()> what;
    };
    struct leave {
        otp::server<otp::supervisor> above;
    };
    std::vector<reason>* heard = nullptr;
    std::function<reason()> at_the_end;
    void init(std::vector<reason>* to, std::function<reason()> end) {
        otp::trap_exit(true);
        heard = to;
        at_the_end = std::move(end);
    }
    void handle_cast(const go& order) { heard->push_back(order.what()); }
    otp::task<> handle_cast(leave l) {
        auto answer = co_await l.above.ask<otp::behaviour::terminate_child_order>("m").timeout(otp::infinity);
        heard->push_back(answer.error());
    }
    void terminate(const reason& why) {
        if (at_the_end) heard->push_back(at_the_end());
        heard->push_back(why);
    }
};
[[nodiscard]] otp::server<mutineer> mutineer_of(const tree& of) { return otp::server<mutineer>{of.which_child("m").value().pid.shared()}; }

}  // namespace

TEST_CASE("a child that traps exits and waits for the end of its supervisor, or its own by it, hears deadlock at once and ends in order") {
    const std::function<reason(tree)> uses[] = {
        [](tree top) { return top.stop().error(); },
        [](tree top) { return otp::wait(top.id()); },
        [](tree top) { return top.terminate_child("m").error(); },
    };
    for (std::size_t use = 0; use < 4; ++use) {
        const testing::reports quiet;
        std::vector<reason> heard;
        otp::simulation sim{1};
        const tree top = otp::start<otp::supervisor>(otp::supervisor_flags{}, otp::child<mutineer>("m", &heard, std::function<reason()>{}).shutdown(otp::infinity)).value();
        const auto m = mutineer_of(top);
        const auto began = sim.now();
        if (use < 3) m.cast(mutineer::go{[top, what = uses[use]] { return what(top); }});
        else m.cast(mutineer::leave{top});
        sim.run();
        if (use == 1) CHECK(top.stop());
        CHECK_FALSE(otp::is_alive(m.id()));
        CHECK(otp::is_alive(top.id()) == (use >= 2));
        CHECK(sim.now() == began);
        REQUIRE(heard.size() == 2);
        CHECK(heard[0] == reason::deadlock);
        CHECK(names(heard[0], {top.id(), m.id(), top.id()}));
        CHECK(heard[1] == reason::shutdown);
    }
}

TEST_CASE("the same deeper in a tree, in the end itself, and by way of another server") {
    const testing::reports quiet;
    std::vector<reason> heard;
    otp::simulation sim{1};
    const auto h = otp::start<helper>().value();
    const auto run = [&](std::function<reason()> in_handler, std::function<reason()> at_the_end) {
        heard.clear();
        const auto began = sim.now();
        const auto below = otp::child<otp::supervisor>("below", otp::supervisor_flags{}, otp::child<mutineer>("m", &heard, at_the_end).shutdown(otp::infinity));
        const tree top = otp::start<otp::supervisor>({.name = "top"}, otp::supervisor_flags{}, below).value();
        const auto m = mutineer_of(tree{top.which_child("below").value().pid.shared()});
        if (in_handler) {
            m.cast(mutineer::go{in_handler});
            sim.run();
        } else {
            CHECK(top.stop());
        }
        CHECK_FALSE(otp::is_alive(top.id()));
        CHECK(sim.now() == began);
        CHECK(heard.size() == 2);
        return heard.empty() ? reason{} : heard[0];
    };
    CHECK(run([] { return top_name.stop().error(); }, {}) == reason::deadlock);
    CHECK(run({}, [] { return top_name.which_children().error(); }) == reason::deadlock);
    CHECK(run({}, [] { return top_name.stop().error(); }) == reason::deadlock);
    const auto by_another = run({}, [h] { return h.call(helper::do_it{[] { return top_name.which_children().error(); }}, otp::infinity).error(); });
    CHECK(by_another == reason::deadlock);
    CHECK(names(by_another, {h.id()}));
    // What doesn't wait for the supervisor is answered.
    CHECK(run({}, [h] { return h.call(helper::do_it{[] { return reason{"fine"}; }}).error(); }) == "fine");
}

TEST_CASE("a dynamic child that stops its supervisor hears deadlock at once, too") {
    const testing::reports quiet;
    std::vector<reason> heard;
    otp::simulation sim{1};
    const auto pool = otp::start<otp::dynamic_supervisor<mutineer>>(otp::dynamic_supervisor_flags{}, otp::child<mutineer>("m", &heard, std::function<reason()>{})).value();
    const auto m = pool.start_child().value();
    const auto n = pool.start_child().value();
    const auto began = sim.now();
    m.cast(mutineer::go{[pool] { return pool.stop().error(); }});
    n.cast(mutineer::go{[pool, n] { return pool.terminate_child(n.id()).error(); }});
    sim.run();
    CHECK_FALSE(otp::is_alive(pool.id()));
    CHECK(sim.now() == began);
    CHECK(heard.size() == 4);
    CHECK(std::count(heard.begin(), heard.end(), reason::shutdown) == 2);
    CHECK(sim.live() == 0);
}

TEST_CASE("a child that is told to end while it waits for somebody else gets its answer first") {
    std::vector<reason> heard;
    otp::simulation sim{1};
    const auto s = otp::start<testing::server>().value();
    const tree top = otp::start<otp::supervisor>(otp::supervisor_flags{}, otp::child<mutineer>("m", &heard, std::function<reason()>{})).value();
    mutineer_of(top).cast(mutineer::go{[s] { return reason{std::to_string(s.call(testing::server::slow{1s}).value())}; }});
    sim.run();
    CHECK(top.stop());
    CHECK(heard == std::vector{reason{"1000"}, reason{reason::shutdown}});
}

TEST_CASE("on workers no order of events lets children and their supervisor wait for each other") {
    struct tally {
        std::atomic<int> ended{0}, odd{0};
    };
    struct rebel {
        tally* count = nullptr;
        void init(tally* to) {
            otp::trap_exit(true);
            count = to;
        }
        static bool is_expected(const reason& why) { return why == reason::deadlock || why == reason::noproc; }
        void handle_cast(const tree& above) {
            if (!is_expected(above.stop().error())) count->odd.fetch_add(1, std::memory_order_relaxed);  // a sum, read when all has ended
        }
        void terminate(const reason&) {
            if (!is_expected(top_name.which_children().error())) count->odd.fetch_add(1, std::memory_order_relaxed);  // as above
            count->ended.fetch_add(1, std::memory_order_relaxed);
        }
    };
    for (const std::size_t workers : {1U, 4U}) {
        otp::runtime rt{{.workers = workers}};
        const otp::use here{rt};
        tally count;
        for (int round = 1; round <= 300; ++round) {
            const auto child = [&count](const char* id) { return otp::child<rebel>(id, &count).shutdown(otp::infinity); };
            const tree top = otp::start<otp::supervisor>({.name = "top"}, otp::supervisor_flags{}, child("a"), child("b"), child("c")).value();
            const auto children = top.which_children().value();
            for (const auto& c : children) otp::server<rebel>{c.pid.shared()}.cast(top);
            const auto how = top.stop();
            CHECK((how || how.error() == reason::noproc));
            REQUIRE(count.ended.load(std::memory_order_relaxed) == 3 * round);
        }
        CHECK(count.odd.load(std::memory_order_relaxed) == 0);
    }
}

}  // namespace tests::circles
