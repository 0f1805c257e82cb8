#include "support.hpp"

namespace tests::connect {

using namespace test;

namespace {
struct in_runtime {
    otp::runtime rt{{.workers = 2}};
    otp::use here{rt};
};
otp::task<std::string> try_connect(std::string host, int port, std::chrono::nanoseconds limit) {
    auto socket = co_await otp::tcp::async_connect(host, port, limit);
    co_return socket ? "connected" : socket.error().to_string();
}
/// A port that was free a moment ago.
int closed_port() {
    raw_listener door;
    return door.port();
}
}  // namespace

TEST_CASE_FIXTURE(in_runtime, "CLI-01 connect, send, recv, close against a raw echo") {
    raw_listener door;
    std::thread peer{[&] {
        auto one = door.accept();
        one.send(one.read(5));
        CHECK(one.ended());
    }};
    auto socket = otp::tcp::connect("127.0.0.1", door.port(), 5s).value();
    CHECK(socket.send("hello").has_value());
    CHECK(socket.recv(5, patience).value() == "hello");
    CHECK(socket.peername().value().port() == door.port());
    CHECK(socket.sockname().value().host() == "127.0.0.1");
    socket.close();
    peer.join();
}
TEST_CASE_FIXTURE(in_runtime, "CLI-02 an answer that comes after a time-out is for the next recv") {
    raw_listener door;
    auto socket = otp::tcp::connect("127.0.0.1", door.port()).value();
    auto peer = door.accept();
    CHECK(socket.send("question").has_value());
    CHECK(socket.recv(6, 50ms).error() == otp::reason::timeout);
    CHECK(peer.send("answer"));
    CHECK(socket.recv(6, patience).value() == "answer");
}
TEST_CASE_FIXTURE(in_runtime, "CLI-03 a closed port refuses, a thread and a coroutine") {
    const auto before = descriptors();
    CHECK(otp::tcp::connect("127.0.0.1", closed_port()).error() == otp::reason{std::errc::connection_refused});
    CHECK(otp::run(try_connect("127.0.0.1", closed_port(), 5s)).value().find("refused") != std::string::npos);
    CHECK(descriptors() == before);
}
TEST_CASE_FIXTURE(in_runtime, "CLI-04 a full backlog: the connect times out and leaves nothing") {
    raw_listener door{0};
    const auto before = descriptors();
    std::vector<raw> waiting;
    otp::reason why;
    const auto begun = std::chrono::steady_clock::now();
    {
        std::vector<otp::tcp::blocking_socket> held;
        for (int i = 0; i < 16; ++i) {
            auto one = otp::tcp::connect("127.0.0.1", door.port(), 300ms);
            if (!one) {
                why = one.error();
                break;
            }
            held.push_back(std::move(*one));
        }
    }
    CHECK(why == otp::reason::timeout);
    CHECK(std::chrono::steady_clock::now() - begun >= 300ms);
    CHECK(descriptors() == before);
}
TEST_CASE_FIXTURE(in_runtime, "CLI-07 bad names and bad ports are errors") {
    CHECK(otp::tcp::connect("", 80).error() == otp::reason::bad_argument);
    CHECK(otp::tcp::connect(std::string(300, 'a'), 80).error() == otp::reason::bad_argument);
    CHECK(otp::tcp::connect("a..b", 80).error() == otp::reason::bad_argument);
    CHECK(otp::tcp::connect(".", 80).error() == otp::reason::bad_argument);
    CHECK(otp::tcp::connect("127.0.0.1", 0).error() == otp::reason::bad_argument);
    CHECK(otp::tcp::connect("127.0.0.1", 65536).error() == otp::reason::bad_argument);
    CHECK(otp::tcp::connect("127.0.0.1", 80, -1s).error() == otp::reason::bad_argument);
    CHECK_FALSE(otp::tcp::connect("no.such.name.invalid", 80, 10s).has_value());
}
TEST_CASE_FIXTURE(in_runtime, "CLI-09 a name's next address is tried when one refuses") {
    raw_listener door;  // on IPv4 only
    auto socket = otp::tcp::connect("localhost", door.port(), 10s);
    REQUIRE(socket.has_value());
    CHECK(socket->peername().value().port() == door.port());
    CHECK(otp::run(try_connect("localhost", door.port(), 10s)).value() == "connected");
}
TEST_CASE_FIXTURE(in_runtime, "a look-up does not keep its asker: a process that is killed meanwhile goes at once") {
    auto who = otp::spawn([]() -> otp::task<> { (void)co_await otp::tcp::async_connect("no.such.name.invalid", 80); });
    otp::exit_process(who, otp::reason::kill);
    CHECK(otp::wait(who, patience) != otp::reason::timeout);
}
TEST_CASE_FIXTURE(in_runtime, "CLI-12 the server closes right after accept: connected, then closed") {
    raw_listener door;
    auto socket = otp::tcp::connect("127.0.0.1", door.port()).value();
    door.accept().close();
    CHECK(socket.recv().error() == otp::reason::closed);
}
TEST_CASE_FIXTURE(in_runtime, "CLI-16 200 connects at once from one program all succeed") {
    raw_listener door{256};
    otp::inbox<std::string> in;
    for (int i = 0; i < 200; ++i)
        otp::spawn([](int port, otp::recipient<std::string> to) -> otp::task<> {
            auto socket = co_await otp::tcp::async_connect("127.0.0.1", port, 10s);
            std::string said = socket ? "connected" : socket.error().to_string();
            to.send(said);
        }, door.port(), otp::recipient<std::string>(in));
    for (int i = 0; i < 200; ++i) {
        auto said = in.receive(patience);
        REQUIRE(said);
        CHECK(std::get<0>(*said) == "connected");
    }
}
TEST_CASE_FIXTURE(in_runtime, "CLI-17 without a descriptor connect is an error value, and works again afterwards") {
    raw_listener door;
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    rlimit tight = before;
    tight.rlim_cur = 3;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
    const auto refused = otp::tcp::connect("127.0.0.1", door.port());
    ::setrlimit(RLIMIT_NOFILE, &before);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error() == otp::reason{std::errc::too_many_files_open});
    CHECK(otp::tcp::connect("127.0.0.1", door.port()).has_value());
}
TEST_CASE_FIXTURE(in_runtime, "CLI-20 the owner's death ends the connection") {
    raw_listener door;
    auto who = otp::spawn([](int port) -> otp::task<> {
        auto socket = co_await otp::tcp::async_connect("127.0.0.1", port);
        if (socket) (void)co_await socket->recv();
    }, door.port());
    auto peer = door.accept();
    otp::exit_process(who, otp::reason::kill);
    CHECK(peer.ended());
}
TEST_CASE_FIXTURE(in_runtime, "UNX-13 a missing path and a dead socket file are told apart") {
    temporary_path path;
    CHECK(otp::tcp::connect(path.str()).error() == otp::reason{std::errc::no_such_file_or_directory});
    {
        const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        std::strcpy(at.sun_path, path.str().c_str());
        REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof(at)) == 0);
        ::close(fd);
    }
    CHECK(otp::tcp::connect(path.str()).error() == otp::reason{std::errc::connection_refused});
}
TEST_CASE("sockets in a simulation are refused with a reason") {
    otp::simulation sim{1};
    CHECK(otp::tcp::connect("127.0.0.1", 1).error() == otp::reason{std::errc::not_supported});
}

}  // namespace tests::connect
