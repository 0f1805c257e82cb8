// Two servers that call each other while neither serves the other: no chain of callers leads from one to the other.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "otp/otp.hpp"

namespace tests::crossing_calls {

using namespace std::chrono_literals;

namespace {

struct crosser {
    struct ping {
        using reply_type = int;
    };
    struct tell {
        using reply_type = std::optional<otp::result<int>>;
    };
    struct call_it {
        otp::server<crosser> other;
        bool blocks;
    };
    struct hand_on {
        using reply_type = int;
    };
    std::optional<otp::result<int>> got;

    otp::task<> handle_cast(call_it c) {
        if (c.blocks) got = c.other.call(ping{});
        else got = co_await c.other.ask<ping>();
    }
    int handle_call(ping) { return 7; }
    std::optional<otp::result<int>> handle_call(tell) { return got; }
};

bool is_deadlock(const std::optional<otp::result<int>>& got) { return got && !*got && got->error() == otp::reason::deadlock; }
bool is_answer(const std::optional<otp::result<int>>& got) { return got && *got && **got == 7; }

}  // namespace

TEST_CASE("calls that cross: one of both ends at once with deadlock that names both, the other gets its answer") {
    for (const bool blocks : {false, true}) {
        for (std::uint64_t seed = 1; seed <= 50; ++seed) {
            otp::simulation sim{seed};
            const auto a = otp::start<crosser>().value(), b = otp::start<crosser>().value();
            a.cast(crosser::call_it{b, blocks});
            b.cast(crosser::call_it{a, blocks});
            const auto began = sim.now();
            sim.run();
            CHECK(sim.now() == began);
            const auto of_a = a.call(crosser::tell{}).value(), of_b = b.call(crosser::tell{}).value();
            const bool crossed = is_deadlock(of_a) || is_deadlock(of_b);  // or one had ended before the other began
            CHECK((crossed ? is_answer(of_a) != is_answer(of_b) : is_answer(of_a) && is_answer(of_b)));
            if (is_deadlock(of_a)) CHECK(of_a->error().text().find(b.id().to_string() + " ") != std::string::npos);
            if (is_deadlock(of_a)) CHECK(of_a->error().text().find(a.id().to_string() + " ") != std::string::npos);
        }
    }
}

TEST_CASE("some order of turns lets them cross") {
    int crossed = 0;
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        otp::simulation sim{seed};
        const auto a = otp::start<crosser>().value(), b = otp::start<crosser>().value();
        a.cast(crosser::call_it{b, false});
        b.cast(crosser::call_it{a, false});
        sim.run();
        crossed += is_deadlock(a.call(crosser::tell{}).value()) || is_deadlock(b.call(crosser::tell{}).value());
    }
    CHECK(crossed > 0);
}

namespace {

struct front;

struct client {
    struct begin {
        otp::ref<front> to;
    };
    struct ping {
        using reply_type = int;
    };
    std::string* log;
    explicit client(std::string* l) : log{l} {}
    otp::task<> handle_cast(begin b);
    int handle_call(ping) { return 1; }
};

/// Hands each question on to a process that answers it in 10 ms, and meanwhile calls who asked.
struct front {
    struct question {
        using reply_type = int;
    };
    struct go_on {};
    otp::server<client> who;
    std::string* log;
    front(otp::server<client> w, std::string* l) : who{std::move(w)}, log{l} {}

    void handle_call(question, otp::from<question> caller) {
        otp::spawn(
            [](otp::from<question> f) -> otp::task<> {
                co_await otp::sleep_for(10ms);
                f.reply(42);
            },
            std::move(caller));
        otp::self<front>().cast(go_on{});
    }
    otp::task<> handle_cast(go_on) {
        const auto got = co_await who.ask<client::ping>();
        *log += got ? "front " + std::to_string(*got) + " " : got.error().to_string();
    }
};

otp::task<> client::handle_cast(begin b) {
    const auto got = co_await b.to.get().ask<front::question>();
    *log += got ? "client " + std::to_string(*got) + " " : got.error().to_string();
}

/// A reply that stays on its way into the call until the door opens.
struct gate {
    struct door {
        std::atomic<bool> has_caller{false}, entered{false}, open{false}, called{false};
    };
    explicit gate(door* d) noexcept : through{d} {}
    gate(gate&& other) noexcept {
        door* const d = std::exchange(other.through, nullptr);
        if (!d) return;
        d->entered.store(true, std::memory_order_release);  // pairs with the test's wait
        d->entered.notify_all();
        d->open.wait(false, std::memory_order_acquire);  // pairs with the test's store
    }
    door* through = nullptr;
};
struct keeps_caller {
    struct hand_on {
        using reply_type = gate;
    };
    struct call_it {
        otp::pid whom;
    };
    struct quick {
        using reply_type = void;
    };
    otp::from<hand_on>* keep;
    gate::door* door;
    otp::result<int> got = otp::reason::ignored;
    keeps_caller(otp::from<hand_on>* k, gate::door* d) : keep{k}, door{d} {}
    void handle_call(hand_on, otp::from<hand_on> caller) {
        *keep = std::move(caller);
        door->has_caller.store(true, std::memory_order_release);  // pairs with the test's wait
        door->has_caller.notify_all();
    }
    void handle_call(quick, otp::from<quick> caller) { caller.reply(); }
    void handle_cast(call_it c);
};
struct waits_for_gate {
    struct go {
        using reply_type = int;
    };
    struct ping {
        using reply_type = int;
    };
    otp::server<keeps_caller> other;
    explicit waits_for_gate(otp::server<keeps_caller> o) : other{std::move(o)} {}
    int handle_call(go) { return other.call(keeps_caller::hand_on{}, otp::infinity) ? 1 : 0; }
    int handle_call(ping) { return 7; }
};
void keeps_caller::handle_cast(call_it c) {
    got = otp::server_cast<waits_for_gate>(c.whom)->call(waits_for_gate::ping{}, otp::infinity);
    door->called.store(true, std::memory_order_release);  // pairs with the test's look
}

}  // namespace

TEST_CASE("who has handed a caller's request on may call that caller: another one answers it") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        otp::simulation sim{seed};
        std::string log;
        const auto c = otp::start<client>(&log).value();
        const auto f = otp::start<front>(c, &log).value();
        c.cast(client::begin{f});
        sim.advance(1s);
        CHECK(log == "client 42 front 1 ");
    }
}

TEST_CASE("the same while the other one is answering, and calls that were answered are forgotten meanwhile") {
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    gate::door door;
    otp::from<keeps_caller::hand_on> held;
    const auto b = otp::start<keeps_caller>(&held, &door).value();
    const auto a = otp::start<waits_for_gate>(b).value();
    auto asked = a.send_request(waits_for_gate::go{});
    door.has_caller.wait(false, std::memory_order_acquire);  // pairs with the handler's store
    std::thread other{[&] { held.reply(gate{&door}); }};
    door.entered.wait(false, std::memory_order_acquire);  // pairs with that in gate
    for (int i = 0; i != 100; ++i) CHECK(b.call(keeps_caller::quick{}));
    b.cast(keeps_caller::call_it{a.id()});
    while (a.id().block()->depth() == 0 && !door.called.load(std::memory_order_acquire)) std::this_thread::yield();  // pairs with call_it
    door.open.store(true, std::memory_order_release);  // pairs with the wait in gate
    door.open.notify_all();
    other.join();
    CHECK(asked.wait().value() == 1);
    CHECK(otp::sys::with_state(b, [](const keeps_caller& s) { return s.got; }).value() == otp::result<int>{7});
}

TEST_CASE("on workers calls that cross end with an answer or one of both with deadlock, never by their time-out") {
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    const auto a = otp::start<crosser>().value(), b = otp::start<crosser>().value();
    for (int round = 0; round != 2'000; ++round) {
        a.cast(crosser::call_it{b, round % 8 == 0});
        b.cast(crosser::call_it{a, round % 8 == 0});
        // Neither is called before it is done: this thread's call would be one more who waits.
        const auto of_a = a.call(crosser::tell{}, otp::infinity).value(), of_b = b.call(crosser::tell{}, otp::infinity).value();
        REQUIRE((is_answer(of_a) || is_deadlock(of_a)));
        REQUIRE((is_answer(of_b) || is_deadlock(of_b)));
        REQUIRE((is_answer(of_a) || is_answer(of_b)));
    }
}

namespace {

struct narrow;

struct pusher {
    struct push {
        otp::ref<narrow> to;
    };
    struct push_back {
        using reply_type = void;
        otp::ref<narrow> to;
    };
    struct ping {
        using reply_type = int;
    };
    void handle_cast(const push& p);
    void handle_call(const push_back& p);
    int handle_call(ping) { return 1; }
};

/// Its mailbox has room for one message.
struct narrow {
    struct item {};
    struct call_pusher {
        bool and_be_pushed;
    };
    otp::server<pusher> other;
    otp::reason heard;
    int items = 0;
    explicit narrow(otp::server<pusher> o) : other{std::move(o)} {}

    otp::task<> handle_cast(call_pusher how) {
        co_await otp::sleep_for(10ms);
        if (how.and_be_pushed) {
            const auto got = co_await other.ask<pusher::push_back>(otp::self<narrow>());
            if (!got) heard = got.error();
        } else if (const auto got = co_await other.ask<pusher::ping>(); !got) {
            heard = got.error();
        }
    }
    void handle_cast(item) { ++items; }
};

void pusher::handle_cast(const push& p) {
    for (int i = 0; i != 3; ++i) p.to.get().cast(narrow::item{});
}
void pusher::handle_call(const push_back& p) {
    for (int i = 0; i != 3; ++i) p.to.get().cast(narrow::item{});
}

}  // namespace

TEST_CASE("who calls a sender that waits for room in its mailbox gets deadlock at once, and makes room") {
    otp::simulation sim{1};
    const auto p = otp::start<pusher>().value();
    const auto n = otp::start<narrow>({.mailbox = {.capacity = 1, .on_full = otp::wait}}, p).value();
    n.cast(narrow::call_pusher{false});
    sim.run();
    p.cast(pusher::push{n});
    sim.advance(10ms);
    CHECK(otp::sys::with_state(n, [](const narrow& s) { return s.heard == otp::reason::deadlock; }).value());
    sim.run();
    CHECK(otp::sys::with_state(n, [](const narrow& s) { return s.items; }).value() == 3);
}

TEST_CASE("a handler waits for no room at who waits for its answer: the messages are dead letters") {
    otp::simulation sim{1};
    const auto lost = otp::dead_letters(otp::reason_kind::deadlock);
    const auto p = otp::start<pusher>().value();
    const auto n = otp::start<narrow>({.mailbox = {.capacity = 1, .on_full = otp::wait}}, p).value();
    n.cast(narrow::call_pusher{true});
    sim.advance(10ms);
    CHECK(otp::dead_letters(otp::reason_kind::deadlock) == lost + 2);
    CHECK(otp::sys::with_state(n, [](const narrow& s) { return s.items; }).value() == 1);
    CHECK(otp::sys::with_state(n, [](const narrow& s) { return s.heard == otp::reason::normal; }).value());
}

}  // namespace tests::crossing_calls
