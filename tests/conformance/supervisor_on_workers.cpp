// Supervisors on real threads.
#include <doctest/doctest.h>

#include <otp/otp.hpp>

#include <atomic>
#include <thread>
#include <vector>

namespace tests::supervisor_on_workers {

using namespace std::chrono_literals;

namespace {

struct session {
    struct crash {};
    struct ping {
        using reply_type = int;
    };
    void init(int n) { number = n; }
    int handle_call(ping) { return number; }
    void handle_cast(crash) { throw otp::exit{"crash"}; }
    int number = 0;
};

otp::task<> echo(otp::tcp::socket socket) {
    while (auto data = co_await socket.recv())
        if (!co_await socket.send(*data)) break;
}

/// No reports while it lives: thousands of crashes are meant.
struct silence {
    otp::logger before = otp::set_logger(nullptr);
    ~silence() { (void)otp::set_logger(before.sink, before.context); }
};

}  // namespace

TEST_CASE("children that crash on all workers are all restarted, under 1 worker and under 4") {
    for (const std::size_t workers : {1U, 4U}) {
        const silence quiet;
        otp::runtime rt{{.workers = workers}};
        const otp::use here{rt};
        constexpr int rounds = 300;
        const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{.intensity = 4 * rounds}, otp::child<session>("a", 1),
                                                     otp::child<session>("b", 2), otp::child<session>("c", 3))
                             .value();
        otp::inbox<otp::down> ends;
        for (int i = 0; i != rounds; ++i) {
            for (const char* id : {"a", "b", "c"}) {
                const otp::server<session> s{top.which_child(id).value().pid.shared()};
                (void)ends.monitor(s.id());
                s.cast(session::crash{});
            }
            // The supervisor hears of an end before a monitor does.
            for (int j = 0; j != 3; ++j) REQUIRE(ends.receive(30s));
            REQUIRE(top.count_children().value().active == 3);
        }
        CHECK(top.stop());
    }
}

TEST_CASE("dynamic children are started and ended from several threads, and the rest ends with the supervisor") {
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    const auto pool =
        otp::start<otp::dynamic_supervisor<session>>(otp::dynamic_supervisor_flags{}, otp::child<session>("s").restart(otp::temporary)).value();
    std::atomic<int> wrong{0};
    {
        std::vector<std::jthread> users;
        for (int t = 0; t != 3; ++t)
            users.emplace_back([&pool, &wrong, t] {
                for (int i = 0; i != 500; ++i) {
                    const auto s = pool.start_child(t * 1000 + i);
                    const bool fine = s && s->call(session::ping{}).value_or(-1) == t * 1000 + i && (i % 2 == 0 || pool.terminate_child(*s));
                    if (!fine) wrong.fetch_add(1, std::memory_order_relaxed);  // read after the threads have ended
                }
            });
    }
    CHECK(wrong.load(std::memory_order_relaxed) == 0);
    CHECK(pool.count_children().value().active == 750);
    CHECK(pool.stop());
}

TEST_CASE("a hundred thousand dynamic children are started from several threads and ended in parallel") {
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    const auto pool =
        otp::start<otp::dynamic_supervisor<session>>(otp::dynamic_supervisor_flags{}, otp::child<session>("s").restart(otp::temporary)).value();
    std::atomic<int> failed{0};
    {
        std::vector<std::jthread> users;
        for (int t = 0; t != 4; ++t)
            users.emplace_back([&pool, &failed, t] {
                for (int i = 0; i != 25000; ++i)
                    if (!pool.start_child(t * 25000 + i)) failed.fetch_add(1, std::memory_order_relaxed);  // read after the threads have ended
            });
    }
    CHECK(failed.load(std::memory_order_relaxed) == 0);
    CHECK(pool.count_children().value().active == 100000);
    CHECK(pool.stop());
    CHECK(rt.shutdown(30s));
}

TEST_CASE("the end of a runtime ends a tree of supervisors in its time") {
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    const auto below = [](const char* id) {
        return otp::child<otp::supervisor>(id, otp::supervisor_flags{}, otp::child<session>("a", 1), otp::child<session>("b", 2));
    };
    REQUIRE(otp::start<otp::supervisor>(otp::supervisor_flags{}, below("x"), below("y"), otp::child<session>("z", 3)));
    CHECK(rt.shutdown(30s));
}

TEST_CASE("a server of connections is a child like others: it serves, and is started again after a kill") {
    const silence quiet;
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    auto first = otp::serve({.port = 0, .address = "127.0.0.1"}, echo).value();
    const int port = first.port();  // a free one
    REQUIRE(first.stop());
    const auto top =
        otp::start<otp::supervisor>(otp::supervisor_flags{}, otp::serve_child("echo", {.port = port, .address = "127.0.0.1"}, echo)).value();
    for (int round = 0; round != 2; ++round) {
        const otp::server<otp::socket_server<decltype(&echo)>> server{top.which_child("echo").value().pid.shared()};
        auto client = otp::tcp::connect("127.0.0.1", server.port(), 10s);
        REQUIRE_MESSAGE(client, client.error().to_string());
        REQUIRE(client->send("hello"));
        const auto got = client->recv(5, 10s);
        REQUIRE(got);
        CHECK(got->view() == "hello");
        otp::inbox<otp::down> ends;
        (void)ends.monitor(server.id());
        otp::exit_process(server.id(), otp::reason::kill);
        if (round == 0) REQUIRE(ends.receive(30s));
    }
}

}  // namespace tests::supervisor_on_workers
