// What supervisors are asked and answer, and how they are set up.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "otp/behaviour/supervisor/child_spec.hpp"
#include "otp/behaviour/supervisor/restart_intensity.hpp"

namespace otp::inline OTP_ABI {

/// Which children are restarted when one has ended.
enum class restart_strategy : std::uint8_t {
    one_for_one,   ///< that one
    one_for_all,   ///< all: the others are ended in reverse order, then all are started
    rest_for_one,  ///< that one and those that were started after it
};
inline constexpr restart_strategy one_for_one = restart_strategy::one_for_one;
inline constexpr restart_strategy one_for_all = restart_strategy::one_for_all;
inline constexpr restart_strategy rest_for_one = restart_strategy::rest_for_one;

/// How a supervisor works. More than `intensity` restarts within `period` end it.
struct supervisor_flags {
    restart_strategy strategy = one_for_one;
    int intensity = 1;
    std::chrono::nanoseconds period = std::chrono::seconds{5};
    auto_shutdown_type auto_shutdown = auto_shutdown_type::never;
    std::chrono::nanoseconds hibernate_after = std::chrono::seconds{1};  ///< idle for so long, it hibernates; infinity: never
};
/// The same for a dynamic supervisor, which never hibernates.
struct dynamic_supervisor_flags {
    int intensity = 1;
    std::chrono::nanoseconds period = std::chrono::seconds{5};
};

/// Flags and children together: what a function that sets a supervisor up returns, and what a change of code brings.
struct supervision {
    supervisor_flags flags;
    std::vector<child_spec> children;
};

enum class child_state : std::uint8_t { running, stopped, restarting };

/// One child, as which_children tells.
struct child_info {
    std::string id;  ///< "" for a child of a dynamic supervisor
    otp::pid pid;    ///< null unless it runs
    child_state state = child_state::stopped;
    child_type type = child_type::worker;
    std::string_view module;  ///< the callback struct, "" if it isn't known
};

/// How many children there are. A dynamic supervisor has one specification.
struct child_count {
    std::size_t specs = 0;
    std::size_t active = 0;
    std::size_t supervisors = 0;
    std::size_t workers = 0;
    friend bool operator==(const child_count&, const child_count&) = default;
};

namespace behaviour {

struct start_child_order {
    using reply_type = child_birth;
    child_spec spec;
};
struct restart_child_order {
    using reply_type = child_birth;
    std::string id;
};
struct terminate_child_order {
    using reply_type = void;
    std::string id;
};
struct delete_child_order {
    using reply_type = void;
    std::string id;
};
struct which_children_query {
    using reply_type = std::vector<child_info>;
};
struct which_child_query {
    using reply_type = child_info;
    std::string id;
};
struct count_children_query {
    using reply_type = child_count;
};
struct start_dynamic_order {
    using reply_type = child_birth;
    intrusive_ptr<const child_arguments> extra;
};
struct terminate_dynamic_order {
    using reply_type = void;
    pid child;
};
/// Sent by a supervisor to itself: a restart is due.
struct try_again {
    std::uint64_t attempt;
};

}  // namespace behaviour
}  // namespace otp::inline OTP_ABI
