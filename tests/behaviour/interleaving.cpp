// Requests that interleave: let in while a handler waits or yields, and they end nobody's turn but their own.
#include <doctest/doctest.h>

#include <chrono>

#include "otp/otp.hpp"

namespace tests::interleaving {

using namespace std::chrono_literals;

namespace {

struct hall {
    struct hold {
        using reply_type = void;
    };
    struct pass {
        using reply_type = void;
    };
    struct spin {
        using reply_type = int;
    };
    struct release {
        using reply_type = void;
    };
    struct arm {
        using reply_type = void;
    };
    struct note {};
    using interleaves = otp::messages<pass, release, arm>;

    otp::task<> handle_call(hold) { co_await otp::sleep_for(1s); }
    otp::task<> handle_call(pass) { co_await otp::sleep_for(10ms); }
    otp::task<int> handle_call(spin) {
        int turns = 0;
        while (!released && turns != most_turns) {
            ++turns;
            co_await otp::yield();
        }
        co_return turns;
    }
    void handle_call(release) { released = true; }
    otp::replied<void> handle_call(arm) { return otp::reply().timeout(10ms); }
    void handle_info(otp::timeout) { timed_out = otp::now(); }
    void handle_cast(note) { noted = otp::now(); }
    static constexpr int most_turns = 1000;
    bool released = false;
    otp::exec::time_point noted{}, timed_out{};
};

}  // namespace

TEST_CASE("the end of a handler that interleaves lets no other message in before the handler that waits is done") {
    otp::simulation sim{1};
    const auto s = otp::start<hall>().value();
    const auto begun = sim.now();
    auto holding = s.send_request(hall::hold{});
    auto passing = s.send_request(hall::pass{});
    s.cast(hall::note{});
    CHECK(passing.receive());
    CHECK(sim.now() - begun == 10ms);
    CHECK(holding.receive());
    CHECK(otp::sys::get_state(s)->noted - begun == 1s);
}

TEST_CASE("a time-out that a handler sets which was let in comes after the handler that waits") {
    otp::simulation sim{1};
    const auto s = otp::start<hall>().value();
    const auto begun = sim.now();
    auto holding = s.send_request(hall::hold{});
    CHECK(s.call(hall::arm{}));
    sim.advance(500ms);
    CHECK(otp::bonds_of(s.id()));  // which wakes it
    CHECK(holding.receive());
    sim.advance(1s);
    CHECK(otp::sys::get_state(s)->timed_out >= begun + 1s);
}

TEST_CASE("a handler that yields lets requests of its own server in that interleave") {
    otp::simulation sim{1};
    const auto s = otp::start<hall>().value();
    auto spinning = s.send_request(hall::spin{});
    auto released = s.send_request(hall::release{});
    CHECK(spinning.receive().value() < hall::most_turns);
    CHECK(released.receive());
}

}  // namespace tests::interleaving
