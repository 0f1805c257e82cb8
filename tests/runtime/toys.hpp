// What the tests of the runtime run instead of processes.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <semaphore>
#include <string>
#include <utility>

#include "otp/runtime/executor.hpp"

namespace toys {

namespace exec = otp::exec;

/// A turn that calls a function. It belongs to the test and outlives the pool.
class job final : public exec::runnable {
public:
    job() = default;
    explicit job(std::function<void()> body) : body_{std::move(body)} {}
    job& operator=(std::function<void()> body) {
        body_ = std::move(body);
        return *this;
    }
    void run() noexcept override { body_(); }
    [[nodiscard]] std::uint64_t trace_id() const noexcept override { return 0; }
    void describe(std::string& out) const override { out += "job"; }

private:
    void dispose() noexcept override {}
    std::function<void()> body_;
};

/// A timer that calls a function.
struct bell final : exec::timer {
    explicit bell(std::function<void()> body = {}) : timer{&bell::due}, when_due{std::move(body)} {}
    std::function<void()> when_due;
    static void due(exec::timer& t) noexcept { static_cast<bell&>(t).when_due(); }
};

/// Lets one thread wait until others have done something so many times.
class countdown {
public:
    explicit countdown(std::int64_t n) : left_{n}, done_{n == 0 ? 1 : 0} {}
    void count() {
        if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) done_.release();
    }
    void wait() {
        done_.acquire();
        done_.release();
    }

private:
    std::atomic<std::int64_t> left_;
    std::counting_semaphore<> done_;
};

/// Xorshift.
class dice {
public:
    explicit dice(std::uint64_t seed) : state_{seed * 0x9E3779B97F4A7C15U | 1} {}
    std::uint64_t roll() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_;
    }
    std::uint64_t below(std::uint64_t n) { return roll() % n; }

private:
    std::uint64_t state_;
};

}  // namespace toys
