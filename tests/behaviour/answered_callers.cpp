// Callers are answered in each case, and who has answered one may call it: it waits no more, even if its answer is still on the way.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "otp/otp.hpp"

namespace tests::answered_callers {

using namespace std::chrono_literals;

namespace {

using outcome = std::optional<otp::result<int>>;

struct asker {
    enum class way { blocks, awaits, starts };
    struct go {
        using reply_type = int;
        way how;
    };
    struct ping {
        using reply_type = int;
    };
    asker(otp::pid o, outcome* g) : other{std::move(o)}, got{g} {}
    int handle_call(go g);
    int handle_call(ping) { return 7; }
    otp::pid other;
    outcome* got;
};

/// Answers, then calls the one who has asked, in the same handler.
struct early {
    struct blocking {
        using reply_type = int;
        otp::server<asker> who;
    };
    struct awaiting {
        using reply_type = int;
        otp::server<asker> who;
    };
    explicit early(outcome* g) : got{g} {}
    void handle_call(blocking b, otp::from<blocking> caller) {
        caller.reply(1);
        *got = b.who.call(asker::ping{});
    }
    otp::task<> handle_call(awaiting a, otp::from<awaiting> caller) {
        caller.reply(1);
        *got = co_await a.who.ask<asker::ping>();
    }
    outcome* got;
};

/// Its move throws when the server takes it out of the call.
struct brittle {
    brittle() = default;
    brittle(brittle&&) {
        if (breaks) throw otp::exit{"broken"};
    }
    static inline bool breaks = false;
};
struct takes_brittle {
    struct plain {
        using reply_type = int;
        brittle part{};
    };
    struct late {
        using reply_type = int;
        brittle part{};
    };
    int handle_call(plain) { return 1; }
    void handle_call(late, otp::from<late> caller) { caller.reply(1); }
};

int asker::handle_call(go g) {
    const auto self = otp::self<asker>();
    const auto answering = *otp::server_cast<early>(other);
    if (g.how == way::blocks) return answering.call(early::blocking{self}).value();
    if (g.how == way::awaits) return answering.call(early::awaiting{self}).value();
    const auto started = otp::proc_lib::start([self, to = got](otp::proc_lib::starter<> parent) {
        parent.init_ack();
        *to = self.call(ping{});
    });
    return started ? 1 : 0;
}

}  // namespace

TEST_CASE("a handler that has replied, and a process that has told its starter, may call the one who waited for it") {
    for (const auto how : {asker::way::blocks, asker::way::awaits, asker::way::starts})
        for (std::uint64_t seed = 1; seed <= 10; ++seed) {
            otp::simulation sim{seed};
            outcome got;
            const auto e = otp::start<early>(&got).value();
            const auto a = otp::start<asker>(e.id(), &got).value();
            CHECK(a.call(asker::go{how}).value() == 1);
            sim.run();
            REQUIRE(got);
            CHECK(*got == otp::result<int>{7});
        }
}

TEST_CASE("a request whose move throws in the server ends that, and its caller hears why") {
    otp::simulation sim{1};
    const auto outcome_of = [&](auto request) {
        brittle::breaks = true;
        sim.run();
        brittle::breaks = false;
        return request.check().value().error();
    };
    CHECK(outcome_of(otp::start<takes_brittle>()->send_request<takes_brittle::plain>()) == otp::reason{"broken"});
    CHECK(outcome_of(otp::start<takes_brittle>()->send_request<takes_brittle::late>()) == otp::reason{"broken"});
}

}  // namespace tests::answered_callers
