#include "otp/base/flat_map.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tests::flat_map {

using otp::base::flat_map;

static_assert(sizeof(flat_map<std::string>) == sizeof(void*));
static_assert(!std::is_copy_constructible_v<flat_map<int>>);
static_assert(std::is_nothrow_move_constructible_v<flat_map<int>>);

namespace {

using strings = flat_map<std::string>;

std::vector<std::uint64_t> keys_of(const strings& map) {
    std::vector<std::uint64_t> keys;
    map.for_each([&](std::uint64_t key, const std::string&) { keys.push_back(key); });
    return keys;
}

// The map and a model go through the same random steps; keys are drawn from `pool`.
void behaves_like_a_model(unsigned seed, const std::vector<std::uint64_t>& pool, int steps) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    flat_map<std::unique_ptr<int>> map;
    std::unordered_map<std::uint64_t, int> model;
    for (int step = 0; step < steps; ++step) {
        const auto key = pool[random() % pool.size()];
        // The balance swings, so that the table grows and empties again.
        const bool growing = (step / 500) % 2 == 0;
        if (random() % 10 < (growing ? 7U : 2U)) {
            CHECK(*map.insert(key, std::make_unique<int>(step)) == step);
            model[key] = step;
        } else if (random() % 2) {
            CHECK(map.erase(key) == (model.erase(key) == 1));
        } else {
            const auto taken = map.take(key);
            const auto expected = model.find(key);
            REQUIRE(taken.has_value() == (expected != model.end()));
            if (taken) {
                CHECK(**taken == expected->second);
                model.erase(expected);
            }
        }
        REQUIRE(map.size() == model.size());
        REQUIRE(map.empty() == model.empty());
        if (step % 50 == 0)
            for (const auto each : pool) {
                const auto* found = map.find(each);
                const auto expected = model.find(each);
                REQUIRE((found != nullptr) == (expected != model.end()));
                if (found) CHECK(**found == expected->second);
            }
    }
    std::size_t seen = 0;
    map.for_each([&](std::uint64_t key, std::unique_ptr<int>& value) {
        ++seen;
        CHECK(model.at(key) == *value);
    });
    CHECK(seen == model.size());
}

}  // namespace

TEST_CASE("an empty table has no memory and finds nothing") {
    strings map;
    CHECK(map.empty());
    CHECK(map.size() == 0);
    CHECK(map.capacity() == 0);
    CHECK(map.find(1) == nullptr);
    CHECK(map.find(0) == nullptr);
    CHECK_FALSE(map.erase(1));
    CHECK_FALSE(map.take(1).has_value());
    CHECK(keys_of(map).empty());
}

TEST_CASE("what is inserted is found, and a second insert replaces it") {
    strings map;
    CHECK(map.insert(1, "one") == "one");
    map.insert(2, "two");
    CHECK(*map.find(1) == "one");
    CHECK(*std::as_const(map).find(2) == "two");
    CHECK(map.contains(2));
    CHECK_FALSE(map.contains(3));
    CHECK(map.insert(1, "uno") == "uno");
    CHECK(map.size() == 2);
    *map.find(2) = "due";
    CHECK(map.take(2) == "due");
    CHECK(map.find(2) == nullptr);
    CHECK(map.size() == 1);
}

TEST_CASE("a value of the table itself may be inserted under another key, also when the table grows") {
    strings map;
    map.insert(1, "a text that is too long to stand inside the string");
    for (std::uint64_t key = 2; key < 40; ++key) map.insert(key, *map.find(1));
    for (std::uint64_t key = 1; key < 40; ++key) CHECK(map.find(key)->substr(0, 6) == "a text");
    CHECK(map.insert(2, {"abc", 2}) == "ab");
}

TEST_CASE("the table grows at three quarters and gives its memory back with the last entry") {
    strings map;
    for (std::uint64_t key = 1; key <= 3; ++key) map.insert(key, "x");
    CHECK(map.capacity() == 4);
    map.insert(4, "x");
    CHECK(map.capacity() == 8);
    for (std::uint64_t key = 1; key <= 4; ++key) CHECK(map.erase(key));
    CHECK(map.empty());
    CHECK(map.capacity() == 0);
    map.insert(5, "again");
    CHECK(*map.find(5) == "again");
}

TEST_CASE("a table that is moved from is empty") {
    strings map;
    map.insert(1, "one");
    strings other = std::move(map);
    CHECK(map.empty());  // NOLINT(bugprone-use-after-move)
    CHECK(*other.find(1) == "one");
    map.insert(2, "two");
    map = std::move(other);
    CHECK(map.size() == 1);
    CHECK(map.contains(1));
    map.clear();
    CHECK(map.empty());
    CHECK(map.capacity() == 0);
}

TEST_CASE("values are destroyed once, by erase, replacement, clear and the end of the table") {
    const auto token = std::make_shared<int>(0);
    {
        flat_map<std::shared_ptr<int>> map;
        for (std::uint64_t key = 1; key <= 20; ++key) map.insert(key, token);
        CHECK(token.use_count() == 21);
        map.erase(7);
        CHECK(token.use_count() == 20);
        map.insert(8, nullptr);
        CHECK(token.use_count() == 19);
        map.clear();
        CHECK(token.use_count() == 1);
        map.insert(1, token);
        CHECK(token.use_count() == 2);
    }
    CHECK(token.use_count() == 1);
}

TEST_CASE("a value that looks at the table while it is erased finds a whole one") {
    struct watcher {
        flat_map<watcher>* home = nullptr;
        std::size_t* seen = nullptr;
        watcher(flat_map<watcher>& map, std::size_t& out) : home{&map}, seen{&out} {}
        watcher(watcher&& other) noexcept : home{std::exchange(other.home, nullptr)}, seen{other.seen} {}
        ~watcher() {
            if (home) *seen = home->size() + (home->contains(1) ? 100 : 0);
        }
    };
    std::size_t seen = 0;
    flat_map<watcher> map;
    map.insert(1, watcher{map, seen});
    map.insert(2, watcher{map, seen});
    map.erase(1);
    CHECK(seen == 1);
}

TEST_CASE("the order is the same for the same history") {
    strings one;
    strings other;
    for (std::uint64_t key = 1; key < 100; ++key)
        for (strings* each : {&one, &other}) each->insert(key * 7919, "x");
    for (std::uint64_t key = 1; key < 100; key += 3)
        for (strings* each : {&one, &other}) each->erase(key * 7919);
    CHECK(keys_of(one) == keys_of(other));
    CHECK(keys_of(one).size() == one.size());
}

TEST_CASE("over-aligned values stand where they must") {
    struct alignas(64) wide {
        int number;
    };
    flat_map<wide> map;
    for (std::uint64_t key = 1; key < 20; ++key) map.insert(key, wide{static_cast<int>(key)});
    map.for_each([](std::uint64_t key, const wide& value) {
        CHECK(reinterpret_cast<std::uintptr_t>(&value) % 64 == 0);
        CHECK(value.number == static_cast<int>(key));
    });
}

TEST_CASE("random steps on few dense keys agree with a model") {
    std::vector<std::uint64_t> pool;
    for (std::uint64_t key = 1; key <= 60; ++key) pool.push_back(key);
    for (unsigned seed = 0; seed < 5; ++seed) behaves_like_a_model(seed, pool, 2000);
}

TEST_CASE("random steps on keys that differ only in their high bits agree with a model") {
    std::vector<std::uint64_t> pool;
    for (std::uint64_t key = 1; key <= 200; ++key) pool.push_back(key << 48U);
    for (unsigned seed = 0; seed < 5; ++seed) behaves_like_a_model(seed, pool, 3000);
}

TEST_CASE("random steps on keys like addresses agree with a model") {
    std::vector<std::uint64_t> pool;
    for (std::uint64_t key = 0; key < 300; ++key) pool.push_back(0x7f3a'1c00'0040U + key * 256);
    for (unsigned seed = 0; seed < 5; ++seed) behaves_like_a_model(seed, pool, 3000);
}

}  // namespace tests::flat_map
