#include "two_units.hpp"

int main() {
    auto server = otp::start<counter>();
    if (!server) return 1;
    auto first = server->call(counter::next{});
    return first && *first == 1 && next_of(*server) == 2 ? 0 : 2;
}
