// What could not be delivered: counted by reason, and shown to a sink.
#include "listener.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tests::dead_letters {

using namespace std::chrono_literals;
using testing::listener;

TEST_CASE("a sink is shown each message that reached nobody, with its type and why") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    std::vector<std::string> seen;
    otp::on_dead_letter([](const otp::dead_letter& lost, void* into) {
        static_cast<std::vector<std::string>*>(into)->push_back(std::string{lost.message} + ": " + std::string{to_string(lost.why.kind())});
    }, &seen);
    CHECK(s.stop());
    CHECK(seen.empty());
    s.send(1);
    otp::name<listener>{"nobody"}.cast(2);
    CHECK(s.call(listener::seen{}).error() == otp::reason::noproc);  // an error is no letter
    CHECK(seen == std::vector<std::string>{"int: noproc", "int: noproc"});
    otp::on_dead_letter(nullptr);
    s.send(3);
    CHECK(seen.size() == 2);
}

TEST_CASE("a sink may be a function object: it lives until the next one comes") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    CHECK(s.stop());
    int seen = 0;
    auto token = std::make_unique<int>(1);
    auto shared = std::make_shared<int>(0);
    const std::weak_ptr<int> lives = shared;
    otp::on_dead_letter([&seen, token = std::move(token), shared = std::move(shared)](const otp::dead_letter&) { seen += *token; });
    s.send(1);
    CHECK(seen == 1);
    otp::on_dead_letter([&seen](const otp::dead_letter& lost) { seen += lost.why == otp::reason::noproc ? 10 : 0; });
    CHECK(lives.expired());
    s.send(1);
    CHECK(seen == 11);
    otp::on_dead_letter(nullptr);
    s.send(1);
    CHECK(seen == 11);
}

TEST_CASE("what its sender has taken back is no dead letter") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    int letters = 0;
    otp::on_dead_letter([&letters](const otp::dead_letter&) { ++letters; });
    REQUIRE(otp::sys::suspend(s));
    const auto waits = otp::send_after(1h, s, 1), arrived = otp::send_after(1s, s, 2);
    sim.advance(1s);
    CHECK(otp::cancel_timer(waits));
    CHECK(otp::cancel_timer(arrived));
    REQUIRE(otp::sys::resume(s));
    sim.advance(2h);
    CHECK(testing::seen_by(s).empty());
    CHECK(letters == 0);
    otp::on_dead_letter(nullptr);
}

}  // namespace tests::dead_letters
