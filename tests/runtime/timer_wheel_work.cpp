// How much a timer wheel looks at: counted in pages of timers that an operation touches, since time would depend on the machine.
#include "otp/runtime/timer_wheel.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <numeric>
#include <random>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include <doctest/doctest.h>

namespace tests::timer_wheel_work {

namespace {

using namespace std::chrono_literals;
using otp::exec::time_point;
using otp::exec::timer;
using otp::exec::timer_wheel;

/// Timers in memory of their own, of which each page that is read or written can be counted.
class watched_timers {
public:
    explicit watched_timers(std::size_t count) : count_{count} {
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        bytes_ = (count * sizeof(timer) + page - 1) / page * page;
        void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        REQUIRE(memory != MAP_FAILED);
        timers_ = static_cast<timer*>(memory);
        for (std::size_t i = 0; i < count; ++i) ::new (timers_ + i) timer{[](timer&) noexcept {}};
        watched = {timers_, bytes_, page, 0};
        struct sigaction act = {};
        act.sa_sigaction = &touched;
        act.sa_flags = SA_SIGINFO;
        REQUIRE(sigaction(SIGSEGV, &act, &before_) == 0);
    }
    ~watched_timers() {
        (void)sigaction(SIGSEGV, &before_, nullptr);
        (void)munmap(timers_, bytes_);
    }
    watched_timers(const watched_timers&) = delete;
    watched_timers& operator=(const watched_timers&) = delete;

    [[nodiscard]] timer& operator[](std::size_t i) noexcept { return timers_[i]; }
    [[nodiscard]] std::size_t size() const noexcept { return count_; }

    /// How many pages of timers `operation` touches.
    template <class F>
    [[nodiscard]] std::size_t pages_touched_by(F&& operation) {
        watched.touched = 0;
        (void)mprotect(timers_, bytes_, PROT_NONE);
        operation();
        (void)mprotect(timers_, bytes_, PROT_READ | PROT_WRITE);
        return watched.touched;
    }

private:
    struct range {
        void* begin;
        std::size_t bytes;
        std::size_t page;
        std::size_t touched;
    };
    static inline range watched{};

    static void touched(int, siginfo_t* what, void*) {
        const auto at = reinterpret_cast<std::uintptr_t>(what->si_addr);
        const auto begin = reinterpret_cast<std::uintptr_t>(watched.begin);
        if (at < begin || at >= begin + watched.bytes) {
            (void)std::signal(SIGSEGV, SIG_DFL);  // a fault of the program's own: it comes again
            return;
        }
        ++watched.touched;
        (void)mprotect(reinterpret_cast<void*>(at / watched.page * watched.page), watched.page, PROT_READ | PROT_WRITE);
    }

    std::size_t count_;
    std::size_t bytes_ = 0;
    timer* timers_ = nullptr;
    struct sigaction before_ {};
};

struct work {
    std::size_t arm = 0;
    std::size_t disarm = 0;
};

/// The most that one of many operations touches while `pending` timers are armed.
work most_work_with(std::size_t pending) {
    constexpr std::size_t tried = 200;
    std::mt19937_64 random{pending};
    const time_point now{1h};
    timer_wheel wheel{now};
    watched_timers timers{pending + tried};
    // In no order of place or time, so that what stands side by side in a list does not in memory.
    std::vector<std::size_t> order(timers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), random);
    const auto some_time = [&] { return now + std::chrono::nanoseconds{random() % std::uint64_t{86'400'000'000'000}}; };
    for (std::size_t i = 0; i < pending; ++i) (void)wheel.arm(timers[order[i]], some_time());
    work most;
    for (std::size_t i = pending; i < timers.size(); ++i) {
        const auto when = some_time();
        most.arm = std::max(most.arm, timers.pages_touched_by([&] { (void)wheel.arm(timers[order[i]], when); }));
    }
    for (std::size_t i = 0; i < tried; ++i) {
        bool was_armed = false;
        most.disarm = std::max(most.disarm, timers.pages_touched_by([&] { was_armed = timer_wheel::disarm(timers[order[i * (pending / tried)]]); }));
        if (!was_armed) FAIL("disarm is wrong");
    }
    CHECK(wheel.size() == pending);
    for (const std::size_t i : order) (void)timer_wheel::disarm(timers[i]);
    CHECK(wheel.size() == 0);
    return most;
}

}  // namespace

TEST_CASE("TIMER-21 starting and cancelling a timer touches no more of a million others than of a thousand") {
    const work few = most_work_with(1000);
    const work many = most_work_with(1'000'000);
    CAPTURE(few.arm);
    CAPTURE(few.disarm);
    // Itself, its neighbours in one list, and the first of that list.
    CHECK(many.arm <= 4);
    CHECK(many.disarm <= 4);
    CHECK(few.arm <= 4);
    CHECK(few.disarm <= 4);
    CHECK(many.arm > 0);
    CHECK(many.disarm > 0);
}

}  // namespace tests::timer_wheel_work
