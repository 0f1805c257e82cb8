// A toy tenant of a runtime.
#pragma once

#include "otp/runtime/runtime.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/toys.hpp"

namespace tests::runtime {

using namespace std::chrono_literals;
using namespace toys;
using exec::block_result;
using exec::blocked;
using exec::worker_pool;
using otp::runtime;

/// A process layer of which the tests say what it does.
class town final : public exec::tenant {
public:
    explicit town(exec::executor&) {}
    void begin_shutdown() noexcept override {
        ++asked;
        if (when_asked) when_asked();
    }
    void kill_all() noexcept override {
        ++killed;
        if (when_killed) when_killed();
    }
    [[nodiscard]] std::size_t live() const noexcept override { return alive.load(std::memory_order_acquire); }
    [[nodiscard]] std::string who_is_alive() const override { return "somebody, who waits for godot"; }

    void one_gone(exec::executor& ex) {
        if (alive.fetch_sub(1, std::memory_order_acq_rel) == 1) ex.quiescent();
    }

    std::atomic<std::size_t> alive{0};
    std::atomic<int> asked{0};
    std::atomic<int> killed{0};
    std::function<void()> when_asked;
    std::function<void()> when_killed;
};

inline town& town_of(runtime& rt) { return rt.executor().tenant_as<town>(); }

inline bool readable(int fd, std::chrono::milliseconds limit) {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, static_cast<int>(limit.count())) == 1;
}

inline std::size_t threads_here() {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator{"/proc/self/task"}) ++n;
    return n;
}

}  // namespace tests::runtime
