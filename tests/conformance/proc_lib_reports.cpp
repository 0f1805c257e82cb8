// Ancestors, initial calls, labels, and the crash reports of processes of all kinds.
#include "captured.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

namespace tests::proc_lib_reports {

using namespace std::chrono_literals;
using captured::has;
using captured::part_of;
using otp::reason;
using texts = std::vector<std::string>;

namespace {

struct leaf {
    struct note {};
    struct other_note {};
    struct burst {};
    struct spoil {};
    struct label_it {};
    struct last {
        otp::inbox<otp::down>* watches;
    };
    void init() {}
    otp::task<> handle_cast(burst) {
        co_await otp::sleep_for(1s);
        throw std::runtime_error{"burst"};
    }
    void handle_cast(note) {}
    void handle_cast(other_note) {}
    void handle_cast(label_it) { otp::set_label("the green one"); }
    void handle_cast(last l) {
        otp::trap_exit(true);
        otp::self<leaf>().cast(note{});
        (void)l.watches->monitor(otp::self());
        throw otp::exit{"over"};
    }
    void handle_cast(spoil) {
        otp::set_label("");
        (void)otp::unregister_name("leaf");
        if (up) otp::unlink(up);
        text = "spoilt";
        throw std::runtime_error{""};
    }
    void handle_info(leaf) {}
    friend std::string to_string(const leaf& l) {
        if (!l.text.empty()) throw 7;
        return "fine";
    }
    otp::pid up;
    std::string text;
};

struct branch {
    struct get {
        using reply_type = otp::server<leaf>;
    };
    void init() {
        below = otp::start_link<leaf>({.name = "leaf"}).value();
        (void)otp::sys::replace_state(below, [me = otp::self()](leaf& l) { l.up = me; });
    }
    otp::server<leaf> handle_call(get) { return below; }
    otp::server<leaf> below;
};

struct root {
    struct get {
        using reply_type = otp::server<branch>;
    };
    void init() { below = otp::start_link<branch>().value(); }
    otp::server<branch> handle_call(get) { return below; }
    otp::server<branch> below;
};

struct never_starts {
    explicit never_starts(int) { throw std::invalid_argument{"no good"}; }
};

}  // namespace

TEST_CASE("PROC-09 ancestors are the parent, by name or else by pid, and then the parent's, as they were at the start") {
    otp::simulation sim{1};
    const auto top = otp::start<root>({.name = "root"}).value();
    const auto mid = top.call(root::get{}).value();
    const auto low = mid.call(branch::get{}).value();
    const auto seen = otp::info_of(low.id()).value();
    CHECK(seen.ancestors == texts{mid.id().to_string(), "root"});
    CHECK(seen.parent == mid.id());
    CHECK(otp::info_of(top.id())->ancestors.empty());

    otp::pid child, grandchild;
    const auto parent = otp::spawn([&]() -> otp::task<> {
        (void)otp::register_name("parent", otp::self());
        child = otp::spawn([&]() -> otp::task<> {
            grandchild = otp::spawn([]() -> otp::task<> { co_await otp::sleep_for(1h); });
            co_await otp::sleep_for(1h);
        });
        co_await otp::sleep_for(1s);
    });
    sim.advance(1min);
    CHECK(!otp::is_alive(parent));
    CHECK(otp::info_of(child)->ancestors == texts{"parent"});
    CHECK(!otp::info_of(child)->parent);
    CHECK(otp::info_of(grandchild)->ancestors == texts{child.to_string(), "parent"});

    // A name counts for the children that come after it.
    otp::pid before, between, after;
    const auto other = otp::spawn([&]() -> otp::task<> {
        const auto idle = []() -> otp::task<> { co_await otp::sleep_for(1h); };
        before = otp::spawn(idle);
        (void)otp::register_name("other", otp::self());
        between = otp::spawn(idle);
        (void)otp::unregister_name("other");
        after = otp::spawn(idle);
        co_await otp::sleep_for(1h);
    });
    sim.run();
    CHECK(otp::info_of(before)->ancestors == texts{other.to_string()});
    CHECK(otp::info_of(between)->ancestors == texts{"other"});
    CHECK(otp::info_of(after)->ancestors == texts{other.to_string()});
}

TEST_CASE("PROC-09 a process that starts the next one and ends, again and again, leaves a bounded chain") {
    otp::simulation sim{1};
    struct relay {
        static otp::task<> run(int left) {
            if (left != 0) otp::spawn(&relay::run, left - 1);
            else co_await otp::sleep_for(1h);
        }
    };
    otp::spawn(&relay::run, 500);
    sim.run();
    const auto all = otp::processes();
    REQUIRE(all.size() == 1);
    CHECK(all[0].ancestors.size() >= 16);
    CHECK(all[0].ancestors.size() <= 32);
    CHECK(all[0].ancestors[0] == '<' + std::to_string(all[0].pid.number() - 1) + '>');
}

TEST_CASE("PROC-10 the initial call is the type of the server, also after a change of code, or of what was spawned") {
    otp::simulation sim{1};
    const auto top = otp::start<root>().value();
    CHECK(otp::info_of(top.id())->initial_call == otp::type_name<root>());
    CHECK(otp::info_of(top.id())->callbacks == otp::type_name<root>());
    struct later_root {
        static otp::result<later_root> code_change(root&&) { return later_root{}; }
    };
    REQUIRE(otp::sys::change_code<later_root>(top));
    CHECK(otp::info_of(top.id())->initial_call == otp::type_name<root>());
    CHECK(otp::info_of(top.id())->callbacks == otp::type_name<later_root>());
    auto body = []() -> otp::task<> { co_await otp::sleep_for(1h); };
    const auto spawned = otp::spawn(body);
    CHECK(otp::info_of(spawned)->initial_call == otp::type_name<decltype(body)>());
    CHECK(otp::info_of(spawned)->callbacks.empty());
}

TEST_CASE("PROC-11 a label shows in listings, status and crash reports") {
    otp::simulation sim{1};
    const captured::reports seen;
    const auto s = otp::start<leaf>().value();
    s.cast(leaf::label_it{});
    sim.run();
    CHECK(otp::label(s.id()) == "the green one");
    CHECK(otp::info_of(s.id())->label == "the green one");
    CHECK(otp::sys::get_status(s)->label == "the green one");
    CHECK(has(to_string(otp::tree()), "labelled the green one"));
    s.cast(leaf::burst{});
    CHECK(otp::wait(s.id()).text() == "burst");
    CHECK(seen.crash().label == "the green one");
    CHECK(part_of(seen.only(), "label") == "the green one");
}

TEST_CASE("PROC-12 an unlabelled or dead process has no label") {
    otp::simulation sim{1};
    const auto plain = otp::start<leaf>().value();
    CHECK(!otp::label(plain.id()));
    CHECK(!otp::label(otp::pid{}));
    plain.cast(leaf::label_it{});
    sim.run();
    CHECK(otp::label(plain.id()));
    CHECK(plain.stop());
    CHECK(!otp::label(plain.id()));
    CHECK_THROWS_AS(otp::set_label("a thread"), otp::exit);
}

TEST_CASE("PROC-13 a crash report holds all that is known of the process and of those that it is linked with") {
    otp::simulation sim{1};
    const captured::reports seen;
    const auto top = otp::start<root>().value();
    const auto mid = top.call(root::get{}).value();
    const auto low = mid.call(branch::get{}).value();
    low.cast(leaf::burst{});
    sim.advance(1ms);
    low.cast(leaf::note{});
    low.send(leaf{});
    low.cast(leaf::other_note{});
    CHECK(otp::wait(low.id()).text() == "burst");
    sim.run();
    const auto& parts = seen.crash();
    CHECK(parts.pid == low.id());
    CHECK(parts.name == "leaf");
    CHECK(parts.initial_call == otp::type_name<leaf>());
    CHECK(parts.reason.exception_type() == "std::runtime_error");
    CHECK(parts.message == otp::type_name<leaf::burst>());
    CHECK(parts.ancestors == texts{mid.id().to_string(), top.id().to_string()});
    CHECK(parts.waiting == 3);
    CHECK(parts.messages == std::vector<std::string_view>{otp::type_name<leaf::note>(), otp::type_name<leaf>(), otp::type_name<leaf::other_note>()});
    CHECK(parts.links == std::vector<otp::pid>{mid.id()});
    CHECK(!parts.traps_exits);
    const auto& text = seen.only();
    CHECK(part_of(text, "process") == low.id().to_string() + " leaf");
    CHECK(part_of(text, "initial call") == otp::type_name<leaf>());
    CHECK(part_of(text, "reason") == "exception std::runtime_error: burst");
    CHECK(part_of(text, "ancestors") == mid.id().to_string() + ", " + top.id().to_string());
    CHECK(has(part_of(text, "mailbox"), "3 messages: " + std::string{otp::type_name<leaf::note>()}));
    CHECK(part_of(text, "links") == mid.id().to_string() + " (" + std::string{otp::type_name<branch>()} + ")");
    CHECK(part_of(text, "traps exits") == "no");
}

TEST_CASE("PROC-13 what came in the last turn of a process is in its report, and is not lost for that") {
    otp::simulation sim{1};
    const captured::reports seen;
    otp::inbox<otp::down> in;
    const auto s = otp::start<leaf>().value();
    s.cast(leaf::last{&in});
    CHECK(std::get<0>(*in.receive(1s)).reason == "over");
    CHECK(seen.crash().messages == std::vector<std::string_view>{otp::type_name<leaf::note>()});
    CHECK(seen.crash().traps_exits);
}

TEST_CASE("PROC-14 ends with normal, shutdown and shutdown_for make no crash report, and neither do exit signals") {
    otp::simulation sim{1};
    const captured::reports seen;
    for (const reason& why : {reason{reason::normal}, reason{reason::shutdown}, reason::shutdown_for("x")})
        CHECK(otp::wait(otp::spawn([why] { throw otp::exit{why}; })) == why);
    for (const reason& why : {reason{reason::kill}, reason{"hit"}}) {
        const auto s = otp::start<leaf>().value();
        otp::exit_process(s.id(), why);
        (void)otp::wait(s.id());
    }
    sim.run();
    CHECK(seen.texts.empty());
}

TEST_CASE("PROC-15 a process that has spoilt its own name, label, links and state is still reported") {
    otp::simulation sim{1};
    const captured::reports seen;
    const auto mid = otp::start<branch>().value();
    const auto low = mid.call(branch::get{}).value();
    low.cast(leaf::spoil{});
    (void)otp::wait(low.id());
    const auto& text = seen.only();
    CHECK(seen.crash().pid == low.id());
    CHECK(part_of(text, "initial call") == otp::type_name<leaf>());
    CHECK(part_of(text, "ancestors") == mid.id().to_string());
    CHECK(has(part_of(text, "state"), "to_string threw"));
    CHECK(part_of(text, "last message") == otp::type_name<leaf::spoil>());
}

TEST_CASE("PROC-16 a size limit bounds the report, whatever is in it") {
    otp::simulation sim{1};
    for (const std::size_t limit : {std::size_t{64}, std::size_t{500}, std::size_t{2000}}) {
        const captured::form brief{{.chars_limit = limit}};
        const captured::reports seen;
        otp::spawn([] {
            otp::set_label(std::string(100000, 'l'));
            throw std::runtime_error{std::string(100000, 'w')};
        });
        sim.run();
        CHECK(seen.only().size() <= limit);
        if (limit == 2000) CHECK(part_of(seen.only(), "traps exits") == "no");  // no part takes the room of the others
    }
    const captured::form cut{{.chars_limit = 400}};
    const captured::reports seen;
    std::string wide;
    for (int i = 0; i != 500; ++i) wide += "ä";
    otp::spawn([wide] { throw std::runtime_error{wide}; });
    sim.run();
    const auto why = part_of(seen.only(), "reason");
    REQUIRE(why.ends_with("…"));
    CHECK((why.size() - std::string{"exception std::runtime_error: …"}.size()) % 2 == 0);  // never half a character
}

TEST_CASE("PROC-17 an exit ends a process with its reason, an exception with its type and text") {
    otp::simulation sim{1};
    const captured::reports seen;
    struct odd {};
    CHECK(otp::wait(otp::spawn([] { throw otp::exit{"told so"}; })) == "told so");
    const auto thrown = otp::wait(otp::spawn([] { throw std::out_of_range{"too far"}; }));
    CHECK(thrown.is_exception());
    CHECK(thrown.exception_type() == "std::out_of_range");
    CHECK(thrown.text() == "too far");
    const auto foreign = otp::wait(otp::spawn([] { throw odd{}; }));
    CHECK(foreign.is_exception());
    CHECK(has(std::string{foreign.exception_type()}, "odd"));
    CHECK(otp::start<never_starts>(1).error().exception_type() == "std::invalid_argument");
    REQUIRE(seen.texts.size() == 4);
    CHECK(part_of(seen.texts[0], "reason") == "told so");
    CHECK(part_of(seen.texts[1], "reason") == "exception std::out_of_range: too far");
    CHECK(has(part_of(seen.texts[2], "reason"), "exception "));
    CHECK(part_of(seen.texts[3], "reason") == "exception std::invalid_argument: no good");
    CHECK(part_of(seen.texts[3], "during") == "init");
}

}  // namespace tests::proc_lib_reports
