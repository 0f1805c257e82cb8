// Supervisors: processes that start, restart and end others.
#pragma once

#include "otp/behaviour/supervisor/dynamic_supervisor.hpp"
#include "otp/behaviour/supervisor/supervisor.hpp"
#include "otp/config.hpp"
#include "otp/gen_server.hpp"
#include "otp/version.hpp"
