// What handlers and init may return.
#include "concepts.hpp"

namespace tests::concepts {

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

}  // namespace tests::concepts
