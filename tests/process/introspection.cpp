// Listings of processes, who waits for whom, the tree, and what a shutdown says.
#include <doctest/doctest.h>

#include <otp/otp.hpp>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tests::introspection {

using namespace std::chrono_literals;
using otp::process_status;
using otp::reason;

// What all can see of a process stands in the block of each.
static_assert(sizeof(otp::behaviour::server_base) <= 256);

namespace {

struct store {
    struct get {
        using reply_type = int;
    };
    struct poke {};
    otp::task<int> handle_call(get) {
        co_await otp::sleep_for(1s);
        co_return 1;
    }
    void handle_cast(poke) {}
};

/// Asks a store while it handles a request of its own.
struct front {
    struct get {
        using reply_type = int;
        bool blocks;
    };
    void init(otp::server<store> s) { back = std::move(s); }
    otp::task<int> handle_call(get g) {
        if (g.blocks) co_return back.call(store::get{}, otp::infinity).value();
        co_return (co_await back.ask<store::get>().timeout(1h)).value();
    }
    otp::server<store> back;
};

struct idler {
    void init() {}
    void handle_cast(store::poke) {}
};

/// Handles one message until it is told otherwise, from outside.
struct calculator {
    struct compute {
        std::atomic<bool>* goes_on;
    };
    struct get {
        using reply_type = int;
    };
    void handle_cast(compute c) {
        otp::set_label("calculates");
        while (c.goes_on->load(std::memory_order_acquire)) std::this_thread::yield();
    }
    int handle_call(get) { return 1; }
};

/// The part of a process in a listing.
otp::process_info seen(const otp::pid& who) { return otp::info_of(who).value(); }

/// Waits in real time until it is so; a test that waits for ever fails by its time limit.
template <class F>
void until(F so) {
    while (!so()) std::this_thread::sleep_for(1ms);
}

}  // namespace

TEST_CASE("a listing has every process in the order of their start, with what it has done and what it waits for") {
    otp::simulation sim{1};
    const auto back = otp::start<store>({.name = "store"}).value();
    const auto ahead = otp::start<front>(back).value();
    CHECK(ahead.call(front::get{false}).value() == 1);
    auto pending = ahead.send_request(front::get{false});
    sim.advance(1ms);
    const auto all = otp::processes();
    REQUIRE(all.size() == 2);
    CHECK(all[0].pid == back.id());
    CHECK(all[0].name == "store");
    CHECK(all[0].callbacks == otp::type_name<store>());
    CHECK(all[0].messages_handled == 2);  // one of them waits in its coroutine
    CHECK(all[0].status == process_status::waiting);
    CHECK(all[0].waits_for == "time");
    CHECK(!all[0].waits_on);
    CHECK(all[1].pid == ahead.id());
    CHECK(all[1].name.empty());
    CHECK(all[1].status == process_status::waiting);
    CHECK(all[1].waits_for == otp::type_name<store::get>());
    CHECK(all[1].waits_on == back.id());
    CHECK(to_string(all[1]).ends_with(": waiting for " + std::string{otp::type_name<store::get>()} + " of " + back.id().to_string() + " store"));
    sim.advance(2s);
    CHECK(pending.check());
    CHECK(seen(ahead.id()).waits_for.empty());
    CHECK(!seen(ahead.id()).waits_on);
    CHECK(to_string(seen(ahead.id())).ends_with(": waiting for messages"));
}

TEST_CASE("a handler that blocks is shown with what it blocks for, and afterwards with its message") {
    otp::simulation sim{1};
    const auto back = otp::start<store>().value();
    const auto ahead = otp::start<front>(back).value();
    auto pending = ahead.send_request(front::get{true});
    sim.advance(1ms);
    CHECK(seen(ahead.id()).waits_for == otp::type_name<store::get>());
    CHECK(seen(ahead.id()).waits_on == back.id());
    sim.advance(2s);
    CHECK(pending.check());
    CHECK(seen(ahead.id()).waits_for.empty());
}

TEST_CASE("a mailbox's depth, a suspension and an end show in a listing") {
    otp::simulation sim{1};
    const auto s = otp::start<idler>().value();
    REQUIRE(otp::sys::suspend(s));
    for (int i = 0; i != 3; ++i) s.cast(store::poke{});
    sim.run();
    CHECK(seen(s.id()).status == process_status::suspended);
    CHECK(seen(s.id()).mailbox_depth == 3);
    REQUIRE(otp::sys::resume(s));
    sim.run();
    CHECK(seen(s.id()).status == process_status::waiting);
    CHECK(seen(s.id()).mailbox_depth == 0);
    CHECK(seen(s.id()).message == otp::type_name<store::poke>());
    REQUIRE(s.stop());
    CHECK(!otp::info_of(s.id()));
    CHECK(otp::processes().empty());
}

TEST_CASE("links and monitors are told by a process whose handler waits or blocks, and by a suspended one") {
    otp::simulation sim{1};
    const auto back = otp::start<store>().value();
    const auto ahead = otp::start<front>(back).value();
    otp::pid other;
    const auto self = otp::spawn([&]() -> otp::task<> {
        otp::trap_exit(true);
        other = otp::spawn_link([]() -> otp::task<> { co_await otp::sleep_for(1h); });
        (void)otp::monitor(ahead.id());
        (void)co_await ahead.ask<front::get>(true);
        co_await otp::sleep_for(1h);
    });
    sim.advance(1ms);
    const auto mine = otp::bonds_of(self).value();
    CHECK(mine.links == std::vector<otp::pid>{other});
    CHECK(mine.monitors == std::vector<otp::pid>{ahead.id()});
    CHECK(mine.monitored_by.empty());
    CHECK(mine.traps_exits);
    CHECK(otp::bonds_of(ahead.id())->monitored_by == std::vector<otp::pid>{self});
    REQUIRE(otp::sys::suspend(back, 10s));
    CHECK(otp::bonds_of(back.id())->links.empty());
    CHECK(seen(back.id()).mailbox_depth == 0);
}

TEST_CASE("a handler may ask for the links of the very process that waits for it, and a full mailbox takes such a question") {
    struct asked {
        struct about {
            using reply_type = std::size_t;
            otp::pid who;
        };
        std::size_t handle_call(about a) { return otp::links_of(a.who).value().size(); }
    };
    struct asks {
        struct go {
            using reply_type = std::size_t;
            bool blocks;
        };
        void init(otp::server<asked> s) { whom = std::move(s); }
        otp::task<std::size_t> handle_call(go g) {
            if (g.blocks) co_return whom.call(asked::about{otp::self()}).value();
            co_return (co_await whom.ask<asked::about>(otp::self())).value();
        }
        otp::server<asked> whom;
    };
    otp::simulation sim{1};
    const auto s = otp::start<asks>(otp::start<asked>().value()).value();
    CHECK(s.call(asks::go{true}) == 0U);
    CHECK(s.call(asks::go{false}) == 0U);

    const auto full = otp::start<store>({.mailbox = {.capacity = 1}}).value();
    auto first = full.send_request(store::get{});
    sim.run();
    full.cast(store::poke{});
    CHECK(otp::links_of(full.id()).has_value());
    CHECK(first.wait().value() == 1);
}

TEST_CASE("what was seen of a process has a text when its runtime is gone, too") {
    otp::process_info kept;
    {
        otp::runtime rt{{.workers = 1}};
        const otp::use here{rt};
        const auto s = otp::start<front>(otp::start<store>().value()).value();
        auto request = s.send_request(front::get{false});
        until([&] { return static_cast<bool>(seen(s.id()).waits_on); });
        kept = seen(s.id());
    }
    CHECK(to_string(kept).find("waiting for ") != std::string::npos);
}

TEST_CASE("children of a dynamic supervisor stand in the tree by pid, struct and label, as observer shows them: they have no id") {
    struct session {
        void init(std::string guest) { otp::set_label(guest); }
    };
    otp::simulation sim{1};
    const auto pool = otp::start<otp::dynamic_supervisor<session>>(otp::dynamic_supervisor_flags{}, otp::child<session>("session")).value();
    const auto ann = pool.start_child("ann").value(), bob = pool.start_child("bob").value();
    sim.run();
    const auto made = otp::tree();
    REQUIRE(made.entries.size() == 3);
    CHECK(made.entries[made.roots.at(0)].children == std::vector<std::size_t>{1, 2});
    CHECK(made.entries[1].info.pid == ann.id());
    CHECK(made.entries[1].info.child_id.empty());
    const std::string line = ' ' + std::string{otp::type_name<session>()} + ", labelled ";
    CHECK(to_string(made).find("\n  " + ann.id().to_string() + line + "ann: waiting") != std::string::npos);
    CHECK(to_string(made).find("\n  " + bob.id().to_string() + line + "bob: waiting") != std::string::npos);
}

TEST_CASE("the tree shows who started whom, with the ids of children, as text and for Graphviz") {
    otp::simulation sim{1};
    const auto top = otp::start<otp::supervisor>({.name = "top"}, otp::supervisor_flags{}, otp::child<idler>("left"),
                                                 otp::child<otp::supervisor>("right", otp::supervisor_flags{},
                                                                             std::vector<otp::child_spec>{otp::child<idler>("low").named("deep \"one\"")}))
                         .value();
    const auto lone = otp::start<idler>().value();
    sim.run();
    const auto made = otp::tree();
    REQUIRE(made.entries.size() == 5);
    REQUIRE(made.roots.size() == 2);
    const auto& root = made.entries[made.roots[0]];
    CHECK(root.info.pid == top.id());
    REQUIRE(root.children.size() == 2);
    CHECK(made.entries[root.children[0]].info.child_id == "left");
    const auto& right = made.entries[root.children[1]];
    CHECK(right.info.child_id == "right");
    REQUIRE(right.children.size() == 1);
    const auto& low = made.entries[right.children[0]].info;
    CHECK(low.child_id == "low");
    CHECK(made.entries[made.roots[1]].info.pid == lone.id());

    const auto name = std::string{otp::type_name<idler>()};
    const auto number = [](const otp::process_info& p) { return std::to_string(p.pid.number()); };
    CHECK(to_string(made) == "<" + number(root.info) + "> top otp::supervisor: waiting for messages\n" +                                //
                                 "  \"left\" " + made.entries[root.children[0]].info.pid.to_string() + ' ' + name + ": waiting for messages\n" +  //
                                 "  \"right\" " + right.info.pid.to_string() + " otp::supervisor: waiting for messages\n" +             //
                                 "    \"low\" " + low.pid.to_string() + " deep \"one\" " + name + ": waiting for messages\n" +          //
                                 lone.id().to_string() + ' ' + name + ": waiting for messages");
    const auto dot = made.dot();
    CHECK(dot.starts_with("digraph processes {\n"));
    CHECK(dot.find("p" + number(root.info) + " -> p" + number(right.info) + " [label=\"right\"];\n") != std::string::npos);
    CHECK(dot.find("deep \\\"one\\\"") != std::string::npos);
    CHECK(dot.ends_with("}\n"));

    // The parent is gone, the child is not.
    otp::pid child;
    const auto parent = otp::spawn([&child] { child = otp::spawn([]() -> otp::task<> { co_await otp::sleep_for(1h); }); });
    (void)otp::wait(parent);
    const auto after = otp::tree();
    CHECK(after.roots.size() == 3);
    CHECK(after.entries[after.roots[2]].info.pid == child);
}

TEST_CASE("a shutdown that takes too long says who refuses to end and what each waits for") {
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    std::atomic<bool> computes{true};
    const auto busy = otp::start<calculator>({.name = "sums"}).value();
    busy.cast(calculator::compute{&computes});
    const auto asker = otp::spawn([busy]() -> otp::task<> {
        otp::trap_exit(true);
        (void)co_await busy.ask<calculator::get>().timeout(1h);
    });
    until([&] { return seen(asker).waits_on == busy.id() && otp::label(busy.id()); });
    const auto ended = rt.shutdown(1ms);
    computes.store(false, std::memory_order_release);
    REQUIRE(!ended);
    CHECK(ended.error() == reason::timeout);
    const auto text = std::string{ended.error().text()};
    INFO(text);
    CHECK(text.find(asker.to_string() + ' ') != std::string::npos);
    CHECK(text.find("waiting for " + std::string{otp::type_name<calculator::get>()} + " of " + busy.id().to_string() + " sums") != std::string::npos);
    CHECK(text.find("labelled calculates: running, in " + std::string{otp::type_name<calculator::compute>()}) != std::string::npos);
    CHECK(rt.shutdown(1min));
}

TEST_CASE("listings are taken while processes come, talk, label themselves and go") {
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    const auto back = otp::start<idler>({.name = "steady"}).value();
    std::atomic<bool> over{false};
    std::thread watcher{[&] {
        const otp::use there{rt};
        while (!over.load(std::memory_order_acquire)) {
            for (const auto& p : otp::processes()) {
                (void)to_string(p);
                (void)otp::label(p.pid);
                (void)otp::links_of(p.pid);
            }
            (void)otp::tree();
        }
    }};
    for (int i = 0; i != 300; ++i) {
        const auto spawned = otp::spawn([back]() -> otp::task<> {
            otp::set_label("short");
            otp::trap_exit(true);
            const auto below = otp::spawn_link([]() -> otp::task<> { co_await otp::yield(); });
            (void)otp::sys::with_state(back, [](const idler&) { return 1; });
            co_await otp::sleep_for(10us);
            otp::unlink(below);
        });
        if (i % 8 != 0) continue;
        CHECK(otp::wait(spawned) == reason::normal);
    }
    over.store(true, std::memory_order_release);
    watcher.join();
    CHECK(rt.shutdown(1min));
}

}  // namespace tests::introspection
