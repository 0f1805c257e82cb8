// Servers that are callback structs: Erlang/OTP's gen_server, and the processes that they are.
#pragma once

#include "otp/behaviour/ask.hpp"
#include "otp/behaviour/change_code.hpp"
#include "otp/behaviour/client.hpp"
#include "otp/behaviour/handles.hpp"
#include "otp/behaviour/multi_call.hpp"
#include "otp/behaviour/request.hpp"
#include "otp/behaviour/start.hpp"
#include "otp/behaviour/sys.hpp"
#include "otp/config.hpp"
#include "otp/process/inbox.hpp"
#include "otp/process/links.hpp"
#include "otp/process/recipient.hpp"
#include "otp/process/send_after.hpp"
#include "otp/process/sleep.hpp"
#include "otp/process/spawn.hpp"
#include "otp/version.hpp"
