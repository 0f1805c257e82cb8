// Addresses that a server can take back, and messages with priority, in virtual time.
#include "../process/in_process.hpp"
#include "support/looks.hpp"

#include <string>
#include <vector>

namespace tests::aliases {

using namespace std::chrono_literals;

namespace {

using texts = std::vector<std::string>;

struct holder {
    struct note {
        std::string text;
    };
    struct make {
        using reply_type = otp::alias<note>;
        bool with_priority = false;
    };
    struct watch {
        using reply_type = otp::monitor_and_alias<note>;
        otp::pid who;
        otp::alias_end end;
    };
    struct take_back {
        using reply_type = bool;
        otp::monitor_ref ref;
    };
    struct end_monitor {
        using reply_type = bool;
        otp::monitor_ref ref;
    };
    struct nap {
        bool and_take_back = false;
        otp::monitor_ref ref;
    };
    struct rest {};
    struct seen {
        using reply_type = texts;
    };
    otp::alias<note> handle_call(make m) { return m.with_priority ? otp::make_alias<note>(this, otp::priority) : otp::make_alias<note>(this); }
    otp::monitor_and_alias<note> handle_call(watch w) { return otp::monitor_with_alias<note>(w.who, this, w.end); }
    bool handle_call(take_back t) { return otp::unalias(t.ref); }
    bool handle_call(end_monitor e) { return otp::demonitor(e.ref); }
    texts handle_call(seen) { return log; }
    otp::task<> handle_cast(nap n) {
        co_await otp::sleep_for(1s);
        if (n.and_take_back && !otp::unalias(n.ref)) log.push_back("no alias");
    }
    otp::next handle_cast(rest) { return otp::noreply.hibernate(); }
    void handle_info(note n) { log.push_back(n.text); }
    void handle_info(otp::down) { log.push_back("down"); }
    texts log;
};

}  // namespace

TEST_CASE("a message sent to an alias is delivered to its maker; after unalias it is a dead letter") {
    otp::simulation sim{1};
    const auto h = otp::start<holder>().value();
    const auto a = h.call(holder::make{}).value();
    const auto b = h.call(holder::make{}).value();
    CHECK(a != b);
    a.send({"one"});
    const otp::recipient<holder::note> to = a;
    to.send({"two"});
    (void)otp::send_after(1s, to, holder::note{"late"});
    (void)otp::send_after(3s, to, holder::note{"too late"});
    sim.advance(2s);
    CHECK(h.call(holder::seen{}).value() == texts{"one", "two", "late"});
    CHECK(h.call(holder::take_back{a.ref()}).value());
    CHECK_FALSE(h.call(holder::take_back{a.ref()}).value());
    const auto lost = otp::dead_letters(otp::reason_kind::noproc);
    a.send({"three"});
    to.send({"four"});
    b.send({"five"});
    sim.advance(2s);
    CHECK(h.call(holder::seen{}).value() == texts{"one", "two", "late", "five"});
    CHECK(otp::dead_letters(otp::reason_kind::noproc) == lost + 3);
    CHECK(testing::depth_of(h.id()) == 0);
    CHECK(h.stop());
    b.send({"six"});
    CHECK(otp::dead_letters(otp::reason_kind::noproc) == lost + 4);
}

TEST_CASE("what came by way of an alias before it was taken back stays in the mailbox") {
    otp::simulation sim{1};
    const auto h = otp::start<holder>().value();
    const auto a = h.call(holder::make{}).value();
    h.cast(holder::nap{true, a.ref()});
    sim.advance(500ms);
    a.send({"before"});
    sim.advance(1s);
    a.send({"after"});
    CHECK(h.call(holder::seen{}).value() == texts{"before"});
}

TEST_CASE("an alias outlives a hibernation") {
    otp::simulation sim{1};
    const auto h = otp::start<holder>().value();
    const auto a = h.call(holder::make{}).value();
    h.cast(holder::rest{});
    sim.run();
    REQUIRE(h.id().block()->hibernating());
    a.send({"awake"});
    CHECK(h.call(holder::seen{}).value() == texts{"awake"});
}

TEST_CASE("an alias that ends with its monitor is gone after the demonitor, or when the down is there") {
    otp::simulation sim{1};
    const auto h = otp::start<holder>().value();
    const auto first = testing::idle_process();
    const auto one = h.call(holder::watch{first, otp::alias_end::demonitor}).value();
    CHECK(one.monitor == one.alias.ref());
    one.alias.send({"a"});
    CHECK(h.call(holder::end_monitor{one.monitor}).value());
    one.alias.send({"b"});
    const auto two = h.call(holder::watch{first, otp::alias_end::demonitor}).value();
    otp::exit_process(first, otp::reason::kill);
    sim.run();
    two.alias.send({"c"});
    CHECK(h.call(holder::seen{}).value() == texts{"a", "down"});
}

TEST_CASE("ALIAS-06 the alias of a monitor with explicit_unalias survives the down and the demonitor") {
    otp::simulation sim{1};
    const auto h = otp::start<holder>().value();
    const auto who = testing::idle_process();
    const auto one = h.call(holder::watch{who, otp::alias_end::explicit_unalias}).value();
    const auto two = h.call(holder::watch{who, otp::alias_end::explicit_unalias}).value();
    CHECK(h.call(holder::end_monitor{one.monitor}).value());
    one.alias.send({"demonitored"});
    otp::exit_process(who, otp::reason::kill);
    sim.run();
    two.alias.send({"down"});
    CHECK(h.call(holder::seen{}).value() == texts{"demonitored", "down", "down"});
    // And of one that is gone already: the down comes with noproc.
    const auto three = h.call(holder::watch{who, otp::alias_end::explicit_unalias}).value();
    sim.run();
    three.alias.send({"noproc"});
    CHECK(h.call(holder::seen{}).value().back() == "noproc");
    CHECK(h.call(holder::take_back{three.alias.ref()}).value());
    three.alias.send({"never"});
    CHECK(h.call(holder::seen{}).value().back() == "noproc");
}

TEST_CASE("ALIAS-08 a demonitor of a ref that is an alias and no monitor harms nobody, and the alias stays") {
    otp::simulation sim{1};
    const auto h = otp::start<holder>().value();
    const auto a = h.call(holder::make{}).value();
    CHECK_FALSE(h.call(holder::end_monitor{a.ref()}).value());
    a.send({"still"});
    CHECK(h.call(holder::seen{}).value() == texts{"still"});
    const auto who = testing::idle_process();
    const auto b = h.call(holder::watch{who, otp::alias_end::explicit_unalias}).value();
    CHECK(h.call(holder::end_monitor{b.monitor}).value());
    CHECK_FALSE(h.call(holder::end_monitor{b.monitor}).value());
    b.alias.send({"too"});
    CHECK(h.call(holder::seen{}).value() == texts{"still", "too"});
}

TEST_CASE("ORD-13 ordinary sends to a priority alias are ordinary, and priority without a priority alias is ordinary") {
    otp::simulation sim{1};
    const auto h = otp::start<holder>().value();
    const auto plain = h.call(holder::make{false}).value();
    const auto urgent = h.call(holder::make{true}).value();
    h.cast(holder::nap{});
    sim.advance(500ms);
    h.send(holder::note{"1"});
    urgent.send({"2"});
    plain.send({"3"}, otp::priority);
    urgent.send({"first"}, otp::priority);
    h.send(holder::note{"4"});
    urgent.send({"second"}, otp::priority);
    sim.advance(1s);
    CHECK(h.call(holder::seen{}).value() == texts{"first", "second", "1", "2", "3", "4"});
}

TEST_CASE("what was sent to an alias before it is taken back in the same callback is delivered") {
    struct once {
        struct note {};
        void handle_cast(int) {
            const auto mine = otp::make_alias<note>(this);
            mine.send(note{});
            CHECK(otp::unalias(mine.ref()));
            mine.send(note{});
        }
        void handle_info(note) { ++notes; }
        int notes = 0;
    };
    otp::simulation sim{1};
    const auto s = otp::start<once>().value();
    s.cast(1);
    sim.run();
    CHECK(otp::sys::get_state(s)->notes == 1);
}

}  // namespace tests::aliases
