#include "otp/base/order.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

namespace tests::order {

using otp::base::first_not;
using otp::base::sort;

TEST_CASE("sort puts in order whatever it is given") {
    std::mt19937 random{7};
    for (std::size_t count = 0; count != 200; ++count) {
        std::vector<unsigned> items(count);
        for (auto& each : items) each = static_cast<unsigned>(random() % (1 + count / 2));  // many are equal
        auto expected = items;
        std::sort(expected.begin(), expected.end());
        sort(items.data(), items.size(), [](unsigned a, unsigned b) { return a < b; });
        CHECK(items == expected);
        sort(items.data(), items.size(), [](unsigned a, unsigned b) { return a > b; });
        CHECK(std::is_sorted(items.rbegin(), items.rend()));
    }
}

TEST_CASE("sort moves what can't be copied cheaply and keeps all of it") {
    std::vector<std::string> names;
    for (int i = 0; i != 100; ++i) names.push_back("a name that is not short " + std::to_string((i * 37) % 100));
    auto expected = names;
    std::sort(expected.begin(), expected.end());
    sort(names.data(), names.size(), [](const std::string& a, const std::string& b) { return a < b; });
    CHECK(names == expected);
}

TEST_CASE("first_not finds the border, also at both ends") {
    for (int count = 0; count != 40; ++count) {
        std::vector<int> items;
        for (int i = 0; i != count; ++i) items.push_back(2 * i);
        for (int border = -1; border <= 2 * count; ++border) {
            const auto expected = std::lower_bound(items.begin(), items.end(), border) - items.begin();
            CHECK(first_not(items.data(), items.size(), [border](int i) { return i < border; }) == static_cast<std::size_t>(expected));
        }
    }
}

TEST_CASE("min and max give the first of two equal ones") {
    const int one = 1, other = 1, two = 2;
    CHECK(&otp::base::min(one, other) == &one);
    CHECK(&otp::base::max(one, other) == &one);
    CHECK(otp::base::min(two, one) == 1);
    CHECK(otp::base::max(one, two) == 2);
}

}  // namespace tests::order
