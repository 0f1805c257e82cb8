// Processes on real workers: what the simulation can't show. Nothing here depends on how fast the machine is.
#include <doctest/doctest.h>

#include <otp/gen_server.hpp>

#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>
#include <vector>

namespace tests::on_workers {

using namespace std::chrono_literals;

namespace {

struct counter {
    struct add {
        using reply_type = long;
        long n;
    };
    struct plus {
        long n;
    };
    struct pause {
        using reply_type = void;
        std::chrono::milliseconds time;
    };
    long handle_call(add a) { return total += a.n; }
    void handle_cast(plus p) { total += p.n; }
    otp::task<> handle_call(pause p) { co_await otp::sleep_for(p.time); }
    long total = 0;
};

/// Calls the next one before it answers: a chain that blocks or awaits.
struct link_of_chain {
    struct depth {
        using reply_type = int;
    };
    otp::server<link_of_chain> next;
    bool blocks;
    otp::task<int> handle_call(depth) {
        if (!next) co_return 1;
        otp::result<int> below{0};
        if (blocks) below = next.call(depth{}, otp::infinity);
        else below = co_await next.ask<depth>().timeout(otp::infinity);
        co_return 1 + below.value();
    }
};

}  // namespace

TEST_CASE("SCHED-08 calls from threads, coroutines and plain processes add up on 1, 2 and 4 workers") {
    for (const std::size_t workers : {1U, 2U, 4U}) {
        otp::runtime rt{{.workers = workers}};
        const auto s = rt.start<counter>().value();
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([s] {
                for (int i = 0; i < 500; ++i) {
                    CHECK(s.call(counter::add{1}));
                    s.cast(counter::plus{1});
                }
            });
        const otp::use here{rt};
        std::vector<otp::pid> all;
        for (int p = 0; p < 8; ++p)
            all.push_back(otp::spawn([s]() -> otp::task<> {
                for (int i = 0; i < 500; ++i) {
                    auto sum = co_await s.ask<counter::add>(1);
                    if (!sum) throw otp::exit{sum.error()};
                }
            }));
        for (int p = 0; p < 4; ++p)
            all.push_back(otp::spawn([s] {
                for (int i = 0; i < 100; ++i) (void)s.call(counter::add{1}).value();
            }));
        for (auto& t : threads) t.join();
        for (const auto& p : all) {
            CHECK(otp::wait(p) == otp::reason::normal);
        }
        CHECK(s.call(counter::add{0}).value() == 4 * 1000 + 8 * 500 + 4 * 100);
    }
}

TEST_CASE("ORD-01 ORD-04 64 senders: nothing is lost, and each sender's messages keep their order") {
    struct item {
        int sender;
        int number;
    };
    struct collector {
        struct done {
            using reply_type = long;
        };
        std::vector<int> next = std::vector<int>(64, 0);
        long got = 0;
        bool ordered = true;
        void handle_info(item i) {
            ordered = ordered && next[static_cast<std::size_t>(i.sender)]++ == i.number;
            ++got;
        }
        long handle_call(done) { return ordered ? got : -1; }
    };
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    const auto c = otp::start<collector>().value();
    constexpr int each = 2000;
    std::vector<otp::pid> all;
    std::vector<std::thread> threads;
    for (int s = 0; s < 60; ++s)
        all.push_back(otp::spawn([c, s]() -> otp::task<> {
            for (int i = 0; i < each; ++i) {
                c.send(item{s, i});
                if (i % 97 == 0) co_await otp::yield();
            }
        }));
    for (int s = 60; s < 64; ++s)
        threads.emplace_back([c, s] {
            for (int i = 0; i < each; ++i) c.send(item{s, i});
        });
    for (auto& t : threads) t.join();
    for (const auto& p : all) (void)otp::wait(p);
    CHECK(c.call(collector::done{}, 60s).value() == 64L * each);
}

TEST_CASE("a chain of 100 servers that block each other goes through with one worker") {
    for (const bool blocks : {true, false}) {
        otp::runtime rt{{.workers = 1}};
        otp::server<link_of_chain> top;
        for (int i = 0; i < 100; ++i) top = rt.start<link_of_chain>(link_of_chain{top, blocks}).value();
        CHECK(top.call(link_of_chain::depth{}, 60s).value() == 100);
    }
}

TEST_CASE("a blocking call without a spare worker fails with system_limit, and nothing hangs") {
    otp::runtime rt{{.workers = 1, .spare_workers = 0}};
    otp::server<link_of_chain> top;
    for (int i = 0; i < 3; ++i) top = rt.start<link_of_chain>(link_of_chain{top, true}).value();
    const auto failed = top.call(link_of_chain::depth{}, 60s);
    CHECK(failed.error() == otp::reason::system_limit);
}

TEST_CASE("a thousand processes in blocking calls on 2 workers make progress") {
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    const auto slow = otp::start<counter>().value();
    std::atomic<int> done{0};
    auto gate = slow.send_request(counter::pause{50ms});
    std::vector<otp::pid> all;
    for (int i = 0; i < 1000; ++i)
        all.push_back(otp::spawn([slow, &done] {
            if (slow.call(counter::add{1}, otp::infinity)) ++done;
        }));
    for (const auto& p : all) (void)otp::wait(p);
    CHECK(done == 1000);
    CHECK(gate.wait());
}

TEST_CASE("time-outs that race with replies give one or the other, and leave nothing behind") {
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    std::atomic<int> answered{0}, late{0}, other{0};
    std::vector<otp::pid> all;
    for (int p = 0; p < 16; ++p)
        all.push_back(otp::spawn([&]() -> otp::task<> {
            const auto s = otp::start<counter>().value();
            for (int i = 0; i < 20; ++i) {
                auto r = co_await s.ask<counter::pause>(1ms).timeout(1ms);
                if (r) ++answered;
                else if (r.error() == otp::reason::timeout) ++late;
                else ++other;
            }
            auto sum = co_await s.ask<counter::add>(1);
            if (!sum || *sum != 1) ++other;
        }));
    for (const auto& p : all) (void)otp::wait(p);
    CHECK(other == 0);
    CHECK(answered + late == 320);
}

TEST_CASE("kills that race with calls, starts, links and monitors answer everybody") {
    for (const std::size_t workers : {1U, 3U}) {
        otp::runtime rt{{.workers = workers}};
        const otp::use here{rt};
        std::vector<otp::pid> clients;
        for (int c = 0; c < 8; ++c)
            clients.push_back(otp::spawn([] {
                otp::inbox<otp::down> in;
                for (int i = 0; i < 50; ++i) {
                    auto started = otp::start_monitor<counter>();
                    if (!started) throw otp::exit{started.error()};
                    const auto s = started->server;
                    (void)in.monitor(s.id());
                    const auto killer = otp::spawn([s] { otp::exit_process(s.id(), otp::reason::kill); });
                    const auto answer = s.call(counter::add{1});
                    if (!answer && answer.error() != otp::reason::killed && answer.error() != otp::reason::noproc) throw otp::exit{answer.error()};
                    const auto down = in.receive(60s);
                    if (!down || (std::get<0>(*down).reason != otp::reason::killed && std::get<0>(*down).reason != otp::reason::noproc)) throw otp::exit{"no down"};
                    (void)otp::wait(killer);
                }
            }));
        for (const auto& p : clients) {
            const auto why = otp::wait(p, 120s);
            INFO(why.to_string());
            CHECK(why == otp::reason::normal);
        }
    }
}

TEST_CASE("REG-15 names come and go on several threads while others look them up") {
    otp::runtime rt{{.workers = 2}};
    std::atomic<bool> stop{false};
    constexpr otp::name<counter> name{"shared"};
    std::thread looker([&] {
        const otp::use here{rt};
        while (!stop.load(std::memory_order_relaxed)) (void)name.call(counter::add{1}, 1s);
    });
    {
        const otp::use here{rt};
        for (int i = 0; i < 200; ++i) {
            const auto s = otp::start<counter>(name);
            REQUIRE(s);
            CHECK(s->stop());
        }
    }
    stop = true;
    looker.join();
}

TEST_CASE("timers fire on workers, not early, and a cancelled one never") {
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    otp::inbox<int> in;
    const auto began = otp::now();
    const auto never = in.send_after(20ms, 1);
    (void)in.send_after(30ms, 2);
    CHECK(otp::cancel_timer(never));
    const auto got = in.receive(60s);
    REQUIRE(got);
    CHECK(std::get<0>(*got) == 2);
    CHECK(otp::now() - began >= 30ms);
    CHECK_FALSE(in.try_receive());
}

TEST_CASE("a runtime without workers runs in poll() and in the calls of its thread") {
    otp::runtime rt{{.workers = 0, .poller = otp::exec::poller_kind::epoll}};  // poll(2) has no descriptor to give
    const auto s = rt.start<counter>().value();
    CHECK(s.call(counter::add{3}).value() == 3);
    auto later = s.send_request(counter::add{4});
    while (!later.check()) rt.poll();
    s.cast(counter::plus{5});
    CHECK(rt.native_fd() >= 0);
    CHECK(s.call(counter::add{0}).value() == 12);
}

TEST_CASE("SCHED-07 a runtime that ends leaves no process and no memory, and the next begins clean") {
    for (int round = 0; round < 5; ++round) {
        {
            otp::runtime rt{{.workers = 2}};
            const otp::use here{rt};
            std::vector<otp::pid> all;
            for (int i = 0; i < 100; ++i) {
                const auto s = otp::start<counter>({.name = "n" + std::to_string(i)}).value();
                all.push_back(otp::spawn([s]() -> otp::task<> { (void)co_await s.ask<counter::pause>(1h).timeout(otp::infinity); }));
                s.cast(counter::plus{1});
            }
            CHECK(rt.shutdown(60s));
            for (const auto& p : all) CHECK_FALSE(otp::is_alive(p));
        }
    }
}

TEST_CASE("a process that refuses to end is named by the shutdown") {
    struct blocked {
        struct work {
            std::atomic<bool>* release;
            std::atomic<bool>* started;
        };
        void handle_cast(work w) {
            w.started->store(true);
            w.started->notify_all();
            w.release->wait(false);
        }
    };
    std::atomic<bool> release{false}, started{false};
    otp::runtime rt{{.workers = 2}};
    const auto s = rt.start<blocked>().value();
    s.cast(blocked::work{&release, &started});
    started.wait(false);
    const auto ended = rt.shutdown(10ms);
    REQUIRE_FALSE(ended);
    CHECK(ended.error() == otp::reason::timeout);
    CHECK(ended.error().text().find("blocked") != std::string_view::npos);
    release = true;
    release.notify_all();
}

TEST_CASE("an idle server costs at most 256 bytes plus the user's state") {
    struct empty {};
    CHECK(sizeof(otp::behaviour::server_process<empty>) - 16 <= 256);
    CHECK(sizeof(otp::behaviour::server_base) <= 256);
    CHECK(sizeof(otp::server<counter>) <= 16);
}

TEST_CASE("a thread that starts servers with monitors keeps nothing of those that have ended") {
    struct none {};
    otp::runtime rt{{.workers = 1}};
    const otp::use here{rt};
    const auto start_and_end = [] {
        for (int i = 0; i != 100; ++i) {
            auto started = otp::start_monitor<none>().value();
            REQUIRE(started.server.stop());
        }
    };
    start_and_end();
    const auto before = otp::memory::in_use();
    start_and_end();
    CHECK(otp::memory::in_use() < before + 50);
}

}  // namespace tests::on_workers
