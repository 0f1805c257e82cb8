// expect: otp::error::debug_function_does_not_take_state_event_and_name<
#include "otp/gen_server.hpp"

struct idle {};

#ifdef OTP_WRONG
void note(int&, const otp::sys::event&);
#else
void note(int&, const otp::sys::event&, std::string_view);
#endif

void use(const otp::server<idle>& server) { (void)otp::sys::install(server, &note, 0); }
