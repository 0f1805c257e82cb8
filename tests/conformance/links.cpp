// Links, cases LINK: the end of one process reaches the other, once.
#include "../process/in_process.hpp"
#include "../support/reports.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace tests::links {

using namespace std::chrono_literals;
using testing::exits_of;
using testing::idle_process;
using testing::in_process;
using testing::run_in;
using testing::witness;

TEST_CASE("LINK-01 a child that exits at once takes its parent down, or reaches it if it traps") {
    const testing::reports quiet;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        otp::simulation sim{seed};
        const auto parent = otp::spawn([]() -> otp::task<> {
            (void)otp::spawn_link([] { throw otp::exit{"at once"}; });
            co_await otp::sleep_for(1h);
        });
        const auto why = otp::wait(parent);
        CHECK((why == "at once" || why == otp::reason::noproc));  // it may be gone before it is asked
        CHECK_FALSE(otp::is_alive(parent));
        const auto w = otp::start<witness>(true).value();
        run_in(w, [] { (void)otp::spawn_link([] { throw otp::exit{"at once"}; }); });
        sim.run();
        REQUIRE(exits_of(w).size() == 1);
        CHECK(exits_of(w)[0].reason == "at once");
    }
}

TEST_CASE("a link ends the other side with the reason") {
    otp::simulation sim{1};
    const auto linked_to = idle_process();
    const auto linker = otp::spawn([linked_to]() -> otp::task<> {
        otp::link(linked_to);
        co_await otp::sleep_for(1h);
    });
    sim.run();
    otp::inbox<otp::down> in;
    const auto ended = [&in](const otp::pid& p) {
        const auto seen = in.receive(1s);
        REQUIRE(seen);
        CHECK(std::get<0>(*seen).pid == p);
        return std::get<0>(*seen).reason;
    };
    SUBCASE("LINK-02 the one that made it, when the other exits") {
        (void)in.monitor(linker);
        otp::exit_process(linked_to, "boom");
        CHECK(ended(linker) == "boom");
    }
    SUBCASE("LINK-03 and the other way round") {
        (void)in.monitor(linked_to);
        otp::exit_process(linker, "boom");
        CHECK(ended(linked_to) == "boom");
    }
}

TEST_CASE("LINK-04 a normal end leaves a linked process alone, and is a message to one that traps") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    const auto plain = otp::start<witness>(false).value();
    run_in(w, [] { (void)otp::spawn_link([] {}); });
    run_in(plain, [] { (void)otp::spawn_link([] {}); });
    sim.run();
    REQUIRE(exits_of(w).size() == 1);
    CHECK(exits_of(w)[0].reason == otp::reason::normal);
    CHECK(exits_of(plain).empty());
}

TEST_CASE("LINK-05 two links of the same two are one, and one unlink removes it") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    const auto p = idle_process(), q = idle_process();
    run_in(w, [p, q] {
        otp::link(p);
        otp::link(p);
        otp::link(q);
        otp::link(q);
        otp::unlink(q);
    });
    otp::exit_process(p, "p");
    otp::exit_process(q, "q");
    sim.run();
    REQUIRE(exits_of(w).size() == 1);
    CHECK(exits_of(w)[0].reason == "p");
}

TEST_CASE("links with oneself, the dead and strangers") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    const auto dead = otp::spawn([] {});
    sim.run();
    SUBCASE("LINK-06 a link to oneself has no effect") {
        run_in(w, [] { otp::link(otp::self()); });
        sim.run();
        CHECK(otp::links_of(w.id()).value().empty());
        CHECK(exits_of(w).empty());
        CHECK(w.stop());
    }
    SUBCASE("LINK-07 a link to the dead is the exit noproc") {
        run_in(w, [dead] { otp::link(dead); });
        sim.run();
        REQUIRE(exits_of(w).size() == 1);
        CHECK(exits_of(w)[0].pid == dead);
        CHECK(exits_of(w)[0].reason == otp::reason::noproc);
    }
    SUBCASE("LINK-09 to unlink a stranger or the dead has no effect") {
        run_in(w, [dead] {
            otp::unlink(idle_process());
            otp::unlink(dead);
        });
        sim.run();
        CHECK(exits_of(w).empty());
        CHECK(otp::is_alive(w.id()));
    }
}

TEST_CASE("LINK-11 a trapped exit that came before the unlink stays") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    run_in(w, [] {
        const auto p = otp::spawn_link([] { throw otp::exit{"early"}; });
        otp::inbox<otp::down> in;
        (void)in.monitor(p);
        (void)in.receive();  // it is gone, and its exit is in this mailbox
        otp::unlink(p);
    });
    sim.run();
    CHECK(exits_of(w).size() == 1);
}

TEST_CASE("an exit on its way does not pass an unlink") {
    // The peer dies while the unlink happens: either order, never an exit after unlink has returned.
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        otp::simulation sim{seed};
        std::size_t before = 0, after = 0;
        const auto w = otp::start<witness>(true).value();
        const auto p = otp::spawn([] {});
        auto first = w.send_request<witness::do_in>(std::function<void()>([p] { otp::link(p); }));
        auto second = w.send_request<witness::do_in>(std::function<void()>([p] { otp::unlink(p); }));
        REQUIRE(first.wait());
        REQUIRE(second.wait());
        before = exits_of(w).size();
        sim.run();
        after = exits_of(w).size();
        CHECK(before == after);
    }
}

TEST_CASE("links made and unmade by both sides at once end up the same on both") {
    for (std::uint64_t seed = 1; seed <= 500; ++seed) {
        otp::simulation sim{seed};
        const auto a = otp::start<witness>(true).value(), b = otp::start<witness>(true).value();
        auto toggle = [](const otp::server<witness>& on, otp::pid peer, bool up) {
            return on.send_request<witness::do_in>(std::function<void()>([peer, up] { up ? otp::link(peer) : otp::unlink(peer); }));
        };
        const otp::request<witness::do_in> all[] = {toggle(a, b.id(), true), toggle(b, a.id(), true), toggle(a, b.id(), false), toggle(b, a.id(), true)};
        sim.run();
        otp::exit_process(a.id(), otp::reason::kill);
        otp::exit_process(b.id(), otp::reason::normal);  // only for its mailbox: trapped
        sim.run();
        const auto links_of_b = b.id().block()->related_if_any();
        CHECK((!links_of_b || links_of_b->links.empty()));  // the death of a has ended whatever there was
        std::size_t heard = 0;
        for (const auto& e : exits_of(b)) heard += e.pid == a.id() ? 1 : 0;
        CHECK(heard <= 1);
    }
}

TEST_CASE("an exit runs along a chain of links") {
    otp::simulation sim{1};
    std::vector<otp::pid> chain{otp::spawn([]() -> otp::task<> { co_await otp::sleep_for(1h); })};
    const auto lengthen = [&](bool traps) {
        const auto previous = chain.back();
        chain.push_back(otp::spawn([previous, traps]() -> otp::task<> {
            otp::trap_exit(traps);
            otp::link(previous);
            co_await otp::sleep_for(1h);
        }));
        sim.run();
    };
    otp::inbox<otp::down> in;
    const auto watch_all = [&] {
        for (const auto& p : chain) (void)in.monitor(p);
        otp::exit_process(chain.back(), "boom");
    };
    SUBCASE("LINK-14 all ten die with its reason") {
        for (int i = 1; i < 10; ++i) lengthen(false);
        watch_all();
        for (int i = 0; i < 10; ++i) CHECK(std::get<0>(*in.receive()).reason == "boom");
        for (const auto& p : chain) CHECK_FALSE(otp::is_alive(p));
    }
    SUBCASE("LINK-16 up to one that traps: those beyond it live") {
        for (int i = 1; i < 10; ++i) lengthen(i == 5);
        watch_all();
        sim.run();
        for (std::size_t i = 0; i < 10; ++i) CHECK(otp::is_alive(chain[i]) == (i <= 5));
    }
}

TEST_CASE("LINK-17 after trap_exit(false) exits kill again, and those that are messages already stay") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    run_in(w, [w] {
        const auto told = otp::spawn([w] { otp::exit_process(w.id(), "trapped"); });
        (void)otp::wait(told);  // it is a message by now
        CHECK(otp::trap_exit(false));
    });
    sim.run();
    REQUIRE(exits_of(w).size() == 1);
    CHECK(exits_of(w)[0].reason == "trapped");
    otp::inbox<otp::down> in;
    (void)in.monitor(w.id());
    otp::exit_process(w.id(), "not trapped");
    CHECK(std::get<0>(*in.receive()).reason == "not trapped");
}

TEST_CASE("LINK-18 trap_exit gives back what was set") {
    in_process([] {
        CHECK(otp::trap_exit(true) == false);
        CHECK(otp::trap_exit(true) == true);
        CHECK(otp::trap_exit(false) == true);
        CHECK(otp::trap_exit(false) == false);
    });
}

TEST_CASE("LINK-19 of a process that dies each of 1,000 links hears once") {
    otp::simulation sim{1};
    const auto p = idle_process();
    std::vector<otp::server<witness>> all;
    for (int i = 0; i < 1000; ++i) {
        all.push_back(otp::start<witness>(true).value());
        run_in(all.back(), [p] { otp::link(p); });
    }
    otp::exit_process(p, "boom");
    sim.run();
    for (const auto& w : all) CHECK(exits_of(w).size() == 1);
}

namespace {

/// Notes what comes, in order.
struct diary {
    struct after_unlink {};
    struct lines {
        using reply_type = std::string;
    };
    struct tie {
        using reply_type = void;
        otp::pid peer;
        bool on;
    };
    void init() { otp::trap_exit(true); }
    void handle_call(tie t) {
        if (t.on) return otp::link(t.peer);
        otp::unlink(t.peer);
        otp::self<diary>().send(after_unlink{});
    }
    std::string handle_call(lines) { return text; }
    void handle_info(const otp::exit_signal&) { text += 'x'; }
    void handle_info(after_unlink) { text += '|'; }
    std::string text;
};

}  // namespace

TEST_CASE("LINK-12 whoever has unlinked and then handled what was in the mailbox gets no exit any more") {
    int before = 0, none = 0;
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        otp::simulation sim{seed};
        const auto d = otp::start<diary>().value();
        const auto p = otp::spawn([]() -> otp::task<> {
            co_await otp::yield();
            co_await otp::yield();
        });
        const auto first = d.send_request(diary::tie{p, true});
        const auto second = d.send_request(diary::tie{p, false});
        sim.run();
        const auto text = d.call(diary::lines{}).value();
        before += text == "x|" ? 1 : 0;
        none += text == "|" ? 1 : 0;
    }
    CHECK(before > 0);
    CHECK(none > 0);
    CHECK(before + none == 300);
}

TEST_CASE("links and monitors of a plain thread are refused") {
    otp::simulation sim{1};
    const auto p = idle_process();
    CHECK_THROWS_AS(otp::link(p), otp::exit);
    CHECK_THROWS_AS((void)otp::monitor(p), otp::exit);
    CHECK_THROWS_AS((void)otp::spawn_link([] {}), otp::exit);
    CHECK(otp::start_link<witness>(false).error() == otp::reason::no_process);
    CHECK_FALSE(otp::self());
}

}  // namespace tests::links
