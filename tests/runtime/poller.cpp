#include "otp/runtime/poller.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "otp/runtime/make_poller.hpp"

#if defined(__linux__)
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

namespace tests::poller {

namespace {

using namespace std::chrono_literals;
using otp::intrusive_ptr;
using otp::exec::clock;
using otp::exec::duration;
using otp::exec::io_events;
using otp::exec::io_handler;
using otp::exec::io_ticket;
using otp::exec::make_poller;
using otp::exec::never;
using otp::exec::poll_poller;
using otp::exec::poller;
using otp::exec::poller_kind;

#if defined(__linux__)
using otp::exec::epoll_poller;
#define POLLERS epoll_poller, poll_poller
#else
#define POLLERS poll_poller
#endif

constexpr io_events readable = io_events::readable;
constexpr io_events writable = io_events::writable;
constexpr io_events hang_up = io_events::hang_up;
constexpr duration forever = duration::max();

// Notes what it hears; counts how many of its kind live.
class listener : public io_handler {
public:
    listener() { alive().fetch_add(1); }
    void ready(io_events events) noexcept override {
        last = events;
        seen |= events;
        calls.fetch_add(1, std::memory_order_release);
        if (then) then(*this);
    }
    static std::atomic<int>& alive() {
        static std::atomic<int> count{0};
        return count;
    }

    std::atomic<int> calls{0};
    io_events last = io_events::none;  // of the polling thread, as is `seen`
    io_events seen = io_events::none;
    void (*then)(listener&) noexcept = nullptr;
    void* context = nullptr;

protected:
    ~listener() override { alive().fetch_sub(1); }
    void dispose() noexcept override { delete this; }
};

intrusive_ptr<listener> listen() { return intrusive_ptr<listener>::adopt(new listener); }

// Two connected sockets that don't block.
struct pair {
    pair() {
        int both[2] = {-1, -1};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0);
        here = both[0];
        there = both[1];
        for (const int fd : both) ::fcntl(fd, F_SETFL, O_NONBLOCK);
    }
    pair(const pair&) = delete;
    pair& operator=(const pair&) = delete;
    ~pair() {
        close_here();
        close_there();
    }
    void close_here() {
        if (here >= 0) ::close(std::exchange(here, -1));
    }
    void close_there() {
        if (there >= 0) ::close(std::exchange(there, -1));
    }
    int here = -1;
    int there = -1;
};

void put(int fd, const char* text = "x") {
    const std::string all{text};
    REQUIRE(::send(fd, all.data(), all.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(all.size()));
}

// Reads until EAGAIN or the end; tells how much there was.
std::size_t drain(int fd) {
    char buffer[4096];
    std::size_t total = 0;
    for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;) total += static_cast<std::size_t>(n);
    return total;
}

// Writes until EAGAIN.
void fill(int fd) {
    const std::vector<char> block(65536);
    while (::send(fd, block.data(), block.size(), MSG_NOSIGNAL) > 0) {
    }
    REQUIRE(errno == EAGAIN);
}

// A listener whose descriptor has been registered and has made its first report.
struct watched {
    watched(poller& p, int descriptor) : at{p}, fd{descriptor}, who{listen()} {
        REQUIRE(at.add(fd, who, ticket) == 0);
        at.poll(0ns);
        who->last = who->seen = io_events::none;
        who->calls = 0;
    }
    watched(const watched&) = delete;
    watched& operator=(const watched&) = delete;
    ~watched() { at.remove(fd, ticket); }

    poller& at;
    int fd;
    intrusive_ptr<listener> who;
    io_ticket ticket;
};

// Waits in poll(2) for as long as a test may take; false is a failure.
bool readable_now(int fd, int milliseconds = 0) {
    pollfd one{fd, POLLIN, 0};
    return ::poll(&one, 1, milliseconds) == 1;
}

}  // namespace

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

TEST_CASE_TEMPLATE("events of a closed descriptor never come to the next owner of its number", Poller, POLLERS) {
    Poller p;
    pair old;
    auto first = listen();
    io_ticket first_ticket;
    CHECK(p.add(old.here, first, first_ticket) == 0);
    put(old.there);
    p.remove(old.here, first_ticket);
    pair fresh;
    CHECK(::dup2(fresh.here, old.here) == old.here);  // closes the old one
    fresh.close_here();
    auto second = listen();
    io_ticket second_ticket;
    CHECK(p.add(old.here, second, second_ticket) == 0);
    CHECK_FALSE(first_ticket == second_ticket);
    p.remove(old.here, first_ticket);  // out of date: of no effect
    p.rearm(first_ticket, readable | writable);
    CHECK(p.watched() == 1);
    CHECK(p.poll(0ns) == 1);
    CHECK(first->calls == 0);
    CHECK(second->seen == writable);
    p.remove(old.here, second_ticket);
}

TEST_CASE_TEMPLATE("a number that is used again in the middle of a batch hears nothing from that batch", Poller,
                   POLLERS) {
    Poller p;
    // Both of the batch are readable. Whichever is called first puts a fresh socket in the place of the other.
    struct state {
        Poller& at;
        pair sockets[2];
        intrusive_ptr<listener> who[2];
        io_ticket tickets[2];
        pair fresh;
        intrusive_ptr<listener> next = listen();
        io_ticket next_ticket;
        int replaced = -1;
    } context{p, {}, {}, {}, {}, listen(), {}, -1};
    for (int i = 0; i < 2; ++i) {
        context.who[i] = listen();
        context.who[i]->context = &context;
        context.who[i]->then = [](listener& self) noexcept {
            auto& c = *static_cast<state*>(self.context);
            if (c.replaced >= 0) return;
            const int other = c.who[0].get() == &self ? 1 : 0;
            c.replaced = c.sockets[other].here;
            c.at.remove(c.replaced, c.tickets[other]);
            ::dup2(c.fresh.here, c.replaced);
            c.fresh.close_here();
            if (c.at.add(c.replaced, c.next, c.next_ticket) != 0) c.replaced = -1;
        };
        CHECK(p.add(context.sockets[i].here, context.who[i], context.tickets[i]) == 0);
        put(context.sockets[i].there);
    }
    CHECK(p.poll(5s) >= 1);
    REQUIRE(context.replaced >= 0);
    CHECK(context.next->calls == 0);
    CHECK(p.poll(5s) == 1);
    CHECK(context.next->seen == writable);
    for (int i = 0; i < 2; ++i)
        if (context.sockets[i].here != context.replaced) p.remove(context.sockets[i].here, context.tickets[i]);
    p.remove(context.replaced, context.next_ticket);
}

TEST_CASE_TEMPLATE("more descriptors than a batch has room for are all reported", Poller, POLLERS) {
    Poller p;
    std::vector<std::unique_ptr<pair>> pairs;
    std::vector<std::unique_ptr<watched>> all;
    for (int i = 0; i < 300; ++i) {
        pairs.push_back(std::make_unique<pair>());
        all.push_back(std::make_unique<watched>(p, pairs.back()->here));
    }
    for (auto& s : pairs) put(s->there);
    std::size_t reported = 0;
    while (const std::size_t n = p.poll(0ns)) reported += n;
    CHECK(reported == 300);
    for (const auto& w : all) CHECK(w->who->calls == 1);
}

TEST_CASE_TEMPLATE("a wake ends the poll that runs, and what was written before it is seen", Poller, POLLERS) {
    Poller p;
    int written = 0;  // plain: what wake has to order
    std::thread other{[&] {
        written = 1;
        p.wake();
    }};
    CHECK(p.poll(forever) == 0);
    CHECK(written == 1);
    other.join();
}

TEST_CASE_TEMPLATE("a wake before a poll ends it, and a thousand wakes end one", Poller, POLLERS) {
    Poller p;
    for (int round = 0; round < 3; ++round) {
        for (int n = 0; n < 1000; ++n) p.wake();
        CHECK(p.poll(forever) == 0);
        const auto start = clock::now();
        CHECK(p.poll(10ms) == 0);
        CHECK(clock::now() - start >= 10ms);
    }
}

TEST_CASE_TEMPLATE("no wake is lost in a storm of them", Poller, POLLERS) {
    Poller p;
    constexpr int rounds = 40'000;
    std::atomic<int> asked{0};
    std::atomic<int> answered{0};
    std::thread other{[&] {
        for (int n = 1; n <= rounds; ++n) {
            asked.store(n, std::memory_order_relaxed);
            p.wake();
            // Now and then wait for the answer, to let the poller fall asleep.
            if (n % 8 == 0)
                while (answered.load(std::memory_order_acquire) < n) std::this_thread::yield();
        }
    }};
    bool in_time = true;
    for (int seen = 0; seen < rounds;) {
        const auto start = clock::now();
        p.poll(10s);
        if (clock::now() - start >= 10s) in_time = false;
        seen = asked.load(std::memory_order_relaxed);
        answered.store(seen, std::memory_order_release);
    }
    other.join();
    CHECK(in_time);
}

TEST_CASE_TEMPLATE("a poll doesn't end before its time", Poller, POLLERS) {
    Poller p;
    for (const duration limit : {duration{1}, duration{100}, duration{50us}, duration{999'999}, duration{1ms},
                                 duration{1500us}, duration{20ms}}) {
        CAPTURE(limit.count());
        for (int round = 0; round < 5; ++round) {
            const auto start = clock::now();
            CHECK(p.poll(limit) == 0);
            CHECK(clock::now() - start >= limit);
        }
    }
    CHECK(p.poll(-1s) == 0);
}

TEST_CASE_TEMPLATE("two thousand quiet descriptors give no events and don't end a poll", Poller, POLLERS) {
    rlimit files{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
    const rlimit before = files;
    if (files.rlim_cur < 2500 && files.rlim_max >= 2500) {
        files.rlim_cur = 2500;
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &files) == 0);
    }
    if (files.rlim_cur < 2500) {
        MESSAGE("skipped: this system allows too few descriptors");
        return;
    }
    {
        Poller p;
        std::vector<std::unique_ptr<pair>> pairs;
        std::vector<io_ticket> tickets;
        auto who = listen();
        for (int i = 0; i < 1000; ++i) {
            pairs.push_back(std::make_unique<pair>());
            for (const int fd : {pairs.back()->here, pairs.back()->there}) {
                tickets.emplace_back();
                REQUIRE(p.add(fd, who, tickets.back()) == 0);
            }
        }
        while (p.poll(0ns) > 0) {
        }
        CHECK(who->calls == 2000);
        CHECK(p.watched() == 2000);
        const auto start = clock::now();
        CHECK(p.poll(20ms) == 0);
        CHECK(clock::now() - start >= 20ms);
        CHECK(who->calls == 2000);
        put(pairs[500]->there);
        CHECK(p.poll(5s) == 1);
        CHECK(who->last == (who->last | readable));
        for (std::size_t i = 0; i < tickets.size(); ++i)
            p.remove(i % 2 == 0 ? pairs[i / 2]->here : pairs[i / 2]->there, tickets[i]);
        CHECK(p.watched() == 0);
    }
    ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST_CASE_TEMPLATE("a poll that sleeps hears of what another thread adds and rearms", Poller, POLLERS) {
    Poller p;
    pair s;
    auto who = listen();
    io_ticket ticket;
    std::atomic<bool> over{false};
    std::thread driver{[&] {
        while (!over.load(std::memory_order_acquire)) p.poll(forever);
    }};
    const auto wait_for = [&](int calls) {
        while (who->calls.load(std::memory_order_acquire) < calls) std::this_thread::yield();
    };
    CHECK(p.add(s.here, who, ticket) == 0);
    wait_for(1);
    for (int round = 2; round < 500; ++round) {
        put(s.there);
        wait_for(round);
        CHECK(drain(s.here) == 1);
        p.rearm(ticket, readable);
    }
    over.store(true, std::memory_order_release);
    p.wake();
    driver.join();
    p.remove(s.here, ticket);
}

TEST_CASE_TEMPLATE("a socket closes at once although a poll sleeps on it", Poller, POLLERS) {
    Poller p;
    std::atomic<bool> over{false};
    std::thread driver{[&] {
        while (!over.load(std::memory_order_acquire)) p.poll(forever);
    }};
    for (int round = 0; round < 100; ++round) {
        pair s;
        auto who = listen();
        io_ticket ticket;
        CHECK(p.add(s.here, who, ticket) == 0);
        while (who->calls.load(std::memory_order_acquire) == 0) std::this_thread::yield();
        p.remove(s.here, ticket);
        s.close_here();
        REQUIRE(readable_now(s.there, 5000));
        char byte = 0;
        CHECK(::read(s.there, &byte, 1) == 0);
    }
    over.store(true, std::memory_order_release);
    p.wake();
    driver.join();
}

namespace {

// A socket of the storm. A quiet one must never hear more than that it can be written to.
class storm_socket : public io_handler {
public:
    storm_socket(bool is_quiet, std::atomic<int>& heard_wrong, std::atomic<int>& heard_right)
        : quiet_{is_quiet}, wrong_{heard_wrong}, right_{heard_right} {}
    void ready(io_events events) noexcept override {
        if (quiet_ && events != writable) wrong_.fetch_add(1);
        if (!quiet_ && any(events & readable)) right_.fetch_add(1);
    }

private:
    ~storm_socket() override = default;
    void dispose() noexcept override { delete this; }
    bool quiet_;
    std::atomic<int>& wrong_;
    std::atomic<int>& right_;
};

}  // namespace

TEST_CASE_TEMPLATE("in a storm of numbers used again nobody hears of another's socket", Poller, POLLERS) {
    Poller p;
    std::atomic<int> wrong{0};
    std::atomic<int> right{0};
    std::atomic<bool> over{false};
    std::thread driver{[&] {
        while (!over.load(std::memory_order_acquire)) p.poll(forever);
    }};
    const auto user = [&](int rounds) {
        for (int n = 0; n < rounds; ++n) {
            int both[2];
            if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, both) != 0) continue;
            const bool quiet = n % 2 == 0;
            io_ticket ticket;
            auto who = intrusive_ptr<storm_socket>::adopt(new storm_socket{quiet, wrong, right});
            if (p.add(both[0], std::move(who), ticket) == 0) {
                if (!quiet) (void)!::write(both[1], "x", 1);
                p.rearm(ticket, readable);
                p.remove(both[0], ticket);
            }
            ::close(both[0]);
            ::close(both[1]);
        }
    };
    std::thread other{user, 10'000};
    user(10'000);
    other.join();
    over.store(true, std::memory_order_release);
    p.wake();
    driver.join();
    CHECK(wrong == 0);
    CHECK(p.watched() == 0);
}

#if defined(__linux__)

TEST_CASE("the native descriptor is readable while there is something to do, and quiet else") {
    epoll_poller p;
    const int fd = p.native_fd();
    REQUIRE(fd >= 0);
    CHECK_FALSE(readable_now(fd));

    p.wake();
    p.wake();
    CHECK(readable_now(fd));
    CHECK(p.poll(0ns) == 0);
    CHECK_FALSE(readable_now(fd));
    p.wake();
    CHECK(readable_now(fd));
    CHECK(p.poll(0ns) == 0);

    pair s;
    watched w{p, s.here};
    CHECK_FALSE(readable_now(fd));
    put(s.there);
    CHECK(readable_now(fd));
    CHECK(p.poll(0ns) == 1);
    CHECK_FALSE(readable_now(fd));
}

TEST_CASE("the native descriptor becomes readable at its deadline, not before") {
    epoll_poller p;
    const auto set_early = clock::now() + 3ms;
    p.set_native_deadline(set_early);  // before there is a descriptor
    const int fd = p.native_fd();
    CHECK(readable_now(fd, 5000));
    CHECK(clock::now() >= set_early);
    p.poll(0ns);
    CHECK_FALSE(readable_now(fd));

    for (int round = 0; round < 3; ++round) {
        const auto deadline = clock::now() + 5ms;
        p.set_native_deadline(clock::now() + 1h);
        p.set_native_deadline(deadline);
        CHECK(readable_now(fd, 5000));
        CHECK(clock::now() >= deadline);
        p.poll(0ns);
        CHECK_FALSE(readable_now(fd));
        p.set_native_deadline(deadline);  // past: at once, and again at each setting
        CHECK(readable_now(fd));
        p.poll(0ns);
        CHECK_FALSE(readable_now(fd));
    }
    p.set_native_deadline(otp::exec::time_point{});
    CHECK(readable_now(fd));
    p.set_native_deadline(never);
    CHECK_FALSE(readable_now(fd, 5));
    p.set_native_deadline(clock::now() + 1ms);
    p.set_native_deadline(never);
    CHECK_FALSE(readable_now(fd, 5));
}

TEST_CASE("poll(2) has no native descriptor") {
    poll_poller p;
    CHECK(p.native_fd() == -1);
    p.set_native_deadline(clock::now());
}

TEST_CASE("where the kernel refuses the exact wait, a poll still ends neither early nor never") {
    for (const int refusal : {ENOSYS, EPERM}) {
        CAPTURE(refusal);
        bool skipped = false;
        bool early = false;
        std::size_t reported = 0;
        // The filter is of this thread, and ends with it.
        std::thread sandboxed{[&] {
            sock_filter program[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),  // the number of the system call
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(refusal)),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
            };
            const sock_fprog filter{sizeof program / sizeof *program, program};
            if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
                ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0 ||
                ::syscall(SYS_epoll_pwait2, -1, nullptr, 0, nullptr, nullptr, 0) != -1 || errno != refusal) {
                skipped = true;
                return;
            }
            epoll_poller p;
            for (const duration limit : {duration{1}, duration{100us}, duration{1500us}, duration{5ms}}) {
                const auto start = clock::now();
                p.poll(limit);
                if (clock::now() - start < limit) early = true;
            }
            int both[2];
            if (::socketpair(AF_UNIX, SOCK_STREAM, 0, both) != 0) return;
            io_ticket ticket;
            if (p.add(both[0], listen(), ticket) == 0) reported = p.poll(24h * 365);
            p.remove(both[0], ticket);
            ::close(both[0]);
            ::close(both[1]);
        }};
        sandboxed.join();
        if (skipped) {
            MESSAGE("skipped: no system call filter here");
            return;
        }
        CHECK_FALSE(early);
        CHECK(reported == 1);
    }
}

TEST_CASE("epoll's own refusals are reported") {
    char name[] = "/tmp/otp_poller_XXXXXX";
    const int file = ::mkstemp(name);
    REQUIRE(file >= 0);
    ::unlink(name);
    epoll_poller p;
    io_ticket ticket;
    CHECK(p.add(file, listen(), ticket) == EPERM);
    CHECK(p.watched() == 0);
    ::close(file);
}

TEST_CASE("the environment chooses what automatic means, and a kind that is asked for stays") {
    const char* const had = std::getenv("OTP_POLLER");
    const std::string before = had ? had : "";
    const auto is_epoll = [](poller_kind kind) { return make_poller(kind)->native_fd() >= 0; };
    ::setenv("OTP_POLLER", "poll", 1);
    CHECK_FALSE(is_epoll(poller_kind::automatic));
    CHECK(is_epoll(poller_kind::epoll));
    ::unsetenv("OTP_POLLER");
    CHECK(is_epoll(poller_kind::automatic));
    CHECK_FALSE(is_epoll(poller_kind::poll));
    if (had) ::setenv("OTP_POLLER", before.c_str(), 1);
}

#endif

TEST_CASE("a system without descriptors to give makes no poller, and says why") {
    rlimit files{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
    const rlimit before = files;
    files.rlim_cur = 3;
    for (const auto kind : {poller_kind::automatic, poller_kind::poll}) {
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &files) == 0);
        errno = 0;
        const bool made = make_poller(kind) != nullptr;
        const int failure = errno;
        ::setrlimit(RLIMIT_NOFILE, &before);
        CHECK_FALSE(made);
        CHECK(failure == EMFILE);
    }
}

TEST_CASE("the descriptors of a poller are not inherited by programs") {
    // Whatever this program was started with is none of ours.
    const auto open_now = [] {
        std::vector<int> all;
        for (int fd = 0; fd < 1024; ++fd)
            if (::fcntl(fd, F_GETFD) >= 0) all.push_back(fd);
        return all;
    };
    const auto before = open_now();
    const auto automatic = make_poller();
    const auto second = make_poller(poller_kind::poll);
    REQUIRE(automatic);
    REQUIRE(second);
    (void)automatic->native_fd();
    std::size_t ours = 0;
    for (const int fd : open_now()) {
        if (std::find(before.begin(), before.end(), fd) != before.end()) continue;
        ++ours;
        CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    }
    CHECK(ours >= 4);
}

}  // namespace tests::poller
