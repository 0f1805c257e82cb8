// Destructors that talk to other processes while their own is killed.
#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "otp/otp.hpp"

namespace tests::clean_up {

using namespace std::chrono_literals;

namespace {

struct desk {
    struct back {
        using reply_type = int;
    };
    struct note {};
    static constexpr bool serves_given_up_calls = true;
    int handle_call(back) { return ++calls; }
    void handle_cast(note) { ++notes; }
    int calls = 0, notes = 0;
};

/// Gives something back at its end, and waits for the answer.
struct lease {
    lease(otp::server<desk> d, std::vector<std::string>* s) : at{d}, said{s} {}
    lease(lease&& other) noexcept : at{other.at}, said{std::exchange(other.said, nullptr)} {}
    ~lease() {
        if (!said) return;
        at.cast(desk::note{});
        const auto answer = at.call(desk::back{});
        said->push_back(answer ? "ok" : otp::reason{answer.error()}.to_string());
        otp::inbox<int> in;
        if (in.receive(1h)) said->push_back("mail");
        (void)otp::wait(otp::self());
    }
    otp::server<desk> at;
    std::vector<std::string>* said;
};

struct go {};
struct blocks {
    lease mine;
    std::optional<lease> other{};
    void handle_cast(go) {
        const lease local{mine.at, mine.said};
        otp::inbox<int> in;
        (void)in.receive(1h);
    }
};
struct suspends {
    lease mine;
    otp::task<> inner() {
        const lease local{mine.at, mine.said};
        co_await otp::sleep_for(1h);
    }
    otp::task<> handle_cast(go) {
        const lease local{mine.at, mine.said};
        co_await inner();
    }
};

const std::string killed = "killed: tests::clean_up::(anonymous namespace)::desk::back: the process is killed";

template <class T>
std::vector<std::string> kill_one(otp::simulation& sim, const otp::server<desk>& at) {
    std::vector<std::string> said;
    const auto s = otp::start<T>(T{lease{at, &said}}).value();
    s.cast(go{});
    sim.run();
    otp::exit_process(s.id(), otp::reason::kill);
    const auto began = sim.now();
    sim.run();
    CHECK(sim.now() == began);
    CHECK_FALSE(otp::is_alive(s.id()));
    return said;
}

}  // namespace

TEST_CASE("destructors of a killed process wait for nobody, and what they send goes out") {
    otp::simulation sim{1};
    const auto at = otp::start<desk>().value();
    CHECK(kill_one<blocks>(sim, at) == std::vector{killed, killed});
    CHECK(kill_one<suspends>(sim, at) == std::vector{killed, killed, killed});
    CHECK(otp::sys::with_state(at, [](const desk& d) { return d.notes; }).value() == 5);
    CHECK(otp::sys::with_state(at, [](const desk& d) { return d.calls; }).value() == 5);
}

TEST_CASE("destructors of a process that ends by itself wait as any code") {
    otp::simulation sim{1};
    const auto at = otp::start<desk>().value();
    struct has_an_answer {
        otp::server<desk> at;
        int* got;
        ~has_an_answer() {
            if (got) *got += at.call(desk::back{}).value_or(0);
        }
    };
    int got = 0;
    const auto p = otp::spawn([at, &got]() -> otp::task<> {
        const has_an_answer one{at, &got};
        co_await otp::sleep_for(1ms);
    });
    CHECK(otp::wait(p) == otp::reason::normal);
    CHECK(got == 1);
}

TEST_CASE("on workers a kill in a blocking call ends the process, and no program, whatever its destructors do") {
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    const auto at = otp::start<desk>().value();
    for (int i = 0; i < 50; ++i) {
        std::vector<std::string> said;
        otp::inbox<int> ready;
        const auto p = otp::spawn([at, &said, to = otp::recipient<int>{ready}] {
            const lease local{at, &said};
            to.send(1);
            otp::inbox<int> in;
            (void)in.receive(1h);
        });
        REQUIRE(ready.receive(1min));
        otp::exit_process(p, otp::reason::kill);
        CHECK(otp::wait(p) == otp::reason::killed);
        REQUIRE(said.size() == 1);
        CHECK(said[0] != "mail");
    }
    CHECK(otp::sys::with_state(at, [](const desk& d) { return d.notes; }).value() == 50);
}

}  // namespace tests::clean_up
