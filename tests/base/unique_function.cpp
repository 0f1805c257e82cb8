#include "otp/base/unique_function.hpp"

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace tests::unique_function {

using otp::base::unique_function;

static_assert(sizeof(unique_function<void()>) == 4 * sizeof(void*));
static_assert(!std::is_copy_constructible_v<unique_function<void()>>);
static_assert(std::is_nothrow_move_constructible_v<unique_function<void()>>);
static_assert(!std::is_constructible_v<unique_function<int()>, std::string>);
static_assert(!std::is_constructible_v<unique_function<int(int)>, void (*)(int)>);

namespace {

int twice(int n) { return 2 * n; }

// Counts how many of it are alive; Padding decides whether it fits into the function.
template <std::size_t Padding>
struct tracked {
    explicit tracked(int& count) : alive{&count} { ++*alive; }
    tracked(tracked&& other) noexcept : alive{other.alive}, calls{other.calls} { ++*alive; }
    ~tracked() { --*alive; }
    int operator()(int n) { return n + ++calls; }

    int* alive;
    int calls = 0;
    std::array<char, Padding> padding{};
};

template <class Callable>
void moves_and_ends() {
    int alive = 0;
    {
        unique_function<int(int)> f = Callable{alive};
        CHECK(alive == 1);
        CHECK(f(10) == 11);
        unique_function<int(int)> g = std::move(f);
        CHECK(alive == 1);
        CHECK_FALSE(f);  // NOLINT(bugprone-use-after-move)
        CHECK(g(10) == 12);
        f = std::move(g);
        CHECK(alive == 1);
        CHECK(f(10) == 13);
        f = Callable{alive};
        CHECK(alive == 1);
        CHECK(f(10) == 11);
        auto& same = f;
        f = std::move(same);
        CHECK(f(10) == 12);
    }
    CHECK(alive == 0);
}

}  // namespace

TEST_CASE("an empty function says so") {
    unique_function<void()> f;
    CHECK_FALSE(f);
    f = nullptr;
    CHECK_FALSE(f);
    f = [] {};
    CHECK(f);
    f.reset();
    CHECK_FALSE(f);
}

TEST_CASE("it calls a function pointer, a lambda and a lambda that owns") {
    unique_function<int(int)> f = twice;
    CHECK(f(4) == 8);
    f = [](int n) { return n + 1; };
    CHECK(f(4) == 5);
    f = [owned = std::make_unique<int>(3)](int n) { return n * *owned; };
    CHECK(f(4) == 12);
}

TEST_CASE("arguments pass through as they are declared") {
    unique_function<void(std::string&, std::unique_ptr<int>, const std::string&)> f =
        [](std::string& out, std::unique_ptr<int> n, const std::string& tail) { out += std::to_string(*n) + tail; };
    std::string out = "a";
    f(out, std::make_unique<int>(1), "b");
    CHECK(out == "a1b");
    unique_function<int&(int&)> same = [](int& n) -> int& { return n; };
    int n = 0;
    CHECK(&same(n) == &n);
}

TEST_CASE("a result that nobody wants is dropped") {
    int calls = 0;
    unique_function<void()> f = [&calls] { return ++calls; };
    f();
    CHECK(calls == 1);
}

TEST_CASE("a callable inside moves and ends with its function") { moves_and_ends<tracked<1>>(); }

TEST_CASE("a callable on the heap moves and ends with its function") { moves_and_ends<tracked<100>>(); }

TEST_CASE("an exception leaves through the call and the function stays usable") {
    unique_function<int(bool)> f = [](bool fail) {
        if (fail) throw 7;
        return 1;
    };
    CHECK_THROWS_AS(f(true), int);
    CHECK(f(false) == 1);
}

TEST_CASE("a callable may need more than the usual alignment") {
    struct alignas(64) wide {
        std::uintptr_t operator()() const { return reinterpret_cast<std::uintptr_t>(this) % 64; }
    };
    unique_function<std::uintptr_t()> f = wide{};
    CHECK(f() == 0);
    auto g = std::move(f);
    CHECK(g() == 0);
}

}  // namespace tests::unique_function
