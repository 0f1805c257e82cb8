// Servers and faults to look at.
#pragma once

#include "otp/behaviour/gen_server/concepts.hpp"

#include <doctest/doctest.h>

#include <any>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "otp/behaviour/gen_server/actions.hpp"
#include "otp/behaviour/gen_server/from.hpp"
#include "otp/process/events.hpp"
#include "otp/process/task.hpp"

// A request for whose type nobody can write a member.
template <>
struct otp::reply_of<long> {
    using type = std::string;
};

namespace tests::concepts {

using otp::behaviour::handler_traits;
using otp::behaviour::on_call;
using otp::behaviour::on_cast;
using otp::behaviour::on_continue;
using otp::behaviour::on_info;
using otp::behaviour::outcome;
using otp::behaviour::taking;

struct get {
    using reply_type = int;
};
struct put {
    using reply_type = void;
    std::string key, value;
};
struct tick {};
struct tock {};
struct bogus {
    using reply_type = int;
};

// How otp::error names the fault, or void.
template <class T, class Request>
using call_fault = typename decltype(otp::behaviour::find_call_fault<T, Request>())::type;
template <class T, class Message>
using cast_fault = typename decltype(otp::behaviour::find_handler_fault<on_cast, T, Message>())::type;
template <class T, class Message>
using info_fault = typename decltype(otp::behaviour::find_handler_fault<on_info, T, Message>())::type;
template <class T>
using server_fault = typename decltype(otp::behaviour::find_server_fault<T>())::type;
template <class T, class... A>
using start_fault = typename decltype(otp::behaviour::find_start_fault<T, A...>())::type;
template <class... T>
using code_change_fault = typename decltype(otp::behaviour::find_code_change_fault<T...>())::type;

// The example of the manual.
struct channels_v1 {};
struct upgrade {};
struct channels {
    struct alloc {
        using reply_type = std::optional<int>;
    };
    struct drain {
        using reply_type = int;
    };
    struct free {
        int channel;
    };
    struct load {};

    otp::init_result init(int count);
    std::optional<int> handle_call(alloc);
    void handle_call(drain, otp::from<drain> caller);
    void handle_cast(free f);
    void handle_info(otp::exit_signal e);
    void handle_continue(load);
    void terminate(const otp::reason& why) noexcept;
    static otp::result<channels> code_change(channels_v1&& old, upgrade extra);
    void format_status(otp::status& s) const;
};

}  // namespace tests::concepts
