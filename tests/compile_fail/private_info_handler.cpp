// expect: private
#include "otp/gen_server.hpp"

// Nothing is sent that the server should know: the handler is for what the library sends.
class watcher {
#ifndef OTP_WRONG
public:
#endif
    void handle_info(otp::down);
};

void use() { (void)otp::start<watcher>(); }
