// The second version, written when the first is long in use: it also knows who was there before. Build it while the program runs:
// c++ -std=c++20 -fPIC -shared -Iinclude examples/hot_upgrade/version_2.cpp -o version_2.so
#include "greeter.hpp"

#include <otp/otp.hpp>

#include <set>

struct greeter_2 {
    using messages = otp::messages<greet>;  // what still comes through handles of the first version

    int guests = 0;
    std::set<std::string> known;

    static otp::result<greeter_2> code_change(greeter&& old) { return greeter_2{old.guests, {}}; }

    std::string handle_call(const greet& g) {
        if (!known.insert(g.name).second) return "Welcome back, " + g.name + "!\n";
        return "Welcome, " + g.name + ", guest " + std::to_string(++guests) + "!\n";
    }
};

extern "C" void upgrade(const otp::server<greeter>& running, otp::result<void>& outcome) {
    if (const auto changed = otp::sys::change_code<greeter_2>(running); !changed) outcome = changed.error();
}
