// Who waits for whom: what could only wait for itself ends at once.
#include "../conformance/servers.hpp"

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
