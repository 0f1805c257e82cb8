#include "two_units.hpp"

int next_of(const otp::server<counter>& server) {
    auto own = otp::start<counter>();
    if (!own || own->call(counter::next{}).value_or(0) != 1) return -1;
    return server.call(counter::next{}).value_or(0);
}
