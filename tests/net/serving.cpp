#include <atomic>

#include "support.hpp"

namespace tests::serving {

using namespace test;

namespace {

struct in_runtime {
    otp::runtime rt{{.workers = 2}};
    otp::use here{rt};
    reports said;
};
// What all three kinds of handlers must do alike.
template <class Server>
void check_echo(const Server& server) {
    auto a = raw::to(server->port());
    auto b = raw::to(server->port());
    CHECK(a.echo("hello") == "hello");
    CHECK(b.echo("world") == "world");
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    CHECK(a.echo(all) == all);
    std::string large(300000, 'l');
    std::string got;
    std::thread reader{[&] { got = a.read(large.size()); }};
    CHECK(a.send(large));
    reader.join();
    CHECK((got == large));
    a.finish();
    CHECK(a.ended());
    b.reset();
    CHECK(eventually([&] { return server->info().connections == 0; }));
    CHECK(server->info().accepted == 2);
    CHECK(server->info().crashed == 0);
}
struct crash {};

}  // namespace

TEST_CASE_FIXTURE(in_runtime, "LST-01 port zero: the real port is told and reached") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1"}, echo);
    REQUIRE(server.has_value());
    CHECK(server->port() >= 1);
    CHECK(raw::to(server->port()).echo("x") == "x");
}
TEST_CASE_FIXTURE(in_runtime, "LST-03 one address: other addresses are refused") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1"}, echo);
    CHECK(server->info().address.host() == "127.0.0.1");
    CHECK_FALSE(raw::to(server->port(), "127.0.0.2"));
    CHECK(errno == ECONNREFUSED);
}
TEST_CASE_FIXTURE(in_runtime, "LST-04 a port in use is a clear error, and its server goes on") {
    auto first = otp::serve({.port = 0, .address = "127.0.0.1"}, echo);
    auto client = raw::to(first->port());
    auto second = otp::serve({.port = first->port(), .address = "127.0.0.1"}, echo);
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error() == otp::reason{std::errc::address_in_use});
    CHECK(second.error().to_string().find("Address already in use") != std::string::npos);
    CHECK(second.error().to_string().find(std::to_string(first->port())) != std::string::npos);
    CHECK(client.echo("still") == "still");
    CHECK(said.text().empty());
}
TEST_CASE_FIXTURE(in_runtime, "LST-06 the port of a server that closed first is taken again at once") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1"}, [](otp::tcp::socket s) -> otp::task<> {
        s.close();
        co_return;
    });
    const int port = server->port();
    CHECK(raw::to(port).ended());
    CHECK(server->stop().has_value());
    CHECK(otp::serve({.port = port, .address = "127.0.0.1"}, echo).has_value());
}
TEST_CASE_FIXTURE(in_runtime, "LST-08 an address of another machine: an error, and nothing is left open") {
    const auto before = descriptors();
    auto server = otp::serve({.port = 0, .address = "192.0.2.1"}, echo);
    CHECK(server.error() == otp::reason{std::errc::address_not_available});
    CHECK(descriptors() == before);
}
TEST_CASE_FIXTURE(in_runtime, "LST-11 a port that is none is refused before anything is opened") {
    const auto before = descriptors();
    CHECK(otp::serve({.port = -1}, echo).error() == otp::reason::bad_argument);
    CHECK(otp::serve({.port = 65536}, echo).error() == otp::reason::bad_argument);
    CHECK(otp::serve({.port = 0, .address = "nonsense"}, echo).error() == otp::reason::bad_argument);
    CHECK(otp::serve({.port = 0, .acceptors = 0}, echo).error() == otp::reason::bad_argument);
    CHECK(descriptors() == before);
}
TEST_CASE_FIXTURE(in_runtime, "LST-13 a hundred clients fit into the kernel's queue by default") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1", .max_connections = 0}, echo);
    std::vector<raw> clients;
    for (int i = 0; i < 100; ++i) clients.push_back(raw::to(server->port()));
    for (auto& each : clients) CHECK(each);
    CHECK(server->info().accepted == 0);
}
TEST_CASE_FIXTURE(in_runtime, "LST-15 options of the server hold for each connection before its handler runs") {
    otp::inbox<bool> in;
    auto server = otp::serve({.port = 0, .address = "127.0.0.1", .no_delay = true, .keep_alive = true},
                             [](otp::tcp::socket s, otp::recipient<bool> to) -> otp::task<> {
                                 int no_delay = 0;
                                 int keep_alive = 0;
                                 socklen_t length = sizeof(int);
                                 const int fd = otp::net::stream::use{*s.shared()}.fd();
                                 ::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &length);
                                 ::getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &keep_alive, &length);
                                 to.send(no_delay != 0 && keep_alive != 0);
                                 co_return;
                             },
                             otp::recipient<bool>(in));
    auto client = raw::to(server->port());
    auto answer = in.receive(patience);
    REQUIRE(answer);
    CHECK(std::get<0>(*answer));
}
TEST_CASE_FIXTURE(in_runtime, "LST-18 two servers share a port only if both ask for it") {
    auto first = otp::serve({.port = 0, .address = "127.0.0.1", .reuse_port = true}, echo);
    CHECK(otp::serve({.port = first->port(), .address = "127.0.0.1", .reuse_port = true}, echo).has_value());
    CHECK_FALSE(otp::serve({.port = first->port(), .address = "127.0.0.1"}, echo).has_value());
}
TEST_CASE_FIXTURE(in_runtime, "LST-19 an inherited listener is served as it is") {
    raw_listener door;
    const int port = door.port();
    const int copy = ::dup(door.fd());
    {
        auto server = otp::serve({.fd = copy}, echo);
        REQUIRE(server.has_value());
        CHECK(server->port() == port);
        CHECK(raw::to(port).echo("x") == "x");
        CHECK(server->stop().has_value());
    }
    // Others that listen on it are not disturbed.
    auto client = raw::to(port);
    REQUIRE(client);
    CHECK(door.accept());
    CHECK(otp::serve({.fd = 0}, echo).error() == otp::reason::bad_argument);
}
TEST_CASE_FIXTURE(in_runtime, "LST-21 the end of one server doesn't touch another") {
    auto first = otp::serve({.port = 0, .address = "127.0.0.1"}, echo);
    auto second = otp::serve({.port = 0, .address = "127.0.0.1"}, echo);
    auto client = raw::to(second->port());
    CHECK(client.echo("a") == "a");
    CHECK(first->stop().has_value());
    CHECK(client.echo("b") == "b");
    CHECK(raw::to(second->port()).echo("c") == "c");
}
TEST_CASE_FIXTURE(in_runtime, "ACC-01 the owner answers at once while nobody comes") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1"}, blocking_echo);
    for (int i = 0; i < 100; ++i) CHECK(server->call(otp::socket_server<void (*)(otp::tcp::blocking_socket)>::port_query{}, 5s).has_value());
}
TEST_CASE_FIXTURE(in_runtime, "ACC-02 ACC-03 each client is accepted once, and silent ones are all held open") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1"}, echo);
    CHECK(server->info().accepted == 0);
    CHECK(server->info().acceptors == 1);
    std::vector<raw> clients;
    for (std::size_t i = 1; i <= 3; ++i) {
        clients.push_back(raw::to(server->port()));
        CHECK(eventually([&] { return server->info().connections == i; }));
    }
    CHECK(server->info().accepted == 3);
    CHECK(server->info().acceptors == 1);
}
TEST_CASE_FIXTURE(in_runtime, "ACC-04 a silent client doesn't block the next") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1"}, blocking_echo);
    auto silent = raw::to(server->port());
    CHECK(raw::to(server->port()).echo("b") == "b");
}
TEST_CASE_FIXTURE(in_runtime, "ACC-22 a coroutine, a function and a gen_server echo the same") {
    check_echo(otp::serve({.port = 0, .address = "127.0.0.1"}, echo));
    check_echo(otp::serve({.port = 0, .address = "127.0.0.1"}, blocking_echo));
    check_echo(otp::serve<echo_session>({.port = 0, .address = "127.0.0.1"}));
}
TEST_CASE_FIXTURE(in_runtime, "ACC-05 a killed acceptor is replaced, connections go on") {
    const auto killed_and_replaced = [&](auto&& server) {
        auto live = raw::to(server->port());
        CHECK(live.echo("a") == "a");
        CHECK(eventually([&] { return server->info().acceptors == 1; }));
        // The youngest process is the acceptor that waits.
        const auto all = otp::proc::node::of(otp::exec::current_executor()).processes();
        const otp::pid acceptor{all.back()};
        CHECK(acceptor != server->id());
        otp::exit_process(acceptor, otp::reason::kill);
        CHECK(otp::wait(acceptor, patience) != otp::reason::timeout);
        CHECK(raw::to(server->port()).echo("b") == "b");
        CHECK(live.echo("c") == "c");
        CHECK(server->info().crashed == 0);
    };
    killed_and_replaced(otp::serve({.port = 0, .address = "127.0.0.1"}, echo));
    killed_and_replaced(otp::serve({.port = 0, .address = "127.0.0.1"}, blocking_echo));
    killed_and_replaced(otp::serve<echo_session>({.port = 0, .address = "127.0.0.1"}));
    CHECK(said.count("an acceptor ended") == 3);
}
TEST_CASE_FIXTURE(in_runtime, "ACC-07 a handler that throws ends its own connection only, and is reported") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1"}, [](otp::tcp::socket s) -> otp::task<> {
        while (auto data = co_await s.recv()) {
            if (data->view() == "crash") throw std::runtime_error{"a bug"};
            (void)co_await s.send(*data);
        }
    });
    auto good = raw::to(server->port());
    auto bad = raw::to(server->port());
    CHECK(good.echo("a") == "a");
    CHECK(bad.send("crash"));
    CHECK(bad.ended());
    CHECK(good.echo("b") == "b");
    CHECK(raw::to(server->port()).echo("c") == "c");
    CHECK(eventually([&] { return server->info().crashed == 1; }));
    CHECK(said.count("a bug") >= 1);
    CHECK(said.count(":" + std::to_string(bad.local_port())) >= 1);
}
TEST_CASE_FIXTURE(in_runtime, "ACC-07 a blocking handler and a gen_server that throw end alone, too") {
    auto threads_server = otp::serve({.port = 0, .address = "127.0.0.1"}, [](otp::tcp::blocking_socket s) {
        if (s.recv()) throw crash{};
    });
    auto bad = raw::to(threads_server->port());
    CHECK(bad.send("x"));
    CHECK(bad.ended());
    CHECK(eventually([&] { return threads_server->info().crashed == 1; }));
    CHECK(raw::to(threads_server->port()));

    struct fragile {
        void init(otp::tcp::socket given) {
            socket = std::move(given);
            socket.active(true);
        }
        void handle_info(otp::tcp::data) { throw crash{}; }
        otp::tcp::socket socket;
    };
    auto sessions = otp::serve<fragile>({.port = 0, .address = "127.0.0.1"});
    auto worse = raw::to(sessions->port());
    CHECK(worse.send("x"));
    CHECK(worse.ended());
    CHECK(eventually([&] { return sessions->info().crashed == 1; }));
}
TEST_CASE_FIXTURE(in_runtime, "ACC-08 handlers whose start fails leave nothing, and the next good one is served") {
    struct picky {
        otp::init_result init(otp::tcp::socket given, std::atomic<bool>* good) {
            if (!*good) return otp::stop("not today");
            socket = std::move(given);
            socket.active(true);
            return otp::ok;
        }
        otp::task<> handle_info(otp::tcp::data d) { (void)co_await socket.send(d.bytes); }
        otp::tcp::socket socket;
    };
    std::atomic<bool> good{false};
    auto server = otp::serve<picky>({.port = 0, .address = "127.0.0.1"}, &good);
    const auto before = descriptors();
    for (int i = 0; i < 50; ++i) CHECK(raw::to(server->port()).ended());
    CHECK(eventually([&] { return server->info().connections == 0 && descriptors() == before; }));
    good = true;
    CHECK(raw::to(server->port()).echo("51") == "51");
}
TEST_CASE_FIXTURE(in_runtime, "ACC-10 eight acceptors and eight clients: eight connections") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1", .acceptors = 8}, echo);
    CHECK(server->info().acceptors == 8);
    std::vector<raw> clients;
    for (int i = 0; i < 8; ++i) clients.push_back(raw::to(server->port()));
    for (int i = 0; i < 8; ++i) CHECK(clients[static_cast<std::size_t>(i)].echo(std::to_string(i)) == std::to_string(i));
    CHECK(server->info().connections == 8);
    CHECK(eventually([&] { return server->info().acceptors == 8; }));
}
TEST_CASE_FIXTURE(in_runtime, "ACC-12 a killed owner takes everything along, and the port is free at once") {
    const auto before = descriptors();
    int port = 0;
    {
        auto server = otp::serve({.port = 0, .address = "127.0.0.1"}, echo);
        port = server->port();
        auto client = raw::to(port);
        CHECK(client.echo("a") == "a");
        otp::exit_process(*server, otp::reason::kill);
        CHECK(client.ended());
        CHECK(otp::wait(*server, patience) != otp::reason::timeout);
        CHECK(eventually([&] { return !raw::to(port); }));
    }
    CHECK(eventually([&] { return descriptors() == before; }));
    CHECK(otp::serve({.port = port, .address = "127.0.0.1"}, echo).has_value());
}
TEST_CASE_FIXTURE(in_runtime, "ACC-21 clients that go at once do no harm") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1"}, echo);
    for (int i = 0; i < 200; ++i) raw::to(server->port()).close();
    CHECK(raw::to(server->port()).echo("x") == "x");
    CHECK(eventually([&] { return server->info().connections == 0; }));
    CHECK(server->info().crashed == 0);
}
TEST_CASE_FIXTURE(in_runtime, "ERR-14 a client that resets before it is accepted does no harm") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1", .max_connections = 0}, [](otp::tcp::socket s) -> otp::task<> {
        (void)s.peername();
        while (auto data = co_await s.recv()) (void)co_await s.send(*data);
    });
    for (int i = 0; i < 20; ++i) raw::to(server->port()).reset();
    CHECK(server->set_max_connections(otp::unlimited).has_value());
    CHECK(raw::to(server->port()).echo("x") == "x");
    CHECK(server->info().crashed == 0);
}
TEST_CASE_FIXTURE(in_runtime, "ACC-25 speaking first and listening first both work") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1"}, [](otp::tcp::socket s, std::string greeting) -> otp::task<> {
        (void)co_await s.send(greeting);
        while (auto data = co_await s.recv()) (void)co_await s.send(*data);
    }, std::string{"welcome"});
    auto listens = raw::to(server->port());
    CHECK(listens.read(7) == "welcome");
    CHECK(listens.echo("x") == "x");
    auto speaks = raw::to(server->port());
    CHECK(speaks.send("early"));
    CHECK(speaks.read(12) == "welcomeearly");
}
TEST_CASE_FIXTURE(in_runtime, "UNX-01 UNX-05 a Unix socket is served, and its file goes with the server") {
    temporary_path path;
    {
        auto server = otp::serve({.address = path.str()}, echo);
        REQUIRE(server.has_value());
        CHECK(server->port() == 0);
        CHECK(server->info().address.to_string() == path.str());
        CHECK(raw::to_path(path.str()).echo("x") == "x");
        auto ours = otp::tcp::connect(path.str()).value();
        CHECK(ours.send("y").has_value());
        CHECK(ours.recv(1, patience).value() == "y");
        CHECK(server->stop().has_value());
    }
    CHECK_FALSE(path.exists());
    CHECK(otp::serve({.address = path.str()}, echo).has_value());
}
TEST_CASE_FIXTURE(in_runtime, "UNX-02 UNX-03 a living path is refused, a dead file taken over") {
    temporary_path path;
    auto server = otp::serve({.address = path.str()}, echo);
    CHECK(otp::serve({.address = path.str()}, echo).error() == otp::reason{std::errc::address_in_use});
    CHECK(raw::to_path(path.str()).echo("x") == "x");

    temporary_path stale;
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::strcpy(at.sun_path, stale.str().c_str());
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof(at)) == 0);
    ::close(fd);
    CHECK(otp::serve({.address = stale.str()}, echo).has_value());
}
TEST_CASE_FIXTURE(in_runtime, "UNX-11 an abstract name is served without a file") {
    const std::string name = "@otp-test-" + std::to_string(::getpid());
    auto server = otp::serve({.address = name}, echo);
    REQUIRE(server.has_value());
    CHECK(raw::to_path(name).echo("x") == "x");
}
TEST_CASE_FIXTURE(in_runtime, "IP6-01 a server on ::1") {
    auto server = otp::serve({.port = 0, .address = "::1"}, echo);
    if (!server) {
        MESSAGE("skipped: no IPv6 here");
        return;
    }
    CHECK(server->info().address.to_string() == "[::1]:" + std::to_string(server->port()));
    CHECK(raw::to6(server->port()).echo("x") == "x");
    CHECK(otp::tcp::connect("::1", server->port()).has_value());
}
TEST_CASE_FIXTURE(in_runtime, "sockets are closed on exec and don't block") {
    otp::inbox<int> in;
    auto server = otp::serve({.port = 0, .address = "127.0.0.1"}, [](otp::tcp::socket s, otp::recipient<int> to) -> otp::task<> {
        const int fd = otp::net::stream::use{*s.shared()}.fd();
        to.send((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0 && (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 ? 1 : 0);
        (void)co_await s.recv();
    }, otp::recipient<int>(in));
    auto client = raw::to(server->port());
    auto answer = in.receive(patience);
    REQUIRE(answer);
    CHECK(std::get<0>(*answer) == 1);
    // All others of this program, too: what a child would inherit is 0, 1, 2 and what the test's own main got.
    int inherited = 0;
    for (int fd = 3; fd < 1024; ++fd) {
        const int flags = ::fcntl(fd, F_GETFD);
        int type = 0;
        socklen_t length = sizeof(type);
        if (flags >= 0 && (flags & FD_CLOEXEC) == 0 && ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0) ++inherited;
    }
    CHECK(inherited == 0);
}
TEST_CASE_FIXTURE(in_runtime, "a server has a name like any other") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1", .name = "echo"}, echo);
    CHECK(otp::whereis("echo") == server->id());
    CHECK(otp::serve({.port = 0, .address = "127.0.0.1", .name = "echo"}, echo).error() == otp::reason::already_started);
}
TEST_CASE_FIXTURE(in_runtime, "OBS-01 OBS-10 connections are listed and logged with their peers") {
    otp::set_log_level(otp::log_level::info);
    auto server = otp::serve({.port = 0, .address = "127.0.0.1"}, echo);
    auto client = raw::to(server->port());
    CHECK(client.echo("x") == "x");
    const auto all = server->connections();
    otp::set_log_level(otp::log_level::notice);
    REQUIRE(all.size() == 1);
    CHECK(all[0].peer.port() == client.local_port());
    CHECK(otp::is_alive(all[0].pid));
    CHECK(said.count("from 127.0.0.1:" + std::to_string(client.local_port())) == 1);
    client.close();
    CHECK(eventually([&] { return server->connections().empty(); }));
}

}  // namespace tests::serving
