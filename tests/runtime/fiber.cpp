#include "otp/runtime/fiber.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

#include <cfenv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tests::fiber {

using otp::exec::fiber;

namespace {

// Runs a callable as the work of a fiber; the callable must outlive it.
template <class F>
void start(fiber& on, F& body) {
    on.start([](void* argument) noexcept { (*static_cast<F*>(argument))(); }, &body);
}

std::unique_ptr<fiber> make() {
    auto made = fiber::make(otp::exec::default_stack_size);
    REQUIRE(made);
    return made;
}

}  // namespace

TEST_CASE("work on a fiber and its resumer take turns") {
    const auto f = make();
    std::string order;
    auto body = [&] {
        order += 'a';
        f->pause();
        order += 'b';
        f->pause();
        order += 'c';
    };
    CHECK(f->idle());
    start(*f, body);
    CHECK(!f->idle());
    CHECK(order.empty());
    f->resume();
    order += '1';
    f->resume();
    order += '2';
    CHECK(!f->idle());
    f->resume();
    CHECK(f->idle());
    CHECK(order == "a1b2c");
}

TEST_CASE("a fiber takes one piece of work after the other, or none at all") {
    const auto unused = make();
    const auto f = make();
    int done = 0;
    auto body = [&] {
        ++done;
        f->pause();
        ++done;
    };
    for (int round = 1; round <= 100; ++round) {
        start(*f, body);
        f->resume();
        CHECK(done == 2 * round - 1);
        f->resume();
        CHECK(done == 2 * round);
        CHECK(f->idle());
    }
}

TEST_CASE("a fiber may be resumed from another fiber") {
    const auto outer = make();
    const auto inner = make();
    std::string order;
    auto inside = [&] {
        order += 'i';
        inner->pause();
        order += 'j';
    };
    auto around = [&] {
        start(*inner, inside);
        inner->resume();
        order += 'o';
        outer->pause();
        order += 'p';
    };
    start(*outer, around);
    outer->resume();
    inner->resume();  // now from the main stack
    order += 'm';
    outer->resume();
    CHECK(order == "iojmp");
    CHECK(inner->idle());
    CHECK(outer->idle());
}

TEST_CASE("a fiber knows the addresses of its stack, and its frames are aligned") {
    const auto f = make();
    std::uintptr_t misaligned = 1;
    bool inside = false;
    char text[16] = {};
    auto body = [&] {
        struct alignas(16) wide {
            float x[4];
        };
        volatile wide local{};
        misaligned = reinterpret_cast<std::uintptr_t>(&local) % 16;
        inside = f->holds(__builtin_frame_address(0));
        f->pause();
        std::snprintf(text, sizeof text, "%.2f", 2.5);  // saves vector registers where the ABI aligns them
    };
    start(*f, body);
    f->resume();
    CHECK(misaligned == 0);
    CHECK(inside);
    CHECK(!f->holds(__builtin_frame_address(0)));
    CHECK(!f->holds(nullptr));
    f->resume();
    CHECK(std::string{text} == "2.50");
}

TEST_CASE("each side of a switch keeps its rounding mode") {
    const auto f = make();
    volatile double one = 1, three = 3;
    const double nearest = one / three;
    double upward = 0, upward_later = 0;
    auto body = [&] {
        std::fesetround(FE_UPWARD);
        upward = one / three;
        f->pause();
        upward_later = one / three;
        CHECK(std::fegetround() == FE_UPWARD);
    };
    start(*f, body);
    f->resume();
    CHECK(std::fegetround() == FE_TONEAREST);
    CHECK(one / three == nearest);
    f->resume();
    CHECK(upward > nearest);
    CHECK(upward_later == upward);
    CHECK(std::fegetround() == FE_TONEAREST);
}

TEST_CASE("a pause inside a catch block keeps the exception, whatever others throw meanwhile") {
    const auto f = make();
    std::string caught;
    auto body = [&] {
        try {
            throw std::runtime_error{"mine"};
        } catch (const std::exception&) {
            f->pause();
            try {
                throw;
            } catch (const std::exception& e) {
                caught = e.what();
            }
        }
        CHECK(!std::current_exception());
    };
    start(*f, body);
    f->resume();
    CHECK(!std::current_exception());
    try {
        throw 7;
    } catch (int) {
        f->resume();
        try {
            throw;
        } catch (int seven) {
            CHECK(seven == 7);
        }
    }
    CHECK(caught == "mine");
}

TEST_CASE("two fibers pause in catch blocks and leave them in the order in which they came") {
    const auto a = make();
    const auto b = make();
    std::string order;
    const auto body_for = [&](fiber& on, const char* name) {
        return [&on, &order, name] {
            try {
                throw std::runtime_error{name};
            } catch (const std::exception& e) {
                on.pause();
                order += e.what();
            }
        };
    };
    auto first = body_for(*a, "a");
    auto second = body_for(*b, "b");
    start(*a, first);
    start(*b, second);
    a->resume();
    b->resume();
    a->resume();
    b->resume();
    CHECK(order == "ab");
    CHECK(!std::current_exception());
}

TEST_CASE("a pause in a destructor during unwinding hides the exception from the other side") {
    const auto f = make();
    int during = -1, after = -1;
    struct pauses {
        fiber& on;
        int& seen;
        ~pauses() {
            on.pause();
            seen = std::uncaught_exceptions();
        }
    };
    auto body = [&] {
        try {
            const pauses guard{*f, during};
            throw 1;
        } catch (int) {
            after = std::uncaught_exceptions();
        }
    };
    start(*f, body);
    f->resume();
    CHECK(std::uncaught_exceptions() == 0);
    f->resume();
    CHECK(during == 1);
    CHECK(after == 0);
}

TEST_CASE("an exception unwinds the frames of a fiber") {
    const auto f = make();
    std::vector<int> gone;
    struct counts {
        std::vector<int>& gone;
        int depth;
        ~counts() { gone.push_back(depth); }
    };
    struct recursion {
        static void down(fiber& on, std::vector<int>& out, int depth) {
            const counts guard{out, depth};
            if (depth == 20) {
                on.pause();
                throw std::runtime_error{"bottom"};
            }
            down(on, out, depth + 1);
        }
    };
    bool caught = false;
    auto body = [&] {
        try {
            recursion::down(*f, gone, 0);
        } catch (const std::runtime_error&) {
            caught = true;
        }
    };
    start(*f, body);
    f->resume();
    CHECK(gone.empty());
    f->resume();
    CHECK(caught);
    REQUIRE(gone.size() == 21);
    CHECK(gone.front() == 20);
    CHECK(gone.back() == 0);
}

TEST_CASE("a backtrace inside a fiber comes to an end") {
    const auto f = make();
    int frames = 0;
    auto body = [&] {
        _Unwind_Backtrace(
            [](_Unwind_Context*, void* count) {
                return ++*static_cast<int*>(count) < 1000 ? _URC_NO_REASON : _URC_END_OF_STACK;
            },
            &frames);
    };
    start(*f, body);
    f->resume();
    CHECK(frames > 1);
    CHECK(frames < 50);
}

TEST_CASE("right below a stack is a guard page, even where another stack follows") {
    std::fflush(stdout);  // else the child may write it again
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::signal(SIGSEGV, SIG_DFL);
        ::signal(SIGBUS, SIG_DFL);
        const auto f = make();
        const auto likely_below = make();
        auto body = [&] {
            auto* at = static_cast<volatile char*>(__builtin_frame_address(0));
            while (f->holds(const_cast<char*>(at))) at -= 1024;
            *at = 1;
        };
        start(*f, body);
        f->resume();
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
}

TEST_CASE("a thousand fibers are paused at once") {
    std::vector<std::unique_ptr<fiber>> fibers;
    struct job {
        fiber& on;
        int sum = 0;
        void operator()() {
            for (int n = 0; n < 3; ++n) {
                sum += n;
                on.pause();
            }
        }
    };
    std::vector<std::unique_ptr<job>> jobs;
    for (int n = 0; n < 1000; ++n) {
        fibers.push_back(make());
        jobs.push_back(std::make_unique<job>(*fibers.back()));
        start(*fibers.back(), *jobs.back());
    }
    for (int round = 0; round < 4; ++round)
        for (auto& f : fibers) f->resume();
    for (int n = 0; n < 1000; ++n) {
        CHECK(fibers[static_cast<std::size_t>(n)]->idle());
        CHECK(jobs[static_cast<std::size_t>(n)]->sum == 3);
    }
}

TEST_CASE("a million switches keep what is in registers") {
    const auto f = make();
    constexpr std::uint64_t rounds = 500'000;
    std::uint64_t shared = 0, inside = 0;
    auto body = [&] {
        std::uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, g = 6, h = 7;
        double x = 0.5;
        for (std::uint64_t n = 0; n < rounds; ++n) {
            a += n, b ^= a, c += b, d ^= c, e += d, g ^= e, h += g, x += 0.25;
            ++shared;
            f->pause();
        }
        inside = a ^ b ^ c ^ d ^ e ^ g ^ h ^ static_cast<std::uint64_t>(x);
    };
    start(*f, body);
    std::uint64_t i = 1, j = 2, k = 3, l = 4, m = 5, o = 6;
    for (std::uint64_t n = 0; n < rounds; ++n) {
        i += n, j ^= i, k += j, l ^= k, m += l, o ^= m;
        f->resume();
    }
    f->resume();
    CHECK(f->idle());
    CHECK(shared == rounds);

    std::uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, g = 6, h = 7;
    double x = 0.5;
    for (std::uint64_t n = 0; n < rounds; ++n) a += n, b ^= a, c += b, d ^= c, e += d, g ^= e, h += g, x += 0.25;
    CHECK(inside == (a ^ b ^ c ^ d ^ e ^ g ^ h ^ static_cast<std::uint64_t>(x)));
    std::uint64_t i2 = 1, j2 = 2, k2 = 3, l2 = 4, m2 = 5, o2 = 6;
    for (std::uint64_t n = 0; n < rounds; ++n) i2 += n, j2 ^= i2, k2 += j2, l2 ^= k2, m2 += l2, o2 ^= m2;
    CHECK((i ^ j ^ k ^ l ^ m ^ o) == (i2 ^ j2 ^ k2 ^ l2 ^ m2 ^ o2));
}

}  // namespace tests::fiber
