#include "otp/base/owned.hpp"

#include <doctest/doctest.h>

#include <type_traits>
#include <utility>

namespace tests::owned {

using otp::base::owned;
using otp::base::owned_array;

struct counted {
    static inline int alive = 0;
    counted() { ++alive; }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    virtual ~counted() { --alive; }
};
struct derived final : counted {};

static_assert(!std::is_copy_constructible_v<owned<counted>> && std::is_nothrow_move_constructible_v<owned<counted>>);

TEST_CASE("an owned object ends with its owner") {
    {
        const owned<counted> one{new counted};
        CHECK(counted::alive == 1);
        CHECK(one);
        CHECK(one != nullptr);
    }
    CHECK(counted::alive == 0);
}

TEST_CASE("a moved owner has nothing, an assigned one ends what it had") {
    owned<counted> one{new counted};
    counted* const object = one.get();
    owned<counted> other{new counted};
    other = std::move(one);
    CHECK(counted::alive == 1);
    CHECK(one == nullptr);
    CHECK(other.get() == object);
    auto& itself = other;
    other = std::move(itself);
    CHECK(other.get() == object);
    CHECK(counted::alive == 1);
    counted* const given = other.release();
    CHECK(other == nullptr);
    CHECK(counted::alive == 1);
    delete given;
}

TEST_CASE("an owner of a base takes over from one of a derived class") {
    owned<derived> one{new derived};
    owned<counted> base{std::move(one)};
    CHECK(one == nullptr);
    CHECK(counted::alive == 1);
    base.reset();
    CHECK(counted::alive == 0);
}

TEST_CASE("what an object owns may be replaced by a part of itself") {
    struct link {
        counted content;
        owned<link> next;
    };
    owned<link> list{new link};
    list->next.reset(new link);
    list->next->next.reset(new link);
    CHECK(counted::alive == 3);
    list = std::move(list->next);
    CHECK(counted::alive == 2);
    list.reset();
    CHECK(counted::alive == 0);
}

TEST_CASE("an owned array ends with its owner or its successor") {
    {
        owned_array<counted> items{new counted[3]};
        CHECK(counted::alive == 3);
        items.reset(new counted[2]);
        CHECK(counted::alive == 2);
        CHECK(&items[1] == items.get() + 1);
    }
    CHECK(counted::alive == 0);
}

}  // namespace tests::owned
