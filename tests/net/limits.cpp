#include <atomic>

#include "support.hpp"

namespace tests::limits {

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

TEST_CASE_FIXTURE(in_runtime, "LIM-01 at the limit the next clients wait unserved") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1", .max_connections = 10}, echo);
    std::vector<raw> clients;
    for (int i = 0; i < 12; ++i) clients.push_back(raw::to(server->port()));
    int served = 0;
    for (auto& each : clients) CHECK(each.send("x"));
    for (int i = 0; i < 10; ++i) served += clients[static_cast<std::size_t>(i)].read(1) == "x";
    CHECK(served == 10);
    CHECK(server->info().connections == 10);
    CHECK(server->info().acceptors == 0);
    CHECK(clients[10].silent(50ms));
    CHECK(clients[11].silent(0ms));
}
TEST_CASE_FIXTURE(in_runtime, "LIM-03 the client that waited is served when one leaves, with all that it had sent") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1", .max_connections = 1}, blocking_echo);
    auto first = raw::to(server->port());
    CHECK(first.echo("1") == "1");
    auto second = raw::to(server->port());
    CHECK(second.send("early"));
    CHECK(second.silent(50ms));
    first.close();
    CHECK(second.read(5) == "early");
}
TEST_CASE_FIXTURE(in_runtime, "LIM-04 SEC-17 the reject policy ends the client at once, without a handler") {
    std::atomic<int> handlers{0};
    auto server = otp::serve({.port = 0, .address = "127.0.0.1", .max_connections = 10, .policy = otp::limit_policy::refuse},
                             [](otp::tcp::socket s, std::atomic<int>* count) -> otp::task<> {
                                 ++*count;
                                 while (auto data = co_await s.recv()) (void)co_await s.send(*data);
                             },
                             &handlers);
    std::vector<raw> clients;
    for (int i = 0; i < 10; ++i) {
        clients.push_back(raw::to(server->port()));
        CHECK(clients.back().echo("x") == "x");
    }
    CHECK(has(server, 10));
    for (int i = 0; i < 50; ++i) CHECK(raw::to(server->port()).ended());
    CHECK(handlers == 10);
    CHECK(eventually([&] { return server->info().rejected == 50; }));
    for (auto& each : clients) CHECK(each.echo("y") == "y");
    clients.pop_back();
    CHECK(has(server, 9));
    CHECK(eventually([&] { return raw::to(server->port()).echo("z") == "z"; }));
}
TEST_CASE_FIXTURE(in_runtime, "LIM-07 a slot comes back after a crash") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1", .max_connections = 5}, [](otp::tcp::socket s) -> otp::task<> {
        auto data = co_await s.recv();
        if (!data || data->view() == "crash") throw 1;
        (void)co_await s.send(*data);
    });
    otp::set_logger(nullptr);
    for (int i = 0; i < 300; ++i) {
        auto client = raw::to(server->port());
        REQUIRE(client.send("crash"));
        REQUIRE(client.ended());
    }
    CHECK(raw::to(server->port()).echo("good") == "good");
    CHECK(has(server, 0));
    CHECK(server->info().crashed == 300);
}
TEST_CASE_FIXTURE(in_runtime, "LIM-09 a slot comes back after a reset") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1", .max_connections = 20}, echo);
    for (int i = 0; i < 500; ++i) {
        auto client = raw::to(server->port());
        REQUIRE(client.send("x"));
        client.reset();
    }
    CHECK(raw::to(server->port()).echo("good") == "good");
    CHECK(has(server, 0));
}
TEST_CASE_FIXTURE(in_runtime, "LIM-10 LIM-12 the limit is raised, lifted and lowered while it runs") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1", .max_connections = 10}, echo);
    std::vector<raw> clients;
    for (int i = 0; i < 20; ++i) clients.push_back(raw::to(server->port()));
    CHECK(has(server, 10));
    CHECK(server->set_max_connections(15).has_value());
    CHECK(has(server, 15));
    CHECK(server->set_max_connections(otp::unlimited).has_value());
    CHECK(has(server, 20));
    CHECK(server->set_max_connections(10).has_value());
    auto late = raw::to(server->port());
    CHECK(late.send("x"));
    CHECK(late.silent(50ms));
    for (auto& each : clients) CHECK(each.echo("y") == "y");
    clients.resize(9);
    CHECK(late.read(1) == "x");
    CHECK(server->info().limit == 10);
}
TEST_CASE_FIXTURE(in_runtime, "LIM-13 a storm of limit changes under traffic leaves nobody stuck") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1", .acceptors = 3, .max_connections = 4}, echo);
    std::atomic<bool> over{false};
    std::atomic<int> served{0};
    std::vector<std::thread> traffic;
    for (int i = 0; i < 3; ++i)
        traffic.emplace_back([&] {
            while (!over) {
                auto client = raw::to(server->port());
                if (client.echo("x") == "x") ++served;
            }
        });
    const std::size_t limits[] = {4, 6, 8, otp::unlimited};
    for (std::size_t i = 0; i < 80; ++i) CHECK(server->set_max_connections(limits[i * 7 % 4]).has_value());
    CHECK(server->set_max_connections(6).has_value());
    CHECK(eventually([&] { return served > 10; }));
    over = true;
    for (auto& each : traffic) each.join();
    CHECK(server->info().limit == 6);
    CHECK(has(server, 0));
    CHECK(raw::to(server->port()).echo("y") == "y");
}
TEST_CASE_FIXTURE(in_runtime, "LIM-14 limit zero serves nobody, and the owner answers") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1", .max_connections = 0}, echo);
    auto client = raw::to(server->port());
    CHECK(client.send("x"));
    CHECK(client.silent(50ms));
    CHECK(server->info().acceptors == 0);
    CHECK(server->set_max_connections(1).has_value());
    CHECK(client.read(1) == "x");
    CHECK(server->set_max_connections(0).has_value());
    auto next = raw::to(server->port());
    client.close();
    CHECK(has(server, 0));
    CHECK(next.send("y"));
    CHECK(next.silent(50ms));
}
TEST_CASE_FIXTURE(in_runtime, "a limit that is lowered calls a waiting acceptor back, of each kind") {
    const auto recalled = [](auto&& server) {
        CHECK(eventually([&] { return server->info().acceptors == 1; }));
        CHECK(server->set_max_connections(0).has_value());
        auto client = raw::to(server->port());
        CHECK(client.send("x"));
        CHECK(client.silent(50ms));
        CHECK(server->set_max_connections(1).has_value());
        CHECK(client.read(1) == "x");
    };
    recalled(otp::serve({.port = 0, .address = "127.0.0.1"}, echo));
    recalled(otp::serve({.port = 0, .address = "127.0.0.1"}, blocking_echo));
    recalled(otp::serve<echo_session>({.port = 0, .address = "127.0.0.1"}));
}

TEST_CASE_FIXTURE(in_runtime, "a server that turned clients away turns none away when its limit is raised") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1", .max_connections = 1, .policy = otp::limit_policy::refuse}, echo);
    auto first = raw::to(server->port());
    CHECK(first.echo("x") == "x");
    CHECK(raw::to(server->port()).ended());
    CHECK(eventually([&] { return server->info().rejected == 1; }));
    CHECK(server->set_max_connections(100).has_value());
    int served = 0;
    for (int i = 0; i < 50; ++i) served += raw::to(server->port()).echo("x") == "x" ? 1 : 0;
    CHECK(served >= 49);  // who turned clients away may just be taking the first of them
}

}  // namespace tests::limits
