// What counts as a handler, and for which message.
#include "concepts.hpp"

namespace tests::concepts {

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

}  // namespace tests::concepts
