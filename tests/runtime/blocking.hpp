// What waits, for the tests of blocking.
#pragma once

#include "otp/runtime/blocking.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "otp/runtime/portable_futex.hpp"
#include "otp/runtime/worker_pool.hpp"
#include "runtime/toys.hpp"

namespace tests::blocking {

using namespace std::chrono_literals;
using namespace toys;
using exec::block_result;
using exec::blocked;
using exec::worker_pool;

inline std::atomic<int> threads_to_make{0};
inline int make_some(pthread_t* thread, const pthread_attr_t* how, void* (*body)(void*), void* argument) {
    if (threads_to_make.fetch_sub(1) <= 0) return EAGAIN;
    return ::pthread_create(thread, how, body, argument);
}

/// One that waits, and those who may end its wait: as a process and its mailbox.
struct waiter {
    enum stage : int { busy, idle, woken };
    std::atomic<int> at{busy};
    blocked* frame = nullptr;

    /// Waits until woken or the deadline. False: nobody came, and nobody will.
    bool wait(worker_pool& pool, exec::time_point deadline, block_result& outcome) {
        blocked b;
        frame = &b;
        int expected = busy;
        if (!at.compare_exchange_strong(expected, idle)) {
            at.store(busy);
            outcome = block_result::unblocked;
            return true;
        }
        outcome = pool.block(b, deadline);
        if (outcome != block_result::unblocked) {
            expected = idle;
            if (at.compare_exchange_strong(expected, busy)) return false;
            CHECK(pool.block(b, exec::never) == block_result::unblocked);
        }
        at.store(busy);
        return true;
    }
    void wake(worker_pool& pool) {
        if (at.exchange(woken) == idle) pool.unblock(*frame);
    }
};

template <class Futex>
void check_futex() {
    typename Futex::word w{0};
    const auto begin = exec::clock::now();
    CHECK(Futex::wait(w, 1));                          // another value: at once
    CHECK(Futex::wait(w, 1, begin + 1h));
    bool in_time = true;
    while (in_time && exec::clock::now() < begin + 1h) in_time = Futex::wait(w, 0, begin + 5ms);
    CHECK(exec::clock::now() >= begin + 5ms);
    CHECK(!Futex::wait(w, 0, exec::time_point{}));     // long past
    std::atomic<int> awake{0};
    std::vector<std::thread> sleepers;
    for (int i = 0; i < 3; ++i)
        sleepers.emplace_back([&] {
            while (w.load(std::memory_order_acquire) == 0) (void)Futex::wait(w, 0);
            ++awake;
        });
    w.store(1, std::memory_order_release);
    Futex::wake_all(w);
    for (auto& s : sleepers) s.join();
    CHECK(awake == 3);

    // Two that wake each other.
    typename Futex::word turn{0};
    const auto play = [&](std::uint32_t me) {
        for (int i = 0; i < 2000; ++i) {
            while (turn.load(std::memory_order_acquire) != me) (void)Futex::wait(turn, 1 - me);
            turn.store(1 - me, std::memory_order_release);
            Futex::wake_one(turn);
        }
    };
    std::thread other{play, 1U};
    play(0);
    other.join();
}

}  // namespace tests::blocking
