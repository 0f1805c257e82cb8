// expect: otp::error::reply_type_is_no_object_type_nor_void<get, int
#include "otp/gen_server.hpp"

struct get {
#ifdef OTP_WRONG
    using reply_type = int&;
#else
    using reply_type = int;
#endif
};
struct counter {
    get::reply_type handle_call(get);
};

otp::task<> use(otp::server<counter> server) {
    (void)server.call(get{});
    (void)server.send_request(get{});
    (void)co_await server.ask<get>();
}
