// Numbers that are used again, wakes, and other threads.
#include "poller.hpp"

namespace tests::poller {

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

}  // namespace tests::poller
