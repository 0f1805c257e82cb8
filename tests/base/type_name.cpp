#include "otp/base/type_name.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "otp/base/reason.hpp"

namespace shop {
struct order {
    struct line {};
};
template <class T>
struct box {};
}  // namespace shop

namespace {
struct hidden {};
}  // namespace

namespace tests::type_name {

using otp::type_id_of;
using otp::type_name;

static_assert(type_name<int>() == "int");
static_assert(type_name<shop::order::line>() == "shop::order::line");

TEST_CASE("a type's name is as in the source, with its namespaces") {
    CHECK(type_name<double>() == "double");
    CHECK(type_name<shop::order>() == "shop::order");
    CHECK(type_name<shop::box<shop::order>>() == "shop::box<shop::order>");
    CHECK(type_name<const shop::order>() == "const shop::order");
}

TEST_CASE("inline namespaces and the compiler's spelling of unnamed ones don't show") {
    CHECK(type_name<otp::reason>() == "otp::reason");
    CHECK(type_name<shop::box<otp::reason>>() == "shop::box<otp::reason>");
    CHECK(type_name<std::vector<otp::reason_kind>>() == "std::vector<otp::reason_kind>");
    CHECK(type_name<hidden>() == "(anonymous namespace)::hidden");
    CHECK(type_name<std::string>().find("__cxx11") == std::string_view::npos);
}

TEST_CASE("a name is terminated by a zero") {
    const auto name = type_name<shop::order>();
    CHECK(name.data()[name.size()] == '\0');
}

TEST_CASE("a type's number is FNV-1a of its name, and differs between types") {
    CHECK(otp::base::hash_text("") == 0xcbf29ce484222325U);
    CHECK(otp::base::hash_text("a") == 0xaf63dc4c8601ec8cU);
    CHECK(otp::base::hash_text("foobar") == 0x85944171f73967e8U);
    CHECK(type_id_of<shop::order> == type_id_of<shop::order>);
    CHECK(type_id_of<shop::order> != type_id_of<shop::order::line>);
    CHECK(type_id_of<int> != type_id_of<const int>);
}

TEST_CASE("a type's address is its own, also where names are equal") {
    const auto one = [](int n) { return n; };
    const auto other = [](int n) { return n + 1; };
    CHECK(type_id_of<decltype(one)> != type_id_of<decltype(other)>);
    CHECK(type_id_of<shop::order> == type_id_of<shop::order>);
    CHECK(type_id_of<shop::order> != type_id_of<shop::order::line>);
}

}  // namespace tests::type_name
