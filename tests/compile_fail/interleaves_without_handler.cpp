// expect: otp::error::interleaves_names_what_no_handle_call_takes<counter, get>
#include "otp/gen_server.hpp"

struct get {
    using reply_type = int;
};
struct counter {
    using interleaves = otp::messages<get>;
#ifdef OTP_WRONG
    void handle_cast(get);
#else
    int handle_call(get);
#endif
};

void use() { (void)otp::start<counter>(); }
