// What of the debug facility can be on from a server's first message, and how each part is switched on.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "otp/base/intrusive_ptr.hpp"
#include "otp/base/log.hpp"
#include "otp/behaviour/gen_server/debugging.hpp"
#include "otp/behaviour/gen_server/server_base.hpp"

namespace otp::inline OTP_ABI {

namespace behaviour {

/// f(state, event, name), which returns void or a sys::verdict.
template <class F, class State>
concept debug_function = std::invocable<F&, State&, const sys::event&, std::string_view> &&
                         (std::is_void_v<std::invoke_result_t<F&, State&, const sys::event&, std::string_view>> ||
                          std::same_as<std::invoke_result_t<F&, State&, const sys::event&, std::string_view>, sys::verdict>);
template <class F>
concept own_id = identified_by_type<F> || identified_by_address<F>;

/// A function with its state, as the debug facility calls it.
template <class F, class State>
[[nodiscard]] debugging::function bind_debug_function(F f, State initial) {
    return [f = std::move(f), state = std::move(initial)](const sys::event& e, std::string_view name) mutable {
        if constexpr (std::is_void_v<std::invoke_result_t<F&, State&, const sys::event&, std::string_view>>) {
            f(state, e, name);
            return sys::more;
        } else {
            return f(state, e, name);
        }
    };
}

inline void apply_trace(server_base& s, bool on) {
    if (on) s.debug().trace_to([](std::string_view line) { base::log(log_level::notice, line); });
    else if (auto* debug = s.debug_if_any()) debug->trace_to(nullptr);
    s.end_debug_if_idle();
}
/// 0 keeps none.
inline void apply_log(server_base& s, std::size_t events) {
    if (events != 0) s.debug().keep(events);
    else if (auto* debug = s.debug_if_any()) debug->keep_none();
    s.end_debug_if_idle();
}
inline result<void> apply_log_file(server_base& s, const std::string& path) {
    if (auto* debug = s.debug_if_any()) debug->write_to({});
    auto opened = line_file::open(path);
    if (opened) s.debug().write_to(std::move(*opened));
    s.end_debug_if_idle();
    if (!opened) return opened.error();
    return {};
}
inline void apply_statistics(server_base& s, bool on) {
    const auto now = s.executor().now();
    if (on) s.debug().count(true, now);
    else if (auto* debug = s.debug_if_any()) debug->count(false, now);
    s.end_debug_if_idle();
}

}  // namespace behaviour

namespace sys {

/// The options without an argument.
enum class debug_switch : std::uint8_t { traced, counted };
/// As sys::trace(server, true).
inline constexpr debug_switch traced = debug_switch::traced;
/// As sys::statistics(server, true).
inline constexpr debug_switch counted = debug_switch::counted;

/// One of start_options::debug: a part of the debug facility that is on from the server's first message. A value, made by
/// traced, counted, logged(n), logged_to(path), installed(id, f, initial). gen_server's {debug, Dbgs}.
class debug_option {
public:
    /// Switches one part on; a copy of what it holds goes to each server.
    struct part : ref_counted {
        virtual result<void> apply(behaviour::server_base& s) const = 0;
    };
    debug_option(debug_switch on) noexcept : switch_on_{on == traced ? &behaviour::apply_trace : &behaviour::apply_statistics} {}
    explicit debug_option(intrusive_ptr<const part> what) noexcept : part_{std::move(what)} {}

    [[nodiscard]] result<void> apply(behaviour::server_base& s) const {
        if (part_) return part_->apply(s);
        switch_on_(s, true);
        return {};
    }

private:
    // Pointers, so that only who names an option compiles what it does.
    void (*switch_on_)(behaviour::server_base& s, bool on) = nullptr;
    intrusive_ptr<const part> part_;
};

namespace option {

template <class Part, class... A>
[[nodiscard]] debug_option make(A&&... arguments) {
    struct counted final : Part {
        using Part::Part;
        void dispose() noexcept override { delete this; }
    };
    return debug_option{intrusive_ptr<const debug_option::part>::adopt(new counted(std::forward<A>(arguments)...))};
}

struct log : debug_option::part {
    explicit log(std::size_t n) noexcept : events{n} {}
    std::size_t events;
    result<void> apply(behaviour::server_base& s) const override {
        if (events == 0) return reason{reason::bad_argument}.with_text("a log of less than one event");
        behaviour::apply_log(s, events);
        return {};
    }
};
struct log_file : debug_option::part {
    explicit log_file(std::string where) noexcept : path{std::move(where)} {}
    std::string path;
    result<void> apply(behaviour::server_base& s) const override { return behaviour::apply_log_file(s, path); }
};
template <class F, class State>
struct function : debug_option::part {
    function(std::string name, F what, State first) : id{std::move(name)}, f{std::move(what)}, initial{std::move(first)} {}
    std::string id;
    F f;
    State initial;
    result<void> apply(behaviour::server_base& s) const override {
        s.debug().install({id}, behaviour::bind_debug_function(f, initial));
        return {};
    }
};

}  // namespace option

/// As sys::log(server, events).
[[nodiscard]] inline debug_option logged(std::size_t events = 10) { return option::make<option::log>(events); }
/// As sys::log_to_file(server, path).
[[nodiscard]] inline debug_option logged_to(std::string path) { return option::make<option::log_file>(std::move(path)); }
/// As sys::install(server, id, f, initial); f and initial are copied for each server.
template <class F, class State>
    requires behaviour::debug_function<F, State> && std::copy_constructible<F> && std::copy_constructible<State>
[[nodiscard]] debug_option installed(std::string id, F f, State initial) {
    return option::make<option::function<F, State>>(std::move(id), std::move(f), std::move(initial));
}

}  // namespace sys

namespace behaviour {

/// Before the server's first turn. An option that fails is ignored, with a line in the log.
inline void apply_debug_options(server_base& s, const std::vector<sys::debug_option>& options) {
    for (const auto& option : options) {
        const auto applied = option.apply(s);
        if (applied) continue;
        base::log(log_level::warning, "a debug option of a server of " + std::string{s.behaviour_name()} +
                                          " is ignored: " + applied.error().to_string());
    }
}

}  // namespace behaviour

}  // namespace otp::inline OTP_ABI
