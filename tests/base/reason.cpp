#include "otp/base/reason.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <future>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "otp/base/exit.hpp"

namespace tests::reason {

using otp::reason;
using otp::reason_kind;

static_assert(sizeof(reason) == 16);
static_assert(std::is_nothrow_copy_constructible_v<reason> && std::is_nothrow_move_constructible_v<reason> &&
              std::is_nothrow_copy_assignable_v<reason> && std::is_nothrow_move_assignable_v<reason>);
static_assert(!std::is_convertible_v<std::nullptr_t, reason> && !std::is_convertible_v<int, reason>);
static_assert(reason::timeout.kind() == reason_kind::timeout && reason{}.kind() == reason_kind::normal);

namespace {

struct shop_closed : std::runtime_error {
    using std::runtime_error::runtime_error;
};

template <class E>
std::exception_ptr thrown(E exception) {
    return std::make_exception_ptr(std::move(exception));
}

class subject_block final : public otp::ref_counted {
public:
    explicit subject_block(bool& gone) : gone_{gone} {}

private:
    void dispose() noexcept override {
        gone_ = true;
        delete this;
    }
    bool& gone_;
};

const std::array library_reasons{
    std::pair{&reason::normal, "normal"},
    std::pair{&reason::shutdown, "shutdown"},
    std::pair{&reason::kill, "kill"},
    std::pair{&reason::killed, "killed"},
    std::pair{&reason::noproc, "noproc"},
    std::pair{&reason::timeout, "timeout"},
    std::pair{&reason::noconnection, "noconnection"},
    std::pair{&reason::closed, "closed"},
    std::pair{&reason::calling_self, "calling_self"},
    std::pair{&reason::deadlock, "deadlock"},
    std::pair{&reason::overloaded, "overloaded"},
    std::pair{&reason::no_reply, "no_reply"},
    std::pair{&reason::unhandled, "unhandled"},
    std::pair{&reason::ignored, "ignored"},
    std::pair{&reason::already_started, "already_started"},
    std::pair{&reason::already_present, "already_present"},
    std::pair{&reason::not_found, "not_found"},
    std::pair{&reason::running, "running"},
    std::pair{&reason::restarting, "restarting"},
    std::pair{&reason::bad_argument, "bad_argument"},
    std::pair{&reason::system_limit, "system_limit"},
    std::pair{&reason::wrong_server, "wrong_server"},
    std::pair{&reason::no_process, "no_process"},
    std::pair{&reason::failed_child, "failed_child"},
};

}  // namespace

TEST_CASE("each reason of the library equals itself alone and has its name as text") {
    for (std::size_t i = 0; i < library_reasons.size(); ++i) {
        const reason& mine = *library_reasons[i].first;
        const std::string_view name = library_reasons[i].second;
        CAPTURE(name);
        CHECK(mine.text() == name);
        CHECK(mine.to_string() == name);
        CHECK(otp::to_string(mine.kind()) == name);
        CHECK(mine.code() == 0);
        CHECK_FALSE(mine.is_exception());
        for (std::size_t j = 0; j < library_reasons.size(); ++j)
            CHECK((mine <=> *library_reasons[j].first) == (i <=> j));
    }
}

TEST_CASE("a default reason is normal") {
    CHECK(reason{} == reason::normal);
    CHECK(reason{}.text() == "normal");
}

TEST_CASE("a text is a reason of the program's own, equal by text") {
    const reason why = "boom";
    CHECK(why.kind() == reason_kind::text);
    CHECK(why.text() == "boom");
    CHECK(why.to_string() == "boom");
    CHECK(why == "boom");
    CHECK(why == std::string{"boom"});
    CHECK(why == std::string_view{"boomerang"}.substr(0, 4));
    CHECK(why != "bang");
    CHECK(reason{"timeout"} != reason::timeout);
    CHECK(reason{"normal"} != reason::normal);
    CHECK(reason{""} != reason::normal);
    CHECK(reason{""}.text().empty());
}

TEST_CASE("a text that explains a reason of the library doesn't change what it equals") {
    const reason why = reason::timeout.with_text("call of channels::alloc");
    CHECK(why == reason::timeout);
    CHECK(why == reason::timeout.with_text("another"));
    CHECK(why.text() == "call of channels::alloc");
    CHECK(why.to_string() == "timeout: call of channels::alloc");
    CHECK(reason::timeout.text() == "timeout");
}

TEST_CASE("shutdown_for compares its text and is not shutdown") {
    CHECK(reason::shutdown_for("upgrade") == reason::shutdown_for("upgrade"));
    CHECK(reason::shutdown_for("upgrade") != reason::shutdown_for("move"));
    CHECK(reason::shutdown_for("upgrade") != reason::shutdown);
    CHECK(reason::shutdown_for("upgrade") != reason{"upgrade"});
    CHECK(reason::shutdown_for("upgrade").to_string() == "shutdown: upgrade");
}

TEST_CASE("normal, shutdown and shutdown_for are orderly, nothing else is") {
    for (const auto& [why, name] : library_reasons) {
        CAPTURE(name);
        CHECK(why->is_orderly() == (*why == reason::normal || *why == reason::shutdown));
    }
    CHECK(reason::shutdown_for("upgrade").is_orderly());
    CHECK_FALSE(reason{"normal"}.is_orderly());
    CHECK_FALSE(reason{std::errc::timed_out}.is_orderly());
    CHECK_FALSE(reason{thrown(1)}.is_orderly());
}

TEST_CASE("a system error keeps its code, is equal by code and says what failed") {
    const reason why = reason::from_errno(EADDRINUSE, "bind 127.0.0.1:7000");
    CHECK(why.kind() == reason_kind::system);
    CHECK(why.code() == EADDRINUSE);
    CHECK(why.text() == std::string{"bind 127.0.0.1:7000: "} + std::strerror(EADDRINUSE));
    CHECK(why.to_string() == "system: " + std::string{why.text()} + " (" + std::to_string(EADDRINUSE) + ")");
    CHECK(why == std::errc::address_in_use);
    CHECK(why == std::error_code{EADDRINUSE, std::system_category()});
    CHECK(why != std::errc::address_not_available);
    CHECK(why != reason{std::string{why.text()}});
    CHECK(reason::from_errno(ENOENT, "").text() == std::strerror(ENOENT));
}

TEST_CASE("an error_code of another category is a text, no error is normal") {
    const reason why = std::make_error_code(std::future_errc::no_state);
    CHECK(why.kind() == reason_kind::text);
    CHECK(why.code() == static_cast<int>(std::future_errc::no_state));
    CHECK(why.text().substr(0, 8) == "future: ");
    CHECK(reason{std::error_code{}} == reason::normal);
}

TEST_CASE("an exception gives its type and text, and can be thrown again") {
    const reason why = thrown(shop_closed{"at six"});
    CHECK(why.is_exception());
    CHECK(why.text() == "at six");
    CHECK(why.exception_type() == "tests::reason::(anonymous namespace)::shop_closed");
    CHECK(why.to_string() == "tests::reason::(anonymous namespace)::shop_closed: at six");
    CHECK_THROWS_AS(why.rethrow(), shop_closed);
    CHECK_THROWS_WITH(why.rethrow(), "at six");
}

TEST_CASE("exceptions are equal by type and text") {
    const reason why = thrown(std::runtime_error{"at six"});
    CHECK(why == thrown(std::runtime_error{"at six"}));
    CHECK(why != thrown(std::runtime_error{"at seven"}));
    CHECK(why != thrown(shop_closed{"at six"}));
    CHECK(why != reason{"at six"});
}

TEST_CASE("a thrown value that is no std::exception is named by its type") {
    const reason number = thrown(42);
    CHECK(number.is_exception());
    CHECK(number.text() == "int");
    CHECK(number.to_string() == "int");
    CHECK_THROWS_AS(number.rethrow(), int);
    CHECK(reason{thrown(static_cast<const char*>("broken"))}.text() == "broken");
    CHECK(reason{thrown(std::string{"broken"})}.text() == "broken");
    CHECK(reason{thrown(reason::overloaded)} == reason::overloaded);
}

TEST_CASE("an otp::exit gives the reason that it carries, and null gives normal") {
    const reason why = thrown(otp::exit{reason::shutdown_for("upgrade")});
    CHECK(why == reason::shutdown_for("upgrade"));
    CHECK_FALSE(why.is_exception());
    CHECK(reason{std::exception_ptr{}} == reason::normal);
}

TEST_CASE("a reason without an exception is thrown as an otp::exit") {
    CHECK_THROWS_AS(reason::noproc.rethrow(), otp::exit);
    try {
        reason::timeout.with_text("call of get").rethrow();
    } catch (const otp::exit& carrier) {
        CHECK(carrier.why() == reason::timeout);
        CHECK(std::string_view{carrier.what()} == "call of get");
    }
    CHECK(std::string_view{otp::exit{reason::noproc}.what()} == "noproc");
    CHECK(std::string_view{otp::exit{"boom"}.what()} == "boom");
}

TEST_CASE("failed_child tells the child's id and the cause") {
    const reason why = reason::failed_child.with_text("store").with_cause(std::errc::no_such_file_or_directory);
    CHECK(why.text() == "store");
    CHECK(why.cause() == std::errc::no_such_file_or_directory);
    CHECK(why.cause().code() == ENOENT);
    CHECK(why == reason::failed_child);
    CHECK(why.text() == "store");
    CHECK(why.to_string().substr(0, 37) == "failed_child: store, because system: ");
    CHECK(reason::failed_child.with_text("top").with_cause(why).to_string() ==
          "failed_child: top, because " + why.to_string());
}

TEST_CASE("a cause that is not known is normal") {
    CHECK(reason::timeout.cause() == reason::normal);
    CHECK(reason{"boom"}.cause() == reason::normal);
}

TEST_CASE("with_text, with_subject and with_cause leave the original and keep the rest") {
    bool gone = false;
    {
        const reason bare = reason::already_started;
        const reason about = bare.with_subject(otp::intrusive_ptr<subject_block>::adopt(new subject_block{gone}));
        const reason all = about.with_cause("earlier").with_text("the name ch3 is taken");
        CHECK_FALSE(bare.subject());
        CHECK(about.subject());
        CHECK(about.text() == "already_started");
        CHECK(about.cause() == reason::normal);
        CHECK(all.subject() == about.subject());
        CHECK(all.cause() == "earlier");
        CHECK(all.text() == "the name ch3 is taken");
        CHECK(all == bare);
        const reason fault = reason{thrown(shop_closed{"at six"})}.with_cause("earlier");
        CHECK_THROWS_AS(fault.rethrow(), shop_closed);
        CHECK_FALSE(gone);
    }
    CHECK(gone);
}

TEST_CASE("a moved-from reason is normal") {
    reason from = reason::from_errno(ENOENT, "open");
    reason to = std::move(from);
    CHECK(to.code() == ENOENT);
    CHECK(from == reason::normal);  // NOLINT(bugprone-use-after-move)
    CHECK(from.code() == 0);
    CHECK(from.text() == "normal");
    from = std::move(to);
    CHECK(from.text().substr(0, 4) == "open");
    auto& same = from;
    from = same;
    CHECK(from.code() == ENOENT);
}

TEST_CASE("to_string is one line, whatever the text") {
    CHECK(reason{"first\r\nsecond"}.to_string() == "first  second");
    CHECK(reason{"first\nsecond"}.text() == "first\nsecond");
}

TEST_CASE("a reason is printed as to_string says") {
    std::ostringstream out;
    out << reason::timeout << ", " << reason::timeout.with_text("call of get");
    CHECK(out.str() == "timeout, timeout: call of get");
}

TEST_CASE("reasons have an order in which only equal ones are equivalent") {
    const std::vector<reason> all{"a", "b", reason::shutdown_for("a"), reason::shutdown_for("b"), reason{std::errc::timed_out},
                          reason{std::errc::connection_refused}, thrown(std::runtime_error{"a"}), thrown(std::runtime_error{"b"}),
                          thrown(shop_closed{"a"}), reason::timeout, reason::timeout.with_text("call of get"), reason{}};
    for (const auto& one : all)
        for (const auto& other : all) {
            CHECK((one == other) == ((one <=> other) == 0));
            CHECK((one < other) == (other > one));
            for (const auto& third : all) CHECK((!(one < other && other < third) || one < third));
        }
    CHECK(std::set<reason>(all.begin(), all.end()).size() == all.size() - 1);  // two are time-outs
}

TEST_CASE("equal reasons hash the same") {
    const std::hash<reason> hash;
    CHECK(hash(reason::timeout) == hash(reason::timeout.with_text("call of get")));
    CHECK(hash(reason::timeout) != hash(reason::noproc));
    CHECK(hash("boom") == hash(std::string{"boom"}));
    CHECK(hash("boom") != hash("bang"));
    CHECK(hash("boom") != hash(reason::shutdown_for("boom")));
    CHECK(hash(std::errc::timed_out) == hash(reason::from_errno(ETIMEDOUT, "connect")));
    CHECK(hash(std::errc::timed_out) != hash(std::errc::connection_refused));
    CHECK(hash(thrown(std::runtime_error{"x"})) == hash(thrown(std::runtime_error{"x"})));
    CHECK(hash(thrown(std::runtime_error{"x"})) != hash(thrown(shop_closed{"x"})));
}

TEST_CASE("many threads copy, read and drop one reason at once") {
    const reason shared = reason::failed_child.with_text("store").with_cause(thrown(shop_closed{"at six"}));
    std::array<int, 4> right{};
    std::vector<std::thread> threads;
    for (auto& count : right)
        threads.emplace_back([shared, &count] {
            for (int i = 0; i < 1000; ++i) {
                const reason copy = shared;
                if (copy.cause().text() == "at six" && copy.with_text("store") == shared) ++count;
            }
        });
    for (auto& each : threads) each.join();
    for (int count : right) CHECK(count == 1000);
}

}  // namespace tests::reason
