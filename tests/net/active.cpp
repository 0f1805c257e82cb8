#include "support.hpp"

namespace tests::active {

using namespace test;

namespace {

struct happening {
    std::string what;  // data, closed, error, passive
    std::string bytes;
};
/// A gen_server with one socket that tells all that comes.
struct listener {
    struct set { otp::tcp::active_mode mode; };
    struct say { std::string text; };
    struct give_away { otp::pid to; };
    struct take_over { otp::tcp::socket socket; };
    struct recv_now { using reply_type = bool; };
    struct ping { using reply_type = int; };

    otp::tcp::socket socket;
    otp::recipient<happening> to;

    void init(otp::recipient<happening> whom) { to = whom; }
    void handle_cast(take_over t) { socket = std::move(t.socket); }
    void handle_cast(set s) { socket.active(s.mode); }
    void handle_cast(give_away g) { socket.controlling_process(g.to); }
    otp::task<> handle_cast(say s) { (void)co_await socket.send(s.text); }
    otp::task<bool> handle_call(recv_now) {
        auto got = co_await socket.recv(1s);
        co_return !got && got.error() == otp::reason::bad_argument;
    }
    int handle_call(ping) { return 1; }
    void handle_info(const otp::tcp::data& d) { to.send(happening{d.socket == socket.id() ? "data" : "strange", d.bytes.str()}); }
    void handle_info(otp::tcp::closed) { to.send(happening{"closed", {}}); }
    void handle_info(const otp::tcp::error& e) { to.send(happening{"error", e.reason.to_string()}); }
    void handle_info(otp::tcp::passive) { to.send(happening{"passive", {}}); }
};

struct active_socket {
    otp::runtime rt{{.workers = 2}};
    otp::use here{rt};
    otp::inbox<happening> in;
    connection<otp::tcp::socket> c;
    otp::server<listener> server = otp::start<listener>(otp::recipient<happening>(in)).value();

    active_socket() { server.cast(listener::take_over{std::move(c.ours)}); }
    void set(otp::tcp::active_mode mode) {
        server.cast(listener::set{mode});
        (void)server.call(listener::ping{});
    }
    std::string next() {
        auto got = in.receive(patience);
        if (!got) return "nothing";
        const auto& h = std::get<0>(*got);
        return h.bytes.empty() ? h.what : h.what + ' ' + h.bytes;
    }
    /// Nothing has come, when all that was asked for before has been handled.
    bool quiet() {
        (void)in.receive(50ms);
        return !in.try_receive();
    }
    bool send(const char* bytes) { return c.theirs.send(bytes); }
};

}  // namespace

TEST_CASE_FIXTURE(active_socket, "ACT-01 active: a message for what comes, then one closed") {
    set(true);
    CHECK(send("abc"));
    CHECK(next() == "data abc");
    CHECK(send("def"));
    CHECK(next() == "data def");
    c.theirs.close();
    CHECK(next() == "closed");
    CHECK_FALSE(in.receive(50ms));
}
TEST_CASE_FIXTURE(active_socket, "ACT-02 passive: no message of any kind") {
    CHECK(send("abc"));
    c.theirs.close();
    CHECK_FALSE(in.receive(100ms));
}
TEST_CASE_FIXTURE(active_socket, "ACT-04 once: one message, then silence until asked again") {
    set(otp::once);
    CHECK(send("one"));
    CHECK(next() == "data one");
    CHECK(send("two"));
    CHECK_FALSE(in.receive(50ms));
    set(otp::once);
    CHECK(next() == "data two");
}
TEST_CASE_FIXTURE(active_socket, "ACT-07 n: so many messages, then the passive notice, then silence") {
    set(3);
    for (const char* each : {"1", "2", "3"}) {
        CHECK(send(each));
        CHECK(next() == std::string("data ") + each);
    }
    CHECK(next() == "passive");
    CHECK(send("4"));
    CHECK_FALSE(in.receive(50ms));
}
TEST_CASE_FIXTURE(active_socket, "ACT-08 n adds up") {
    set(3);
    set(2);
    for (int i = 0; i < 5; ++i) {
        CHECK(send("x"));
        CHECK(next() == "data x");
    }
    CHECK(next() == "passive");
}
TEST_CASE_FIXTURE(active_socket, "ACT-09 a negative n takes away, and says when none is left") {
    set(3);
    set(-1);
    for (int i = 0; i < 2; ++i) {
        CHECK(send("x"));
        CHECK(next() == "data x");
    }
    CHECK(next() == "passive");
    set(3);
    set(-3);
    CHECK(next() == "passive");
}
TEST_CASE_FIXTURE(active_socket, "ACT-11 zero on a passive socket is told") {
    set(0);
    CHECK(next() == "passive");
}
TEST_CASE_FIXTURE(active_socket, "ACT-14 from n to true or once there is no passive notice") {
    set(3);
    set(true);
    CHECK(send("x"));
    CHECK(next() == "data x");
    set(2);
    set(otp::once);
    CHECK(send("y"));
    CHECK(next() == "data y");
    CHECK_FALSE(in.receive(50ms));
}
TEST_CASE_FIXTURE(active_socket, "ACT-16 the end of a passive socket is told when it is asked again") {
    c.theirs.close();
    CHECK_FALSE(in.receive(50ms));
    set(otp::once);
    CHECK(next() == "closed");
}
TEST_CASE_FIXTURE(active_socket, "ACT-18 a reset is an error") {
    set(true);
    c.theirs.reset();
    CHECK(next().starts_with("error"));
}
TEST_CASE_FIXTURE(active_socket, "ACT-20 a new owner gets what comes from then on") {
    set(true);
    CHECK(send("first"));
    CHECK(next() == "data first");
    otp::inbox<happening> other;
    auto heir = otp::start<listener>(otp::recipient<happening>(other)).value();
    server.cast(listener::give_away{heir});
    (void)server.call(listener::ping{});
    CHECK(send("second"));
    auto got = other.receive(patience);
    REQUIRE(got);
    CHECK(std::get<0>(*got).bytes == "second");
    CHECK_FALSE(in.receive(50ms));
}
TEST_CASE_FIXTURE(active_socket, "ACT-24 the owner's end closes the socket") {
    set(true);
    CHECK(server.stop().has_value());
    CHECK(c.theirs.ended());
}
TEST_CASE_FIXTURE(active_socket, "ACT-26 it sends at any time while it waits for data") {
    set(otp::once);
    server.cast(listener::say{"hello"});
    CHECK(c.theirs.read(5) == "hello");
    CHECK(send("later"));
    CHECK(next() == "data later");
}
TEST_CASE_FIXTURE(active_socket, "RCV-08 recv on an active socket is refused, and its messages still come") {
    set(true);
    CHECK(server.call(listener::recv_now{}).value());
    CHECK(send("x"));
    CHECK(next() == "data x");
}
TEST_CASE_FIXTURE(active_socket, "ACT-28 a passive socket is back-pressure") {
    const int small = 4096;
    ::setsockopt(c.theirs.fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    ::fcntl(c.theirs.fd(), F_SETFL, O_NONBLOCK);
    const std::string block(4096, 'x');
    std::size_t taken = 0;
    for (;;) {
        const auto sent = ::send(c.theirs.fd(), block.data(), block.size(), MSG_NOSIGNAL);
        if (sent < 0) break;
        taken += static_cast<std::size_t>(sent);
        REQUIRE(taken < (256 << 20));
    }
    CHECK(errno == EAGAIN);
    CHECK_FALSE(in.receive(50ms));
}
TEST_CASE_FIXTURE(active_socket, "only a gen_server that receives tcp::data can have an active socket") {
    connection<otp::tcp::socket> other;
    CHECK_THROWS_AS(other.ours.active(true), otp::exit);
}

}  // namespace tests::active
