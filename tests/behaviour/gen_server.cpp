// Callbacks of a gen_server and what they return, in virtual time.
#include "../process/in_process.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using testing::downs_of;
using testing::exits_of;
using testing::in_process;
using testing::run_in;
using testing::witness;

namespace {

using log = std::vector<std::string>;

/// Does in init what its first argument says.
struct starter {
    enum class how { fine, ignore, stop, exit, error, thrown_ok, negative };
    struct get {
        using reply_type = int;
    };
    otp::init_result init(how what, log* seen) {
        seen_ = seen;
        switch (what) {
            case how::fine: return otp::ok;
            case how::ignore: return otp::ignore;
            case how::stop: return otp::stop("not today");
            case how::exit: throw otp::exit{"own reason"};
            case how::error: throw std::runtime_error{"broken"};
            case how::thrown_ok: throw otp::init_result{otp::ok};
            case how::negative: return otp::ok.timeout(-1s);
        }
        return otp::ok;
    }
    int handle_call(get) { return 7; }
    void terminate(const otp::reason& why) { seen_->push_back("terminate " + why.to_string()); }
    log* seen_ = nullptr;
};

}  // namespace

TEST_CASE("START-01 start gives a living server that is neither linked to nor monitored by the caller") {
    in_process([] {
        log seen;
        const auto s = otp::start<starter>(starter::how::fine, &seen).value();
        CHECK(otp::is_alive(s.id()));
        CHECK(s.call(starter::get{}).value() == 7);
        const auto* mine = otp::self().block()->related_if_any();
        CHECK((!mine || (mine->links.empty() && mine->watches.empty())));
        CHECK(s.stop());
    });
}

TEST_CASE("START-02 START-15 a linked start links from the very creation, also when init fails") {
    log seen;
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    run_in(w, [&seen] {
        const auto failed = otp::start_link<starter>(starter::how::stop, &seen);
        CHECK(failed.error() == "not today");
    });
    sim.run();
    REQUIRE(exits_of(w).size() == 1);
    CHECK(exits_of(w)[0].reason == "not today");

}

TEST_CASE("START-03 start_monitor: exactly one down, and no exit") {
    log seen;
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    otp::monitor_ref ref;
    otp::server<starter> s;
    run_in(w, [&] {
        auto started = otp::start_monitor<starter>(starter::how::fine, &seen);
        REQUIRE(started);
        ref = started->monitor;
        s = started->server;
    });
    CHECK(s.stop("done"));
    sim.run();
    REQUIRE(downs_of(w).size() == 1);
    CHECK(downs_of(w)[0].ref == ref);
    CHECK(downs_of(w)[0].reason == "done");
    CHECK(exits_of(w).empty());
}

namespace {
struct slow_start {
    struct get {
        using reply_type = int;
    };
    otp::task<otp::init_result> init(std::chrono::milliseconds time) {
        co_await otp::sleep_for(time);
        n = 5;
        co_return otp::ok;
    }
    int handle_call(get) { return n; }
    int n = 0;
};
}  // namespace

TEST_CASE("START-04 start returns after init has, also when init is a coroutine") {
    otp::simulation sim{1};
    const auto before = sim.now();
    const auto s = otp::start<slow_start>(100ms).value();
    CHECK(sim.now() - before >= 100ms);
    CHECK(s.call(slow_start::get{}).value() == 5);
}

TEST_CASE("START-05 init that ignores: the error ignored, a normal end, no terminate") {
    log seen;
    otp::simulation sim{1};
    CHECK(otp::start<starter>(starter::how::ignore, &seen).error() == otp::reason::ignored);
    CHECK(otp::start<starter>({.name = "later"}, starter::how::ignore, &seen).error() == otp::reason::ignored);
    CHECK_FALSE(otp::whereis("later"));
    CHECK(seen.empty());
    CHECK(sim.live() == 0);
}

TEST_CASE("START-06 START-08 START-09 START-10 START-12 TERM-17 what init stops with, throws or returns is what start gives, without terminate") {
    log seen;
    otp::simulation sim{1};
    using how = starter::how;
    CHECK(otp::start<starter>(how::stop, &seen).error() == "not today");
    CHECK(otp::start<starter>(how::exit, &seen).error() == "own reason");
    const auto error = otp::start<starter>({.name = "n"}, how::error, &seen).error();
    CHECK(error.is_exception());
    CHECK(error.text() == "broken");
    CHECK_FALSE(otp::whereis("n"));
    CHECK(otp::start<starter>(how::negative, &seen).error() == otp::reason::bad_argument);
    CHECK(seen.empty());
    CHECK(sim.live() == 0);
    const auto s = otp::start<starter>(how::thrown_ok, &seen);
    REQUIRE(s);
    CHECK(s->call(starter::get{}).value() == 7);
}

TEST_CASE("START-18 START-19 a start in time is not touched by its limit; one without a limit waits") {
    otp::simulation sim{1};
    const auto s = otp::start<slow_start>({.timeout = 1s}, 10ms).value();
    sim.advance(3s);
    CHECK(otp::is_alive(s.id()));
    CHECK(otp::start<slow_start>(std::chrono::milliseconds{1h}));
}

TEST_CASE("PROC-04 a start that takes too long fails with timeout, and leaves nothing with the starter") {
    otp::simulation sim{1};
    const auto w = otp::start<witness>(true).value();
    run_in(w, [] {
        CHECK(otp::start_link<slow_start>({.name = "slow", .timeout = 50ms}, 10s).error() == otp::reason::timeout);
        CHECK(otp::start_monitor<slow_start>({.timeout = 50ms}, 10s).error() == otp::reason::timeout);
    });
    sim.advance(500ms);
    CHECK(exits_of(w).empty());
    CHECK(downs_of(w).empty());
    CHECK_FALSE(otp::whereis("slow"));
    CHECK(sim.live() == 1);
    CHECK(otp::start<slow_start>({.timeout = -1s}, 1ms).error() == otp::reason::bad_argument);
}

namespace {
struct named {
    struct who {
        using reply_type = bool;
    };
    void init() { knows_itself = otp::whereis("me") == otp::self(); }
    bool handle_call(who) { return knows_itself; }
    bool knows_itself = false;
};
inline constexpr otp::name<named> me{"me"};
inline constexpr otp::name<starter> wrong_me{"me"};
}  // namespace

TEST_CASE("START-20 START-22 START-25 STOP-04 a name is held from before init until the end, by one") {
    otp::simulation sim{1};
    const auto s = otp::start<named>(me).value();
    CHECK(me.call(named::who{}).value());
    CHECK(otp::whereis("me") == s.id());
    CHECK(otp::whereis(me) == s);
    const auto w = otp::start<witness>(true).value();
    run_in(w, [s] {
        const auto taken = otp::start_link<named>(me);
        CHECK(taken.error() == otp::reason::already_started);
        CHECK(taken.error().pid() == s.id());
        CHECK(otp::start_monitor<named>(me).error() == otp::reason::already_started);
    });
    CHECK(wrong_me.call(starter::get{}).error() == otp::reason::wrong_server);
    CHECK(me.stop());
    CHECK(exits_of(w).empty());
    CHECK(downs_of(w).empty());
    CHECK(me.call(named::who{}).error() == otp::reason::noproc);
    CHECK(otp::start<named>(me));
    CHECK(otp::registered() == std::vector<std::string>{"me"});
}

namespace {
struct orphan {
    void init(log* seen) {
        seen_ = seen;
        otp::trap_exit(true);
    }
    void handle_info(otp::exit_signal e) { seen_->push_back("info " + e.reason.to_string()); }
    void terminate(const otp::reason& why) { seen_->push_back("terminate " + why.to_string()); }
    log* seen_;
};
}  // namespace

TEST_CASE("START-28 TERM-03 TERM-07 INFO-06 the parent's exit ends a trapping server through terminate; anybody else's is an info") {
    for (const bool linked : {true, false}) {
        log seen;
        otp::simulation sim{1};
        const auto parent = otp::start<witness>(true).value();
        otp::pid child, other;
        run_in(parent, [&] {
            child = linked ? otp::start_link<orphan>(&seen).value().id() : otp::start_monitor<orphan>(&seen).value().server.id();
            other = otp::start<orphan>(&seen).value().id();
        });
        otp::exit_process(child, "from outside");
        sim.run();
        CHECK(seen == log{"info from outside"});
        run_in(parent, [&] {
            otp::exit_process(child, "foo");
            otp::exit_process(other, "foo");
        });
        sim.run();
        CHECK_FALSE(otp::is_alive(child));
        CHECK(otp::is_alive(other));
        CHECK(seen.size() == 3);
        CHECK(std::find(seen.begin(), seen.end(), "terminate foo") != seen.end());
    }
}

TEST_CASE("START-31 a plain thread may start a server, but not link to it") {
    log seen;
    otp::simulation sim{1};
    CHECK(otp::start<starter>(starter::how::fine, &seen));
    CHECK(otp::start_link<starter>(starter::how::fine, &seen).error() == otp::reason::no_process);
    CHECK(otp::start<starter>({.name = "n"}, starter::how::fine, &seen));
}

// ---- calls, casts and infos

namespace {

/// Answers in every way that there is.
struct server {
    struct plain {
        using reply_type = std::string;
        std::string text;
    };
    struct later {
        using reply_type = int;
    };
    struct answer_later {
        int with;
    };
    struct at_once {
        using reply_type = int;
    };
    struct refuse {
        using reply_type = int;
    };
    struct forget {
        using reply_type = int;
    };
    struct nothing {
        using reply_type = void;
    };
    struct crash {
        using reply_type = int;
    };
    struct exit_with {
        using reply_type = int;
        otp::reason why;
    };
    struct stop_with_reply {
        using reply_type = int;
    };
    struct stop_without_reply {
        using reply_type = int;
        otp::reason why;
    };
    struct stop_after_reply {
        using reply_type = int;
    };
    struct thrown_reply {
        using reply_type = int;
    };
    struct slow {
        using reply_type = int;
        std::chrono::milliseconds time;
    };
    struct log_of {
        using reply_type = log;
    };
    struct note {
        std::string text;
    };
    struct stop_order {
        otp::reason why;
    };
    struct throw_next {};

    explicit server(log* ends = nullptr) : seen_{ends} {}

    std::string handle_call(const plain& p) { return p.text + "!"; }
    void handle_call(later, otp::from<later> caller) { waiting_.push_back(std::move(caller)); }
    void handle_call(at_once, otp::from<at_once> caller) {
        caller.reply(1);
        CHECK_FALSE(caller);
    }
    otp::result<int> handle_call(refuse) { return otp::reason{"no"}; }
    void handle_call(forget, otp::from<forget>) {}
    void handle_call(nothing) { seen.push_back("nothing"); }
    int handle_call(crash) { throw std::runtime_error{"crashed"}; }
    int handle_call(exit_with e) { throw otp::exit{std::move(e.why)}; }
    otp::replied<int> handle_call(stop_with_reply) { return otp::stop("over", 9); }
    otp::replied<int> handle_call(stop_without_reply s) { return otp::stop(std::move(s.why)); }
    otp::next handle_call(stop_after_reply, otp::from<stop_after_reply> caller) {
        caller.reply(4);
        return otp::stop("after the reply");
    }
    otp::replied<int> handle_call(thrown_reply) { throw otp::replied<int>{otp::reply(5)}; }
    otp::task<int> handle_call(slow s) {
        co_await otp::sleep_for(s.time);
        co_return static_cast<int>(s.time.count());
    }
    log handle_call(log_of) { return seen; }

    void handle_cast(note n) { seen.push_back("cast " + n.text); }
    void handle_cast(answer_later a) {
        for (auto& caller : waiting_) caller.reply(a.with);
        waiting_.clear();
    }
    otp::next handle_cast(stop_order s) { return otp::stop(std::move(s.why)); }
    void handle_cast(throw_next) { throw otp::next{otp::stop("thrown")}; }
    void handle_info(note n) { seen.push_back("info " + n.text); }
    otp::next handle_info(stop_order s) { return otp::stop(std::move(s.why)); }
    void terminate(const otp::reason& why) {
        if (seen_) seen_->push_back("terminate " + why.to_string());
    }

    log seen;
    std::vector<otp::from<later>> waiting_;
    log* seen_;
};

struct quiet {
    explicit quiet() { otp::set_logger(nullptr); }
    ~quiet() { otp::set_logger(&otp::log_to_stderr); }
};

}  // namespace

TEST_CASE("CALL-01 CALL-02 CAST-01 CAST-02 INFO-01 ORD-06 calls, casts and infos of one client are handled in the order made") {
    otp::simulation sim{3};
    const auto s = otp::start<server>().value();
    CHECK(s.call(server::plain{"hello"}).value() == "hello!");
    CHECK(s.call<server::plain>("in place").value() == "in place!");
    s.cast(server::note{"one"});
    s.send(server::note{"two"});
    CHECK(s.call(server::nothing{}));
    s.cast<server::note>("three");
    s.send<server::note>("four");
    CHECK(s.call(server::log_of{}).value() == log{"cast one", "info two", "nothing", "cast three", "info four"});
}

TEST_CASE("CALL-03 CALL-04 CALL-05 a reply may come later, from anywhere, or before the handler returns") {
    otp::from<server::later> kept;
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    auto one = s.send_request(server::later{}), two = s.send_request(server::later{});
    sim.run();
    CHECK_FALSE(one.check());
    s.cast(server::answer_later{3});
    CHECK(one.receive().value() == 3);
    CHECK(two.receive().value() == 3);
    CHECK(s.call(server::at_once{}).value() == 1);
    // From another process, when the server has forgotten it.
    struct passes_on {
        using later = server::later;
        otp::from<later>* kept;
        void handle_call(later, otp::from<later> caller) { *kept = std::move(caller); }
    };
    const auto p = otp::start<passes_on>(&kept).value();
    auto three = p.send_request(server::later{});
    sim.run();
    CHECK(kept.alive());
    otp::spawn([&kept] { kept.reply(8); });
    CHECK(three.receive().value() == 8);
}

TEST_CASE("CALL-07 CALL-08 a call ends with timeout at its limit, 5 s unless said, and the server goes on") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    const auto began = sim.now();
    const auto late = s.call<server::slow>(10s);
    CHECK(late.error() == otp::reason::timeout);
    CHECK(late.error().text().find("slow") != std::string_view::npos);
    CHECK(sim.now() - began == 5s);
    CHECK(s.call(server::slow{20ms}, otp::infinity).value() == 20);
    CHECK(s.call(server::slow{20ms}, 10ms).error() == otp::reason::timeout);
    CHECK(s.call(server::plain{"still"}).value() == "still!");
}

TEST_CASE("CALL-12 CALL-13 a limit of zero gives up at once, a negative one is a bad argument and sends nothing") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    CHECK(s.call(server::plain{"x"}, 0s).error() == otp::reason::timeout);
    CHECK(s.call(server::nothing{}, -1s).error() == otp::reason::bad_argument);
    sim.run();
    CHECK(s.call(server::log_of{}).value().empty());
}

namespace {
struct counts {
    struct hit {
        using reply_type = int;
    };
    struct wait {
        using reply_type = void;
    };
    otp::task<> handle_call(wait) { co_await otp::sleep_for(1s); }
    int handle_call(hit) { return ++hits; }
    int hits = 0;
};
struct counts_all : counts {
    static constexpr bool serves_given_up_calls = true;
};
}  // namespace

TEST_CASE("a request whose caller has given up is not handled, unless the server asks for it") {
    otp::simulation sim{1};
    const auto run = [&sim](const auto& s) {
        auto busy = s.template send_request<counts::wait>();
        CHECK(s.call(counts::hit{}, 100ms).error() == otp::reason::timeout);
        sim.advance(2s);
        CHECK(busy.check());
        return s.call(counts::hit{}).value();
    };
    CHECK(run(otp::start<counts>().value()) == 1);
    CHECK(run(otp::start<counts_all>().value()) == 2);  // CALL-10
}

TEST_CASE("CALL-14 CALL-15 CAST-03 CAST-04 REQ-07 REQ-08 calls to nobody end with noproc at once, casts vanish into the dead letters") {
    otp::simulation sim{1};
    constexpr otp::name<server> nobody{"nobody"};
    CHECK(nobody.call(server::plain{"x"}).error() == otp::reason::noproc);
    nobody.cast(server::note{"x"});
    CHECK(nobody.send_request(server::later{}).receive().error() == otp::reason::noproc);
    const auto s = otp::start<server>().value();
    CHECK(s.stop());
    const auto lost = otp::dead_letters(otp::reason_kind::noproc);
    CHECK(s.call(server::plain{"x"}, otp::infinity).error() == otp::reason::noproc);
    s.cast(server::note{"x"});
    s.send(server::note{"x"});
    CHECK(otp::dead_letters(otp::reason_kind::noproc) == lost + 2);
    CHECK(s.send_request(server::later{}).receive().error() == otp::reason::noproc);
    CHECK(s.stop().error() == otp::reason::noproc);
    CHECK(otp::server<server>{}.call(server::plain{"x"}).error() == otp::reason::noproc);
}

TEST_CASE("CALL-16 CALL-21 EXC-04 EXC-05 EXC-06 REQ-09 TERM-12 TERM-13 TERM-19 callers of a server that ends get its reason") {
    const quiet no_reports;
    log seen;
    otp::simulation sim{1};
    const auto ending = [&](auto request) {
        seen.clear();
        const auto s = otp::start<server>(&seen).value();
        auto waits = s.send_request(server::later{});       // deferred
        sim.run();
        auto dies = s.send_request(std::move(request));     // ends it
        auto queued = s.send_request(server::plain{"x"});   // in the mailbox behind
        const auto why = dies.receive().error();
        CHECK(waits.receive().error() == why);
        CHECK(queued.receive().error() == why);
        CHECK_FALSE(otp::is_alive(s.id()));
        CHECK(seen == log{"terminate " + why.to_string()});
        return why;
    };
    CHECK(ending(server::crash{}).text() == "crashed");
    CHECK(ending(server::exit_with{"mine"}) == "mine");
    CHECK(ending(server::exit_with{otp::reason::normal}) == otp::reason::normal);
    CHECK(ending(server::stop_without_reply{otp::reason::normal}) == otp::reason::normal);
    CHECK(ending(server::stop_without_reply{"stopped"}) == "stopped");
}

TEST_CASE("CALL-18 CALL-22 EXC-01 EXC-02 a reply given with or before a stop reaches the caller; thrown results count as returned") {
    log seen;
    otp::simulation sim{1};
    {
        const auto s = otp::start<server>(&seen).value();
        CHECK(s.call(server::stop_with_reply{}).value() == 9);
        CHECK(otp::wait(s.id()) == otp::reason::noproc);
    }
    CHECK(otp::start<server>(&seen).value().call(server::stop_after_reply{}).value() == 4);
    sim.run();
    CHECK(seen == log{"terminate over", "terminate after the reply"});
    const auto s = otp::start<server>(&seen).value();
    CHECK(s.call(server::thrown_reply{}).value() == 5);
    otp::inbox<otp::down> in;
    (void)in.monitor(s.id());
    s.cast(server::throw_next{});
    CHECK(std::get<0>(*in.receive()).reason == "thrown");
}

TEST_CASE("an error that a handler returns reaches the caller, and the server lives on") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    CHECK(s.call(server::refuse{}).error() == "no");
    CHECK(s.call(server::plain{"x"}));
}

TEST_CASE("a `from` that is dropped answers no_reply at once") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    const auto began = sim.now();
    CHECK(s.call(server::forget{}).error() == otp::reason::no_reply);
    CHECK(sim.now() == began);
}

TEST_CASE("CALL-23 STOP-12 a call or stop to oneself ends with calling_self") {
    struct narcissus {
        struct ask_self {
            using reply_type = std::string;
        };
        struct stop_self {
            using reply_type = std::string;
        };
        struct ask_self_waiting {
            using reply_type = std::string;
        };
        std::string handle_call(ask_self) {
            return otp::server<narcissus>{otp::self().shared()}.call(ask_self{}, otp::infinity).error().to_string();
        }
        std::string handle_call(stop_self) { return otp::server<narcissus>{otp::self().shared()}.stop().error().to_string(); }
        otp::task<std::string> handle_call(ask_self_waiting) {
            const otp::server<narcissus> mine{otp::self().shared()};
            auto answer = co_await mine.ask<ask_self>();
            co_return answer.error().to_string();
        }
    };
    otp::simulation sim{1};
    const auto n = otp::start<narcissus>().value();
    CHECK(n.call(narcissus::ask_self{}).value().starts_with("calling_self"));
    CHECK(n.call(narcissus::stop_self{}).value().starts_with("calling_self"));
    CHECK(n.call(narcissus::ask_self_waiting{}).value().starts_with("calling_self"));
}

namespace {
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

TEST_CASE("CALL-27 CALL-29 after a call that failed nothing of it is left with the caller") {
    in_process([] {
        const auto s = otp::start<server>().value();
        CHECK(s.call(server::slow{1s}, 10ms).error() == otp::reason::timeout);
        CHECK(s.call(server::slow{1ms}, 3s).value() == 1);
        const auto self = otp::self();
        auto* const mine = self.block();
        REQUIRE(mine);
        const auto before = mine->depth();
        (void)otp::wait(otp::spawn([]() -> otp::task<> { co_await otp::sleep_for(10s); }));
        CHECK(mine->depth() == before);
    });
}

TEST_CASE("CALL-31 init and terminate may call other servers") {
    struct caller {
        otp::server<server> other;
        std::string* said;
        void init(otp::server<server> s, std::string* out) {
            other = s;
            said = out;
            *said += other.call(server::plain{"init"}).value();
        }
        void terminate(const otp::reason&) { *said += other.call(server::plain{"end"}).value(); }
    };
    std::string said;
    otp::simulation sim{1};
    const auto c = otp::start<caller>(otp::start<server>().value(), &said).value();
    CHECK(c.stop());
    CHECK(said == "init!end!");
}

TEST_CASE("CALL-32 a server handles one request at a time") {
    otp::simulation sim{5};
    const auto s = otp::start<server>().value();
    otp::request_set<server::slow, int> all;
    for (int i = 0; i < 4; ++i) CHECK(all.add(s.send_request(server::slow{50ms}), i));
    const auto began = sim.now();
    for (int i = 1; i <= 4; ++i) {
        const auto answer = all.wait();
        REQUIRE(answer);
        CHECK(answer->label == i - 1);
        CHECK(sim.now() - began == i * 50ms);
    }
    CHECK_FALSE(all.wait());
}

TEST_CASE("CAST-06 INFO-02 TERM-01 a stop from a cast or an info runs terminate once and ends with the reason") {
    for (const bool by_cast : {true, false}) {
        log seen;
        otp::simulation sim{1};
        const auto s = otp::start<server>(&seen).value();
        otp::inbox<otp::down> in;
        (void)in.monitor(s.id());
        if (by_cast) s.cast(server::stop_order{"enough"});
        else s.send(server::stop_order{"enough"});
        CHECK(std::get<0>(*in.receive()).reason == "enough");
        CHECK(seen == log{"terminate enough"});
    }
}

namespace {
struct store {
    struct put {
        using reply_type = void;
        int value;
    };
    struct get {
        using reply_type = int;
    };
    struct peek {
        using reply_type = int;
    };
    using interleaves = otp::messages<peek>;
    otp::task<> handle_call(put p) {
        co_await otp::sleep_for(1s);
        value = p.value;
    }
    int handle_call(get) { return value; }
    int handle_call(peek) { return value; }
    int value = 0;
};
}  // namespace

TEST_CASE("while a handler waits, other messages stay queued in order; those that interleave are let in") {
    otp::simulation sim{1};
    const auto s = otp::start<store>().value();
    auto put = s.send_request(store::put{7});
    auto get = s.send_request(store::get{});
    sim.run();
    CHECK(s.call(store::peek{}).value() == 0);
    CHECK_FALSE(get.check());
    CHECK(get.receive().value() == 7);
    CHECK(put.check());
    CHECK(s.call(store::peek{}).value() == 7);
}

namespace {
/// Passes calls on; while one is on its way others are let in.
struct relay {
    struct pass {
        using reply_type = int;
        std::chrono::milliseconds time;
    };
    using interleaves = otp::messages<pass>;
    otp::server<server> to;
    otp::task<int> handle_call(pass p) {
        auto answer = co_await to.ask<server::slow>(p.time);
        co_return answer.value();
    }
};
}  // namespace

TEST_CASE("handlers that wait at the same time each get their own reply, and none counts as given up") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    const auto r = otp::start<relay>(relay{s}).value();
    auto one = r.send_request(relay::pass{100ms}), two = r.send_request(relay::pass{20ms}), three = r.send_request(relay::pass{3ms});
    CHECK(one.receive().value() == 100);
    CHECK(two.receive().value() == 20);
    CHECK(three.receive().value() == 3);
}

TEST_CASE("an exit signal, a kill and the end of the runtime reach a server whose handler waits; its frames go once") {
    struct guard {
        int* ended;
        explicit guard(int* n) : ended{n} {}
        ~guard() { ++*ended; }
    };
    struct waits {
        struct go {
            using reply_type = void;
        };
        int* ended;
        otp::task<> inner() {
            const guard g{ended};
            co_await otp::sleep_for(1h);
        }
        otp::task<> handle_call(go) {
            const guard g{ended};
            co_await inner();
        }
    };
    int ended = 0;
    for (const int way : {0, 1, 2}) {
        ended = 0;
        otp::reason why;
        {
            otp::simulation sim{1};
            const auto s = otp::start<waits>(&ended).value();
            auto pending = s.send_request(waits::go{});
            sim.run();
            if (way == 0) otp::exit_process(s.id(), "signal");
            if (way == 1) otp::exit_process(s.id(), otp::reason::kill);
            if (way == 2) continue;
            why = pending.receive().error();
        }
        CHECK(ended == 2);
        CHECK(why == (way == 0 ? otp::reason{"signal"} : otp::reason{otp::reason::killed}));
    }
    CHECK(ended == 2);
}

TEST_CASE("REQ-01 REQ-02 REQ-06 REQ-10 REQ-13 REQ-16 REQ-19 REQ-21 requests outstanding together, labelled, in the order of arrival") {
    const quiet no_reports;
    otp::simulation sim{1};
    const auto a = otp::start<server>().value(), b = otp::start<server>().value(), c = otp::start<server>().value();
    otp::request_set<server::slow, std::string> set;
    CHECK(set.size() == 0);
    CHECK_FALSE(set.wait());
    CHECK(set.add(a.send_request(server::slow{400ms}), "a"));
    CHECK(set.add(b.send_request(server::slow{1ms}), "b"));
    CHECK(set.add(c.send_request(server::slow{200ms}), "c"));
    CHECK_FALSE(set.add(otp::request<server::slow>{}, "none"));
    CHECK(set.size() == 3);
    CHECK(set.wait(100ms)->label == "b");
    CHECK_FALSE(set.wait(10ms));
    CHECK(set.size() == 2);
    otp::exit_process(c.id(), "gone");
    const auto died = set.wait();
    CHECK(died->label == "c");
    CHECK(died->response.error() == "gone");
    const auto last = set.wait();
    CHECK(last->label == "a");
    CHECK(last->response.value() == 400);
    CHECK(set.empty());
    const auto in_coroutine = otp::run([](otp::server<server> s) -> otp::task<int> {
        auto id = s.send_request<server::slow>(5ms);
        auto one = co_await id;
        otp::request_set<server::slow, int> both;
        (void)both.add(s.send_request<server::slow>(7ms), 1);
        auto two = co_await both.next();
        co_return one.value() * 10 + two->response.value();
    }(a));
    CHECK(in_coroutine.value() == 57);
}

TEST_CASE("all and any await several replies at once") {
    otp::simulation sim{1};
    const auto a = otp::start<server>().value(), b = otp::start<server>().value();
    const auto began = sim.now();
    const auto sum = otp::run([](otp::server<server> x, otp::server<server> y) -> otp::task<int> {
        auto [one, two] = co_await otp::all(x.ask<server::slow>(30ms), y.ask<server::slow>(20ms));
        auto first = co_await otp::any(x.ask<server::slow>(30ms), y.ask<server::slow>(10ms));
        auto [late, fine] = co_await otp::all(x.ask<server::slow>(500ms).timeout(100ms), y.ask<server::slow>(1ms));
        co_return one.value() + two.value() + (first.index() == 1 ? 1000 : 0) + (late.error() == otp::reason::timeout ? 100 : 0) + fine.value();
    }(a, b));
    CHECK(sum.value() == 30 + 20 + 1000 + 100 + 1);
    CHECK(sim.now() - began == 30ms + 10ms + 100ms);
}

// ---- steering

namespace {
struct steered_server {
    struct go_on {
        using reply_type = void;
    };
    struct load {
        std::string what;
    };
    struct set_limit {
        using reply_type = void;
        std::chrono::nanoseconds limit;
    };
    struct limit_with_message {
        std::chrono::milliseconds limit;
    };
    struct nudge {};
    struct get {
        using reply_type = log;
    };
    otp::init_result init() { return otp::ok.then(this, load{"first"}); }
    otp::next handle_continue(load l) {
        seen.push_back("continue " + l.what);
        if (l.what == "second") return otp::stop("continued");
        return otp::noreply;
    }
    otp::replied<void> handle_call(go_on) { return otp::reply().then(this, load{"second"}); }
    otp::replied<void> handle_call(set_limit s) { return otp::reply().timeout(s.limit); }
    log handle_call(get) { return seen; }
    otp::next handle_cast(limit_with_message m) { return otp::noreply.timeout(m.limit, this, nudge{}); }
    void handle_info(otp::timeout) { seen.push_back("timeout"); }
    void handle_info(nudge) { seen.push_back("nudge"); }
    log seen;
};
}  // namespace

TEST_CASE("CONT-01 CONT-04 CONT-06 a continue is the very next callback, before what waits in the mailbox") {
    otp::simulation sim{1};
    const auto s = otp::start<steered_server>().value();
    CHECK(s.call(steered_server::get{}).value() == log{"continue first"});
    auto first = s.send_request(steered_server::go_on{});
    auto behind = s.send_request(steered_server::get{});
    CHECK(first.receive());
    CHECK(behind.receive().error() == "continued");
}

TEST_CASE("TMO-01 TMO-02 TMO-04 TMO-05 TMO-09 TMO-13 inactivity time-outs fire once, and any message ends them") {
    otp::simulation sim{1};
    const auto s = otp::start<steered_server>().value();
    const auto seen = [&] { return s.call(steered_server::get{}).value(); };
    CHECK(s.call<steered_server::set_limit>(100ms));
    sim.advance(99ms);
    CHECK(seen() == log{"continue first"});  // this call has ended it
    sim.advance(1s);
    CHECK(seen().size() == 1);
    CHECK(s.call<steered_server::set_limit>(100ms));
    sim.advance(5s);
    CHECK(seen() == log{"continue first", "timeout"});
    CHECK(s.call<steered_server::set_limit>(0ms));
    sim.run();
    CHECK(seen().size() == 3);
    CHECK(s.call<steered_server::set_limit>(otp::infinity));
    sim.advance(1h);
    CHECK(seen().size() == 3);
    s.cast(steered_server::limit_with_message{50ms});
    sim.advance(1s);
    CHECK(seen().back() == "nudge");
    CHECK(s.call<steered_server::set_limit>(std::chrono::hours{10000}));  // TMO-19
    sim.advance(1h);
    CHECK(seen().size() == 4);
}

TEST_CASE("TMO-15 a negative time-out ends the server, and the reply is not sent") {
    otp::simulation sim{1};
    const auto s = otp::start<steered_server>().value();
    CHECK(s.call<steered_server::set_limit>(-1ns).error() == otp::reason::bad_argument);
    CHECK_FALSE(otp::is_alive(s.id()));
}

TEST_CASE("TERM-02 TERM-06 TERM-08 no terminate for one that was struck down by an exit signal") {
    for (const otp::reason& why : {otp::reason{"boom"}, otp::reason{otp::reason::kill}}) {
        log seen;
        otp::simulation sim{1};
        const auto s = otp::start<server>(&seen).value();
        otp::exit_process(s.id(), why);
        sim.run();
        CHECK_FALSE(otp::is_alive(s.id()));
        CHECK(seen.empty());
    }
}

TEST_CASE("TERM-15 EXC-14 STOP-08 an exception of terminate becomes the reason, and nothing else is lost") {
    struct bad_end {
        void terminate(const otp::reason&) { throw std::runtime_error{"at the end"}; }
    };
    otp::simulation sim{1};
    const auto s = otp::start<bad_end>().value();
    otp::inbox<otp::down> in;
    (void)in.monitor(s.id());
    CHECK(s.stop().error().text() == "at the end");
    CHECK(std::get<0>(*in.receive()).reason.text() == "at the end");
}

TEST_CASE("the state is destroyed and the name is free before anybody hears of the end") {
    struct holder {
        std::shared_ptr<int> held;
    };
    otp::simulation sim{1};
    auto token = std::make_shared<int>(1);
    std::weak_ptr<int> watch = token;
    const auto s = otp::start<holder>({.name = "holder"}, std::exchange(token, nullptr)).value();
    otp::inbox<otp::down> in;
    (void)in.monitor(s.id());
    otp::exit_process(s.id(), otp::reason::kill);
    REQUIRE(in.receive());
    CHECK(watch.expired());
    CHECK_FALSE(otp::whereis("holder"));
}

TEST_CASE("STOP-01 STOP-02 STOP-10 STOP-14 stop handles what came before, runs terminate and returns when it is gone") {
    log seen;
    otp::simulation sim{1};
    const auto s = otp::start<server>(&seen).value();
    auto before = s.send_request(server::plain{"queued"});
    CHECK(s.stop("any reason"));
    CHECK(before.receive().value() == "queued!");
    CHECK_FALSE(otp::is_alive(s.id()));
    CHECK(seen == log{"terminate any reason"});
    const auto t = otp::start<server>(&seen).value();
    std::vector<otp::pid> stoppers;
    int ended = 0;
    for (int i = 0; i < 2; ++i)
        stoppers.push_back(otp::spawn([t, &ended] {
            const auto how = t.stop();
            if (how || how.error() == otp::reason::noproc) ++ended;
        }));
    sim.run();
    CHECK(ended == 2);
}

TEST_CASE("STOP-05 SUPX-14 stop with a limit: timeout while the end goes on; a negative limit is a bad argument") {
    struct slow_end {
        struct wait {
            using reply_type = void;
        };
        otp::task<> handle_call(wait) { co_await otp::sleep_for(1s); }
    };
    otp::simulation sim{1};
    const auto s = otp::start<slow_end>().value();
    auto busy = s.send_request(slow_end::wait{});
    CHECK(s.stop(otp::reason::normal, -1s).error() == otp::reason::bad_argument);
    CHECK(s.stop(otp::reason::normal, 10ms).error() == otp::reason::timeout);
    CHECK(otp::is_alive(s.id()));
    CHECK(busy.receive());
    sim.run();
    CHECK_FALSE(otp::is_alive(s.id()));
}

TEST_CASE("while a process blocks in a call the simulation's thread is no process, and may start others") {
    otp::result<int> answer{0};
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    const auto blocked = otp::spawn([s, &answer] { answer = s.call(server::slow{1s}); });
    sim.advance(500ms);
    CHECK_FALSE(otp::self());
    const auto other = otp::start<server>().value();
    CHECK(other.call(server::plain{"x"}).value() == "x!");
    CHECK(otp::start_link<server>().error() == otp::reason::no_process);
    CHECK(otp::wait(blocked) == otp::reason::normal);
    CHECK(answer.value() == 1000);
}
