// Scheduling on real workers, cases SCHED, and ORD-10: nothing here depends on how fast the machine is, but for the limits after
// which a test gives up.
#include <doctest/doctest.h>

#include <otp/gen_server.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <thread>
#include <vector>

namespace tests::scheduling {

using namespace std::chrono_literals;

namespace {

/// Counts down; a thread may wait for the end of it.
class countdown {
public:
    explicit countdown(int from) : left_{from} {}
    void count() {
        const std::lock_guard hold{lock_};
        if (--left_ == 0) done_.notify_all();
    }
    [[nodiscard]] bool wait() {
        std::unique_lock hold{lock_};
        return done_.wait_for(hold, 60s, [this] { return left_ <= 0; });
    }

private:
    std::mutex lock_;
    std::condition_variable done_;
    int left_;
};

/// Blocks its worker in a handler, in a way that the library doesn't know of, until others have run.
struct blocker {
    struct block {
        using reply_type = bool;
        int others;
    };
    bool handle_call(block b) {
        countdown left{b.others};
        // From here they stand in this worker's own queue.
        for (int i = 0; i < b.others; ++i) otp::spawn([&left] { left.count(); });
        return left.wait();
    }
};

struct echo {
    struct say {
        using reply_type = int;
        int n;
    };
    int handle_call(say s) { return s.n; }
};

[[nodiscard]] std::chrono::nanoseconds processor_time() {
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

/// Goes on after its start only when somebody lets it.
struct held_back {
    enum class how { continues, casts };
    struct go {};
    struct freed {
        using reply_type = bool;
    };
    otp::init_result init(how h, countdown* until) {
        gate = until;
        if (h == how::continues) return otp::ok.then(this, go{});
        otp::self<held_back>().cast(go{});
        return otp::ok;
    }
    void handle_continue(go) { was_freed = gate->wait(); }
    void handle_cast(go) { was_freed = gate->wait(); }
    bool handle_call(freed) { return was_freed; }
    countdown* gate = nullptr;
    bool was_freed = false;
};

/// Starts a child that calls it as soon as init is done.
struct mother {
    struct bear {
        using reply_type = void;
    };
    struct born {
        using reply_type = int;
    };
    struct count {
        using reply_type = int;
    };
    struct child {
        struct go {};
        otp::init_result init(otp::server<mother> m) {
            from = m;
            return otp::ok.then(this, go{});
        }
        void handle_continue(go) { (void)from.call(born{}, 60s); }
        otp::server<mother> from;
    };
    otp::result<void> handle_call(bear) {
        auto c = otp::start_link<child>(otp::self<mother>());
        if (!c) return c.error();
        return {};
    }
    int handle_call(born) { return ++children; }
    int handle_call(count) { return children; }
    int children = 0;
};

/// Strikes a ball back until it has been struck often enough.
struct player {
    struct ball {
        int left;
        otp::ref<player> other;
    };
    explicit player(countdown* all) : games{all} {}
    void handle_cast(ball b) {
        if (b.left == 0) return games->count();
        const otp::server<player> to = b.other;
        to.cast(ball{b.left - 1, otp::self<player>()});
    }
    countdown* games;
};

}  // namespace

TEST_CASE("START-04 a start waits for init alone, not for what the server does next") {
    for (const std::size_t workers : {1U, 2U})
        for (const auto how : {held_back::how::continues, held_back::how::casts})
            for (const bool in_process : {false, true}) {
                CAPTURE(in_process);
                countdown gate{1};  // before the runtime: it is used until that ends
                otp::runtime rt{{.workers = workers}};
                const otp::use here{rt};
                otp::server<held_back> s;
                const auto start = [&] {
                    s = otp::start<held_back>(how, &gate).value();
                    gate.count();
                };
                if (in_process) CHECK(otp::wait(otp::spawn(start)) == otp::reason::normal);
                else start();
                CHECK(s.call(held_back::freed{}, 120s).value());
            }
}

TEST_CASE("START-04 a child may call who starts it as soon as its init is done") {
    for (const std::size_t workers : {1U, 2U}) {
        otp::runtime rt{{.workers = workers}};
        const auto m = rt.start<mother>().value();
        for (int i = 1; i <= 100; ++i) CHECK(m.call(mother::bear{}, 60s));
        while (m.call(mother::count{}, 60s).value() < 100) std::this_thread::yield();
        CHECK(m.call(mother::count{}).value() == 100);
    }
}

TEST_CASE("PROC-01 a start returns when the new process says init_ack, whatever that does next") {
    for (const std::size_t workers : {1U, 2U}) {
        countdown gate{1};
        std::atomic<int> freed{0};
        otp::runtime rt{{.workers = workers}};
        const otp::use here{rt};
        const auto plain = otp::proc_lib::start<int>([&](otp::proc_lib::starter<int> up) {
            up.init_ack(5);
            if (gate.wait()) ++freed;
        });
        CHECK(plain->value == 5);
        gate.count();
        const auto waiting = otp::proc_lib::start<int>([&](otp::proc_lib::starter<int> up) -> otp::task<> {
            up.init_ack(6);
            if (gate.wait()) ++freed;
            co_return;
        });
        CHECK(waiting->value == 6);
        CHECK(otp::wait(plain->process) == otp::reason::normal);
        CHECK(otp::wait(waiting->process) == otp::reason::normal);
        CHECK(freed == 2);
    }
}

TEST_CASE("SCHED-01 100,000 processes that wait on 2 workers all answer a call") {
    otp::runtime rt{{.workers = 2}};
    std::vector<otp::server<echo>> all;
    all.reserve(100'000);
    for (int i = 0; i < 100'000; ++i) all.push_back(rt.start<echo>().value());
    int good = 0;
    for (int i = 0; i < 100'000; ++i) good += all[static_cast<std::size_t>(i)].call(echo::say{i}, 60s).value_or(-1) == i ? 1 : 0;
    CHECK(good == 100'000);
}

TEST_CASE("SCHED-02 a handler that blocks its worker stops nobody else: what is queued behind it there is taken over") {
    for (const int others : {1, 2, 100, 1000}) {
        otp::runtime rt{{.workers = 2}};
        const auto b = rt.start<blocker>().value();
        const auto e = rt.start<echo>().value();
        auto blocked = b.send_request(blocker::block{others});
        CHECK(e.call(echo::say{7}, 60s).value() == 7);
        const auto answer = blocked.wait(120s);
        REQUIRE(answer);
        CHECK(answer->value());
    }
}

TEST_CASE("SCHED-04 an idle system uses no processor time") {
    otp::runtime rt{{.workers = 4}};
    const auto e = rt.start<echo>().value();
    for (int i = 0; i < 100; ++i) CHECK(e.call(echo::say{i}).value() == i);
    // One worker that polls would use all of the time, or what the machine has left; the limit is a twentieth of it.
    std::this_thread::sleep_for(20ms);  // the short time after which nothing may spin
    const auto before = processor_time();
    std::this_thread::sleep_for(1s);
    CHECK(processor_time() - before < 50ms);
    CHECK(e.call(echo::say{1}).value() == 1);
}

TEST_CASE("SCHED-05 casts and sends of threads that are no processes arrive in the order of each thread") {
    struct numbered {
        std::size_t thread;
        int n;
    };
    struct listener {
        struct in_order {
            using reply_type = int;
        };
        void handle_cast(numbered m) { take(m); }
        void handle_info(numbered m) { take(m); }
        int handle_call(in_order) { return ordered ? got : -1; }
        void take(numbered m) {
            ordered = ordered && next[m.thread]++ == m.n;
            ++got;
        }
        std::vector<int> next = std::vector<int>(4, 0);
        int got = 0;
        bool ordered = true;
    };
    for (const std::size_t workers : {1U, 4U}) {
        otp::runtime rt{{.workers = workers}};
        const auto l = rt.start<listener>().value();
        std::vector<std::thread> threads;
        for (std::size_t t = 0; t < 4; ++t)
            threads.emplace_back([l, t] {
                for (int n = 0; n < 5000; ++n) {
                    if (n % 3 == 0) l.send(numbered{t, n});
                    else l.cast(numbered{t, n});
                }
            });
        for (auto& t : threads) t.join();
        CHECK(l.call(listener::in_order{}, 60s).value() == 4 * 5000);
    }
}

TEST_CASE("ORD-10 a woken receiver is never missed") {
    // A round is two messages. The case asks for a million; under a sanitizer, which takes twenty times as long, it is fewer.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    constexpr int rounds = 50'000;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    constexpr int rounds = 50'000;
#else
    constexpr int rounds = 1'000'000;
#endif
#else
    constexpr int rounds = 1'000'000;
#endif
    SUBCASE("of two on two workers, one game at a time or several") {
        for (const int games : {1, 4}) {
            otp::runtime rt{{.workers = 2}};
            countdown all{games};
            for (int g = 0; g < games; ++g) {
                const auto a = rt.start<player>(&all).value(), b = rt.start<player>(&all).value();
                a.cast(player::ball{rounds / games, b});  // both together make a million rounds
            }
            CHECK(all.wait());
        }
    }
    SUBCASE("of a thread and a process: each sleeps when the other sends") {
        otp::runtime rt{{.workers = 1}};
        const auto e = rt.start<echo>().value();
        int good = 0;
        for (int i = 0; i < rounds / 50; ++i) good += e.call(echo::say{i}, 60s).value() == i ? 1 : 0;
        CHECK(good == rounds / 50);
    }
}

}  // namespace tests::scheduling
