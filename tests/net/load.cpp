#include <atomic>

#include "support.hpp"

namespace tests::load {

using namespace test;

namespace {
struct in_runtime {
    otp::runtime rt{{.workers = 2}};
    otp::use here{rt};
    reports said;
};
/// A client that sends and checks, and reports how many echoes were right.
otp::task<> talk(int client, int port, int rounds, std::chrono::nanoseconds pause, otp::recipient<int> to) {
    int right = 0;
    auto socket = co_await otp::tcp::async_connect("127.0.0.1", port, 20s);
    for (int i = 0; socket && i < rounds; ++i) {
        const std::string message = "client " + std::to_string(client) + " round " + std::to_string(i);
        if (!co_await socket->send(message)) break;
        auto answer = co_await socket->recv(message.size(), 20s);
        if (answer && answer->view() == message) ++right;
        co_await otp::sleep_for(pause);
    }
    to.send(right);
}
}  // namespace

TEST_CASE_FIXTURE(in_runtime, "E2E-02 E2E-03 a hundred clients at servers of all three kinds: 4000 right echoes, nothing left") {
    const auto open = descriptors();
    {
        auto a = otp::serve({.port = 0, .address = "127.0.0.1"}, echo);
        auto b = otp::serve({.port = 0, .address = "127.0.0.1"}, blocking_echo);
        auto c = otp::serve<echo_session>({.port = 0, .address = "127.0.0.1"});
        const int ports[] = {a->port(), b->port(), c->port()};
        otp::inbox<int> in;
        for (int i = 0; i < 100; ++i) otp::spawn(talk, i, ports[i % 3], 40, std::chrono::nanoseconds{10ms}, otp::recipient<int>(in));
        int right = 0;
        for (int i = 0; i < 100; ++i) {
            auto got = in.receive(60s);
            REQUIRE(got);
            right += std::get<0>(*got);
        }
        CHECK(right == 4000);
        CHECK(eventually([&] { return a->info().connections + b->info().connections + c->info().connections == 0; }));
        CHECK(a->info().accepted + b->info().accepted + c->info().accepted == 100);
        CHECK(a->stop().has_value());
        CHECK(b->stop().has_value());
        CHECK(c->stop().has_value());
    }
    CHECK(eventually([&] { return descriptors() == open; }));
}
TEST_CASE_FIXTURE(in_runtime, "E2E-09 a thousand idle connections and 64 busy ones") {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 4096) {
        rlimit more = limit;
        more.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
        ::setrlimit(RLIMIT_NOFILE, &more);
        if (more.rlim_cur < 2500) {
            MESSAGE("skipped: too few descriptors");
            return;
        }
    }
    auto server = otp::serve({.port = 0, .address = "127.0.0.1", .acceptors = 2}, echo);
    std::vector<raw> idle;
    for (int i = 0; i < 1000; ++i) {
        idle.push_back(raw::to(server->port()));
        REQUIRE(idle.back());
    }
    CHECK(eventually([&] { return server->info().connections == 1000; }));
    otp::inbox<int> in;
    for (int i = 0; i < 64; ++i) otp::spawn(talk, i, server->port(), 50, std::chrono::nanoseconds{0}, otp::recipient<int>(in));
    int right = 0;
    for (int i = 0; i < 64; ++i) {
        auto got = in.receive(60s);
        REQUIRE(got);
        right += std::get<0>(*got);
    }
    CHECK(right == 64 * 50);
    for (auto& each : idle) CHECK(each.echo("x") == "x");
    idle.clear();
    CHECK(eventually([&] { return server->info().connections == 0; }));
    ::setrlimit(RLIMIT_NOFILE, &limit);
}
TEST_CASE_FIXTURE(in_runtime, "SEC-13 churn: thousands of connects and closes leave nothing") {
    const auto open = descriptors();
    {
        auto server = otp::serve({.port = 0, .address = "127.0.0.1"}, echo);
        std::vector<std::thread> churners;
        for (int i = 0; i < 2; ++i)
            churners.emplace_back([&] {
                for (int k = 0; k < 1000; ++k) raw::to(server->port()).reset();
            });
        for (auto& each : churners) each.join();
        CHECK(raw::to(server->port()).echo("x") == "x");
        CHECK(eventually([&] { return server->info().connections == 0; }));
        CHECK(otp::proc::node::of(rt.executor()).live() <= 2);  // the owner and its acceptor
        CHECK(server->stop().has_value());
    }
    CHECK(eventually([&] { return descriptors() == open; }));
}
TEST_CASE_FIXTURE(in_runtime, "connections are killed, closed and crashed at random, and the server lives on") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1", .acceptors = 2}, [](otp::tcp::socket s) -> otp::task<> {
        while (auto data = co_await s.recv()) {
            if (data->view().find('!') != std::string_view::npos) throw 1;
            if (!co_await s.send(*data)) break;
        }
    });
    otp::set_logger(nullptr);
    std::atomic<bool> over{false};
    std::thread killer{[&] {
        while (!over)
            for (const auto& each : server->connections()) otp::exit_process(each.pid, otp::reason::kill);
    }};
    for (int i = 0; i < 500; ++i) {
        auto client = raw::to(server->port());
        client.send(i % 3 == 0 ? "!" : "x");
        if (i % 2 == 0) (void)client.read(1);
    }
    over = true;
    killer.join();
    CHECK(raw::to(server->port()).echo("x") == "x");
    CHECK(eventually([&] { return server->info().connections == 0; }));
}

}  // namespace tests::load
