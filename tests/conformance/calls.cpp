// Calls: replies, time limits, callers that give up, servers that end.
#include "servers.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace tests::calls {

using namespace std::chrono_literals;
using testing::in_process;
using testing::log;
using testing::server;

TEST_CASE("CALL-01 a call gives the reply, and the next callback sees what this one changed") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    CHECK(s.call(server::plain{"hello"}).value() == "hello!");
    CHECK(s.call<server::plain>("in place").value() == "in place!");
    CHECK(s.call(server::nothing{}));
    CHECK(s.call(server::log_of{}).value() == log{"nothing"});
}

TEST_CASE("CALL-02 the calls of one client are answered in the order made, and see the effect of its casts and sends before them") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        otp::simulation sim{seed};
        const auto s = otp::start<server>().value();
        s.cast(server::note{"one"});
        s.send(server::note{"two"});
        CHECK(s.call(server::nothing{}));
        s.cast<server::note>("three");
        s.send<server::note>("four");
        CHECK(s.call(server::log_of{}).value() == log{"cast one", "info two", "nothing", "cast three", "info four"});
        // Also of calls that are on their way together.
        auto first = s.send_request(server::nothing{}), second = s.send_request(server::nothing{});
        auto third = s.send_request(server::log_of{});
        CHECK(third.receive().value().size() == 7);
        CHECK(first.check());
        CHECK(second.check());
    }
}

TEST_CASE("CALL-03 a call stays blocked until a later callback replies") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    std::optional<int> got;
    const auto client = otp::spawn([&got, s] { got = s.call(server::later{}, otp::infinity).value(); });
    sim.advance(1h);
    CHECK_FALSE(got);
    s.cast(server::answer_later{3});
    CHECK(otp::wait(client) == otp::reason::normal);
    CHECK(got == 3);
}

TEST_CASE("CALL-04 a reply may be given by any other process, also after the server has ended its part") {
    struct passes_on {
        using later = server::later;
        otp::from<later>* kept;
        void handle_call(later, otp::from<later> caller) { *kept = std::move(caller); }
    };
    otp::from<server::later> kept;
    otp::simulation sim{1};
    const auto p = otp::start<passes_on>(&kept).value();
    auto asked = p.send_request(server::later{});
    sim.run();
    CHECK(kept.alive());
    CHECK_FALSE(asked.check());
    otp::spawn([&kept] { kept.reply(8); });
    CHECK(asked.receive().value() == 8);
    CHECK_FALSE(kept);
}

TEST_CASE("CALL-05 a reply inside handle_call lets the client go on while the callback still runs") {
    struct early {
        struct go {
            using reply_type = int;
        };
        bool* ended;
        otp::task<> handle_call(go, otp::from<go> caller) {
            caller.reply(1);
            co_await otp::sleep_for(1s);
            *ended = true;
        }
    };
    bool ended = false;
    otp::simulation sim{1};
    const auto s = otp::start<early>(&ended).value();
    const auto began = sim.now();
    CHECK(s.call(early::go{}).value() == 1);
    CHECK(sim.now() == began);
    CHECK_FALSE(ended);
    sim.advance(1s);
    CHECK(ended);
    // Also in a handler without a wait.
    const auto plain = otp::start<server>().value();
    CHECK(plain.call(server::at_once{}).value() == 1);
}

TEST_CASE("CALL-07 the limit of a call is 5 s unless said, and infinity waits for ever") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    const auto began = sim.now();
    CHECK(s.call<server::slow>(10s).error() == otp::reason::timeout);
    CHECK(sim.now() - began == 5s);
    sim.advance(10s);
    CHECK(s.call(server::slow{20ms}, 10ms).error() == otp::reason::timeout);
    CHECK(sim.now() - began == 15s + 10ms);
    sim.advance(1s);
    CHECK(s.call(server::slow{std::chrono::milliseconds{100h}}, otp::infinity).value() == 360'000'000);
}

TEST_CASE("CALL-08 a call that is not answered in time fails with timeout, which names it, and the server goes on undisturbed") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    const auto began = sim.now();
    const auto late = s.call(server::slow{1s}, 250ms).error();
    CHECK(sim.now() - began == 250ms);
    CHECK(late == otp::reason::timeout);
    CHECK(late.text() == "testing::server::slow was not answered by " + s.id().to_string() + " within 250ms");
    CHECK(s.call(server::plain{"still"}).value() == "still!");
    CHECK(sim.now() - began == 1s);  // it went on with the request to its end
    // The same in a coroutine.
    const auto text = otp::run([](otp::server<server> to) -> otp::task<std::string> {
        auto answer = co_await to.ask<server::slow>(1s).timeout(2us);
        co_return std::string{answer.error().text()};
    }(s));
    CHECK(text.value() == "testing::server::slow was not answered by " + s.id().to_string() + " within 2us");
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

TEST_CASE("CALL-10 a queued request whose caller has given up is not handled, unless the server asks for it") {
    // The choice: OTP can't know and handles it; here the server may say so. By hand, in a coroutine, and as a dropped request.
    otp::simulation sim{1};
    const auto run = [&sim](const auto& s) {
        using handle = std::remove_cvref_t<decltype(s)>;
        auto busy = s.template send_request<counts::wait>();
        CHECK(s.call(counts::hit{}, 100ms).error() == otp::reason::timeout);
        CHECK(otp::run([](handle to) -> otp::task<bool> {
                  auto answer = co_await to.template ask<counts::hit>().timeout(100ms);
                  co_return answer.error() == otp::reason::timeout;
              }(s))
                  .value());
        (void)s.template send_request<counts::hit>();
        sim.advance(2s);
        CHECK(busy.check());
        return s.call(counts::hit{}).value();
    };
    CHECK(run(otp::start<counts>().value()) == 1);
    CHECK(run(otp::start<counts_all>().value()) == 4);
}

TEST_CASE("CALL-12 a limit of zero gives up at once") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    const auto began = sim.now();
    CHECK(s.call(server::plain{"x"}, 0s).error() == otp::reason::timeout);
    CHECK(sim.now() == began);
    // The request was delivered: a server that wants all handles it.
    const auto all = otp::start<counts_all>().value();
    CHECK(all.call(counts::hit{}, 0s).error() == otp::reason::timeout);
    CHECK(all.call(counts::hit{}).value() == 2);
}

TEST_CASE("CALL-13 a negative limit is a bad argument, and nothing is sent") {
    otp::simulation sim{1};
    const auto s = otp::start<counts_all>().value();
    CHECK(s.call(counts::hit{}, -1s).error() == otp::reason::bad_argument);
    CHECK(testing::depth_of(s.id()) == 0);
    CHECK(s.call(counts::hit{}).value() == 1);
}

TEST_CASE("CALL-14 a call to a name that nobody has fails with noproc at once") {
    otp::simulation sim{1};
    constexpr otp::name<server> nobody{"nobody"};
    const auto began = sim.now();
    CHECK(nobody.call(server::plain{"x"}, otp::infinity).error() == otp::reason::noproc);
    CHECK(otp::server<server>{}.call(server::plain{"x"}).error() == otp::reason::noproc);
    CHECK(sim.now() == began);
}

TEST_CASE("CALL-15 a call to a dead process fails with noproc at once, also without a limit") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    CHECK(s.stop());
    const auto began = sim.now();
    CHECK(s.call(server::plain{"x"}, otp::infinity).error() == otp::reason::noproc);
    CHECK(otp::run([](otp::server<server> to) -> otp::task<bool> {
              auto answer = co_await to.ask<server::nothing>().timeout(otp::infinity);
              co_return answer.error() == otp::reason::noproc;
          }(s))
              .value());
    CHECK(sim.now() == began);
}

TEST_CASE("CALL-16 a caller hears of the server's end right away, whatever its limit") {
    otp::simulation sim{1};
    const auto s = otp::start<server>().value();
    otp::reason heard;
    const auto client = otp::spawn([&heard, s] { heard = s.call(server::later{}, 1h).error(); });
    sim.advance(1s);
    const auto ended = sim.now();
    otp::exit_process(s.id(), "gone");
    CHECK(otp::wait(client) == otp::reason::normal);
    CHECK(heard == "gone");
    CHECK(sim.now() == ended);
}

TEST_CASE("CALL-18 a stop with a reply gives the caller the reply, and the server ends") {
    const testing::reports quiet;
    log seen;
    otp::simulation sim{1};
    const auto s = otp::start<server>(&seen).value();
    otp::inbox<otp::down> in;
    (void)in.monitor(s.id());
    CHECK(s.call(server::stop_with_reply{}).value() == 9);
    CHECK(std::get<0>(*in.receive()).reason == "over");
    CHECK(seen == log{"terminate over"});
}

TEST_CASE("CALL-21 a stop without a reply gives the caller the reason, also normal") {
    const testing::reports quiet;
    otp::simulation sim{1};
    const auto call = [](const otp::reason& why) { return otp::start<server>().value().call(server::stop_without_reply{why}).error(); };
    CHECK(call(otp::reason::normal) == otp::reason::normal);
    CHECK(call("stopped") == "stopped");
}

TEST_CASE("CALL-22 a stop after an explicit reply leaves the caller its reply") {
    const testing::reports quiet;
    log seen;
    otp::simulation sim{1};
    const auto s = otp::start<server>(&seen).value();
    CHECK(s.call(server::stop_after_reply{}).value() == 4);
    sim.run();
    CHECK_FALSE(otp::is_alive(s.id()));
    CHECK(seen == log{"terminate after the reply"});
}

TEST_CASE("CALL-27 after a call that failed nothing of it is left with the caller, and it goes on") {
    const testing::reports quiet;
    in_process([] {
        const auto s = otp::start<server>().value();
        const auto dead = otp::start<server>().value();
        CHECK(dead.stop());
        const auto before = testing::depth_of(otp::self());
        CHECK(s.call(server::slow{1s}, 10ms).error() == otp::reason::timeout);
        CHECK(dead.call(server::nothing{}).error() == otp::reason::noproc);
        CHECK(s.call(server::stop_without_reply{"stopped"}).error() == "stopped");
        CHECK_THROWS_AS((void)s.call(server::nothing{}).value(), otp::exit);
        (void)otp::wait(otp::spawn([]() -> otp::task<> { co_await otp::sleep_for(10s); }));
        CHECK(testing::depth_of(otp::self()) == before);
        CHECK(testing::is_unbound(otp::self()));
    });
}

TEST_CASE("CALL-29 a `from` tells who calls, and has a tag of its own for each call") {
    struct identifies {
        struct who {
            using reply_type = otp::pid;
        };
        std::vector<std::uint64_t>* tags;
        void handle_call(who, otp::from<who> caller) {
            tags->push_back(caller.tag());
            CHECK(caller.tag() == tags->back());
            const auto client = caller.caller();
            caller.reply(client);
            CHECK_FALSE(caller.caller());
            CHECK(caller.tag() == 0);
        }
    };
    std::vector<std::uint64_t> tags;
    otp::simulation sim{1};
    const auto s = otp::start<identifies>(&tags).value();
    std::vector<otp::pid> told;
    const auto client = otp::spawn([&told, s]() -> otp::task<> {
        told.push_back(s.call(identifies::who{}).value());
        auto asked = co_await s.ask<identifies::who>();
        told.push_back(asked.value());
        auto sent = s.send_request(identifies::who{});
        auto response = co_await sent;
        told.push_back(response.value());
    });
    CHECK(otp::wait(client) == otp::reason::normal);
    CHECK(told == std::vector{client, client, client});
    CHECK_FALSE(s.call(identifies::who{}).value());  // a plain thread is no process
    CHECK_FALSE(s.send_request(identifies::who{}).receive().value());
    REQUIRE(tags.size() == 5);
    std::sort(tags.begin(), tags.end());
    CHECK(std::adjacent_find(tags.begin(), tags.end()) == tags.end());
    CHECK_FALSE(otp::from<identifies::who>{}.caller());
    CHECK(otp::from<identifies::who>{}.tag() == 0);
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
        CHECK(answer->first == i - 1);
        CHECK(sim.now() - began == i * 50ms);
    }
    CHECK_FALSE(all.wait());
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

}  // namespace tests::calls
