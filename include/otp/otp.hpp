// All of it.
#pragma once

#include "otp/behaviour/socket_server/simulated_serve.hpp"
#include "otp/behaviour/sys/sys.hpp"
#include "otp/gen_server.hpp"
#include "otp/socket_server.hpp"
#include "otp/supervisor.hpp"
#include "otp/testing.hpp"
