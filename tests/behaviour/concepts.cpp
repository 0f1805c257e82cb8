#include "otp/behaviour/concepts.hpp"

#include <doctest/doctest.h>

#include <any>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "otp/behaviour/actions.hpp"
#include "otp/behaviour/from.hpp"
#include "otp/process/events.hpp"
#include "otp/process/task.hpp"

// A request for whose type nobody can write a member.
template <>
struct otp::reply_of<long> {
    using type = std::string;
};

namespace tests::concepts {

using otp::behaviour::handler_traits;
using otp::behaviour::on_call;
using otp::behaviour::on_cast;
using otp::behaviour::on_continue;
using otp::behaviour::on_info;
using otp::behaviour::outcome;
using otp::behaviour::taking;

namespace {

struct get {
    using reply_type = int;
};
struct put {
    using reply_type = void;
    std::string key, value;
};
struct tick {};
struct tock {};
struct bogus {
    using reply_type = int;
};

// How otp::error names the fault, or void.
template <class T, class Request>
using call_fault = typename decltype(otp::behaviour::find_call_fault<T, Request>())::type;
template <class T, class Message>
using cast_fault = typename decltype(otp::behaviour::find_handler_fault<on_cast, T, Message>())::type;
template <class T, class Message>
using info_fault = typename decltype(otp::behaviour::find_handler_fault<on_info, T, Message>())::type;
template <class T>
using server_fault = typename decltype(otp::behaviour::find_server_fault<T>())::type;
template <class T, class... A>
using start_fault = typename decltype(otp::behaviour::find_start_fault<T, A...>())::type;
template <class... T>
using code_change_fault = typename decltype(otp::behaviour::find_code_change_fault<T...>())::type;

// The example of the manual.
struct channels_v1 {};
struct upgrade {};
struct channels {
    struct alloc {
        using reply_type = std::optional<int>;
    };
    struct drain {
        using reply_type = int;
    };
    struct free {
        int channel;
    };
    struct load {};

    otp::init_result init(int count);
    std::optional<int> handle_call(alloc);
    void handle_call(drain, otp::from<drain> caller);
    void handle_cast(free f);
    void handle_info(otp::exit_signal e);
    void handle_continue(load);
    void terminate(const otp::reason& why) noexcept;
    static otp::result<channels> code_change(channels_v1&& old, upgrade extra);
    void format_status(otp::status& s) const;
};

TEST_CASE("the example of the manual meets every concept that it should") {
    static_assert(otp::gen_server<channels>);
    static_assert(otp::answers<channels, channels::alloc> && otp::answers<channels, channels::drain>);
    static_assert(otp::accepts<channels, channels::free>);
    static_assert(otp::receives<channels, otp::exit_signal>);
    static_assert(otp::continues<channels, channels::load>);
    static_assert(otp::starts_with<channels, int> && otp::starts_with<channels, const short&>);

    static_assert(!otp::answers<channels, bogus> && !otp::answers<channels, channels::free>);
    static_assert(!otp::accepts<channels, channels::alloc> && !otp::accepts<channels, int>);
    static_assert(!otp::receives<channels, otp::down> && !otp::receives<channels, tick>);
    static_assert(!otp::continues<channels, tick>);
    static_assert(!otp::starts_with<channels> && !otp::starts_with<channels, std::string>);
}

TEST_CASE("what is no class, or can't be destroyed, is no server") {
    struct plain {};
    class keeps_itself {
        ~keeps_itself();
    };
    union either {
        int number;
        char letter;
    };
    struct declared;
    static_assert(otp::gen_server<plain>);
    static_assert(!otp::gen_server<int> && !otp::gen_server<either> && !otp::gen_server<const plain>);
    static_assert(!otp::gen_server<plain&> && !otp::gen_server<void> && !otp::gen_server<declared>);
    static_assert(!otp::accepts<int, tick> && !otp::answers<either, get> && !otp::receives<declared, tick>);
    static_assert(!otp::continues<void, tick> && !otp::starts_with<int, int>);
    static_assert(std::same_as<server_fault<keeps_itself>, otp::error::server_has_no_public_destructor<keeps_itself>>);
}

// ---- how a handler takes its message

struct by_value {
    void handle_cast(tick);
};
struct by_const_reference {
    void handle_cast(const tick&);
};
struct by_rvalue {
    void handle_cast(tick&&);
};
struct by_reference {
    void handle_cast(tick&);
    void handle_cast(tock);
};
struct is_const {
    void handle_cast(tick) const;
};
struct is_noexcept {
    void handle_cast(const tick&) const noexcept;
};
struct is_static {
    static void handle_cast(tick) noexcept;
};
struct is_ref_qualified {
    void handle_cast(tick) &;
    void handle_cast(tock) const&;
};
struct is_virtual {
    virtual ~is_virtual() = default;
    virtual void handle_cast(tick) = 0;
};

template <class T>
constexpr taking takes_tick = handler_traits<on_cast, T, tick>::takes;

TEST_CASE("a handler takes its message by value, by const reference or by rvalue reference") {
    static_assert(otp::accepts<by_value, tick> && takes_tick<by_value> == taking::value);
    static_assert(otp::accepts<by_const_reference, tick> && takes_tick<by_const_reference> == taking::const_reference);
    static_assert(otp::accepts<by_rvalue, tick> && takes_tick<by_rvalue> == taking::rvalue);
    static_assert(!otp::accepts<by_reference, tick> && otp::accepts<by_reference, tock>);
    static_assert(std::same_as<cast_fault<by_reference, tick>,
                               otp::error::handler_takes_message_by_mutable_reference<by_reference, tick>>);
}

TEST_CASE("const, noexcept, static, virtual and ref-qualified handlers count") {
    static_assert(otp::accepts<is_const, tick> && otp::accepts<is_noexcept, tick> && otp::accepts<is_static, tick>);
    static_assert(otp::accepts<is_ref_qualified, tick> && otp::accepts<is_ref_qualified, tock>);
    static_assert(otp::accepts<is_virtual, tick>);
    static_assert(otp::gen_server<is_const> && otp::gen_server<is_static> && otp::gen_server<is_virtual>);
}

struct inherits : by_value {};
struct inherits_twice : inherits {
    int handle_call(get);
};
struct hides : by_value {
    void handle_cast(tock);
};
struct shows : by_value {
    using by_value::handle_cast;
    void handle_cast(tock);
};
struct is_final final {
    void handle_cast(tick);
    void handle_cast(tock);
    int handle_call(get);
    void terminate(const otp::reason&);
};
template <class T>
struct crtp {
    void handle_cast(tick);
};
struct uses_crtp : crtp<uses_crtp> {};

TEST_CASE("inherited handlers count, hidden ones don't") {
    static_assert(otp::accepts<inherits, tick> && otp::accepts<inherits_twice, tick>);
    static_assert(otp::answers<inherits_twice, get> && otp::gen_server<inherits_twice>);
    static_assert(!otp::accepts<hides, tick> && otp::accepts<hides, tock>);
    static_assert(otp::accepts<shows, tick> && otp::accepts<shows, tock>);
    static_assert(otp::accepts<uses_crtp, tick>);
}

TEST_CASE("a final struct is looked into as any other") {
    static_assert(otp::gen_server<is_final> && otp::answers<is_final, get>);
    static_assert(otp::accepts<is_final, tick> && otp::accepts<is_final, tock> && !otp::accepts<is_final, int>);
    static_assert(otp::behaviour::terminate_traits<is_final>::found);
}

class all_private {
    int handle_call(get);
    void handle_cast(tick);
    void handle_info(tick);
    void handle_continue(tick);
};
class overloads_private {
    void handle_cast(tick);
    void handle_cast(tock);
};
class partly_private {
    void handle_cast(tock);

public:
    void handle_cast(tick);
};
class inherits_privately : by_value {};

TEST_CASE("a private handler is none") {
    static_assert(!otp::answers<all_private, get> && !otp::accepts<all_private, tick>);
    static_assert(!otp::receives<all_private, tick> && !otp::continues<all_private, tick>);
    static_assert(!otp::accepts<overloads_private, tick> && !otp::accepts<inherits_privately, tick>);
    static_assert(otp::accepts<partly_private, tick> && !otp::accepts<partly_private, tock>);

    static_assert(std::same_as<call_fault<all_private, get>,
                               otp::error::handle_call_is_private_or_not_exactly_for<all_private, get>>);
    static_assert(std::same_as<cast_fault<overloads_private, tock>,
                               otp::error::handle_cast_is_private_or_not_exactly_for<overloads_private, tock>>);
}

// ---- exactness

struct string_only {
    void handle_cast(std::string);
};
struct base_message {};
struct derived_message : base_message {};
struct takes_base {
    void handle_cast(base_message);
};
struct takes_numbers {
    void handle_cast(long);
};
struct greedy_message {
    template <class M>
    greedy_message(M&&);
};
struct takes_greedy {
    void handle_cast(greedy_message);
};
struct takes_anything {
    void handle_cast(std::any);
};
struct takes_function {
    void handle_cast(std::function<void()>);
};
struct takes_variant {
    void handle_cast(std::string);
    void handle_cast(std::variant<int, std::string>);
};
struct exact_beside_anything {
    void handle_cast(std::any);
    void handle_cast(tick);
};
struct converts_to_tick {
    operator tick() const;
};

TEST_CASE("a conversion is not enough") {
    static_assert(otp::accepts<string_only, std::string> && !otp::accepts<string_only, const char*>);
    static_assert(otp::accepts<takes_base, base_message> && !otp::accepts<takes_base, derived_message>);
    static_assert(otp::accepts<takes_numbers, long> && !otp::accepts<takes_numbers, int>);
    static_assert(otp::accepts<takes_greedy, greedy_message> && !otp::accepts<takes_greedy, tick>);
    static_assert(otp::accepts<takes_anything, std::any> && !otp::accepts<takes_anything, tick>);
    static_assert(otp::accepts<takes_function, std::function<void()>> && !otp::accepts<takes_function, void (*)()>);
    static_assert(!otp::accepts<by_value, converts_to_tick>);
    static_assert(std::same_as<cast_fault<takes_numbers, int>,
                               otp::error::handle_cast_is_private_or_not_exactly_for<takes_numbers, int>>);
}

TEST_CASE("alternatives that convert into each other are told apart") {
    static_assert(otp::accepts<takes_variant, std::string>);
    static_assert(otp::accepts<takes_variant, std::variant<int, std::string>> && !otp::accepts<takes_variant, int>);
    static_assert(otp::accepts<exact_beside_anything, tick> && otp::accepts<exact_beside_anything, std::any>);
    static_assert(!otp::accepts<exact_beside_anything, tock>);
}

struct takes_every {
    template <class M>
    void handle_cast(M);
};
struct takes_auto {
    void handle_cast(const auto&);
    auto handle_call(auto request) -> int;
};
struct takes_forwarded {
    template <class M>
    void handle_cast(M&&);
};
struct takes_integral {
    void handle_cast(std::integral auto);
    void handle_info(std::integral auto);
};
struct exact_beside_template {
    void handle_cast(const tick&);
    template <class M>
    void handle_cast(M);
};
struct takes_vectors {
    template <class E>
    void handle_cast(std::vector<E>);
};
struct deduces {
    auto handle_call(get) { return 1; }
    auto handle_cast(tick) {}
};

TEST_CASE("templates are handlers, constrained or not") {
    static_assert(otp::accepts<takes_every, tick> && otp::accepts<takes_every, int> && takes_tick<takes_every> == taking::value);
    static_assert(otp::accepts<takes_auto, tick> && takes_tick<takes_auto> == taking::const_reference);
    static_assert(otp::answers<takes_auto, get> && !otp::answers<takes_auto, put>);
    static_assert(otp::accepts<takes_forwarded, tick> && takes_tick<takes_forwarded> == taking::rvalue);
    static_assert(otp::accepts<takes_integral, int> && otp::accepts<takes_integral, bool>);
    static_assert(!otp::accepts<takes_integral, tick> && otp::gen_server<takes_integral>);
    static_assert(otp::accepts<exact_beside_template, tick> && otp::accepts<exact_beside_template, tock>);
    static_assert(otp::accepts<takes_vectors, std::vector<int>> && !otp::accepts<takes_vectors, int>);
    static_assert(otp::answers<deduces, get> && otp::accepts<deduces, tick>);
}

struct moves_only {
    void handle_cast(std::unique_ptr<int>);
    void handle_info(std::unique_ptr<int>&&);
};
struct pinned {
    pinned(pinned&&) = delete;
};
struct throws_at_its_end {
    ~throws_at_its_end() noexcept(false);
};
struct takes_strange {
    void handle_cast(const pinned&);
    void handle_cast(throws_at_its_end);
};

TEST_CASE("a message is movable and is destroyed without an exception") {
    static_assert(otp::accepts<moves_only, std::unique_ptr<int>> && otp::receives<moves_only, std::unique_ptr<int>>);
    static_assert(std::same_as<cast_fault<takes_strange, pinned>, otp::error::message_is_not_movable<pinned>>);
    static_assert(std::same_as<cast_fault<takes_strange, throws_at_its_end>,
                               otp::error::message_has_a_throwing_destructor<throws_at_its_end>>);
}

// ---- requests and replies

struct reply_is_reference {
    using reply_type = int&;
};
struct reply_is_array {
    using reply_type = int[2];
};
struct reply_is_const {
    using reply_type = const int;
};
struct reply_is_reason {
    using reply_type = otp::reason;
};
struct reply_is_result {
    using reply_type = otp::result<int>;
};
struct replies {
    int handle_call(reply_is_reference);
    int handle_call(reply_is_const);
    otp::reason handle_call(reply_is_reason);
    otp::result<int> handle_call(reply_is_result);
    std::string handle_call(long);
};

TEST_CASE("a request names its reply, an object type or void") {
    static_assert(otp::names_reply<get> && otp::names_reply<put> && !otp::names_reply<tick> && !otp::names_reply<int>);
    static_assert(std::same_as<otp::reply_t<get>, int> && std::same_as<otp::reply_t<put>, void>);
    static_assert(std::same_as<otp::behaviour::reply_or_none<tick>, void>);
    static_assert(std::same_as<otp::reply_t<long>, std::string> && otp::answers<replies, long>);
    static_assert(!otp::answers<replies, reply_is_reference> && !otp::answers<replies, reply_is_const>);
    static_assert(!otp::answers<replies, reply_is_reason> && !otp::answers<replies, reply_is_array>);
    static_assert(std::same_as<call_fault<replies, tick>, otp::error::request_names_no_reply_type<tick>>);
}

TEST_CASE("a reply that is a result itself is no error of the call") {
    static_assert(otp::answers<replies, reply_is_result>);
    static_assert(handler_traits<on_call, replies, reply_is_result>::gives == outcome::reply);
}

template <class Returned, class Reply>
struct returning {
    struct request {
        using reply_type = Reply;
    };
    Returned handle_call(request);
};
template <class Returned, class Reply>
constexpr bool may_return = otp::answers<returning<Returned, Reply>, typename returning<Returned, Reply>::request>;
template <class Returned, class Reply>
constexpr outcome gives = handler_traits<on_call, returning<Returned, Reply>, typename returning<Returned, Reply>::request>::gives;

TEST_CASE("CALL-28: handle_call returns what fits the promised reply, and nothing else") {
    static_assert(may_return<int, int> && gives<int, int> == outcome::reply);
    static_assert(may_return<void, void> && gives<void, void> == outcome::reply);
    static_assert(may_return<const char*, std::string> && may_return<int, std::optional<int>>);
    static_assert(may_return<const std::string&, std::string> && may_return<std::string&, std::string>);
    static_assert(may_return<otp::result<int>, int> && gives<otp::result<int>, int> == outcome::result);
    static_assert(may_return<otp::result<void>, void> && may_return<otp::result<int>, std::optional<int>>);
    static_assert(may_return<otp::replied<int>, int> && gives<otp::replied<int>, int> == outcome::replied);
    static_assert(may_return<otp::replied<void>, void>);

    static_assert(!may_return<std::string, int> && !may_return<int, std::string> && !may_return<void, int>);
    static_assert(!may_return<int, void> && !may_return<otp::next, int> && !may_return<otp::next, void>);
    static_assert(!may_return<otp::result<std::string>, int> && !may_return<otp::result<void>, int>);
    static_assert(!may_return<otp::replied<std::string>, int> && !may_return<otp::init_result, int>);
}

TEST_CASE("between numbers, nothing is lost without a word") {
    static_assert(may_return<short, int> && may_return<int, long> && may_return<float, double>);
    static_assert(!may_return<double, int> && !may_return<long, int> && !may_return<int, unsigned>);
    static_assert(!may_return<otp::result<double>, int>);
}

struct late {
    struct kept {
        using reply_type = int;
    };
    struct steered {
        using reply_type = int;
    };
    struct both {
        using reply_type = int;
    };
    struct immediate {
        using reply_type = int;
    };
    struct others {
        using reply_type = int;
    };
    struct borrowed {
        using reply_type = int;
    };
    void handle_call(kept, otp::from<kept>);
    otp::next handle_call(const steered&, otp::from<steered>);
    otp::replied<int> handle_call(both&&, otp::from<both>);
    int handle_call(immediate, otp::from<immediate>);
    void handle_call(others, otp::from<kept>);
    void handle_call(borrowed, otp::from<borrowed>&);
};

TEST_CASE("a handler that takes a from replies later") {
    using kept = handler_traits<on_call, late, late::kept>;
    static_assert(otp::answers<late, late::kept> && kept::late && kept::gives == outcome::nothing);
    using steered = handler_traits<on_call, late, late::steered>;
    static_assert(otp::answers<late, late::steered> && steered::takes == taking::const_reference);
    static_assert(steered::gives == outcome::next);
    static_assert(otp::answers<late, late::both> && handler_traits<on_call, late, late::both>::gives == outcome::replied);
    static_assert(!handler_traits<on_call, channels, channels::alloc>::late);

    static_assert(!otp::answers<late, late::others> && !otp::answers<late, late::borrowed>);
    static_assert(std::same_as<call_fault<late, late::immediate>,
                               otp::error::handle_call_with_from_returns_another_type<late, late::immediate, int>>);
}

struct twice {
    int handle_call(get);
    void handle_call(get, otp::from<get>);
    void handle_cast(tick);
    void handle_cast(const tick&);
};

TEST_CASE("two forms for one message are a mistake") {
    static_assert(std::same_as<call_fault<twice, get>, otp::error::two_handlers_for<twice, get>>);
    static_assert(std::same_as<cast_fault<twice, tick>, otp::error::two_handlers_for<twice, tick>>);
}

// ---- what the other handlers return

template <class Returned>
struct quietly {
    Returned handle_cast(tick);
    Returned handle_info(tick);
    Returned handle_continue(tick);
};
template <class Returned>
constexpr bool steers = otp::accepts<quietly<Returned>, tick> && otp::receives<quietly<Returned>, tick> &&
                        otp::continues<quietly<Returned>, tick>;
template <class Returned>
constexpr bool steers_anywhere = otp::accepts<quietly<Returned>, tick> || otp::receives<quietly<Returned>, tick> ||
                                 otp::continues<quietly<Returned>, tick> || otp::gen_server<quietly<Returned>>;

TEST_CASE("CAST-08: a cast, an info and a continue are answered by nothing but otp::next") {
    static_assert(steers<void> && steers<otp::next> && steers<otp::task<>> && steers<otp::task<otp::next>>);
    static_assert(!steers_anywhere<otp::replied<int>> && !steers_anywhere<int> && !steers_anywhere<otp::result<void>>);
    static_assert(!steers_anywhere<otp::init_result> && !steers_anywhere<otp::task<int>>);
    static_assert(std::same_as<cast_fault<quietly<otp::replied<int>>, tick>,
                               otp::error::handle_cast_returns_another_type<quietly<otp::replied<int>>, tick, otp::replied<int>>>);
}

// ---- coroutines

struct suspends {
    otp::task<int> handle_call(get);
    otp::task<> handle_call(put, otp::from<put>);
    otp::task<otp::next> handle_cast(tick);
    otp::task<> handle_cast(const tock&);
    otp::task<> handle_info(tick&&);
    otp::task<> init(std::string);
};
struct replies_by_reference {
    otp::task<int> handle_call(const get&);
};

TEST_CASE("any handler may be a coroutine") {
    using called = handler_traits<on_call, suspends, get>;
    static_assert(otp::answers<suspends, get> && called::is_coroutine && called::gives == outcome::reply);
    static_assert(std::same_as<called::returned, otp::task<int>> && std::same_as<called::value, int>);
    static_assert(otp::answers<suspends, put> && handler_traits<on_call, suspends, put>::late);
    static_assert(otp::accepts<suspends, tick> && handler_traits<on_cast, suspends, tick>::gives == outcome::next);
    static_assert(otp::behaviour::init_traits<suspends, std::string>::is_coroutine);
}

TEST_CASE("a coroutine takes its message by value") {
    static_assert(!otp::accepts<suspends, tock> && !otp::receives<suspends, tick> && !otp::answers<replies_by_reference, get>);
    static_assert(!otp::gen_server<suspends> && !otp::gen_server<replies_by_reference>);
    static_assert(std::same_as<cast_fault<suspends, tock>,
                               otp::error::coroutine_handler_takes_message_by_reference<suspends, tock>>);
}

// ---- what is seen in the struct alone

template <class Returned>
struct begins {
    Returned init(int);
};
struct begins_in_many_ways {
    void init();
    otp::init_result init(int, std::string);
    template <class A>
    otp::init_result init(std::vector<A>);
};
struct begins_by_construction {
    explicit begins_by_construction(int);
    begins_by_construction(std::unique_ptr<int>, const char*);
};
struct begins_as_aggregate {
    int count;
    std::string name;
};
struct needs_both {
    explicit needs_both(int);
    void init(int);
};
class begins_privately {
    void init(int);
};
struct begins_by_reference {
    otp::task<> init(const std::string&);
};

TEST_CASE("START-11: init returns void or an init_result, or a coroutine of one") {
    static_assert(otp::starts_with<begins<void>, int> && otp::starts_with<begins<otp::init_result>, int>);
    static_assert(otp::starts_with<begins<otp::task<>>, int> && otp::starts_with<begins<otp::task<otp::init_result>>, int>);
    static_assert(!otp::gen_server<begins<int>> && !otp::gen_server<begins<otp::next>> && !otp::gen_server<begins<bool>>);
    static_assert(!otp::gen_server<begins<otp::result<void>>> && !otp::gen_server<begins<otp::task<int>>>);
    static_assert(std::same_as<server_fault<begins<int>>, otp::error::init_returns_another_type<begins<int>, int>>);
    static_assert(!otp::gen_server<begins_by_reference>);
}

TEST_CASE("the arguments of a start go to init, or to the constructor where there is no init") {
    static_assert(otp::starts_with<begins_in_many_ways> && otp::starts_with<begins_in_many_ways, int, const char*>);
    static_assert(otp::starts_with<begins_in_many_ways, std::vector<int>> && !otp::starts_with<begins_in_many_ways, int>);
    static_assert(otp::starts_with<begins_by_construction, int> && !otp::starts_with<begins_by_construction>);
    static_assert(otp::starts_with<begins_by_construction, std::unique_ptr<int>, const char*>);
    static_assert(otp::starts_with<begins_as_aggregate, int, std::string> && otp::starts_with<begins_as_aggregate>);
    static_assert(!otp::starts_with<begins_by_construction, std::unique_ptr<int>&, const char*>);
    static_assert(std::same_as<start_fault<begins_by_construction, std::unique_ptr<int>&, const char*>,
                               otp::error::start_argument_cannot_be_copied<std::unique_ptr<int>>>);
}

TEST_CASE("an init that doesn't fit is an error, never a fall-back to the constructor") {
    static_assert(std::same_as<start_fault<begins<void>, std::string>, otp::error::init_does_not_take<begins<void>, std::string>>);
    static_assert(std::same_as<start_fault<begins_privately, int>,
                               otp::error::init_is_private_or_does_not_take<begins_privately, int>>);
    static_assert(!otp::starts_with<begins_privately>);
    static_assert(std::same_as<server_fault<needs_both>, otp::error::server_with_init_has_no_default_constructor<needs_both>>);
}

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

}  // namespace

}  // namespace tests::concepts
