// Toys that a simulator runs.
#pragma once

#include "otp/runtime/simulator.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../support/alone.hpp"
#include "otp/base/unique_function.hpp"
#include "otp/runtime/simulation.hpp"

namespace tests::simulator {

using namespace std::chrono_literals;
using otp::exec::block_result;
using otp::exec::blocked;
using otp::exec::duration;
using otp::exec::executor;
using otp::exec::never;
using otp::exec::runnable;
using otp::exec::time_point;

// A process of the poorest sort: a body that is one turn.
class toy final : public runnable {
public:
    toy(executor& ex, std::uint64_t id, otp::base::unique_function<void(toy&)> body)
        : home{ex}, id_{id}, body_{std::move(body)} {}

    void run() noexcept override {
        ++turns;
        body_(*this);
    }
    [[nodiscard]] std::uint64_t trace_id() const noexcept override { return id_; }
    void describe(std::string& out) const override { out.append("toy ").append(std::to_string(id_)).append(waits_for); }

    void again() { home.yield_back(*this); }
    block_result wait(blocked& b, time_point deadline = never) {
        b.who = this;
        return home.block(b, deadline);
    }
    block_result sleep(duration span) {
        blocked b;
        return wait(b, home.now() + span);
    }

    executor& home;
    int turns = 0;
    const char* waits_for = "";

private:
    void dispose() noexcept override {}  // the test owns it
    std::uint64_t id_;
    otp::base::unique_function<void(toy&)> body_;
};

// Toys that write their name once in each of so many turns.
struct crowd {
    crowd(otp::simulation& on, int count, int turns) : sim{on} {
        for (int n = 0; n < count; ++n) {
            const char name = static_cast<char>('a' + n);
            const auto body = [this, name, turns](toy& self) {
                order += name;
                if (self.turns < turns) self.again();
            };
            toys.push_back(std::make_unique<toy>(sim.executor(), static_cast<std::uint64_t>(n + 1), body));
        }
        for (auto& each : toys) sim.executor().schedule(*each);
    }
    otp::simulation& sim;
    std::string order;
    std::vector<std::unique_ptr<toy>> toys;
};

struct bell : otp::exec::timer {
    explicit bell(std::string& to, char what) : timer{&ring}, log{to}, name{what} {}
    static void ring(timer& t) noexcept { static_cast<bell&>(t).log += static_cast<bell&>(t).name; }
    std::string& log;
    char name;
};

}  // namespace tests::simulator
