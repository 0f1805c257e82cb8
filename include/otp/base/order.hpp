// The few algorithms that everything needs. <algorithm> would be the largest header of all, and its sort forty functions for each type.
#pragma once

#include <cstddef>
#include <utility>

#include "otp/config.hpp"

namespace otp::inline OTP_ABI::base {

template <class T>
[[nodiscard]] constexpr const T& min(const T& a, const T& b) {
    return b < a ? b : a;
}
template <class T>
[[nodiscard]] constexpr const T& max(const T& a, const T& b) {
    return a < b ? b : a;
}

/// Heap sort: in place, not stable. `before(a, b)`: a comes first.
template <class T, class Before>
constexpr void sort(T* items, std::size_t count, Before before) {
    const auto sink = [items, &before](std::size_t at, std::size_t end) {
        for (std::size_t child; (child = 2 * at + 1) < end; at = child) {
            if (child + 1 < end && before(items[child], items[child + 1])) ++child;
            if (!before(items[at], items[child])) return;
            std::swap(items[at], items[child]);
        }
    };
    for (std::size_t i = count / 2; i-- > 0;) sink(i, count);
    while (count > 1) {
        std::swap(items[0], items[--count]);
        sink(0, count);
    }
}

/// The first of the sorted items for which `before(item)` is false; `count` if there is none.
template <class T, class Before>
[[nodiscard]] constexpr std::size_t first_not(const T* items, std::size_t count, Before before) {
    std::size_t first = 0;
    while (count > 0) {
        const std::size_t half = count / 2;
        if (before(items[first + half])) {
            first += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return first;
}

}  // namespace otp::inline OTP_ABI::base
