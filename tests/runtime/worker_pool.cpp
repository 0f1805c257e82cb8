// The pool with toy turns: queues, fairness, wake-ups, timers, descriptors, the cost of idleness, the end.
#include "otp/runtime/worker_pool.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <semaphore>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/toys.hpp"

namespace tests::worker_pool {

using namespace std::chrono_literals;
using namespace toys;
using exec::worker_pool;

TEST_CASE("what plain threads schedule runs, each once") {
    for (const std::size_t workers : {1U, 2U, 4U}) {
        CAPTURE(workers);
        constexpr int outsiders = 3;
        constexpr int each = 3000;
        countdown all{outsiders * each};
        std::deque<job> jobs;
        for (int i = 0; i < outsiders * each; ++i) jobs.emplace_back([&] { all.count(); });
        worker_pool pool{{.workers = workers}};
        CHECK(pool.workers() == workers);
        std::vector<std::thread> threads;
        for (int t = 0; t < outsiders; ++t)
            threads.emplace_back([&, t] {
                for (int i = 0; i < each; ++i) pool.schedule(jobs[static_cast<std::size_t>(t * each + i)]);
            });
        for (auto& t : threads) t.join();
        all.wait();
    }
}

TEST_CASE("a turn runs on a thread of the pool, and knows its pool") {
    countdown done{1};
    bool here = false;
    bool current = false;
    job j;
    worker_pool pool{{.workers = 1}};
    worker_pool other{{.workers = 1}};
    j = [&] {
        here = pool.runs_here() && !other.runs_here();
        current = exec::current().running == &pool;
        done.count();
    };
    CHECK(!pool.runs_here());
    pool.schedule(j);
    done.wait();
    CHECK(here);
    CHECK(current);
}

TEST_CASE("what a turn schedules last runs first") {
    std::string order;
    countdown done{4};
    job a, b, c, d;
    const auto note = [&](char name) {
        order += name;
        done.count();
    };
    worker_pool pool{{.workers = 1}};
    b = [&] { note('b'); };
    c = [&] { note('c'); };
    d = [&] { note('d'); };
    a = [&] {
        for (job* j : {&b, &c, &d}) pool.schedule(*j);
        note('a');
    };
    pool.schedule(a);
    done.wait();
    CHECK(order == "adbc");
}

TEST_CASE("what a turn schedules alone stays with its worker") {
    std::binary_semaphore done{0};
    std::thread::id first;
    std::thread::id then;
    job a, b;
    worker_pool pool{{.workers = 4}};
    a = [&] {
        first = std::this_thread::get_id();
        pool.schedule(b);
    };
    b = [&] {
        then = std::this_thread::get_id();
        done.release();
    };
    for (int i = 0; i < 200; ++i) {
        pool.schedule(a);
        done.acquire();
        CHECK(first == then);
    }
}

TEST_CASE("two that wake each other don't keep a third waiting") {
    countdown done{1};
    int turns = 0;
    int third_after = 0;
    bool over = false;
    job ping, pong, third, first;
    worker_pool pool{{.workers = 1}};
    const auto step = [&](job& other) {
        ++turns;
        if (over) done.count();
        else pool.schedule(other);
    };
    ping = [&] { step(pong); };
    pong = [&] { step(ping); };
    third = [&] {
        third_after = turns;
        over = true;
    };
    first = [&] {
        pool.schedule(third);
        pool.schedule(ping);
    };
    pool.schedule(first);
    done.wait();
    CHECK(third_after <= 3);
}

TEST_CASE("a turn that yields goes behind all others") {
    std::string order;
    countdown done{2};
    job a, b, first;
    worker_pool pool{{.workers = 1}};
    const auto body = [&](job& self, char name) {
        return [&, name, left = 5]() mutable {
            order += name;
            if (--left == 0) done.count();
            else pool.yield_back(self);
        };
    };
    a = body(a, 'a');
    b = body(b, 'b');
    first = [&] {
        pool.yield_back(a);
        pool.yield_back(b);
    };
    pool.schedule(first);
    done.wait();
    CHECK(order == "ababababab");
}

TEST_CASE("a turn may schedule more than a worker's queue holds") {
    for (const std::size_t workers : {1U, 2U}) {
        CAPTURE(workers);
        countdown all{5000};
        std::deque<job> jobs;
        for (int i = 0; i < 5000; ++i) jobs.emplace_back([&] { all.count(); });
        job first;
        worker_pool pool{{.workers = workers}};
        first = [&] {
            for (auto& j : jobs) pool.schedule(j);
        };
        pool.schedule(first);
        all.wait();
    }
}

TEST_CASE("another worker takes what a busy one has queued") {
    std::atomic<bool> stolen{false};
    countdown done{2};
    job busy, first, second;
    worker_pool pool{{.workers = 2}};
    first = [&] {
        stolen.store(true, std::memory_order_release);
        done.count();
    };
    second = [&] {};
    busy = [&] {
        pool.schedule(first);
        pool.schedule(second);  // moves the first one to where thieves come
        while (!stolen.load(std::memory_order_acquire)) std::this_thread::yield();
        done.count();
    };
    pool.schedule(busy);
    done.wait();
}

TEST_CASE("workers share what there is to do") {
    // Each turn waits until as many run at once as there are workers.
    constexpr std::size_t workers = 4;
    std::atomic<std::size_t> inside{0};
    countdown done{workers};
    std::deque<job> jobs;
    for (std::size_t i = 0; i < workers; ++i)
        jobs.emplace_back([&] {
            inside.fetch_add(1);
            while (inside.load() < workers) std::this_thread::yield();
            done.count();
        });
    job first, last;
    worker_pool pool{{.workers = workers}};
    last = [] {};
    first = [&] {
        for (auto& j : jobs) pool.schedule(j);
        pool.schedule(last);
    };
    pool.schedule(first);
    done.wait();
}

TEST_CASE("workers that are never idle still take what comes from outside") {
    for (const std::size_t workers : {1U, 2U}) {
        CAPTURE(workers);
        std::atomic<bool> over{false};
        countdown ended{static_cast<std::int64_t>(workers)};
        countdown come{1};
        std::deque<job> busy(workers);
        job outsider{[&] { come.count(); }};
        worker_pool pool{{.workers = workers}};
        for (auto& j : busy) {
            j = [&] {
                if (over.load(std::memory_order_relaxed)) ended.count();
                else pool.schedule(j);
            };
            pool.schedule(j);
        }
        pool.schedule(outsider);
        come.wait();
        over.store(true, std::memory_order_relaxed);
        ended.wait();
    }
}

TEST_CASE("of many that never stop each gets its turns") {
    for (const std::size_t workers : {1U, 2U}) {
        for (const bool by_themselves : {true, false}) {
            CAPTURE(workers);
            CAPTURE(by_themselves);
            // More than a worker's queue holds; all go on until the last one has had its turns.
            constexpr std::size_t count = 600;
            constexpr int turns = 20;
            std::deque<job> jobs(count);
            std::deque<std::atomic<int>> had(count);
            std::deque<std::atomic<bool>> queued(count);
            std::atomic<std::size_t> satisfied{0};
            std::atomic<std::int64_t> running{count};
            countdown done{1};
            job driver;
            worker_pool pool{{.workers = workers}};
            for (std::size_t i = 0; i < count; ++i)
                jobs[i] = [&, i] {
                    if (++had[i] == turns) ++satisfied;
                    if (!by_themselves) queued[i] = false;
                    else if (satisfied < count) pool.yield_back(jobs[i]);
                    else if (--running == 0) done.count();
                };
            driver = [&] {
                for (std::size_t i = 0; i < count; ++i)
                    if (!queued[i].exchange(true)) pool.schedule(jobs[i]);
                if (satisfied < count) pool.yield_back(driver);
                else done.count();
            };
            if (by_themselves)
                for (auto& j : jobs) pool.schedule(j);
            else
                pool.schedule(driver);
            done.wait();
        }
    }
}

TEST_CASE("a worker that always has something to do takes from one that has much more") {
    constexpr std::size_t count = 100;
    std::deque<job> jobs(count);
    std::atomic<std::thread::id> busy{};
    std::atomic<bool> over{false};
    countdown ended{count + 1};
    job one, filler, first;
    worker_pool pool{{.workers = 2}};
    one = [&] {
        busy = std::this_thread::get_id();
        if (over) ended.count();
        else pool.yield_back(one);
    };
    for (auto& j : jobs)
        j = [&] {
            if (std::this_thread::get_id() == busy.load()) over = true;
            if (!over) pool.yield_back(j);
            else ended.count();
        };
    filler = [] {};
    first = [&] {
        pool.schedule(one);
        pool.schedule(filler);
        while (busy.load() == std::thread::id{}) std::this_thread::yield();  // until the other worker has it
        for (auto& j : jobs) pool.schedule(j);
    };
    pool.schedule(first);
    ended.wait();
}

TEST_CASE("no wake-up is lost when all sleep between two turns") {
    for (const std::size_t workers : {1U, 2U, 4U}) {
        CAPTURE(workers);
        std::binary_semaphore done{0};
        job j{[&] { done.release(); }};
        worker_pool pool{{.workers = workers}};
        for (int i = 0; i < 5000; ++i) {
            pool.schedule(j);
            done.acquire();
        }
    }
}

TEST_CASE("no wake-up is lost while workers fall asleep and wake up at random") {
    for (const std::size_t workers : {1U, 2U, 4U}) {
        CAPTURE(workers);
        constexpr int outsiders = 4;
        constexpr int each = 1500;
        countdown all{outsiders * each * 3};
        std::deque<job> jobs(outsiders * each);
        std::deque<job> children(outsiders * each * 2);
        worker_pool pool{{.workers = workers}};
        for (auto& c : children) c = [&] { all.count(); };
        for (std::size_t i = 0; i < jobs.size(); ++i)
            jobs[i] = [&, i] {
                pool.schedule(children[2 * i]);
                pool.schedule(children[2 * i + 1]);
                all.count();
            };
        std::vector<std::thread> threads;
        for (std::size_t t = 0; t < outsiders; ++t)
            threads.emplace_back([&, t] {
                dice d{t + 1};
                for (std::size_t i = 0; i < each; ++i) {
                    pool.schedule(jobs[t * each + i]);
                    if (d.below(4) == 0) std::this_thread::sleep_for(std::chrono::microseconds{d.below(100)});
                }
            });
        for (auto& t : threads) t.join();
        all.wait();
    }
}

}  // namespace tests::worker_pool
