// The server of most programs here: the example of the OTP documentation.
#pragma once

#include <optional>
#include <string>

#include "otp/gen_server.hpp"

struct channels {
    struct alloc {
        using reply_type = std::optional<int>;
    };
    struct drain {
        using reply_type = int;
    };
    struct free {
        int channel;
    };
    struct load {};

    otp::init_result init(int count);
    std::optional<int> handle_call(alloc);
    void handle_call(drain, otp::from<drain> caller);
    void handle_cast(free f);
    void handle_info(otp::exit_signal e);
    void handle_continue(load);
    void terminate(const otp::reason& why) noexcept;
};

struct bogus {
    using reply_type = int;
};
struct tick {};
