// The other hooks: terminate, format_status, code_change and the messages that the library sends.
#include "concepts.hpp"

namespace tests::concepts {

struct ends_by_value {
    void terminate(otp::reason);
};
struct ends_with_a_value {
    int terminate(const otp::reason&) const;
};
struct ends_without_a_reason {
    void terminate();
};
struct ends_by_mutable_reference {
    void terminate(otp::reason&);
};
struct ends_in_a_coroutine {
    otp::task<> terminate(otp::reason);
};
class ends_privately {
    void terminate(const otp::reason&);
};
class ends_with_overloads {
    void terminate(int);
    void terminate(std::string);
};
struct ends_in_two_ways {
    void terminate(int);
    void terminate(const otp::reason&) noexcept;
};
struct inherits_the_end : ends_in_two_ways {};
struct inherits_a_wrong_end : ends_without_a_reason {};
struct ends_wrongly_and_is_final final {
    void terminate(int);
};

template <class T>
constexpr bool terminates = otp::gen_server<T> && otp::behaviour::terminate_traits<T>::found;
template <class T>
constexpr bool terminates_wrongly = std::same_as<server_fault<T>, otp::error::terminate_has_the_wrong_form<T>>;

TEST_CASE("TERM-15: terminate takes the reason and may return anything") {
    static_assert(terminates<ends_by_value> && terminates<ends_with_a_value>);
    static_assert(terminates<ends_in_two_ways> && terminates<inherits_the_end>);
    static_assert(otp::gen_server<by_value> && !terminates<by_value>);
}

TEST_CASE("a terminate that fits no form is an error, not an absent hook") {
    static_assert(terminates_wrongly<ends_without_a_reason> && terminates_wrongly<ends_by_mutable_reference>);
    static_assert(terminates_wrongly<ends_in_a_coroutine> && terminates_wrongly<ends_privately>);
    static_assert(terminates_wrongly<ends_with_overloads>);
    static_assert(terminates_wrongly<inherits_a_wrong_end> && terminates_wrongly<ends_wrongly_and_is_final>);
}

struct shows_status_mutably {
    void format_status(otp::status&);
};
struct shows_status_by_value {
    void format_status(const otp::status&) const;
};

TEST_CASE("SYS-11: format_status changes the status that is shown, and not the server") {
    static_assert(otp::behaviour::formats_status<channels>);
    static_assert(!otp::behaviour::formats_status<by_value> && otp::gen_server<by_value>);
    static_assert(!otp::gen_server<shows_status_mutably> && !otp::gen_server<shows_status_by_value>);
}

struct hears_exits_by_reference {
    void handle_info(tick);
    void handle_info(otp::exit_signal&);
};
struct hears_downs_wrongly {
    void handle_info(tick);
    int handle_info(const otp::down&);
};
struct hears_timeouts_late {
    void handle_info(tick);
    otp::task<> handle_info(const otp::timeout&);
};
struct hears_anything {
    void handle_info(tick);
    void handle_info(std::any);
};
struct casts_two {
    void handle_cast(tick, tock);
};
struct calls_nothing {
    int handle_call();
};
struct casts_a_name {
    int handle_cast;
};

TEST_CASE("a hook that fits no form is seen before any message is sent") {
    static_assert(!otp::gen_server<hears_exits_by_reference> && !otp::gen_server<hears_downs_wrongly>);
    static_assert(!otp::gen_server<hears_timeouts_late> && otp::gen_server<hears_anything>);
    static_assert(!otp::gen_server<casts_two> && !otp::gen_server<calls_nothing>);
    static_assert(!otp::accepts<casts_two, tick> && !otp::accepts<casts_a_name, tick>);
    static_assert(std::same_as<server_fault<casts_two>, otp::error::handle_cast_has_the_wrong_form<casts_two>>);
}

struct lets_in {
    using interleaves = otp::messages<get>;
    int handle_call(get);
    void handle_call(put);
};
struct lets_in_what_it_lacks {
    using interleaves = otp::messages<get, bogus>;
    int handle_call(get);
};

TEST_CASE("what interleaves is a request of the server") {
    static_assert(otp::gen_server<lets_in>);
    static_assert(std::same_as<server_fault<lets_in_what_it_lacks>,
                               otp::error::interleaves_names_what_no_handle_call_takes<lets_in_what_it_lacks, bogus>>);
}

struct second {
    static otp::result<second> code_change(channels&& old, const upgrade&);
    static second code_change(const channels_v1&);
    static int code_change(int);
    otp::result<second> code_change(long);
    using messages = otp::messages<get, tick>;
    int handle_call(get);
    void handle_cast(tick);
};
struct third {
    static otp::result<third> code_change(second&&);
    using messages = otp::messages<bogus>;
};

TEST_CASE("SYS-33: a version takes over from those that its code_change names") {
    static_assert(std::is_void_v<code_change_fault<channels, channels_v1, upgrade>>);
    static_assert(std::is_void_v<code_change_fault<second, channels, upgrade>>);
    static_assert(std::is_void_v<code_change_fault<second, channels_v1>>);
    static_assert(std::same_as<code_change_fault<by_value, channels>, otp::error::no_code_change_from<by_value, channels>>);
    static_assert(std::same_as<code_change_fault<second, channels, int>,
                               otp::error::code_change_has_the_wrong_form<second, channels, int>>);
    static_assert(std::same_as<code_change_fault<second, long>, otp::error::code_change_has_the_wrong_form<second, long>>);
    static_assert(std::same_as<code_change_fault<second, int>, otp::error::code_change_returns_another_type<second, int>>);
    static_assert(std::same_as<code_change_fault<third, second>, otp::error::messages_names_what_no_handler_takes<third, bogus>>);
}

// ---- arguments of the entry points

TEST_CASE("a length of time is a duration") {
    static_assert(otp::behaviour::length_of_time<std::chrono::milliseconds>);
    static_assert(otp::behaviour::length_of_time<std::chrono::duration<double>>);
    static_assert(otp::behaviour::length_of_time<std::remove_const_t<decltype(otp::infinity)>>);
    static_assert(!otp::behaviour::length_of_time<int> && !otp::behaviour::length_of_time<std::chrono::steady_clock::time_point>);
}

TEST_CASE("a temporary request is safe to await if nothing has to be destroyed") {
    static_assert(otp::behaviour::hazardous<put> && otp::behaviour::hazardous<std::string>);
    static_assert(!otp::behaviour::hazardous<get> && !otp::behaviour::hazardous<int>);
}

struct counts {
    int calls = 0;
    int handle_call(get) { return ++calls; }
    void handle_cast(std::unique_ptr<int>&& n) { calls += *n; }
};

TEST_CASE("a hook is invoked as its traits say") {
    counts server;
    CHECK(on_call::invoke(server, get{}) == 1);
    on_cast::invoke(server, std::make_unique<int>(7));
    CHECK(server.calls == 8);
}

}  // namespace tests::concepts
