// The name of a type as text, and a number made from it, both at compile time and without RTTI.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "otp/config.hpp"

namespace otp::inline OTP_ABI {

namespace base {

// Returns char const* and not string_view: g++ would append the expansion of the alias to the text.
template <class T>
[[nodiscard]] consteval const char* pretty_function() noexcept {
    return __PRETTY_FUNCTION__;
}

template <class T>
[[nodiscard]] consteval std::string_view compiler_type_name() noexcept {
    // The text around the type is the same for every type; int shows how long it is.
    constexpr std::string_view sample = pretty_function<int>();
    constexpr std::size_t before = sample.rfind("int");
    constexpr std::size_t after = sample.size() - before - 3;
    constexpr std::string_view whole = pretty_function<T>();
    return whole.substr(before, whole.size() - before - after);
}

/// A name in static memory, in one spelling for both compilers.
template <std::size_t Size>
struct plain_name {
    char characters[Size + 1]{};
    std::size_t length = 0;

    consteval void add(std::string_view more) noexcept {
        for (char c : more) characters[length++] = c;
    }
};

#define OTP_STRINGIZE_(text) #text
#define OTP_STRINGIZE(text) OTP_STRINGIZE_(text)

template <class T>
[[nodiscard]] consteval auto make_plain_name() noexcept {
    struct replacement {
        std::string_view from;
        std::string_view to;
    };
    constexpr replacement table[] = {
        {OTP_STRINGIZE(OTP_ABI) "::", ""}, {"__cxx11::", ""}, {"{anonymous}", "(anonymous namespace)"}};
    constexpr std::string_view raw = compiler_type_name<T>();
    plain_name<raw.size() * 2 + 16> name;
    for (std::size_t i = 0; i < raw.size();) {
        const bool at_start = i == 0 || std::string_view{":< ("}.find(raw[i - 1]) != std::string_view::npos;
        const replacement* found = nullptr;
        for (const auto& entry : table)
            if (at_start && raw.substr(i, entry.from.size()) == entry.from) found = &entry;
        if (found) {
            name.add(found->to);
            i += found->from.size();
        } else {
            name.add(raw.substr(i++, 1));
        }
    }
    return name;
}

#undef OTP_STRINGIZE
#undef OTP_STRINGIZE_

template <class T>
inline constexpr auto plain_name_of = make_plain_name<T>();

// Not const, so that no linker merges two of them.
template <class T>
inline constinit char type_anchor = 0;

/// FNV-1a, 64 bits.
[[nodiscard]] constexpr std::uint64_t hash_text(std::string_view text) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (char c : text) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 0x100000001b3U;
    }
    return hash;
}

}  // namespace base

/// The name of T as its compiler writes it, without the inline namespaces of this library and of the standard one.
/// Fundamental types and lambdas are spelled differently by different compilers. The text is terminated by a zero.
template <class T>
[[nodiscard]] constexpr std::string_view type_name() noexcept {
    return {base::plain_name_of<T>.characters, base::plain_name_of<T>.length};
}

/// Identifies a type, also among types of the same name: an address, so only good within one run of the program, and in
/// shared objects that hide their symbols each has its own. Null for no type.
using type_id = const void*;

template <class T>
inline constexpr type_id type_id_of = &base::type_anchor<T>;

}  // namespace otp::inline OTP_ABI
