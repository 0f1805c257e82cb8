// expect: otp::serve: each connection gets a copy of the handler and of the arguments
#include "otp/socket_server.hpp"

#include <memory>

#ifdef OTP_WRONG
using owner = std::unique_ptr<int>;
#else
using owner = std::shared_ptr<int>;
#endif
otp::task<> greet(otp::tcp::socket, owner) { co_return; }

void use() { (void)otp::serve({.port = 0}, greet, owner{}); }
