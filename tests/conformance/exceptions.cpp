// Exceptions of callbacks: results that are thrown, errors, reasons.
#include "servers.hpp"

#include <memory>
#include <optional>

namespace tests::exceptions {

using namespace std::chrono_literals;
using testing::end_of;
using testing::log;
using testing::server;

namespace {

/// Throws what it might return.
struct thrower {
    enum class what { replied, reply, reply_with_limit, stop_with_reply, stop, noreply, result, error, other_reply };
    struct number {
        using reply_type = int;
        what how;
        bool waits = false;
    };
    struct nothing {
        using reply_type = void;
        bool stops;
    };
    struct late {
        using reply_type = int;
        what how;
    };
    struct turn {
        int way;
    };
    struct load {
        int way;
    };
    struct seen_by {
        using reply_type = log;
    };

    static int fail(what how) {
        switch (how) {
            case what::replied: throw otp::replied<int>{otp::reply(1)};
            case what::reply: throw otp::reply(2);
            case what::reply_with_limit: throw otp::reply(3).timeout(10ms);
            case what::stop_with_reply: throw otp::stop("with a reply", 4);
            case what::stop: throw otp::stop("without");
            case what::noreply: throw otp::noreply;
            case what::result: throw otp::result<int>{5};
            case what::error: throw otp::result<int>{otp::reason{"refused"}};
            case what::other_reply: throw otp::reply(std::string{"text"});
        }
        return 0;
    }
    otp::task<int> handle_call(number n) {
        if (n.waits) co_await otp::sleep_for(1s);
        co_return fail(n.how);
    }
    void handle_call(nothing n) {
        if (n.stops) throw otp::stop("stopped", otp::nothing{});
        throw otp::reply();
    }
    void handle_call(late l, otp::from<late> caller) {
        kept.emplace(std::move(caller));
        (void)fail(l.how);
    }
    log handle_call(seen_by) { return seen; }

    [[noreturn]] void divert(int way) {
        if (way == 0) throw otp::next{otp::noreply};
        if (way == 1) throw otp::noreply;
        if (way == 2) throw otp::noreply.timeout(10ms);
        if (way == 3) throw otp::noreply.then(this, load{1});
        throw otp::next{otp::stop("thrown")};
    }
    void handle_cast(turn t) {
        seen.push_back("cast");
        divert(t.way);
    }
    void handle_info(turn t) {
        seen.push_back("info");
        divert(t.way);
    }
    void handle_continue(load l) {
        seen.push_back("continue");
        divert(l.way);
    }
    otp::next handle_cast(load l) { return otp::noreply.then(this, load{l.way}); }
    void handle_info(otp::timeout) { seen.push_back("timeout"); }
    std::optional<otp::from<late>> kept;
    log seen;
};

}  // namespace

TEST_CASE("EXC-01 a result of the library's that handle_call throws counts as returned, also after a wait") {
    const testing::reports quiet;
    using what = thrower::what;
    otp::simulation sim{1};
    for (const bool waits : {false, true}) {
        const auto s = otp::start<thrower>().value();
        const auto call = [&](what how) { return s.call(thrower::number{how, waits}); };
        CHECK(call(what::replied).value() == 1);
        CHECK(call(what::reply).value() == 2);
        CHECK(call(what::reply_with_limit).value() == 3);
        sim.advance(1s);
        CHECK(s.call(thrower::seen_by{}).value() == log{"timeout"});
        CHECK(call(what::noreply).error() == otp::reason::no_reply);
        CHECK(call(what::result).value() == 5);
        CHECK(call(what::error).error() == "refused");
        CHECK(s.call(thrower::nothing{false}));
        CHECK(call(what::stop_with_reply).value() == 4);
        CHECK(end_of(s.id()) == otp::reason::noproc);
        CHECK(otp::start<thrower>().value().call(thrower::number{what::stop, waits}).error() == "without");
    }
    const auto t = otp::start<thrower>().value();
    otp::inbox<otp::down> in;
    (void)in.monitor(t.id());
    CHECK(t.call(thrower::nothing{true}));
    CHECK(std::get<0>(*in.receive()).reason == "stopped");
    // With a `from` of its own: the reply that is thrown is given if none was.
    const auto u = otp::start<thrower>().value();
    CHECK(u.call(thrower::late{what::reply}).value() == 2);
    CHECK(u.call(thrower::late{what::replied}).value() == 1);
    CHECK(u.call(thrower::late{what::noreply}, 1s).error() == otp::reason::timeout);
    CHECK(u.call(thrower::late{what::stop_with_reply}).value() == 4);
    CHECK(end_of(u.id()) == otp::reason::noproc);
}

TEST_CASE("EXC-02 a result of the library's that handle_cast, handle_info or handle_continue throws counts as returned") {
    const testing::reports quiet;
    for (const std::string from : {"cast", "info", "continue"}) {
        otp::simulation sim{1};
        const auto s = otp::start<thrower>().value();
        const auto turn = [&](int way) {
            if (from == "cast") s.cast(thrower::turn{way});
            else if (from == "info") s.send(thrower::turn{way});
            else s.cast(thrower::load{way});
        };
        turn(0);
        turn(1);
        CHECK(s.call(thrower::seen_by{}).value() == log{from, from});
        turn(2);
        sim.advance(1s);
        CHECK(s.call(thrower::seen_by{}).value() == log{from, from, from, "timeout"});
        turn(3);
        CHECK(s.call(thrower::seen_by{}).value() == log{from, from, from, "timeout", from, "continue"});
        turn(4);
        CHECK(end_of(s.id()) == "thrown");
    }
}

TEST_CASE("EXC-03 anything else that is thrown ends the server with a reason that names its type") {
    struct odd {
        struct number {
            using reply_type = int;
        };
        struct text {
            using reply_type = int;
        };
        struct own {};
        struct custom {
            using reply_type = int;
        };
        int handle_call(number) { throw 4711; }
        int handle_call(text) { throw "a text"; }
        int handle_call(custom) { throw own{}; }
    };
    const testing::reports quiet;
    otp::simulation sim{1};
    const auto thrown = [](auto request) {
        const auto s = otp::start<odd>().value();
        otp::inbox<otp::down> in;
        (void)in.monitor(s.id());
        const auto heard = s.call(request).error();
        CHECK(std::get<0>(*in.receive()).reason == heard);
        CHECK(heard.is_exception());
        return heard;
    };
    CHECK(thrown(odd::number{}).exception_type() == "int");
    CHECK(thrown(odd::text{}).text() == "a text");
    CHECK(thrown(odd::custom{}).exception_type().find("odd::own") != std::string_view::npos);
    // A reply of another type than the request's is no result of this handler.
    const auto wrong = otp::start<thrower>().value().call(thrower::number{thrower::what::other_reply}).error();
    CHECK(wrong.is_exception());
    CHECK(wrong.exception_type().find("replying") != std::string_view::npos);
}

TEST_CASE("EXC-04 an exception in handle_call is the reason of the server's end, and its waiting caller gets the same") {
    const testing::reports quiet;
    log seen;
    otp::simulation sim{1};
    const auto s = otp::start<server>(&seen).value();
    otp::inbox<otp::down> in;
    (void)in.monitor(s.id());
    const auto heard = s.call(server::crash{}).error();
    CHECK(heard.is_exception());
    CHECK(heard.exception_type() == "std::runtime_error");
    CHECK(heard.text() == "crashed");
    CHECK(std::get<0>(*in.receive()).reason == heard);
}

TEST_CASE("EXC-05 otp::exit in handle_call ends the server with its reason, and the caller gets it") {
    const testing::reports quiet;
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    otp::inbox<otp::down> in;
    (void)in.monitor(s.id());
    CHECK(s.call(server::exit_with{"mine"}).error() == "mine");
    CHECK(std::get<0>(*in.receive()).reason == "mine");
}

TEST_CASE("EXC-06 otp::exit with normal ends the server in order: terminate runs, the caller gets normal, nothing is reported") {
    const testing::reports reported;
    log seen;
    otp::simulation sim{1};
    const auto s = otp::start<server>(&seen).value();
    otp::inbox<otp::down> in;
    (void)in.monitor(s.id());
    CHECK(s.call(server::exit_with{otp::reason::normal}).error() == otp::reason::normal);
    CHECK(std::get<0>(*in.receive()).reason == otp::reason::normal);
    CHECK(seen == log{"terminate normal"});
    CHECK(reported.lines.empty());
}

TEST_CASE("EXC-14 a destructor or terminate that throws is the reason, and hides the end from nobody") {
    struct bad_end {
        struct get {
            using reply_type = int;
        };
        bool in_terminate;
        void handle_call(get, otp::from<get> caller) { kept.push_back(std::move(caller)); }
        void terminate(const otp::reason&) {
            if (in_terminate) throw std::runtime_error{"at the end"};
        }
        ~bad_end() noexcept(false) {
            if (!in_terminate && !kept.empty()) throw std::runtime_error{"at the end"};
        }
        std::vector<otp::from<get>> kept = {};
    };
    const testing::reports quiet;
    for (const bool in_terminate : {true, false}) {
        otp::simulation sim{1};
        const auto s = otp::start<bad_end>({.name = "bad"}, in_terminate).value();
        otp::inbox<otp::down> in;
        (void)in.monitor(s.id());
        const auto w = otp::start<testing::witness>(true).value();
        testing::run_in(w, [s] { otp::link(s.id()); });
        auto asked = s.send_request(bad_end::get{});
        sim.run();
        CHECK(s.stop().error().text() == "at the end");
        CHECK(std::get<0>(*in.receive()).reason.text() == "at the end");
        REQUIRE(testing::exits_of(w).size() == 1);
        CHECK(testing::exits_of(w)[0].reason.text() == "at the end");
        CHECK(asked.receive().error().text() == "at the end");
        CHECK_FALSE(otp::whereis("bad"));
    }
}

}  // namespace tests::exceptions
