// What the program and its later versions have in common: the requests, and the first version of the server.
#pragma once

#include <otp/gen_server.hpp>

#include <string>

struct greet {
    using reply_type = std::string;
    std::string name;
};

struct greeter {
    int guests = 0;

    std::string handle_call(const greet& g) { return "Hello, " + g.name + ". You are guest " + std::to_string(++guests) + ".\n"; }
};

/// What a new version has under the name "upgrade": it makes the server its own.
using upgrade_function = void(const otp::server<greeter>& running, otp::result<void>& outcome);
