#include <atomic>
#include <csignal>
#include <semaphore>

#include "../support/alone.hpp"
#include "support.hpp"

namespace tests::lifecycle {

using namespace test;

namespace {
struct in_runtime {
    otp::runtime rt{{.workers = 2}};
    otp::use here{rt};
    reports said;
};
template <class Server>
bool has(const Server& server, std::size_t connections) {
    return eventually([&] { return server->info().connections == connections; });
}
}  // namespace

TEST_CASE_FIXTURE(in_runtime, "STP-05 stop ends the connections of all kinds before it returns") {
    const auto before = descriptors();
    const auto stops = [&](auto&& server) {
        auto a = raw::to(server->port());
        auto b = raw::to(server->port());
        CHECK(a.echo("a") == "a");
        CHECK(b.echo("b") == "b");
        const auto all = server->connections();
        CHECK(all.size() == 2);
        const int port = server->port();
        CHECK(server->stop().has_value());
        for (const auto& each : all) CHECK_FALSE(otp::is_alive(each.pid));
        CHECK(a.ended());
        CHECK(b.ended());
        CHECK_FALSE(raw::to(port));
    };
    stops(otp::serve({.port = 0, .address = "127.0.0.1"}, echo));
    stops(otp::serve({.port = 0, .address = "127.0.0.1"}, blocking_echo));
    stops(otp::serve<echo_session>({.port = 0, .address = "127.0.0.1"}));
    CHECK(eventually([&] { return descriptors() == before; }));
}
TEST_CASE_FIXTURE(in_runtime, "STP-20 a session that traps exits is told of the stop by terminate") {
    struct polite {
        void init(otp::tcp::socket given, otp::recipient<std::string> whom) {
            socket = std::move(given);
            to = whom;
            otp::trap_exit(true);
            socket.active(true);
        }
        otp::task<> handle_info(otp::tcp::data d) { (void)co_await socket.send(d.bytes); }
        void terminate(const otp::reason& why) { to.send(why.to_string()); }
        otp::tcp::socket socket;
        otp::recipient<std::string> to;
    };
    otp::inbox<std::string> in;
    auto server = otp::serve<polite>({.port = 0, .address = "127.0.0.1"}, otp::recipient<std::string>(in));
    auto client = raw::to(server->port());
    CHECK(client.echo("x") == "x");
    CHECK(server->stop().has_value());
    auto last_words = in.receive(patience);
    REQUIRE(last_words);
    CHECK(std::get<0>(*last_words) == "shutdown");
}
TEST_CASE_FIXTURE(in_runtime, "STP-04 what doesn't end by itself is killed after the time of the options") {
    struct stubborn {
        void init(otp::tcp::socket given) {
            socket = std::move(given);
            otp::trap_exit(true);
            socket.active(true);
        }
        otp::task<> handle_info(otp::tcp::data d) {
            (void)co_await socket.send(d.bytes);
            co_await otp::sleep_for(3600s);
        }
        otp::tcp::socket socket;
    };
    auto server = otp::serve<stubborn>({.port = 0, .address = "127.0.0.1", .shutdown = 100ms});
    auto client = raw::to(server->port());
    CHECK(client.echo("x") == "x");
    const auto begun = std::chrono::steady_clock::now();
    CHECK(server->stop().has_value());
    const auto took = std::chrono::steady_clock::now() - begun;
    CHECK(took >= 100ms);
    CHECK(took < patience);
    CHECK(client.ended());
}
TEST_CASE_FIXTURE(in_runtime, "STP-09 a second stop says that there is nobody, at once") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1"}, echo);
    std::atomic<int> ended{0};
    std::vector<std::thread> stoppers;
    for (int i = 0; i < 4; ++i)
        stoppers.emplace_back([&] {
            (void)server->stop();
            ++ended;
        });
    for (auto& each : stoppers) each.join();
    CHECK(ended == 4);
    CHECK(server->stop().error() == otp::reason::noproc);
    CHECK(server->port() == 0);
}
TEST_CASE_FIXTURE(in_runtime, "STP-02 STP-03 drain refuses new clients and returns when the last connection ends") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1"}, echo);
    const int port = server->port();
    auto client = raw::to(port);
    CHECK(client.echo("a") == "a");
    otp::result<void> drained{otp::reason::timeout};
    std::thread drainer{[&] { drained = server->drain(patience); }};
    CHECK(eventually([&] { return server->info().suspended; }));
    CHECK_FALSE(raw::to(port));
    CHECK(client.echo("b") == "b");
    client.close();
    drainer.join();
    CHECK(drained.has_value());
    CHECK(server->stop().has_value());
}
TEST_CASE_FIXTURE(in_runtime, "a drain whose time is over says so, and the connections go on") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1"}, echo);
    auto client = raw::to(server->port());
    CHECK(client.echo("a") == "a");
    const auto drained = server->drain(100ms);
    REQUIRE_FALSE(drained.has_value());
    CHECK(drained.error() == otp::reason::timeout);
    CHECK(client.echo("b") == "b");
    CHECK(server->resume().has_value());
    CHECK(raw::to(server->port()).echo("c") == "c");
}
TEST_CASE_FIXTURE(in_runtime, "of two drains each has its own time") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1"}, echo);
    auto client = raw::to(server->port());
    CHECK(client.echo("a") == "a");
    otp::result<void> drained{otp::reason::no_reply};
    std::thread drainer{[&] { drained = server->drain(patience); }};
    CHECK(eventually([&] { return server->info().suspended; }));
    CHECK(server->drain(50ms).error() == otp::reason::timeout);
    client.close();
    drainer.join();
    CHECK(drained.has_value());
}
TEST_CASE_FIXTURE(in_runtime, "UPG-01 UPG-02 UPG-03 UPG-06 suspend and resume keep the port and the connections") {
    const auto suspends = [](auto&& server) {
        const int port = server->port();
        auto live = raw::to(port);
        CHECK(live.echo("a") == "a");
        CHECK(server->suspend().has_value());
        CHECK(server->suspend().has_value());
        CHECK_FALSE(raw::to(port));
        CHECK(errno == ECONNREFUSED);
        CHECK(live.echo("b") == "b");
        CHECK(server->info().suspended);
        CHECK(server->info().connections == 1);
        CHECK(server->info().acceptors == 0);
        CHECK(server->resume().has_value());
        CHECK(server->resume().has_value());
        CHECK(server->port() == port);
        CHECK_FALSE(server->info().suspended);
        CHECK(raw::to(port).echo("c") == "c");
        CHECK(live.echo("d") == "d");
        CHECK(server->suspend().has_value());
        CHECK(server->stop().has_value());
        CHECK(live.ended());
    };
    suspends(otp::serve({.port = 0, .address = "127.0.0.1"}, echo));
    suspends(otp::serve({.port = 0, .address = "127.0.0.1"}, blocking_echo));
    suspends(otp::serve<echo_session>({.port = 0, .address = "127.0.0.1"}));
}
TEST_CASE_FIXTURE(in_runtime, "STP-14 a hundred starts and stops leave no descriptor, thread or process") {
    const auto round = [] {
        auto server = otp::serve({.port = 0, .address = "127.0.0.1"}, echo);
        auto threaded = otp::serve({.port = 0, .address = "127.0.0.1"}, blocking_echo);
        std::vector<raw> clients;
        for (int i = 0; i < 5; ++i) {
            clients.push_back(raw::to(server->port()));
            clients.push_back(raw::to(threaded->port()));
        }
        for (auto& each : clients) CHECK(each.echo("x") == "x");
        CHECK(server->stop().has_value());
        CHECK(threaded->stop().has_value());
    };
    round();
    auto& node = otp::proc::node::of(rt.executor());
    CHECK(eventually([&] { return node.live() == 0; }));
    const auto open = descriptors();
    const auto running = threads();
    for (int i = 0; i < 100; ++i) round();
    CHECK(eventually([&] { return node.live() == 0; }));
    CHECK(eventually([&] { return descriptors() == open; }));
    CHECK(eventually([&] { return threads() <= running + 4; }));  // spare workers of the pool come and go
}
TEST_CASE("a runtime that ends stops its servers, their threads and sockets") {
    reports quiet;
    const auto open = descriptors();
    const auto running = threads();
    raw a, b, c;
    {
        otp::runtime rt{{.workers = 2}};
        auto server = rt.serve({.port = 0, .address = "127.0.0.1"}, echo);
        auto threaded = rt.serve({.port = 0, .address = "127.0.0.1"}, blocking_echo);
        auto sessions = rt.serve<echo_session>({.port = 0, .address = "127.0.0.1"});
        a = raw::to(server->port());
        b = raw::to(threaded->port());
        c = raw::to(sessions->port());
        for (auto* each : {&a, &b, &c}) CHECK(each->echo("x") == "x");
    }
    for (auto* each : {&a, &b, &c}) CHECK(each->ended());
    CHECK(descriptors() == open + 3);
    CHECK(threads() == running);
}
TEST_CASE_FIXTURE(in_runtime, "ERR-01 ERR-02 ERR-03 without descriptors accepting pauses, and goes on by itself") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1"}, echo);
    std::vector<raw> live;
    for (int i = 0; i < 10; ++i) {
        live.push_back(raw::to(server->port()));
        CHECK(live.back().echo("x") == "x");
    }
    std::vector<raw> waiting;
    for (int i = 0; i < 5; ++i) waiting.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    // No number is free below the limit.
    std::vector<raw> fillers;
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    rlimit tight = before;
    tight.rlim_cur = descriptors() + 8;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
    for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) fillers.emplace_back(fd);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(server->port());
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (auto& each : waiting) {
        CHECK(::connect(each.fd(), reinterpret_cast<sockaddr*>(&at), sizeof(at)) == 0);
        CHECK(each.send("y"));
    }
    CHECK(eventually([&] { return server->info().short_of_resources; }));
    timespec cpu_before{}, cpu_after{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu_before);
    CHECK(waiting[0].silent(500ms));
    for (auto& each : live) CHECK(each.echo("z") == "z");
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu_after);
    const double cpu = static_cast<double>(cpu_after.tv_sec - cpu_before.tv_sec) + static_cast<double>(cpu_after.tv_nsec - cpu_before.tv_nsec) / 1e9;
    CHECK(cpu < 0.25);
    CHECK(said.count("can't accept connections") == 1);
    fillers.clear();
    for (auto& each : waiting) CHECK(each.read(1) == "y");
    CHECK(said.count("accepts connections again") == 1);
    CHECK_FALSE(server->info().short_of_resources);
    ::setrlimit(RLIMIT_NOFILE, &before);
}
TEST_CASE_FIXTURE(in_runtime, "a listener that breaks stops its server with the reason") {
    raw_listener door;
    const int copy = ::dup(door.fd());
    auto server = otp::serve({.fd = copy}, echo);
    REQUIRE(server.has_value());
    otp::inbox<otp::down> in;
    (void)in.monitor(*server);
    ::shutdown(door.fd(), SHUT_RDWR);  // accept fails with EINVAL from now on
    auto end = in.receive(patience);
    REQUIRE(end);
    CHECK(std::get<0>(*end).reason == otp::reason{std::errc::invalid_argument});
}
TEST_CASE("wait_for_signal returns at SIGTERM and SIGINT and puts back what was there") {
    CHECK(testing::alone([] {
        std::binary_semaphore done{0};
        std::thread other{[&] { done.acquire(); }};  // the signal may come to any thread
        for (const int number : {SIGTERM, SIGINT}) {
            std::signal(number, SIG_DFL);
            std::thread killer{[number] {
                struct sigaction now{};
                do {
                    std::this_thread::yield();
                    ::sigaction(number, nullptr, &now);
                } while (now.sa_handler == SIG_DFL);
                ::kill(::getpid(), number);
            }};
            CHECK(otp::wait_for_signal() == number);
            killer.join();
            struct sigaction after{};
            ::sigaction(number, nullptr, &after);
            CHECK((after.sa_handler == SIG_DFL));
        }
        done.release();
        other.join();
    }) == 0);
}

}  // namespace tests::lifecycle
