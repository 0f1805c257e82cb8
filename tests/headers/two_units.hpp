// What the two units share: both start a server of this type and call it.
#pragma once

#include <otp/otp.hpp>

struct counter {
    struct next {
        using reply_type = int;
    };
    int handle_call(next) { return ++count; }
    int count = 0;
};

/// Defined in the second unit. The handle is a parameter, so that the library's inline namespace is in the symbol.
int next_of(const otp::server<counter>& server);
