// Servers of TCP and Unix socket connections, and the clients for them.
#pragma once

#include "otp/behaviour/socket_server/serve.hpp"
#include "otp/behaviour/socket_server/serve_child.hpp"
#include "otp/config.hpp"
#include "otp/gen_server.hpp"
#include "otp/net/connect.hpp"
#include "otp/net/tcp.hpp"
#include "otp/runtime/wait_for_signal.hpp"
#include "otp/version.hpp"
