// expect: otp::error::reply_is_of_another_type<counter::get, const char
#include "otp/gen_server.hpp"

struct counter {
    struct get {
        using reply_type = int;
    };
    void handle_call(get, otp::from<get> caller) {
#ifdef OTP_WRONG
        caller.reply("seven");
#else
        caller.reply(7);
#endif
    }
};

void use(const otp::server<counter>& server) { (void)server.call(counter::get{}); }
