// A sample of awaits in every place, and objects that are counted.
#pragma once

#include "in_process.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tests::coroutines {

using namespace std::chrono_literals;
using testing::in_process;

/// Counts what is built and destroyed; one that is destroyed twice, or was never built, is seen.
struct counted {
    static inline int alive = 0, built = 0, wrong = 0;
    static void reset() { alive = built = wrong = 0; }
    static constexpr std::uint32_t living = 0x600d600d;

    explicit counted(int n = 0) : value{n}, text(40, static_cast<char>('a' + n % 26)) { born(); }
    counted(const counted& other) : value{other.check()}, text{other.text} { born(); }
    counted(counted&& other) noexcept : value{other.check()}, text{std::move(other.text)} { born(); }
    counted& operator=(const counted&) = default;
    counted& operator=(counted&&) = default;
    ~counted() {
        (void)check();
        mark = 0;
        --alive;
    }
    [[nodiscard]] int check() const noexcept {
        if (mark != living) ++wrong;
        return value;
    }
    int value;
    std::uint32_t mark = 0;
    std::string text;

private:
    void born() noexcept {
        mark = living;
        ++alive;
        ++built;
    }
};

/// Nothing of it is left, and nothing was destroyed twice.
#define CHECK_NO_LEAK()              \
    do {                             \
        CHECK(counted::alive == 0);  \
        CHECK(counted::wrong == 0);  \
        CHECK(counted::built > 0);   \
        counted::reset();            \
    } while (false)

// Awaitables of several kinds.
inline otp::task<counted> value(int n) { co_return counted{n}; }
inline otp::task<counted> later(int n) {
    counted held{n};
    co_await otp::sleep_for(1ms);
    co_return held;
}
inline otp::task<int> number(int n) { co_return n; }
inline otp::task<bool> truth(bool b) {
    counted held{1};
    co_await otp::sleep_for(1ms);
    co_return b;
}
inline otp::task<counted> failing(counted by_value) {
    counted held{by_value.value};
    co_await otp::sleep_for(1ms);
    throw std::runtime_error{held.text};
}
inline otp::task<std::unique_ptr<counted>> boxed(std::unique_ptr<counted> in) {
    co_await otp::sleep_for(1ms);
    co_return std::move(in);
}

/// Answers with what it was sent.
struct mirror {
    struct big {
        using reply_type = std::string;
        std::string a, b;
        std::vector<int> numbers;
    };
    struct owned {
        using reply_type = std::unique_ptr<counted>;
        std::unique_ptr<counted> held;
    };
    struct small {
        using reply_type = int;
        int n;
    };
    struct slow {
        using reply_type = counted;
        counted held;
    };
    struct fails {
        using reply_type = counted;
        counted held;
    };
    std::string handle_call(const big& b) { return b.a + "/" + b.b + "/" + std::to_string(b.numbers.size()); }
    std::unique_ptr<counted> handle_call(owned o) { return std::move(o.held); }
    int handle_call(small s) { return s.n; }
    otp::task<counted> handle_call(slow s) {
        co_await otp::sleep_for(1ms);
        co_return std::move(s.held);
    }
    otp::task<otp::result<counted>> handle_call(fails) {
        counted local{3};
        co_await otp::sleep_for(1ms);
        co_return otp::reason{"refused"};
    }
};

/// A sample process with an await of each kind in each kind of place. Says how far it came.
inline otp::task<> sample(otp::server<mirror> server, otp::inbox<counted> in, counted parameter, int* steps) {
    const counted first{1};
    const auto step = [steps] { ++*steps; };
    // In a loop, and in its condition.
    for (int i = 0; i < 3 && (co_await truth(true)); ++i) {
        const counted in_loop{i};
        co_await otp::sleep_for(1ms);
        step();
    }
    int n = 3;
    while (co_await number(n - 1) > 0) {
        --n;
        const counted in_while{n};
        (void)co_await later(n);
        step();
    }
    do {
        const counted in_do{5};
        co_await otp::yield();
        step();
    } while (!(co_await truth(true)));
    // In a condition with an initialiser, in && and ||, in ?:.
    if (counted c = co_await later(2); c.value == 2 && (co_await truth(true)) && !(co_await truth(false))) step();
    if ((co_await truth(false)) || (co_await truth(true))) step();
    const int picked = co_await truth(true) ? co_await number(7) : co_await number(8);
    const counted which{picked == 7 ? 7 : throw std::logic_error{"?:"}};
    step();
    // In a switch.
    switch (co_await number(2)) {
        case 1: throw std::logic_error{"switch"};
        case 2: {
            const counted in_case{2};
            (void)co_await later(4);
            step();
            break;
        }
        default: throw std::logic_error{"switch"};
    }
    // In an expression with others, as an argument, in a member call on the result.
    const auto sum = (co_await value(1)).value + (co_await later(2)).value * (co_await value(3)).value;
    if (sum != 7) throw std::logic_error{"sum"};
    step();
    std::vector<counted> kept;
    kept.push_back(co_await later(6));
    kept.push_back(co_await value(7));
    step();
    // In a try block; caught outside the handler, since a handler may not await.
    bool caught = false;
    try {
        const counted in_try{8};
        (void)co_await failing(counted{9});
    } catch (const std::runtime_error& e) {
        caught = e.what() == counted{9}.text;
    }
    if (!caught) throw std::logic_error{"catch"};
    (void)co_await later(1);
    step();
    // Move-only values in and out.
    auto box = std::make_unique<counted>(11);
    box = co_await boxed(std::move(box));
    if (box->value != 11) throw std::logic_error{"box"};
    step();
    // Requests with members that own something, built in place.
    auto text = co_await server.ask<mirror::big>(std::string(50, 'x'), "second", std::vector<int>(3, 1));
    if (!text || text->size() != 50 + 1 + 6 + 1 + 1) throw std::logic_error{"big"};
    step();
    auto back = co_await server.ask<mirror::owned>(std::move(box));
    if (!back || (*back)->value != 11) throw std::logic_error{"owned"};
    step();
    auto slow = co_await server.ask<mirror::slow>(counted{12}).timeout(1s);
    if (!slow || slow->value != 12) throw std::logic_error{"slow"};
    step();
    auto refused = co_await server.ask<mirror::fails>(counted{13});
    if (refused || refused.error() != "refused") throw std::logic_error{"fails"};
    step();
    auto late = co_await server.ask<mirror::slow>(counted{14}).timeout(1us);
    if (late || late.error() != otp::reason::timeout) throw std::logic_error{"late"};
    step();
    auto pending = server.send_request<mirror::slow>(counted{15});
    auto answered = co_await pending;
    if (!answered || answered->value != 15) throw std::logic_error{"request"};
    step();
    auto [a, b] = co_await otp::all(server.ask<mirror::slow>(counted{16}), server.ask<mirror::small>(17));
    if (!a || !b || a->value != 16 || *b != 17) throw std::logic_error{"all"};
    step();
    auto any = co_await otp::any(server.ask<mirror::slow>(counted{18}), server.ask<mirror::small>(19));
    (void)any;
    step();
    // A mailbox.
    (void)otp::send_after(1ms, in, counted{20});
    if (std::get<0>(co_await in.next()).value != 20) throw std::logic_error{"next"};
    step();
    if (co_await in.next(1ms)) throw std::logic_error{"empty"};
    step();
    (void)otp::send_after(1h, in, counted{21});
    // A blocking call: the process waits, its frames stay.
    if (server.call<mirror::slow>(counted{22}).value().value != 22) throw std::logic_error{"call"};
    step();
    if (parameter.check() != 99 || first.check() != 1 || which.check() != 7) throw std::logic_error{"locals"};
}

inline otp::pid start_sample(const otp::server<mirror>& server, int& steps) {
    otp::inbox<counted> in;
    return otp::spawn(sample, server, std::move(in), counted{99}, &steps);
}

}  // namespace tests::coroutines
