#include "support.hpp"

namespace tests::address {

using otp::net::address;

TEST_CASE("an IPv4 address with a port is read and shown") {
    const auto a = address::parse("127.0.0.1", 7000).value();
    CHECK(a.to_string() == "127.0.0.1:7000");
    CHECK(a.port() == 7000);
    CHECK(a.host() == "127.0.0.1");
    CHECK(a.family() == AF_INET);
    CHECK_FALSE(a.is_local());
}
TEST_CASE("IP6-01 an IPv6 address is shown in brackets") {
    CHECK(address::parse("::1", 80).value().to_string() == "[::1]:80");
    CHECK(address::parse("2001:db8::2", 1).value().host() == "2001:db8::2");
}
TEST_CASE("no text is every IPv4 address") { CHECK(address::parse("", 1).value().to_string() == "0.0.0.0:1"); }
TEST_CASE("a path is a Unix socket, with '@' in front one without a file") {
    CHECK(address::parse("/tmp/x", 7).value().to_string() == "/tmp/x");
    CHECK(address::parse("/tmp/x", 7).value().port() == 0);
    CHECK(address::parse("@name", 0).value().to_string() == "@name");
    CHECK(address::parse("./relative", 0).value().is_local());
}
TEST_CASE("LST-11 a port that is none is a bad argument") {
    CHECK(address::parse("127.0.0.1", -1).error() == otp::reason::bad_argument);
    CHECK(address::parse("127.0.0.1", 65536).error() == otp::reason::bad_argument);
    CHECK(address::parse("127.0.0.1", 65535).has_value());
    CHECK(address::parse("127.0.0.1", 0).has_value());
}
TEST_CASE("a name is no address") {
    CHECK(address::parse("localhost", 1).error() == otp::reason::bad_argument);
    CHECK(address::parse("1.2.3", 1).error() == otp::reason::bad_argument);
    CHECK(address::parse("1.2.3.4.5", 1).error() == otp::reason::bad_argument);
}
TEST_CASE("UNX-10 a path that is too long is refused, not cut") {
    CHECK(address::parse("/" + std::string(119, 'p'), 0).error() == otp::reason::bad_argument);
}
TEST_CASE("addresses are equal when all of them is") {
    CHECK(address::parse("127.0.0.1", 1).value() == address::parse("127.0.0.1", 1).value());
    CHECK_FALSE(address::parse("127.0.0.1", 1).value() == address::parse("127.0.0.1", 2).value());
    CHECK_FALSE(address::parse("127.0.0.1", 1).value() == address::parse("127.0.0.2", 1).value());
    CHECK(address{}.to_string() == "unknown");
}

}  // namespace tests::address
