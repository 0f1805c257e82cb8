// What a poller reports, and what it refuses.
#include "poller.hpp"

namespace tests::poller {

TEST_CASE_TEMPLATE("a new descriptor is reported as it is, once", Poller, POLLERS) {
    Poller p;
    REQUIRE(p.failure() == 0);
    pair s;
    auto who = listen();
    io_ticket ticket;
    CHECK(p.watched() == 0);
    CHECK(p.add(s.here, who, ticket) == 0);
    CHECK(p.watched() == 1);
    CHECK(p.poll(0ns) == 1);
    CHECK(who->last == writable);
    CHECK(p.poll(0ns) == 0);
    CHECK(p.poll(5ms) == 0);
    p.remove(s.here, ticket);
    CHECK(p.watched() == 0);
}

TEST_CASE_TEMPLATE("bytes are reported once, and the next ones after rearm", Poller, POLLERS) {
    Poller p;
    pair s;
    watched w{p, s.here};
    for (int round = 1; round <= 3; ++round) {
        put(s.there, "hello");
        CHECK(p.poll(forever) == 1);
        CHECK((w.who->last & readable) == readable);
        CHECK(p.poll(0ns) == 0);
        CHECK(p.poll(2ms) == 0);
        CHECK(drain(s.here) == 5);
        p.rearm(w.ticket, readable);
        CHECK(p.poll(0ns) == 0);
        CHECK(w.who->calls == round);
    }
}

TEST_CASE_TEMPLATE("bytes that come between the EAGAIN and the rearm are reported", Poller, POLLERS) {
    Poller p;
    pair s;
    watched w{p, s.here};
    put(s.there);
    CHECK(p.poll(forever) == 1);
    drain(s.here);
    put(s.there);
    p.rearm(w.ticket, readable);
    CHECK(p.poll(5s) == 1);
    CHECK((w.who->last & readable) == readable);
}

TEST_CASE_TEMPLATE("a full socket is reported writable when there is room again, and only then", Poller, POLLERS) {
    Poller p;
    pair s;
    watched w{p, s.here};
    fill(s.here);
    p.rearm(w.ticket, writable);
    CHECK(p.poll(0ns) == 0);
    drain(s.there);
    CHECK(p.poll(5s) == 1);
    CHECK(w.who->last == writable);
    CHECK(p.poll(0ns) == 0);
}

TEST_CASE_TEMPLATE("the end of a peer is a hang-up in both directions, once", Poller, POLLERS) {
    Poller p;
    pair s;
    watched w{p, s.here};
    s.close_there();
    CHECK(p.poll(5s) == 1);
    CHECK(w.who->last == (readable | writable | hang_up));
    CHECK(p.poll(0ns) == 0);
    CHECK(p.poll(5ms) == 0);
}

TEST_CASE_TEMPLATE("a hang-up is heard although both directions were reported before", Poller, POLLERS) {
    Poller p;
    pair s;
    watched w{p, s.here};
    put(s.there);
    CHECK(p.poll(5s) == 1);
    s.close_there();
    CHECK(p.poll(5s) == 1);
    CHECK((w.who->last & hang_up) == hang_up);
    CHECK(p.poll(0ns) == 0);
}

TEST_CASE_TEMPLATE("a peer that only stops sending can still be written to", Poller, POLLERS) {
    Poller p;
    pair s;
    watched w{p, s.here};
    fill(s.here);
    p.rearm(w.ticket, writable);
    CHECK(::shutdown(s.there, SHUT_WR) == 0);
    CHECK(p.poll(5s) == 1);
    CHECK(w.who->last == (readable | hang_up));
    char byte = 0;
    CHECK(::read(s.here, &byte, 1) == 0);
    CHECK(p.poll(0ns) == 0);
    drain(s.there);
    CHECK(p.poll(5s) == 1);
    CHECK((w.who->last & writable) == writable);
    CHECK(p.poll(0ns) == 0);
}

TEST_CASE_TEMPLATE("a pipe that nobody reads is an error, once", Poller, POLLERS) {
    Poller p;
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    {
        watched w{p, ends[1]};
        ::close(ends[0]);
        CHECK(p.poll(5s) == 1);
        CHECK((w.who->last & (readable | writable | io_events::error)) == (readable | writable | io_events::error));
        CHECK(p.poll(0ns) == 0);
    }
    ::close(ends[1]);
}

TEST_CASE_TEMPLATE("an error that goes away doesn't end the reports", Poller, POLLERS) {
    const auto loopback = [] {
        sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return any;
    };
    const int here = ::socket(AF_INET, SOCK_DGRAM, 0);
    int there = ::socket(AF_INET, SOCK_DGRAM, 0);
    REQUIRE(here >= 0);
    REQUIRE(there >= 0);
    ::fcntl(here, F_SETFL, O_NONBLOCK);
    sockaddr_in here_at = loopback();
    sockaddr_in there_at = loopback();
    socklen_t size = sizeof here_at;
    for (auto [fd, at] : {std::pair{here, &here_at}, std::pair{there, &there_at}}) {
        REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(at), size) == 0);
        REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(at), &size) == 0);
    }
    REQUIRE(::connect(here, reinterpret_cast<const sockaddr*>(&there_at), size) == 0);
    {
        Poller p;
        watched w{p, here};
        ::close(there);
        CHECK(::send(here, "x", 1, 0) == 1);  // comes back as refused
        CHECK(p.poll(5s) == 1);
        CHECK((w.who->last & (readable | io_events::error)) == (readable | io_events::error));
        char byte = 0;
        CHECK(::recv(here, &byte, 1, 0) == -1);
        CHECK(errno == ECONNREFUSED);
        CHECK(::recv(here, &byte, 1, 0) == -1);
        CHECK(errno == EAGAIN);
        p.rearm(w.ticket, readable);
        CHECK(p.poll(0ns) == 0);
        there = ::socket(AF_INET, SOCK_DGRAM, 0);
        REQUIRE(::bind(there, reinterpret_cast<const sockaddr*>(&there_at), size) == 0);
        CHECK(::sendto(there, "x", 1, 0, reinterpret_cast<const sockaddr*>(&here_at), size) == 1);
        CHECK(p.poll(5s) == 1);
        CHECK((w.who->last & (readable | io_events::error)) == readable);
    }
    ::close(there);
    ::close(here);
}

TEST_CASE_TEMPLATE("a descriptor that was removed and not closed can be added again", Poller, POLLERS) {
    Poller p;
    pair s;
    auto who = listen();
    io_ticket ticket;
    for (int round = 1; round <= 3; ++round) {
        CHECK(p.add(s.here, who, ticket) == 0);
        CHECK(p.poll(5s) == 1);
        CHECK(who->calls == round);
        p.remove(s.here, ticket);
        put(s.there);
        CHECK(p.poll(0ns) == 0);
    }
}

TEST_CASE_TEMPLATE("what can't be watched is refused, and the handler let go", Poller, POLLERS) {
    Poller p;
    pair s;
    auto who = listen();
    const int alive = listener::alive();
    io_ticket first;
    io_ticket second;
    CHECK(p.add(s.here, who, first) == 0);
    CHECK(p.add(s.here, listen(), second) == EEXIST);
    const int closed = std::exchange(s.there, -1);
    ::close(closed);
    CHECK(p.add(closed, listen(), second) == EBADF);
    CHECK(p.watched() == 1);
    CHECK(listener::alive() == alive);
    p.remove(s.here, first);
}

TEST_CASE_TEMPLATE("a removed handler is let go at once, or after the call that removes it", Poller, POLLERS) {
    const int alive = listener::alive();
    Poller p;
    pair s;
    struct state {
        Poller& at;
        pair& sockets;
        io_ticket ticket;
    } context{p, s, {}};
    {
        auto who = listen();
        who->context = &context;
        who->then = [](listener& self) noexcept {
            auto& c = *static_cast<state*>(self.context);
            c.at.remove(c.sockets.here, c.ticket);
            c.sockets.close_here();
            self.seen |= writable;  // still there
        };
        CHECK(p.add(s.here, std::move(who), context.ticket) == 0);
    }
    CHECK(p.poll(5s) == 1);
    CHECK(p.watched() == 0);
    CHECK(listener::alive() == alive);

    pair t;
    io_ticket ticket;
    CHECK(p.add(t.here, listen(), ticket) == 0);
    CHECK(listener::alive() == alive + 1);
    p.remove(t.here, ticket);
    CHECK(listener::alive() == alive);
    CHECK(p.poll(0ns) == 0);
}

TEST_CASE_TEMPLATE("a poller that ends lets go of its handlers", Poller, POLLERS) {
    const int alive = listener::alive();
    pair s;
    {
        Poller p;
        io_ticket ticket;
        CHECK(p.add(s.here, listen(), ticket) == 0);
    }
    CHECK(listener::alive() == alive);
}

}  // namespace tests::poller
