// What a server that hibernates costs.
#include <doctest/doctest.h>

#include <otp/base/memory.hpp>
#include <otp/gen_server.hpp>
#include <otp/runtime/simulation.hpp>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <chrono>
#include <cstddef>
#include <vector>

namespace tests::hibernate_memory {

using namespace std::chrono_literals;

namespace {

/// Has had a time-out and has watched another process, as servers do; now nothing of that is left.
struct experienced {
    struct rest {};
    otp::init_result init(otp::pid other) {
        otp::demonitor(otp::monitor(other));
        return otp::ok.timeout(1h);
    }
    otp::next handle_cast(rest) { return otp::noreply.hibernate(); }
    void handle_cast(int) {}
    void handle_info(otp::timeout) {}
    char own[48] = {};
};

/// Bytes of operator new that are in use; 0 where that can't be told, as with a sanitizer's own heap.
std::size_t of_the_heap() {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
    if (!OTP_PLAIN_MEMORY) return mallinfo2().uordblks;
#endif
    return 0;
}
std::size_t bytes_in_use() { return otp::memory::statistics().bytes + of_the_heap(); }

/// 256 bytes and the state, in a block of a multiple of 64.
constexpr std::size_t bound = 320;

}  // namespace

TEST_CASE("HIB-10 of 100,000 servers that hibernate each costs at most 256 bytes and its state, less than one that only waits") {
    otp::simulation sim{1};
    const auto other = otp::spawn([]() -> otp::task<> { co_await otp::sleep_for(std::chrono::hours{10'000}); });
#if defined(__GLIBC__)
    (void)mallopt(M_MMAP_THRESHOLD, 512 * 1024);  // so that the slabs' own memory stays apart, and isn't counted twice
#endif
    const auto cost_of = [&](std::size_t count, auto message) {
        std::vector<otp::server<experienced>> all;
        all.reserve(count);
        (void)otp::start<experienced>(other).value().stop();  // what the first one leaves in the runtime
        sim.run();
        const auto before = bytes_in_use();
        for (std::size_t i = 0; i < count; ++i) all.push_back(otp::start<experienced>(other).value());
        for (const auto& s : all) s.cast(message);
        sim.run();
        const auto after = bytes_in_use();
        for (const auto& s : all) otp::exit_process(s.id(), otp::reason::kill);
        sim.run();
        return (after - before + count - 1) / count;
    };
    (void)cost_of(5'000, 0);  // what the simulation itself needs for so many
    const auto waiting = cost_of(5'000, 0);
    const auto hibernating = cost_of(100'000, experienced::rest{});
    CAPTURE(waiting);
    CHECK(hibernating <= bound);
    if (of_the_heap() != 0) CHECK(hibernating < waiting);
}

TEST_CASE("a server that hibernates keeps nothing of the calls that it answered late") {
    struct late {
        struct get {
            using reply_type = int;
        };
        struct rest {};
        void handle_call(get, otp::from<get> caller) { caller.reply(7); }
        otp::next handle_cast(rest) { return otp::noreply.hibernate(); }
    };
    otp::simulation sim{1};
    const auto s = otp::start<late>().value();
    s.cast(late::rest{});
    sim.run();
    const auto before = otp::memory::in_use();
    for (int i = 0; i < 10; ++i) CHECK(s.call(late::get{}).value() == 7);
    CHECK(otp::memory::in_use() > before);
    s.cast(late::rest{});
    sim.run();
    CHECK(otp::memory::in_use() == before);
}

TEST_CASE("a server that hibernates keeps the links and monitors that it has, in the least memory") {
    otp::simulation sim{1};
    struct hub {
        struct rest {};
        struct count_ends {
            using reply_type = int;
        };
        void init(std::vector<otp::pid> others, std::size_t stay) {
            otp::trap_exit(true);
            for (const auto& o : others) otp::link(o);
            for (std::size_t i = stay; i < others.size(); ++i) otp::unlink(others[i]);
        }
        otp::next handle_cast(rest) { return otp::noreply.hibernate(); }
        void handle_info(const otp::exit_signal&) { ++ends; }
        int handle_call(count_ends) { return ends; }
        int ends = 0;
    };
    std::vector<otp::pid> others;
    for (int i = 0; i < 100; ++i)
        others.push_back(otp::spawn([]() -> otp::task<> { co_await otp::sleep_for(1h); }));
    const auto s = otp::start<hub>(others, std::size_t{3}).value();
    sim.run();
    auto& links = s.id().block()->related_if_any()->links;
    CHECK(links.size() == 3);
    CHECK(links.capacity() >= 100);
    s.cast(hub::rest{});
    sim.run();
    CHECK(links.size() == 3);
    CHECK(links.capacity() == 4);
    sim.advance(1h);
    CHECK(s.call(hub::count_ends{}).value() == 3);
}

}  // namespace tests::hibernate_memory
