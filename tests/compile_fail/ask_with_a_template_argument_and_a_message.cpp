// expect: otp::error::a_temporary_in_co_await_is_unsafe_write::ask<put>
#include "otp/gen_server.hpp"

#include <string>

struct put {
    using reply_type = void;
    std::string key, value;
};
struct store {
    void handle_call(put);
};

otp::task<> use(otp::server<store> server) {
    put request{"key", "value"};
#ifdef OTP_WRONG
    (void)co_await server.ask<put>(put{"key", "value"});
#else
    (void)co_await server.ask(request);
#endif
}
