// Forward names of the public types, for headers that only pass them on. Default template arguments stand here and
// nowhere else; the headers that define a type include this one.
#pragma once

#include "otp/config.hpp"

namespace otp::inline OTP_ABI {

// results and reasons
class reason;
class exit;
template <class T>
class result;

// what a handler takes and returns
template <class T = void>
class task;
template <class Request>
class from;
template <class Reply>
class replied;
class next;
class init_result;
class status;
struct exit_signal;
struct down;
template <class Tag>
struct tagged_down;
struct timeout;

// processes and handles
class pid;
class monitor_ref;
class timer_ref;
template <class T>
class client;
template <class T>
class server;
template <class T>
class name;
template <class T>
class via;
class registry;
template <class T>
class ref;
template <class Message>
class recipient;
template <class Request>
class request;
template <class Request, class Label>
class request_set;
template <class... Messages>
class inbox;
template <class... Messages>
class probe;
template <class T>
class stub;
class scoped_timer;
class scoped_monitor;
struct start_options;

// runtimes
class runtime;
class simulation;
class use;

// behaviours
class supervisor;
template <class T>
class dynamic_supervisor;
struct supervisor_flags;
template <class Handler>
class socket_server;
struct socket_options;

// sockets
class buffer;
namespace tcp {
class socket;
class blocking_socket;
struct data;
struct closed;
struct passive;
struct error;
}  // namespace tcp

/// A list of message types: `using interleaves = otp::messages<get>;` in a callback struct names the requests that
/// come in while a handler waits, `using messages = otp::messages<alloc, drain>;` what a new version takes over.
template <class... M>
struct messages {};

}  // namespace otp::inline OTP_ABI
