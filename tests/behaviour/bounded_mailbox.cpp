// Mailboxes with a limit: who is refused, dropped or made to wait; what never counts; and that no limit is passed by many senders.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "otp/otp.hpp"
#include "support/looks.hpp"

namespace tests::bounded_mailbox {

using namespace std::chrono_literals;

namespace {

struct number {
    int value;
};
struct get {
    using reply_type = std::vector<int>;
};
struct slow {
    using reply_type = int;
};
struct stall {};

/// Keeps the numbers that it gets; `stall` makes it busy for a second, without a thread.
struct keeper {
    std::vector<int> seen;

    void handle_cast(number n) { seen.push_back(n.value); }
    void handle_info(number n) { seen.push_back(-n.value); }
    otp::task<> handle_cast(stall) { co_await otp::sleep_for(1s); }
    std::vector<int> handle_call(get) { return seen; }
    int handle_call(slow) { return 1; }
};

using numbers = std::vector<int>;

otp::server<keeper> stalled(std::size_t capacity, otp::mailbox_policy on_full) {
    auto s = otp::start<keeper>({.mailbox = {.capacity = capacity, .on_full = on_full}}).value();
    s.cast(stall{});
    return s;
}

}  // namespace

TEST_CASE("a full mailbox that rejects: a call is told, casts and infos are dead letters, and what waited is handled") {
    otp::simulation sim{1};
    const auto s = stalled(3, otp::reject);
    sim.run();  // the stall is being handled: it doesn't count
    const auto lost = otp::dead_letters(otp::reason_kind::overloaded);
    for (int i = 1; i <= 3; ++i) s.cast(number{i});
    CHECK(testing::depth_of(s.id()) == 3);
    s.cast(number{4});
    s.send(number{5});
    CHECK(otp::dead_letters(otp::reason_kind::overloaded) == lost + 2);
    const auto refused = s.call(get{});
    REQUIRE(!refused);
    CHECK(refused.error() == otp::reason::overloaded);
    auto request = s.send_request(slow{});
    CHECK(request.check().value().error() == otp::reason::overloaded);
    sim.advance(2s);
    CHECK(testing::depth_of(s.id()) == 0);
    CHECK(s.call(get{}).value() == numbers{1, 2, 3});
}

TEST_CASE("a full mailbox that drops the newest keeps what it has") {
    otp::simulation sim{1};
    const auto s = stalled(2, otp::drop_newest);
    sim.run();
    for (int i = 1; i <= 5; ++i) s.cast(number{i});
    CHECK(s.call(get{}).error() == otp::reason::overloaded);
    sim.advance(2s);
    CHECK(s.call(get{}).value() == numbers{1, 2});
}

TEST_CASE("a full mailbox that drops the oldest keeps the last ones, answers a call that it drops, and stays short while its owner is busy") {
    otp::simulation sim{1};
    const auto s = stalled(3, otp::drop_oldest);
    sim.run();
    const auto lost = otp::dead_letters(otp::reason_kind::overloaded);
    auto request = s.send_request(slow{});
    for (int i = 1; i <= 1000; ++i) s.cast(number{i});
    CHECK(testing::depth_of(s.id()) == 3);
    sim.advance(2s);
    CHECK(request.check().value().error() == otp::reason::overloaded);
    CHECK(otp::dead_letters(otp::reason_kind::overloaded) == lost + 997);
    CHECK(s.call(get{}).value() == numbers{998, 999, 1000});
}

TEST_CASE("a mailbox that drops the oldest holds no more than twice its capacity while a handler runs on a worker") {
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    struct holder {
        std::atomic<bool>* go;
        std::vector<int> seen;
        explicit holder(std::atomic<bool>* g) : go{g} {}
        void handle_cast(stall) { go->wait(false, std::memory_order_acquire); }  // pairs with the test's store
        void handle_cast(number n) { seen.push_back(n.value); }
        numbers handle_call(get) { return seen; }
    };
    std::atomic<bool> go{false};
    const auto s = otp::start<holder>({.mailbox = {.capacity = 100, .on_full = otp::drop_oldest}}, &go).value();
    s.cast(stall{});
    while (testing::depth_of(s.id()) != 0) std::this_thread::yield();  // until it is being handled
    const auto before = otp::memory::in_use();
    std::vector<std::thread> senders;
    for (int t = 0; t != 2; ++t)
        senders.emplace_back([s] {
            for (int i = 1; i <= 50'000; ++i) s.cast(number{i});
        });
    for (auto& t : senders) t.join();
    CHECK(testing::depth_of(s.id()) == 100);
    CHECK(otp::memory::in_use() - before < 100 * 2 * 128);
    go.store(true, std::memory_order_release);  // pairs with the handler's wait
    go.notify_all();
    // 98 at most: the call itself takes a place, and may wait beside the last 99.
    const auto seen = s.call(get{}).value();
    CHECK(seen.size() <= 100);
    CHECK(seen.size() >= 99);
    CHECK(seen.back() == 50'000);
}

TEST_CASE("senders wait for room: nothing is lost, the order of each is kept, and a spawned process waits as well as a thread") {
    otp::simulation sim{3};
    const auto s = otp::start<keeper>({.mailbox = {.capacity = 2, .on_full = otp::wait}}).value();
    s.cast(stall{});
    const auto flood = otp::spawn([s] {
        for (int i = 1; i <= 50; ++i) s.cast(number{i});
    });
    sim.run();
    CHECK(otp::is_alive(flood));
    CHECK(testing::depth_of(s.id()) == 2);
    for (int i = 51; i <= 60; ++i) s.cast(number{i});  // this thread runs the simulation while it waits
    CHECK(otp::wait(flood) != otp::reason::timeout);
    auto seen = s.call(get{}).value();
    CHECK(seen.size() == 60);
    std::vector<int> of_flood, of_test;
    for (const int n : seen) (n <= 50 ? of_flood : of_test).push_back(n);
    CHECK(std::is_sorted(of_flood.begin(), of_flood.end()));
    CHECK(std::is_sorted(of_test.begin(), of_test.end()));
}

TEST_CASE("a call waits for room within its limit, and then for its reply") {
    otp::simulation sim{1};
    const auto s = stalled(1, otp::wait);
    sim.run();
    s.cast(number{1});
    const auto begun = otp::now();
    CHECK(s.call(slow{}, 100ms).error() == otp::reason::timeout);
    CHECK(otp::now() - begun == 100ms);
    CHECK(s.call(slow{}).value() == 1);
    CHECK(otp::now() - begun >= 900ms);
    CHECK(s.call(get{}).value() == numbers{1});
}

TEST_CASE("who comes behind a sender that waits, waits with it, also while there is some room") {
    otp::simulation sim{1};
    const auto s = otp::start<keeper>({.mailbox = {.capacity = 6, .on_full = otp::wait}}).value();
    s.cast(stall{});
    sim.run();
    s.cast(stall{});
    for (int i = 1; i <= 5; ++i) s.cast(number{i});
    int answered = 0;
    const auto ask = [&answered](otp::server<keeper> to) -> otp::task<> {
        if (co_await to.ask<get>().timeout(otp::infinity)) ++answered;
    };
    otp::spawn(ask, s);
    sim.advance(1500ms);
    CHECK(s.id().block()->depth() == 5);  // it stalls again, and half of the mailbox isn't free
    otp::spawn(ask, s);
    const auto late = s.call(get{}, 100ms);
    CHECK(late.error() == otp::reason::timeout);
    CHECK(testing::depth_of(s.id()) == 5);
    CHECK(answered == 0);
    sim.advance(5s);
    CHECK(answered == 2);
}

TEST_CASE("who has given up waiting for room keeps nobody from what becomes free") {
    for (const bool suspends : {false, true}) {
        otp::simulation sim{1};
        const auto s = otp::start<keeper>({.mailbox = {.capacity = 6, .on_full = otp::wait}}).value();
        s.cast(stall{});
        sim.run();
        s.cast(stall{});
        for (int i = 1; i <= 5; ++i) s.cast(number{i});
        if (suspends) otp::spawn([](otp::server<keeper> to) -> otp::task<> { (void)co_await to.ask<get>().timeout(100ms); }, s);
        else otp::spawn([s] { (void)s.call(get{}, 100ms); });
        sim.advance(1500ms);
        CHECK(testing::depth_of(s.id()) == 5);  // it stalls again, and half of the mailbox isn't free
        otp::spawn([s] { s.cast(number{6}); });
        sim.run();
        CHECK(testing::depth_of(s.id()) == 6);
    }
}

TEST_CASE("a coroutine's ask suspends for room; its time-out, its kill and the end of the server end the wait") {
    otp::simulation sim{1};
    const auto s = stalled(1, otp::wait);
    sim.run();
    s.cast(number{1});
    std::vector<otp::reason> ends(3);
    int answer = 0;
    const auto asks = [&](int i, std::chrono::nanoseconds limit) {
        return otp::spawn(
            [&ends, &answer](otp::server<keeper> to, int place, std::chrono::nanoseconds most) -> otp::task<> {
                auto got = co_await to.ask<slow>().timeout(most);
                if (got) answer = *got;
                else ends[static_cast<std::size_t>(place)] = got.error();
            },
            s, i, limit);
    };
    asks(0, 100ms);
    const auto killed = asks(1, 5s);
    asks(2, 5s);
    sim.advance(200ms);
    CHECK(ends[0] == otp::reason::timeout);
    otp::exit_process(killed, otp::reason::kill);
    sim.advance(5s);
    CHECK(ends[1] == otp::reason::normal);
    CHECK(answer == 1);

    s.cast(stall{});
    sim.run();
    s.cast(number{2});
    asks(0, 5s);
    sim.run();
    otp::exit_process(s, otp::reason::kill);
    sim.run();
    CHECK(ends[0] == otp::reason::noproc);
}

TEST_CASE("exits, system requests, timers and replies are never refused") {
    otp::simulation sim{1};
    const auto s = stalled(1, otp::reject);
    sim.run();
    s.cast(number{1});
    (void)otp::send_after(10ms, s, number{2});
    sim.advance(1500ms);
    CHECK(s.call(get{}).value() == numbers{1, -2});
    s.cast(stall{});
    sim.run();
    s.cast(number{3});
    CHECK(otp::sys::get_state(s).value().seen == numbers{1, -2, 3});
    CHECK(s.stop());
}

TEST_CASE("who waits for room shows what it waits for") {
    otp::simulation sim{1};
    const auto s = stalled(1, otp::wait);
    sim.run();
    s.cast(number{1});
    const auto sender = otp::spawn([s] { s.cast(number{2}); });
    sim.run();
    const auto seen = otp::info_of(sender).value();
    CHECK(seen.waits_for == "room in the mailbox");
    CHECK(seen.waits_on == s.id());
}

TEST_CASE("the caller of a request that crashes gets the exit reason, whatever is dropped while terminate blocks") {
    struct crasher {
        struct crash {
            using reply_type = int;
        };
        otp::server<keeper> slow_one;
        void init(otp::server<keeper> s) { slow_one = std::move(s); }
        int handle_call(crash) { throw otp::exit{"broken"}; }
        void handle_cast(number) {}
        void terminate(const otp::reason&) { (void)slow_one.call(get{}); }
    };
    otp::simulation sim{1};
    const auto other = stalled(10, otp::reject);
    const auto s = otp::start<crasher>({.mailbox = {.capacity = 2, .on_full = otp::drop_oldest}}, other).value();
    auto request = s.send_request(crasher::crash{});
    sim.run();
    for (int i = 0; i != 3; ++i) s.cast(number{i});  // one too many, and not so many that the senders shorten it
    sim.advance(2s);
    CHECK(request.check().value().error() == otp::reason{"broken"});
}

TEST_CASE("no inactivity time-out passes what senders took out of the mailbox to shorten it") {
    struct idler {
        struct hold {
            std::atomic<bool>* until;
        };
        std::vector<int> seen;
        otp::next handle_cast(hold h) {
            h.until->wait(false, std::memory_order_acquire);  // pairs with the test's store
            return otp::noreply.timeout(0s);
        }
        void handle_cast(number n) { seen.push_back(n.value); }
        void handle_info(otp::timeout) { seen.push_back(0); }
    };
    otp::runtime rt{{.workers = 1}};
    const otp::use here{rt};
    std::atomic<bool> go{false};
    const auto s = otp::start<idler>({.mailbox = {.capacity = 2, .on_full = otp::drop_oldest}}).value();
    s.cast(idler::hold{&go});
    while (s.id().block()->depth() != 0) std::this_thread::yield();  // until it is being handled
    for (int i = 1; i <= 4; ++i) s.cast(number{i});
    go.store(true, std::memory_order_release);  // pairs with the handler's wait
    go.notify_all();
    while (s.id().block()->depth() != 0) std::this_thread::yield();
    CHECK(otp::sys::get_state(s)->seen == numbers{3, 4});
}

TEST_CASE("a process sends to itself although its mailbox is full: it can't wait for itself") {
    otp::simulation sim{1};
    struct echo {
        int left = 5;
        void handle_cast(number n) {
            if (left == 0) return;
            --left;
            otp::self<echo>().cast(number{n.value});
            otp::self<echo>().cast(number{n.value});
        }
        int handle_call(slow) { return left; }
    };
    const auto s = otp::start<echo>({.mailbox = {.capacity = 1, .on_full = otp::wait}}).value();
    s.cast(number{1});
    sim.run();
    CHECK(s.call(slow{}).value() == 0);
}

TEST_CASE("a mailbox for no message is a bad argument") {
    CHECK(otp::start<keeper>({.mailbox = {.capacity = 0}}).error() == otp::reason::bad_argument);
}

TEST_CASE("many threads never pass the limit, and lose nothing where they wait") {
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    struct counting {
        std::atomic<std::uint64_t>* deepest;
        int count = 0;
        explicit counting(std::atomic<std::uint64_t>* d) : deepest{d} {}
        void handle_cast(number) {
            ++count;
            const auto depth = testing::depth_of(otp::self());
            if (depth > deepest->load(std::memory_order_relaxed)) deepest->store(depth, std::memory_order_relaxed);  // one writer; read at the end
        }
        int handle_call(slow) { return count; }
    };
    constexpr int each = 5'000;
    for (const auto capacity : {1U, 7U, 1000U}) {
        CAPTURE(capacity);
        for (const otp::mailbox_policy policy : {otp::mailbox_policy::wait, otp::reject}) {
            std::atomic<std::uint64_t> deepest{0};
            const auto s = otp::start<counting>({.mailbox = {.capacity = capacity, .on_full = policy}}, &deepest).value();
            const auto lost = otp::dead_letters(otp::reason_kind::overloaded);
            std::vector<std::thread> senders;
            for (int t = 0; t != 4; ++t)
                senders.emplace_back([s] {
                    for (int i = 0; i != each; ++i) s.cast(number{i});
                });
            for (auto& t : senders) t.join();
            while (testing::depth_of(s.id()) != 0) std::this_thread::yield();
            const auto refused = static_cast<int>(otp::dead_letters(otp::reason_kind::overloaded) - lost);
            CHECK(s.call(slow{}).value() + refused == 4 * each);
            if (policy == otp::mailbox_policy::wait) CHECK(refused == 0);
            CHECK(deepest.load(std::memory_order_relaxed) <= capacity);
            CHECK(s.stop());
        }
    }
}

}  // namespace tests::bounded_mailbox
