// A pool's timers, descriptors and threads.
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

namespace tests::worker_pool_system {

using namespace std::chrono_literals;
using namespace toys;
using exec::worker_pool;

TEST_CASE("timers fire, and none early") {
    for (const std::size_t workers : {1U, 2U}) {
        CAPTURE(workers);
        constexpr std::size_t count = 300;
        countdown all{count};
        std::atomic<int> early{0};
        std::deque<bell> bells;
        job inside;
        {
            worker_pool pool{{.workers = workers}};
            std::vector<exec::time_point> deadlines(count);
            dice d{workers};
            for (auto& at : deadlines) at = pool.now() + std::chrono::microseconds{d.below(40'000)};
            for (std::size_t i = 0; i < count; ++i)
                bells.emplace_back([&, i] {
                    if (pool.now() < deadlines[i]) ++early;
                    all.count();
                });
            inside = [&] {
                for (std::size_t i = 0; i < count / 2; ++i) pool.arm(bells[i], deadlines[i]);
            };
            pool.schedule(inside);
            for (std::size_t i = count / 2; i < count; ++i) pool.arm(bells[i], deadlines[i]);
            all.wait();
            for (auto& a : bells) CHECK(!pool.disarm(a));
        }
        CHECK(early == 0);
    }
}

TEST_CASE("a timer that is earlier than all others wakes the sleeping pool") {
    countdown done{1};
    bell late{[] {}};
    bell early{[&] { done.count(); }};
    worker_pool pool{{.workers = 2}};
    pool.arm(late, pool.now() + 1h);
    std::this_thread::sleep_for(5ms);  // so that it likely sleeps; it holds either way
    pool.arm(early, pool.now() + 2ms);
    done.wait();
    CHECK(pool.disarm(late));
    CHECK(!pool.disarm(early));
}

TEST_CASE("a timer that is disarmed doesn't fire") {
    std::atomic<int> fired{0};
    countdown done{1};
    std::deque<bell> bells;
    bell last{[&] { done.count(); }};
    worker_pool pool{{.workers = 2}};
    for (int i = 0; i < 100; ++i) bells.emplace_back([&] { ++fired; });
    const auto at = pool.now() + 10ms;
    for (auto& a : bells) pool.arm(a, at);
    int disarmed = 0;
    for (auto& a : bells) disarmed += pool.disarm(a);
    pool.arm(last, at + 1ms);
    done.wait();
    CHECK(fired + disarmed == 100);
}

TEST_CASE("the timers of a worker that is busy fire on another one") {
    std::atomic<bool> fired{false};
    countdown done{1};
    bell a{[&] { fired.store(true, std::memory_order_release); }};
    job busy;
    worker_pool pool{{.workers = 2}};
    busy = [&] {
        pool.arm(a, pool.now() + 3ms);
        while (!fired.load(std::memory_order_acquire)) std::this_thread::yield();
        done.count();
    };
    // The one that isn't woken for this sleeps in the driver, or comes to it.
    pool.schedule(busy);
    done.wait();
    CHECK(!pool.disarm(a));
}

TEST_CASE("timers fire while the only worker always has something to run") {
    countdown done{1};
    std::atomic<bool> over{false};
    bell a{[&] { over.store(true, std::memory_order_relaxed); }};
    job busy;
    worker_pool pool{{.workers = 1}};
    busy = [&] {
        if (over.load(std::memory_order_relaxed)) done.count();
        else pool.schedule(busy);
    };
    pool.arm(a, pool.now() + 5ms);
    pool.schedule(busy);
    done.wait();
    CHECK(!pool.disarm(a));
}

namespace {

/// Two sockets, joined; the first doesn't block.
struct socket_pair {
    socket_pair() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0); }
    socket_pair(const socket_pair&) = delete;
    socket_pair& operator=(const socket_pair&) = delete;
    ~socket_pair() {
        for (const int fd : ends) ::close(fd);
    }
    int ends[2];
};

/// Schedules a job for each readable byte.
struct reader final : exec::io_handler {
    reader(exec::executor& ex, int from, job& to) : executor{ex}, fd{from}, target{to} {}
    void ready(exec::io_events events) noexcept override {
        if (!exec::any(events & exec::io_events::readable)) return;
        char byte;
        bool got = false;
        while (::read(fd, &byte, 1) == 1) got = true;
        executor.io()->rearm(ticket, exec::io_events::readable);
        if (got) executor.schedule(target);
    }
    void dispose() noexcept override { delete this; }
    exec::executor& executor;
    int fd;
    job& target;
    exec::io_ticket ticket;
};

}  // namespace

TEST_CASE("a readable descriptor wakes a sleeping pool, and is seen by a busy one") {
    for (const auto kind : {exec::poller_kind::epoll, exec::poller_kind::poll}) {
        for (const std::size_t workers : {1U, 2U}) {
            for (const bool busy : {false, true}) {
                CAPTURE(static_cast<int>(kind));
                CAPTURE(workers);
                CAPTURE(busy);
                std::binary_semaphore came{0};
                std::atomic<bool> over{false};
                countdown ended{busy ? static_cast<std::int64_t>(workers) : 0};
                job note{[&] { came.release(); }};
                std::deque<job> fillers(workers);
                const socket_pair pair;
                worker_pool pool{{.workers = workers, .poller = kind}};
                const auto handler = otp::intrusive_ptr<reader>::adopt(new reader{pool, pair.ends[0], note});
                REQUIRE(pool.io()->add(pair.ends[0], handler, handler->ticket) == 0);
                if (busy)
                    for (auto& f : fillers) {
                        f = [&] {
                            if (over.load(std::memory_order_relaxed)) ended.count();
                            else pool.schedule(f);
                        };
                        pool.schedule(f);
                    }
                for (int i = 0; i < 50; ++i) {
                    REQUIRE(::write(pair.ends[1], "x", 1) == 1);
                    came.acquire();
                }
                over.store(true, std::memory_order_relaxed);
                ended.wait();
                pool.io()->remove(pair.ends[0], handler->ticket);
            }
        }
    }
}

namespace {

/// The sum of a number over the threads whose names begin so: of involuntary or voluntary context switches.
std::pair<int, long> switches_of(const std::string& name) {
    int threads = 0;
    long sum = 0;
    for (const auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
        std::ifstream comm{task.path() / "comm"};
        std::string text;
        std::getline(comm, text);
        if (text.rfind(name, 0) != 0) continue;
        ++threads;
        std::ifstream status{task.path() / "status"};
        while (status >> text) {
            if (text != "voluntary_ctxt_switches:") continue;
            long n = 0;
            status >> n;
            sum += n;
        }
    }
    return {threads, sum};
}

exec::duration cpu_time() {
    timespec t{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return std::chrono::seconds{t.tv_sec} + std::chrono::nanoseconds{t.tv_nsec};
}

/// How many entries a folder of /proc/self has.
std::size_t entries(const char* folder) {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator{folder}) ++n;
    return n;
}

}  // namespace

TEST_CASE("an idle pool uses no processor, and nothing wakes it") {
    countdown done{40};
    std::deque<job> jobs;
    for (int i = 0; i < 40; ++i) jobs.emplace_back([&] { done.count(); });
    bell far{[] {}};
    worker_pool pool{{.workers = 4, .name = "idletest"}};
    for (auto& j : jobs) pool.schedule(j);
    pool.arm(far, pool.now() + 1h);
    done.wait();
    std::this_thread::sleep_for(100ms);  // they look for more work, then fall asleep
    const auto before = switches_of("idletest");
    const auto used_before = cpu_time();
    std::this_thread::sleep_for(300ms);
    const auto used = cpu_time() - used_before;
    const auto after = switches_of("idletest");
    CHECK(before.first == 4);
    CHECK(after.second == before.second);
    CHECK(used < 30ms);
    CHECK(pool.disarm(far));
}

TEST_CASE("pools that come and go leave no thread and no descriptor") {
    { const worker_pool first{{.workers = 2}}; }  // what the process keeps from then on
    const auto threads = entries("/proc/self/task");
    const auto descriptors = entries("/proc/self/fd");
    for (int i = 0; i < 200; ++i) {
        countdown done{3};
        std::deque<job> jobs;
        for (int n = 0; n < 3; ++n) jobs.emplace_back([&] { done.count(); });
        worker_pool pool{{.workers = static_cast<std::size_t>(i % 4 + 1)}};
        if (i % 3 == 0) continue;  // also one that has done nothing
        for (auto& j : jobs) pool.schedule(j);
        done.wait();
    }
    CHECK(entries("/proc/self/fd") == descriptors);
    // A joined thread may still be leaving the kernel's list.
    while (entries("/proc/self/task") > threads) std::this_thread::sleep_for(1ms);
}

TEST_CASE("workers have the pool's name and leave signals to the program's own threads") {
    char name[32] = {};
    sigset_t blocked;
    countdown done{1};
    job j{[&] {
        ::pthread_getname_np(::pthread_self(), name, sizeof name);
        ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
        done.count();
    }};
    sigset_t before;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
    worker_pool pool{{.workers = 1, .name = "a-rather-long-name"}};
    sigset_t after;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
    pool.schedule(j);
    done.wait();
    CHECK(std::string{name} == "a-rather--1");
    for (const int s : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGALRM, SIGCHLD, SIGPIPE}) {
        CAPTURE(s);
        CHECK(::sigismember(&blocked, s) == 1);
        CHECK(::sigismember(&after, s) == ::sigismember(&before, s));
    }
    for (const int s : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGPROF}) {
        CAPTURE(s);
        CHECK(::sigismember(&blocked, s) == 0);
    }
}

TEST_CASE("the coarse clock is behind the clock by a step at most") {
    const worker_pool pool{{.workers = 1}};
    CHECK(pool.coarse_step() > 0ns);
    CHECK(pool.coarse_step() <= 10ms);
    for (int i = 0; i < 1000; ++i) {
        const auto coarse = pool.coarse_now();
        CHECK(coarse <= pool.now());
    }
}

namespace {

std::atomic<int> threads_to_make{0};
int make_some(pthread_t* thread, const pthread_attr_t* how, void* (*body)(void*), void* argument) {
    if (threads_to_make.fetch_sub(1) <= 0) return EAGAIN;
    return ::pthread_create(thread, how, body, argument);
}

}  // namespace

TEST_CASE("a pool that gets fewer threads than it wants makes do with them; one that gets none says so") {
    countdown all{1000};
    std::deque<job> jobs;
    for (int i = 0; i < 1000; ++i) jobs.emplace_back([&] { all.count(); });
    threads_to_make = 1;
    {
        worker_pool pool{{.workers = 4, .make_thread = &make_some}};
        CHECK(pool.threads() == 1);
        for (auto& j : jobs) pool.schedule(j);
        all.wait();
    }
    threads_to_make = 0;
    try {
        const worker_pool pool{{.workers = 2, .make_thread = &make_some}};
        FAIL("it has no thread");
    } catch (const std::system_error& e) {
        CHECK(e.code() == std::errc::resource_unavailable_try_again);
    }
}

TEST_CASE("a pool has as many workers as the program may use processors") {
    CHECK(exec::usable_cpus() >= 1);
    const worker_pool pool;
    CHECK(pool.workers() == exec::usable_cpus());
}

TEST_CASE("the quota of a control group limits the processors") {
    using exec::cpus_of_quota;
    CHECK(cpus_of_quota("200000", " 100000\n") == 2);
    CHECK(cpus_of_quota("150000", "100000") == 2);
    CHECK(cpus_of_quota("5000", "100000") == 1);
    CHECK(cpus_of_quota("max", "100000") == 0);
    CHECK(cpus_of_quota("-1\n", "100000\n") == 0);
    CHECK(cpus_of_quota("", "") == 0);

    std::string root = (std::filesystem::temp_directory_path() / "otp-cgroup-XXXXXX").string();
    REQUIRE(::mkdtemp(root.data()) != nullptr);
    const auto write = [&](const std::string& path, const char* text) {
        std::filesystem::create_directories(std::filesystem::path{root + path}.parent_path());
        std::ofstream{root + path} << text;
    };
    write("/outer/cpu.max", "300000 100000\n");
    write("/outer/inner/cpu.max", "max 100000\n");
    write("/outer/small/cpu.max", "100000 100000\n");
    write("/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    write("/cpu,cpuacct/old/cpu.cfs_quota_us", "250000\n");
    write("/cpu,cpuacct/old/cpu.cfs_period_us", "50000\n");
    CHECK(exec::cpus_of_group("0::/outer/inner\n", root) == 3);
    CHECK(exec::cpus_of_group("0::/outer/small\n", root) == 1);
    CHECK(exec::cpus_of_group("0::/elsewhere\n", root) == 0);
    CHECK(exec::cpus_of_group("7:memory:/x\n4:cpu,cpuacct:/old\n0::/\n", root) == 5);
    CHECK(exec::cpus_of_group("4:cpu,cpuacct:/old\n0::/outer/inner", root) == 3);
    CHECK(exec::cpus_of_group("", root) == 0);
    CHECK(exec::cpus_of_group("nonsense\n\n::", root) == 0);
    std::filesystem::remove_all(root);
}

}  // namespace tests::worker_pool_system
