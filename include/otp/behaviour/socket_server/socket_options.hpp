// How a socket_server is set up, and what it tells of itself.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "otp/config.hpp"
#include "otp/net/address.hpp"
#include "otp/process/pid.hpp"

namespace otp::inline OTP_ABI {

/// No limit for socket_options::max_connections.
inline constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

/// What becomes of a client that comes when all connections are taken.
enum class limit_policy : std::uint8_t {
    queue,   ///< it waits in the kernel's queue until one ends
    refuse,  ///< it is accepted and closed at once
};

/// How a socket_server listens; written as braces with designators, in this order: otp::serve({.port = 7000, .backlog = 64}, echo).
struct socket_options {
    int port = 7000;                                    ///< 0: any free one; server->port() tells which
    std::string address{};                              ///< IPv4, IPv6 or a Unix socket's path; "" is every IPv4 address
    std::string name{};                                 ///< to be registered under; "" for none
    int backlog = 1024;                                 ///< how many clients wait in the kernel at most
    std::size_t acceptors = 1;                          ///< how many wait for clients at the same time
    std::size_t max_connections = otp::unlimited;       ///< 0 serves nobody
    limit_policy policy = limit_policy::queue;          ///< at max_connections
    bool reuse_port = false;                            ///< several servers may listen on the port (SO_REUSEPORT)
    bool no_delay = true;                               ///< small pieces are sent at once (TCP_NODELAY)
    bool keep_alive = false;                            ///< idle peers are asked now and then (SO_KEEPALIVE)
    int fd = -1;                                        ///< a listening descriptor from elsewhere, instead of port and address
    std::chrono::nanoseconds shutdown = std::chrono::seconds{5};  ///< how long a stop waits for connections to end before it kills them
};

/// One connection of a socket_server.
struct connection_info {
    otp::pid pid;
    net::address peer;
};

/// The state of a socket_server.
struct socket_info {
    bool suspended = false;              ///< it doesn't listen
    bool short_of_resources = false;     ///< accepting pauses: no descriptors or memory left
    net::address address;                ///< where it listens, or listened before it was suspended
    std::uint16_t port = 0;              ///< 0 for a Unix socket
    std::size_t connections = 0;         ///< now
    std::size_t limit = otp::unlimited;  ///< of connections
    std::size_t acceptors = 0;           ///< that wait for clients now
    std::uint64_t accepted = 0;          ///< connections that were served since it started
    std::uint64_t crashed = 0;           ///< of these, ended with another reason than normal or a shutdown
    std::uint64_t rejected = 0;          ///< closed at once for the limit
};

}  // namespace otp::inline OTP_ABI
