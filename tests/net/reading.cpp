#include <atomic>

#include "support.hpp"

namespace tests::reading {

using namespace test;

namespace {
struct in_runtime {
    otp::runtime rt{{.workers = 2}};
    otp::use here{rt};
};
}  // namespace

TEST_CASE_FIXTURE(in_runtime, "RCV-01 an exact recv takes exactly its bytes") {
    connection<> c;
    CHECK(c.theirs.send("abc"));
    CHECK(c.theirs.send("defg"));
    CHECK(c.ours.recv(5).value() == "abcde");
    CHECK(c.ours.recv(2).value() == "fg");
}
TEST_CASE_FIXTURE(in_runtime, "RCV-02 recv returns as soon as something is there") {
    connection<> c;
    std::thread later{[&] { c.theirs.send("x"); }};
    CHECK(c.ours.recv().value() == "x");
    later.join();
    CHECK(c.theirs.send("yz"));
    CHECK(c.ours.recv(0, 5s).value().view().front() == 'y');
}
TEST_CASE_FIXTURE(in_runtime, "RCV-03 all bytes come before the end") {
    connection<> c;
    const std::string all(256 * 1024, 'd');
    std::thread writer{[&] {
        c.theirs.send(all);
        c.theirs.close();
    }};
    std::string got;
    for (;;) {
        auto more = c.ours.recv();
        if (!more) {
            CHECK(more.error() == otp::reason::closed);
            break;
        }
        got += more->view();
    }
    writer.join();
    CHECK(got == all);
}
TEST_CASE_FIXTURE(in_runtime, "RCV-04 a short tail is no full result and stays readable") {
    connection<> c;
    CHECK(c.theirs.send("tail"));
    c.theirs.close();
    CHECK(c.ours.recv(5).error() == otp::reason::closed);
    CHECK(c.ours.recv().value() == "tail");
    CHECK(c.ours.recv().error() == otp::reason::closed);
}
TEST_CASE_FIXTURE(in_runtime, "recv into memory of the caller's gives what is there") {
    connection<> c;
    CHECK(c.theirs.send("0123456789"));
    std::byte room[4];
    std::string got;
    while (got.size() < 10) {
        const auto n = c.ours.recv(std::span<std::byte>{room}).value();
        got.append(reinterpret_cast<const char*>(room), n);
    }
    CHECK(got == "0123456789");
    CHECK(c.ours.recv(std::span<std::byte>{}).value() == 0);
    // Text, of a thread and of a coroutine.
    CHECK(c.theirs.send("abc"));
    char text[2];
    CHECK(c.ours.recv(text).value() == 2);
    CHECK(std::string_view{text, 2} == "ab");
    const auto more = otp::run([](otp::tcp::socket from) -> otp::task<std::string> {
        std::string space(4, '-');
        auto n = co_await from.recv(std::span{space});
        co_return space.substr(0, n.value());
    }(otp::tcp::socket{c.ours.release()}));
    CHECK(more.value() == "c");
}
TEST_CASE_FIXTURE(in_runtime, "what an exact recv has read ahead goes to the next recv, of any kind") {
    connection<> c;
    CHECK(c.theirs.send("aabbcccc"));
    CHECK(c.ours.recv(2).value() == "aa");
    std::byte room[2];
    CHECK(c.ours.recv(std::span<std::byte>{room}).value() == 2);
    CHECK(static_cast<char>(room[1]) == 'b');
    CHECK(c.ours.recv(4).value() == "cccc");
}
TEST_CASE_FIXTURE(in_runtime, "RCV-15 a large exact recv survives a dribble") {
    connection<> c;
    std::string all(20000, '\0');
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>(i * 7);
    std::thread writer{[&] {
        for (const char byte : all) c.theirs.send({&byte, 1});
    }};
    CHECK(c.ours.recv(all.size()).value() == all);
    writer.join();
}
TEST_CASE_FIXTURE(in_runtime, "RCV-16 every byte value comes through unchanged") {
    connection<> c;
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    all += "\r\n\r\n";
    CHECK(c.theirs.send(all));
    CHECK(c.ours.recv(all.size()).value() == all);
}
TEST_CASE_FIXTURE(in_runtime, "RCV-07 a process that did not open the socket reads from it") {
    connection<otp::tcp::socket> c;
    CHECK(c.theirs.send("hello"));
    auto read = [](otp::tcp::socket& s) -> otp::task<std::string> {
        auto got = co_await s.recv(5);
        co_return got->str();
    };
    CHECK(otp::run(read(c.ours)).value() == "hello");
}
TEST_CASE_FIXTURE(in_runtime, "RCV-09 operations on a closed socket say closed") {
    connection<> c;
    c.ours.close();
    CHECK_FALSE(c.ours);
    CHECK(c.ours.recv().error() == otp::reason::closed);
    CHECK(c.ours.recv(3, 1s).error() == otp::reason::closed);
    CHECK(c.ours.send("x").error() == otp::reason::closed);
    CHECK(c.ours.peername().error() == otp::reason::closed);
    CHECK(c.ours.sockname().error() == otp::reason::closed);
    CHECK(c.ours.set(otp::tcp::no_delay{true}).error() == otp::reason::closed);
    CHECK_FALSE(c.ours.shutdown_write());
    c.ours.close();
    otp::tcp::blocking_socket never;
    CHECK_FALSE(never);
    CHECK(never.recv().error() == otp::reason::closed);
    CHECK(never.send("x").error() == otp::reason::closed);
    never.close();
}
TEST_CASE_FIXTURE(in_runtime, "RCV-12 close from another thread wakes a blocked reader") {
    connection<> c;
    std::atomic<bool> reads{false};
    otp::reason why;
    std::thread reader{[&] {
        reads = true;
        why = c.ours.recv().error();
    }};
    while (!reads) std::this_thread::yield();
    c.ours.close();
    reader.join();
    CHECK(why == otp::reason::closed);
    CHECK(c.theirs.ended());
}
TEST_CASE_FIXTURE(in_runtime, "RCV-12 close from outside wakes a coroutine that reads") {
    connection<otp::tcp::socket> c;
    otp::inbox<otp::reason> in;
    otp::spawn([](otp::tcp::socket* s, otp::recipient<otp::reason> to) -> otp::task<> {
        auto got = co_await s->recv();
        to.send(got.error());
    }, &c.ours, otp::recipient<otp::reason>(in));
    CHECK(c.theirs.silent(20ms));
    c.ours.close();
    auto why = in.receive(patience);
    REQUIRE(why);
    CHECK(std::get<0>(*why) == otp::reason::closed);
}
TEST_CASE_FIXTURE(in_runtime, "RCV-13 a killed reader's socket is closed") {
    connection<otp::tcp::socket> c;
    auto who = otp::spawn([](otp::tcp::socket s) -> otp::task<> { (void)co_await s.recv(); }, std::move(c.ours));
    otp::exit_process(who, otp::reason::kill);
    CHECK(c.theirs.ended());
}
TEST_CASE_FIXTURE(in_runtime, "RCV-23 what came before a reset is delivered") {
    connection<> c;
    CHECK(c.theirs.send("reply"));
    CHECK(c.ours.recv(1).value() == "r");  // it has arrived
    c.theirs.reset();
    CHECK(c.ours.recv(4).value() == "eply");
    CHECK_FALSE(c.ours.recv().has_value());
}
TEST_CASE_FIXTURE(in_runtime, "RCV-24 an idle connection holds no read buffer") {
    auto server = otp::serve({.port = 0, .address = "127.0.0.1"}, echo);
    const auto come = [&](std::size_t count) {
        std::vector<raw> clients;
        while (clients.size() < count) {
            clients.push_back(raw::to(server->port()));
            CHECK(clients.back().echo("x") == "x");  // it has read, and waits again
        }
        CHECK(eventually([&] { return server->info().connections >= count; }));
        return clients;
    };
    const auto first = come(20);
    const auto before = otp::memory::statistics().bytes;
    const auto more = come(220);
    const auto each = (otp::memory::statistics().bytes - before) / 220;
    MESSAGE("bytes for an idle connection: ", each);
    CHECK(each < 4096);
}
TEST_CASE_FIXTURE(in_runtime, "TOUT-01 a recv that times out leaves what comes later") {
    connection<> c;
    const auto begun = std::chrono::steady_clock::now();
    CHECK(c.ours.recv(200ms).error() == otp::reason::timeout);
    CHECK(std::chrono::steady_clock::now() - begun >= 200ms);
    CHECK(c.theirs.send("late"));
    CHECK(c.ours.recv(4, patience).value() == "late");
}
TEST_CASE_FIXTURE(in_runtime, "an exact recv that times out keeps the bytes that came") {
    connection<> c;
    CHECK(c.theirs.send("abc"));
    CHECK(c.ours.recv(5, 100ms).error() == otp::reason::timeout);
    CHECK(c.theirs.send("de"));
    CHECK(c.ours.recv(5, patience).value() == "abcde");
}
TEST_CASE_FIXTURE(in_runtime, "TOUT-04 no time at all: what is there, or a time-out at once") {
    connection<> c;
    CHECK(c.ours.recv(0ns).error() == otp::reason::timeout);
    CHECK(c.theirs.send("x"));
    CHECK(eventually([&] { return c.ours.recv(0ns).has_value(); }));
}
TEST_CASE_FIXTURE(in_runtime, "TOUT-15 the limit of an exact recv is not extended by a dribble") {
    connection<otp::tcp::socket> c;
    std::atomic<bool> over{false};
    std::thread dribble{[&] {
        while (!over && c.theirs.send("x")) std::this_thread::sleep_for(10ms);
    }};
    auto read = [](otp::tcp::socket& s) -> otp::task<std::string> {
        auto got = co_await s.recv(1000000, 300ms);
        co_return got.error().to_string();
    };
    const auto begun = std::chrono::steady_clock::now();
    CHECK(otp::run(read(c.ours)).value().starts_with("timeout"));
    const auto took = std::chrono::steady_clock::now() - begun;
    over = true;
    dribble.join();
    CHECK(took >= 300ms);
    CHECK(took < patience);
}
TEST_CASE_FIXTURE(in_runtime, "TOUT-16 a negative limit is a bad argument, the largest one waits") {
    connection<> c;
    CHECK(c.ours.recv(-1ns).error() == otp::reason::bad_argument);
    std::thread later{[&] { c.theirs.send("x"); }};
    CHECK(c.ours.recv(std::chrono::nanoseconds::max() - 1ns).has_value());
    later.join();
}
TEST_CASE_FIXTURE(in_runtime, "CLS-01 the peer's end is closed, again and again") {
    connection<> c;
    c.theirs.close();
    CHECK(c.ours.recv().error() == otp::reason::closed);
    CHECK(c.ours.recv().error() == otp::reason::closed);
}
TEST_CASE_FIXTURE(in_runtime, "OBS-07 bytes and operations are counted") {
    connection<> c;
    CHECK(c.ours.send("12345").has_value());
    CHECK(c.theirs.read(5) == "12345");
    CHECK(c.theirs.send("123"));
    CHECK(c.ours.recv(3).has_value());
    const auto now = c.ours.statistics();
    CHECK(now.sent_bytes == 5);
    CHECK(now.sent_times == 1);
    CHECK(now.received_bytes == 3);
    CHECK(now.received_times == 1);
}

}  // namespace tests::reading
