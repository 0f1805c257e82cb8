#include <csignal>

#include "../support/alone.hpp"
#include "support.hpp"

namespace tests::writing {

using namespace test;

namespace {
struct in_runtime {
    otp::runtime rt{{.workers = 2}};
    otp::use here{rt};
};
std::string pattern(std::size_t size) {
    std::string all(size, '\0');
    for (std::size_t i = 0; i < size; ++i) all[i] = static_cast<char>((i * 2654435761U) >> 13);
    return all;
}
}  // namespace

TEST_CASE_FIXTURE(in_runtime, "SND-01 16 MiB reach a peer that reads") {
    connection<> c;
    const auto all = pattern(16 << 20);
    std::string got;
    std::thread reader{[&] { got = c.theirs.read(all.size()); }};
    CHECK(c.ours.send(all).has_value());
    reader.join();
    CHECK((got == all));
}
TEST_CASE_FIXTURE(in_runtime, "SND-02 a slow reader gets everything in order") {
    connection<otp::tcp::socket> c;
    CHECK(c.ours.set(otp::tcp::send_buffer{4096}).has_value());
    const auto all = pattern(1 << 20);
    auto who = otp::spawn([](otp::tcp::socket s, std::string bytes) -> otp::task<> { (void)co_await s.send(bytes); }, std::move(c.ours), all);
    std::string got;
    while (got.size() < all.size()) {
        const auto more = c.theirs.read(std::min<std::size_t>(1024, all.size() - got.size()));
        if (more.empty()) break;
        got += more;
    }
    CHECK((got == all));
    (void)otp::wait(who);
}
TEST_CASE_FIXTURE(in_runtime, "SND-03 sends arrive in their order") {
    connection<> c;
    std::string all;
    for (int i = 0; i < 1000; ++i) {
        const std::string one = std::to_string(i) + ' ';
        CHECK(c.ours.send(one).has_value());
        all += one;
    }
    CHECK(c.theirs.read(all.size()) == all);
}
TEST_CASE_FIXTURE(in_runtime, "SND-05 sending nothing is fine and puts nothing on the wire") {
    connection<> c;
    CHECK(c.ours.send("").has_value());
    CHECK(c.ours.statistics().sent_times == 0);
    CHECK(c.ours.send("", std::string{}, std::string_view{"x"}).has_value());
    CHECK(c.theirs.read(1) == "x");
}
TEST_CASE_FIXTURE(in_runtime, "several pieces of several kinds are one stream") {
    connection<> c;
    const std::string text = "text ";
    const std::byte bytes[] = {std::byte{'b'}, std::byte{' '}};
    auto buffer = otp::buffer::copy_of("buffer");
    CHECK(c.ours.send(text, std::span<const std::byte>{bytes}, buffer).has_value());
    CHECK(c.theirs.read(13) == "text b buffer");
}
TEST_CASE_FIXTURE(in_runtime, "SND-07 sending to a peer that is gone ends in an error value") {
    connection<> c;
    c.theirs.close();
    otp::result<void> sent;
    for (int i = 0; i < 1000 && sent; ++i) sent = c.ours.send("some bytes");
    REQUIRE_FALSE(sent);
    CHECK((sent.error() == otp::reason::closed || sent.error() == otp::reason{std::errc::connection_reset}));
}
TEST_CASE_FIXTURE(in_runtime, "SND-13 the peer's end wakes a blocked writer and a blocked reader") {
    connection<> c;
    otp::result<void> sent;
    otp::reason read;
    std::thread writer{[&] { sent = c.ours.send(std::string(64 << 20, 'x')); }};
    std::thread reader{[&] { read = c.ours.recv().error(); }};
    CHECK(c.theirs.read(1000).size() == 1000);
    c.theirs.close();
    writer.join();
    reader.join();
    CHECK_FALSE(sent.has_value());
    CHECK_FALSE(read == otp::reason::normal);
}
TEST_CASE_FIXTURE(in_runtime, "close wakes a blocked writer and a blocked reader at once") {
    connection<> c;
    otp::reason wrote, read;
    std::thread writer{[&] { wrote = c.ours.send(std::string(64 << 20, 'x')).error(); }};
    std::thread reader{[&] { read = c.ours.recv().error(); }};
    CHECK(c.theirs.read(1000).size() == 1000);
    c.ours.close();
    writer.join();
    reader.join();
    CHECK(wrote == otp::reason::closed);
    CHECK(read == otp::reason::closed);
}
TEST_CASE_FIXTURE(in_runtime, "SND-11 what blocked goes on when the peer reads again, then comes our end") {
    connection<> c;
    const auto all = pattern(8 << 20);
    std::thread writer{[&] {
        CHECK(c.ours.send(all).has_value());
        c.ours.close();
    }};
    CHECK_FALSE(c.theirs.silent(patience));
    CHECK((c.theirs.read_all() == all));
    writer.join();
}
TEST_CASE_FIXTURE(in_runtime, "SND-14 close does not cut what was sent") {
    connection<> c;
    std::string all;
    for (int i = 0; i < 16; ++i) {
        const std::string one(2048, static_cast<char>('a' + i));
        CHECK(c.ours.send(one).has_value());
        all += one;
    }
    c.ours.close();
    CHECK(c.theirs.read_all() == all);
}
TEST_CASE_FIXTURE(in_runtime, "TOUT-05 a send that blocks too long times out") {
    connection<> c;
    const std::string much(64 << 20, 'x');
    const auto begun = std::chrono::steady_clock::now();
    CHECK(c.ours.send(much, 300ms).error() == otp::reason::timeout);
    CHECK(std::chrono::steady_clock::now() - begun >= 300ms);
    CHECK(c.ours);
}
TEST_CASE_FIXTURE(in_runtime, "CLS-02 after a half-close the answer comes all the same") {
    connection<> c;
    CHECK(c.theirs.send("c\nb\na\n"));
    c.theirs.finish();
    std::string all;
    while (auto more = c.ours.recv()) all += more->view();
    CHECK(all == "c\nb\na\n");
    CHECK(c.ours.send("a\nb\nc\n").has_value());
    c.ours.close();
    CHECK(c.theirs.read_all() == "a\nb\nc\n");
}
TEST_CASE_FIXTURE(in_runtime, "CLS-04 bytes, then our own end: all arrive, and the reply is read") {
    connection<> c;
    const auto all = pattern(512 * 1024 + 17);
    std::thread peer{[&] {
        CHECK((c.theirs.read_all() == all));
        c.theirs.send("reply");
    }};
    CHECK(c.ours.send(all).has_value());
    CHECK(c.ours.shutdown_write());
    CHECK(c.ours.recv(5).value() == "reply");
    peer.join();
}
TEST_CASE_FIXTURE(in_runtime, "CLS-07 CLS-08 a second half-close is harmless, a send after it says closed") {
    connection<> c;
    CHECK(c.ours.shutdown_write());
    (void)c.ours.shutdown_write();
    CHECK(c.ours.send("x").error() == otp::reason::closed);
    CHECK(c.theirs.read_all().empty());
}
TEST_CASE_FIXTURE(in_runtime, "CLS-13 lingering for no time resets the connection") {
    connection<> c;
    CHECK(c.ours.set(otp::tcp::linger{0s}).has_value());
    c.ours.close();
    char byte;
    CHECK(::recv(c.theirs.fd(), &byte, 1, 0) < 0);
    CHECK(errno == ECONNRESET);
}
TEST_CASE_FIXTURE(in_runtime, "CLS-21 a reset is told apart from an end") {
    connection<> c;
    std::thread peer{[&] { c.theirs.reset(); }};
    CHECK(c.ours.recv().error() == otp::reason{std::errc::connection_reset});
    peer.join();
}
TEST_CASE_FIXTURE(in_runtime, "CLS-17 CLS-20 a handle that goes closes its descriptor, once") {
    const auto before = descriptors();
    {
        connection<> c;
        CHECK(descriptors() == before + 2);
        c.ours.close();
        c.ours.close();
        CHECK(descriptors() == before + 1);
        auto moved = std::move(c.ours);
    }
    CHECK(descriptors() == before);
    {
        connection<> c;
        auto moved = std::move(c.ours);
        CHECK(c.theirs.send("x"));
        CHECK(moved.recv().has_value());
    }
    CHECK(descriptors() == before);
}
TEST_CASE_FIXTURE(in_runtime, "an option is set on the real socket") {
    connection<> c;
    const int fd = otp::net::stream::use{*c.ours.shared()}.fd();
    const auto value = [fd](int level, int option) {
        int got = -1;
        socklen_t length = sizeof(got);
        ::getsockopt(fd, level, option, &got, &length);
        return got;
    };
    CHECK(c.ours.set(otp::tcp::no_delay{true}).has_value());
    CHECK(value(IPPROTO_TCP, TCP_NODELAY) != 0);
    CHECK(c.ours.set(otp::tcp::no_delay{false}).has_value());
    CHECK(value(IPPROTO_TCP, TCP_NODELAY) == 0);
    CHECK(c.ours.set(otp::tcp::keep_alive{}).has_value());
    CHECK(value(SOL_SOCKET, SO_KEEPALIVE) != 0);
}
TEST_CASE("ERR-12 ERR-13 SIGPIPE is neither raised nor touched") {
    CHECK(testing::alone([] {
        std::signal(SIGPIPE, SIG_DFL);
        {
            otp::runtime rt{{.workers = 1}};
            const otp::use here{rt};
            connection<> c;
            c.theirs.reset();
            for (int i = 0; i < 100; ++i) (void)c.ours.send("x");
            CHECK(!c.ours.send("x").has_value());
        }
        struct sigaction now{};
        ::sigaction(SIGPIPE, nullptr, &now);
        CHECK((now.sa_handler == SIG_DFL));
    }) == 0);
}

}  // namespace tests::writing
