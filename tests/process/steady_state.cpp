// Messaging in steady state takes no memory from the system: what was warmed up comes from the slabs.
#include <doctest/doctest.h>

#include <otp/gen_server.hpp>
#include <otp/runtime/simulation.hpp>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

using namespace std::chrono_literals;

namespace {

/// While it counts, each operator new of the program is counted, on any thread.
struct heap_meter {
    static inline std::atomic<bool> counts{false};
    static inline std::atomic<std::size_t> taken{0};
    static void count() noexcept {
        // Relaxed: whoever reads the sum has a message from those who took part.
        if (counts.load(std::memory_order_relaxed)) taken.fetch_add(1, std::memory_order_relaxed);
    }
};

}  // namespace

// A sanitizer has operators of its own, which can't be replaced.
#define COUNTS_ALLOCATIONS (!OTP_PLAIN_MEMORY)
#if defined(__SANITIZE_THREAD__)
#undef COUNTS_ALLOCATIONS
#define COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef COUNTS_ALLOCATIONS
#define COUNTS_ALLOCATIONS 0
#endif
#endif

// For all tests of this executable.
#if COUNTS_ALLOCATIONS
namespace {
void* take(std::size_t size, std::size_t alignment) {
    heap_meter::count();
    void* block = alignment <= alignof(std::max_align_t) ? std::malloc(size != 0 ? size : 1)
                                                          : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (!block) throw std::bad_alloc{};
    return block;
}
}  // namespace

// Not inlined, so that no compiler takes the free() in them for that of another new.
[[gnu::noinline]] void* operator new(std::size_t size) { return take(size, 1); }
[[gnu::noinline]] void* operator new[](std::size_t size) { return take(size, 1); }
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) { return take(size, static_cast<std::size_t>(alignment)); }
[[gnu::noinline]] void* operator new[](std::size_t size, std::align_val_t alignment) { return take(size, static_cast<std::size_t>(alignment)); }
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    heap_meter::count();
    return std::malloc(size != 0 ? size : 1);
}
[[gnu::noinline]] void operator delete(void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete[](void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete[](void* block, std::size_t) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete[](void* block, std::align_val_t) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t, std::align_val_t) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete[](void* block, std::size_t, std::align_val_t) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, const std::nothrow_t&) noexcept { std::free(block); }
#endif

namespace tests::steady_state {

namespace {

struct echo {
    struct get {
        using reply_type = long;
        long n;
    };
    struct later {
        using reply_type = long;
    };
    struct by_coroutine {
        using reply_type = long;
        long n;
    };
    struct give {
        long n;
    };
    struct through {
        using reply_type = long;
        long n;
    };
    long handle_call(get g) { return g.n + 1; }
    void handle_call(later, otp::from<later> caller) { kept = std::move(caller); }
    otp::task<long> handle_call(by_coroutine c) {
        co_await otp::yield();
        co_return c.n;
    }
    otp::task<long> handle_call(through t) {
        auto answer = co_await next.ask<get>(t.n);
        co_return answer ? *answer : -1;
    }
    void handle_cast(give g) {
        sum += g.n;
        if (kept) kept.reply(g.n);
    }
    void handle_info(long n) { sum += n; }
    void handle_cast(otp::server<echo> other) { next = other; }
    otp::from<later> kept;
    otp::server<echo> next;
    long sum = 0;
};

constexpr int rounds = 2000;

/// What `work(rounds)` takes from the system after a first run.
template <class F>
std::size_t taken_by(F&& work) {
    work(rounds);
    heap_meter::taken = 0;
    heap_meter::counts = true;
    work(rounds);
    heap_meter::counts = false;
    return heap_meter::taken;
}

/// Runs `work(n)` once to warm up, then counts, in a coroutine process; n messages each time.
template <class F>
std::size_t taken_in_process(F work) {
    // Not otp::wait: a process gets its list of those who wait for it whenever the first of them comes.
    otp::inbox<std::size_t> in;
    const otp::recipient<std::size_t> to = in;
    otp::spawn([&work, to]() -> otp::task<> {
        auto taken = ~std::size_t{0};
        try {
            co_await work(rounds);
            heap_meter::taken = 0;
            heap_meter::counts = true;
            co_await work(rounds);
            heap_meter::counts = false;
            taken = heap_meter::taken;
        } catch (const otp::exit&) {
            heap_meter::counts = false;
        }
        to.send(taken);
    });
    return std::get<0>(*in.receive());
}

otp::task<> ask_often(otp::server<echo> s, int n) {
    for (int i = 0; i < n; ++i)
        if (auto r = co_await s.ask<echo::get>(i).timeout(1h); !r || *r != i + 1) throw otp::exit{"wrong"};
}
otp::task<> ask_coroutines(otp::server<echo> s, int n) {
    for (int i = 0; i < n; ++i) {
        if (auto r = co_await s.ask<echo::by_coroutine>(i); !r || *r != i) throw otp::exit{"wrong"};
        if (auto r = co_await s.ask<echo::through>(i); !r || *r != i + 1) throw otp::exit{"wrong"};
    }
}
otp::task<> casts_and_infos(otp::server<echo> s, int n) {
    for (int i = 0; i < n; ++i) {
        s.cast(echo::give{1});
        s.send(2L);
        if (i % 16 == 15) (void)co_await s.ask<echo::get>(i);
    }
}
otp::task<> deferred(otp::server<echo> s, int n) {
    for (int i = 0; i < n; ++i) {
        auto pending = s.send_request<echo::later>();
        s.cast(echo::give{i});
        if (auto r = co_await pending; !r || *r != i) throw otp::exit{"wrong"};
    }
}
otp::task<> timers(otp::server<echo> s, int n) {
    for (int i = 0; i < n; ++i) {
        const auto t = otp::send_after(1h, s, 1L);
        if (!otp::cancel_timer(t)) throw otp::exit{"wrong"};
        (void)otp::send_after(0ns, s, 1L);
        co_await otp::sleep_for(0ns);
    }
}
otp::task<> nested(int n) {
    struct child {
        static otp::task<long> of(long v) { co_return v; }
    };
    long sum = 0;
    for (int i = 0; i < n; ++i) sum += co_await child::of(i);
    if (sum < 0) throw otp::exit{"wrong"};
}

struct pair_of_servers {
    pair_of_servers() : first{otp::start<echo>().value()}, second{otp::start<echo>().value()} { first.cast(second); }
    otp::server<echo> first, second;
};

void check_messaging(std::size_t allowed) {
    const pair_of_servers s;
    CHECK(taken_in_process([&](int n) { return ask_often(s.first, n); }) <= allowed);
    CHECK(taken_in_process([&](int n) { return ask_coroutines(s.first, n); }) <= allowed);
    CHECK(taken_in_process([&](int n) { return casts_and_infos(s.first, n); }) <= allowed);
    CHECK(taken_in_process([&](int n) { return deferred(s.first, n); }) <= allowed);
    CHECK(taken_in_process([&](int n) { return nested(n); }) <= allowed);
    CHECK(taken_in_process([&](int n) { return timers(s.first, n); }) <= allowed);
    // From a plain thread.
    CHECK(taken_by([&](int n) {
              for (int i = 0; i < n; ++i)
                  if (s.first.call(echo::get{i}, 1h).value() != i + 1) throw otp::exit{"wrong"};
          }) <= allowed);
    CHECK(taken_by([&](int n) {
              for (int i = 0; i < n; ++i) {
                  auto pending = s.first.send_request<echo::later>();
                  s.first.cast(echo::give{i});
                  if (pending.receive(1h).value() != i) throw otp::exit{"wrong"};
              }
          }) <= allowed);
    CHECK(taken_by([&](int n) {
              otp::inbox<long> in;
              const otp::recipient<long> to = in;
              for (int i = 0; i < n; ++i) {
                  to.send(i);
                  if (std::get<0>(*in.receive(1h)) != i) throw otp::exit{"wrong"};
              }
          }) <= allowed);
}

/// A server that is started and stopped, and a process that is spawned and ends.
void check_births() {
    struct empty {};
    const auto births = taken_by([](int n) {
        for (int i = 0; i < n; ++i) {
            const auto s = otp::start<empty>().value();
            if (!s.stop()) throw otp::exit{"wrong"};
        }
    });
    // Not otp::wait: of a process that is gone already it makes an error with a text.
    const auto spawns = taken_by([](int n) {
        otp::inbox<int> in;
        const otp::recipient<int> to = in;
        for (int i = 0; i < n; ++i) {
            (void)otp::spawn([to](int number) { to.send(number); }, i);
            if (std::get<0>(*in.receive(1h)) != i) throw otp::exit{"wrong"};
        }
    });
    CHECK(births == 0);
    CHECK(spawns == 0);
}

bool has_slabs() {
#if !COUNTS_ALLOCATIONS
    MESSAGE("not tested: under a sanitizer allocations can't be counted");
    return false;
#else
    return true;
#endif
}

}  // namespace

TEST_CASE("after a warm-up calls, asks, casts, infos, deferred replies and timers allocate nothing on a worker") {
    if (!has_slabs()) return;
    otp::runtime rt{{.workers = 1}};
    const otp::use here{rt};
    check_messaging(0);
}

TEST_CASE("after a warm-up calls, asks, casts, infos, deferred replies and timers allocate nothing in a simulation") {
    if (!has_slabs()) return;
    otp::simulation sim{1, {.trace = 0}};
    check_messaging(4);  // it keeps its choices in a vector that doubles
}

TEST_CASE("starting and stopping a server, or spawning a process, allocates nothing either") {
    if (!has_slabs()) return;
    {
        otp::runtime rt{{.workers = 1}};
        const otp::use here{rt};
        check_births();
    }
    otp::simulation sim{1, {.trace = 0}};
    check_births();
}

}  // namespace tests::steady_state
