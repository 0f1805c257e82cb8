// What tests of servers use: simulations, probes, stubs, and the search for schedules that fail.
#pragma once

#include "otp/behaviour/testing/simulated.hpp"
#include "otp/behaviour/testing/stub.hpp"
#include "otp/process/probe.hpp"
#include "otp/runtime/explore.hpp"
#include "otp/runtime/simulation.hpp"
