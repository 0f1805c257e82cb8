#include "otp/base/result.hpp"

#include <doctest/doctest.h>

#include <any>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace tests::result {

using otp::reason;
using otp::result;

namespace {

result<int> half(int n) {
    if (n % 2) return "odd";
    return n / 2;
}

result<void> require(bool condition) {
    if (!condition) return std::errc::invalid_argument;
    return {};
}

struct pinned {
    explicit pinned(int n) : number{n} {}
    pinned(pinned&&) = delete;
    int number;
};

struct no_default {
    explicit no_default(int n) : number{n} {}
    int number;
};

struct counted {
    explicit counted(int& alive) : alive_{&alive} { ++*alive_; }
    counted(const counted& other) : alive_{other.alive_} { ++*alive_; }
    counted& operator=(const counted&) = default;
    ~counted() { --*alive_; }

private:
    int* alive_;
};

struct throws_when_moved {
    throws_when_moved() = default;
    throws_when_moved(const throws_when_moved&) = default;
    throws_when_moved(throws_when_moved&& other) : armed{other.armed} {
        if (armed) throw std::runtime_error{"move"};
    }
    throws_when_moved& operator=(const throws_when_moved&) = default;
    throws_when_moved& operator=(throws_when_moved&&) = default;
    bool armed = false;
};

}  // namespace

static_assert(std::is_nothrow_move_constructible_v<result<int>> && std::is_nothrow_move_constructible_v<result<void>>);
static_assert(!std::is_copy_constructible_v<result<std::unique_ptr<int>>>);
static_assert(std::is_move_constructible_v<result<std::unique_ptr<int>>>);
static_assert(!std::is_move_constructible_v<result<pinned>>);
static_assert(!std::is_default_constructible_v<result<no_default>>);
static_assert(!std::is_convertible_v<result<int>, bool> && !std::is_convertible_v<result<int>, int>);
static_assert(!std::is_convertible_v<result<std::string>, result<int>>);
static_assert(!std::is_convertible_v<result<int>, result<void>> && std::is_constructible_v<result<void>, result<int>>);
static_assert(!std::is_constructible_v<result<no_default>, std::vector<int>>);

TEST_CASE("a result is made of a value") {
    const result<int> r = half(8);
    CHECK(r);
    CHECK(r.has_value());
    CHECK(*r == 4);
    CHECK(r.value() == 4);
    CHECK(r == 4);
    CHECK(r != 5);
    CHECK(r.error() == reason::normal);
}

TEST_CASE("a result is made of a reason, or of what becomes one") {
    CHECK(half(7).error() == "odd");
    CHECK_FALSE(half(7));
    CHECK(half(7) != 3);
    CHECK(result<int>{reason::timeout}.error() == reason::timeout);
    const result<int> system = std::errc::timed_out;
    CHECK(system.error() == std::errc::timed_out);
    const result<int> thrown = std::make_exception_ptr(std::logic_error{"x"});
    CHECK(thrown.error().is_exception());
    CHECK(require(false).error() == std::errc::invalid_argument);
}

TEST_CASE("the value or arrow of an error throws otp::exit with its reason") {
    result<std::string> r = reason::noproc;
    CHECK_THROWS_AS(r.value(), otp::exit);
    CHECK_THROWS_AS((void)*r, otp::exit);
    CHECK_THROWS_AS((void)r->size(), otp::exit);
    CHECK_THROWS_AS((void)*std::as_const(r), otp::exit);
    CHECK_THROWS_AS((void)*std::move(r), otp::exit);
    try {
        (void)half(7).value();
    } catch (const otp::exit& carrier) {
        CHECK(carrier.why() == "odd");
    }
    CHECK_THROWS_AS(require(false).value(), otp::exit);
    CHECK_THROWS_AS(*require(false), otp::exit);
    require(true).value();
}

TEST_CASE("a text is a value where texts are values, and an error elsewhere") {
    const result<std::string> text = "hello";
    CHECK(text == "hello");
    const result<std::optional<int>> number = "no";
    CHECK(number.error() == "no");
    const result<bool> flag = "not sure";
    CHECK_FALSE(flag.has_value());
    CHECK(flag.error() == "not sure");
    const result<std::string> explicit_error = reason{"hello"};
    CHECK(explicit_error.error() == "hello");
}

TEST_CASE("a reason is always the error, even where the value could hold it") {
    const result<std::any> r = reason::closed;
    CHECK(r.error() == reason::closed);
    const result<std::any> value = 5;
    CHECK(std::any_cast<int>(*value) == 5);
    auto copy = value;
    CHECK(std::any_cast<int>(*copy) == 5);
}

TEST_CASE("an empty optional and a zero are values") {
    const result<std::optional<int>> none = std::nullopt;
    CHECK(none);
    CHECK_FALSE(none->has_value());
    const result<int> zero = 0;
    CHECK(zero);
    const result<std::unique_ptr<int>> null = nullptr;
    CHECK(null);
}

TEST_CASE("a default result is a default value") {
    CHECK(result<int>{} == 0);
    CHECK(result<void>{}.has_value());
    CHECK(require(true));
}

TEST_CASE("a number fits without a warning about its width") {
    const result<std::uint16_t> port = 80;
    CHECK(port == 80);
}

TEST_CASE("a move-only value moves in and out") {
    result<std::unique_ptr<int>> r = std::make_unique<int>(7);
    CHECK(**r == 7);
    result<std::unique_ptr<int>> other = std::move(r);
    const std::unique_ptr<int> taken = *std::move(other);
    CHECK(*taken == 7);
    other = reason::closed;
    CHECK(other.error() == reason::closed);
    other = std::make_unique<int>(8);
    CHECK(**other == 8);
    CHECK(*std::move(other).value_or(nullptr) == 8);
}

TEST_CASE("a value that can't move is built in place") {
    result<pinned> r{std::in_place, 5};
    CHECK(r->number == 5);
}

TEST_CASE("a result converts where its value does") {
    const result<std::string> text = result<const char*>{"hello"};
    CHECK(text == "hello");
    const result<std::string> error = result<const char*>{reason::timeout};
    CHECK(error.error() == reason::timeout);
    const result<std::optional<int>> some = half(6);
    CHECK(some == std::optional{3});
    CHECK(result<void>{half(6)}.has_value());
    CHECK(result<void>{half(7)}.error() == "odd");
}

TEST_CASE("results are equal when both values or both reasons are") {
    CHECK(half(8) == half(8));
    CHECK(half(8) != half(6));
    CHECK(half(7) == half(5));
    CHECK(half(7) != half(8));
    CHECK(half(7) != result<int>{reason::timeout});
    CHECK(result<unsigned>{4U} == 4);
    CHECK(result<unsigned>{~0U} != -1);
    CHECK(result<std::uint16_t>{std::uint16_t{4464}} != 70000);
    CHECK(require(true) == result<void>{});
    CHECK(require(false) != require(true));
    CHECK(require(false) == require(false));
}

TEST_CASE("value_or gives the value, or the other") {
    CHECK(half(8).value_or(-1) == 4);
    CHECK(half(7).value_or(-1) == -1);
    const result<std::string> none = reason::closed;
    CHECK(none.value_or("default") == "default");
}

TEST_CASE("and_then goes on from a value and passes an error through") {
    CHECK(half(8).and_then(half) == 2);
    CHECK(half(6).and_then(half).error() == "odd");
    int calls = 0;
    CHECK(half(7).and_then([&](int n) { ++calls; return result<std::string>{std::to_string(n)}; }).error() == "odd");
    CHECK(calls == 0);
    CHECK(require(true).and_then([] { return half(2); }) == 1);
    CHECK(require(false).and_then([] { return half(2); }).error() == std::errc::invalid_argument);
    result<std::unique_ptr<int>> owner = std::make_unique<int>(3);
    auto moved = std::move(owner).and_then([](std::unique_ptr<int> p) { return result<int>{*p}; });
    CHECK(moved == 3);
}

TEST_CASE("transform maps a value and passes an error through") {
    CHECK(half(8).transform([](int n) { return std::to_string(n); }) == "4");
    CHECK(half(7).transform([](int n) { return std::to_string(n); }).error() == "odd");
    int seen = 0;
    const result<void> done = half(8).transform([&](int n) { seen = n; });
    CHECK(done);
    CHECK(seen == 4);
    CHECK(require(true).transform([] { return 5; }) == 5);
    CHECK(require(true).transform([&] { seen = 6; }).has_value());
    CHECK(seen == 6);
    auto pin = half(8).transform([](int n) { return std::make_unique<int>(n); });
    CHECK(**pin == 4);
    result<int> changed = 1;
    CHECK(changed.transform([](int& n) { return n += 1; }) == 2);
    CHECK(changed == 2);
}

TEST_CASE("or_else answers an error and leaves a value alone") {
    CHECK(half(7).or_else([](const reason& why) -> result<int> {
        if (why == "odd") return 0;
        return why;
    }) == 0);
    CHECK(half(8).or_else([](const reason&) { return -1; }) == 4);
    CHECK(half(7).or_else([](const reason&) { return reason::closed; }).error() == reason::closed);
    CHECK(require(false).or_else([](const reason&) { return result<void>{}; }).has_value());
}

TEST_CASE("assignment goes from any side to any side and destroys what was there") {
    int alive = 0;
    {
        result<counted> a = counted{alive};
        result<counted> error = reason::closed;
        CHECK(alive == 1);
        a = error;
        CHECK(alive == 0);
        CHECK(a.error() == reason::closed);
        result<counted> b = counted{alive};
        a = b;
        CHECK(alive == 2);
        a = std::move(b);
        CHECK(alive == 2);
        error = reason::timeout;
        CHECK(error.error() == reason::timeout);
        auto& same = a;
        a = same;
        CHECK(alive == 2);
        result<counted> copy = a;
        CHECK(alive == 3);
    }
    CHECK(alive == 0);
}

TEST_CASE("a value that throws on its way in leaves the error as it was") {
    result<throws_when_moved> target = reason::closed;
    const result<throws_when_moved> source{std::in_place};
    result<throws_when_moved> armed{std::in_place};
    armed->armed = true;
    CHECK_THROWS_AS(target = std::move(armed), std::runtime_error);
    CHECK(target.error() == reason::closed);
    target = source;
    CHECK(target);
}

TEST_CASE("the error of a temporary can be kept") {
    const reason& why = half(7).error();
    CHECK(why == "odd");
    const reason none = half(8).error();
    CHECK(none == reason::normal);
}

}  // namespace tests::result
