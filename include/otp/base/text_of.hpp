// A value as text, for reports: whatever its type, and more for those that have a to_string.
#pragma once

#include <concepts>
#include <exception>
#include <string>
#include <string_view>
#include <type_traits>

#include "otp/base/type_name.hpp"

namespace otp::inline OTP_ABI::base {

/// The program says how a T is shown, by a to_string beside T.
template <class T>
concept has_to_string = requires(const T& value) {
    { to_string(value) } -> std::convertible_to<std::string_view>;
};

/// The name of T; of one that has a to_string(const T&) beside it "name: what that returns", of a number "name: number".
/// Throws bad_alloc only.
template <class T>
[[nodiscard]] std::string text_of([[maybe_unused]] const T& value) {
    std::string text{type_name<T>()};
    if constexpr (std::same_as<T, bool>) {
        text += value ? ": true" : ": false";
    } else if constexpr (std::is_arithmetic_v<T>) {
        text += ": " + std::to_string(value);
    } else if constexpr (has_to_string<T>) {
        const auto length = text.size();
        try {
            text += ": ";
            const auto& shown = to_string(value);
            text += std::string_view{shown};
        } catch (const std::exception& e) {
            text.resize(length);
            text += ": its to_string threw ";
            text += e.what();
        } catch (...) {
            text.resize(length);
            text += ": its to_string threw";
        }
    }
    return text;
}

}  // namespace otp::inline OTP_ABI::base
