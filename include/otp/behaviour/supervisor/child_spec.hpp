// What a supervisor knows of a child: how it is started, restarted and ended.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "otp/base/owned.hpp"
#include "otp/base/type_name.hpp"
#include "otp/behaviour/supervisor/child_starter.hpp"

namespace otp::inline OTP_ABI {

/// When a child that ended is started again.
enum class restart_type : std::uint8_t {
    permanent,  ///< always
    transient,  ///< when it ended with another reason than normal, shutdown or shutdown_for
    temporary,  ///< never; the supervisor forgets it
};
inline constexpr restart_type permanent = restart_type::permanent;
inline constexpr restart_type transient = restart_type::transient;
inline constexpr restart_type temporary = restart_type::temporary;

enum class child_type : std::uint8_t { worker, supervisor };

/// When the end of significant children ends their supervisor.
enum class auto_shutdown_type : std::uint8_t { never, any_significant, all_significant };
inline constexpr auto_shutdown_type any_significant = auto_shutdown_type::any_significant;
inline constexpr auto_shutdown_type all_significant = auto_shutdown_type::all_significant;

/// As a child's shutdown: it is killed without being asked.
struct brutal_kill_type {
    explicit brutal_kill_type() = default;
};
inline constexpr brutal_kill_type brutal_kill{};

namespace behaviour {

/// The plain part of a child's specification.
struct child_plan {
    std::string id;
    std::string name;
    std::string_view module;  // of the callback struct
    std::chrono::nanoseconds shutdown = std::chrono::seconds{5};
    std::chrono::nanoseconds first_delay{0};  // of a restart
    std::chrono::nanoseconds most_delay{0};
    double jitter = 0;  // how much of a delay is left to chance
    restart_type restart = restart_type::permanent;
    child_type type = child_type::worker;
    bool killed_at_once = false;
    bool significant = false;
    bool parallel = false;

    [[nodiscard]] result<void> check() const {
        const auto wrong = [this](const char* what) { return reason{reason::bad_argument}.with_text("child \"" + id + "\": " + what); };
        if (id.empty()) return wrong("missing_id");
        if (shutdown < shutdown.zero()) return wrong("invalid_shutdown: a negative time");
        if (first_delay < first_delay.zero() || most_delay < first_delay || !(jitter >= 0 && jitter <= 1)) return wrong("invalid_backoff");
        if (significant && restart == restart_type::permanent) return wrong("bad_combination: significant and permanent");
        return {};
    }
    /// The delay of the next restart of a child that had `last` and then lived for `lived`; one that lived long begins anew.
    [[nodiscard]] std::chrono::nanoseconds delay_after(std::chrono::nanoseconds last, std::chrono::nanoseconds lived) const noexcept {
        if (last == last.zero() || lived >= most_delay) return first_delay;
        return last > most_delay / 2 ? most_delay : last * 2;
    }
    /// A delay with its part of chance.
    [[nodiscard]] std::chrono::nanoseconds jittered(std::chrono::nanoseconds delay, std::uint64_t random) const noexcept {
        const double chance = static_cast<double>(random >> 11) / static_cast<double>(std::uint64_t{1} << 53);
        return delay - std::chrono::nanoseconds{static_cast<std::int64_t>(static_cast<double>(delay.count()) * jitter * chance)};
    }
};

template <class T>
inline constexpr bool is_supervisor = false;
template <>
inline constexpr bool is_supervisor<supervisor> = true;
template <class T>
inline constexpr bool is_supervisor<dynamic_supervisor<T>> = true;

}  // namespace behaviour

/// A child's specification without its type; made by otp::child. A value; its copies share the arguments or the factory.
class child_spec {
public:
    [[nodiscard]] const std::string& id() const noexcept { return plan_.id; }
    [[nodiscard]] const behaviour::child_plan& plan() const noexcept { return plan_; }
    /// For supervisors: starts one.
    [[nodiscard]] result<behaviour::child_birth> start(const behaviour::child_arguments* extra = nullptr) const { return starter_->start(plan_.name, extra); }
    /// The same at the same time as others; null: it can't.
    [[nodiscard]] base::owned<behaviour::pending_child> launch(proc::waiter& by) const { return starter_->launch(plan_.name, by); }

protected:
    child_spec() = default;
    behaviour::child_plan plan_;
    intrusive_ptr<const behaviour::child_starter> starter_;
};

namespace behaviour {
template <class T>
struct child_handle {
    using type = server<T>;
    [[nodiscard]] static type of(const pid& child) { return child ? type{child.shared()} : type{}; }
};
template <>
struct child_handle<void> {
    using type = pid;
    [[nodiscard]] static type of(const pid& child) { return child; }
};
}  // namespace behaviour

/// The specification of a child that is a server of T (void: any process), and whose start gives an Info (void: none).
template <class T, class Info = void>
class child_of : public child_spec {
    using child_handle = behaviour::child_handle<T>;

public:
    /// What starting one gives: an otp::server of T, or a pid; with an Info an otp::child_and_info of it.
    using handle = typename std::conditional_t<std::is_void_v<Info>, child_handle,
                                               std::type_identity<child_and_info<typename child_handle::type, Info>>>::type;
    /// For supervisors.
    [[nodiscard]] static result<handle> handle_of(const behaviour::child_birth& born) {
        if constexpr (std::is_void_v<Info>) {
            return child_handle::of(born.process);
        } else {
            const auto* info = born.info ? static_cast<const Info*>(born.info->as(type_id_of<Info>)) : nullptr;
            if (!info && !born.process) return reason::ignored;
            if (!info) return reason{reason::bad_argument}.with_text("the child's start gives no such info");
            return handle{child_handle::of(born.process), *info};
        }
    }

    child_of(std::string id, intrusive_ptr<const behaviour::child_starter> starter) {
        plan_.id = std::move(id);
        starter_ = std::move(starter);
        if constexpr (!std::is_void_v<T>) plan_.module = type_name<T>();
        if constexpr (behaviour::is_supervisor<T>) {
            plan_.type = child_type::supervisor;
            plan_.shutdown = infinity;
        }
    }

    /// It is registered under this name.
    [[nodiscard]] child_of named(const otp::name<T>& called) &&
        requires(!std::is_void_v<T>)
    {
        plan_.name = called.text();
        return std::move(*this);
    }
    [[nodiscard]] child_of named(std::string called) && {
        plan_.name = std::move(called);
        return std::move(*this);
    }
    /// permanent unless said.
    [[nodiscard]] child_of restart(restart_type when) && {
        plan_.restart = when;
        return std::move(*this);
    }
    /// How long it may take to end when it is asked to, before it is killed; otp::infinity for no limit. 5 s unless said, and no
    /// limit for a supervisor.
    [[nodiscard]] child_of shutdown(std::chrono::nanoseconds limit) && {
        plan_.shutdown = limit;
        plan_.killed_at_once = false;
        return std::move(*this);
    }
    [[nodiscard]] child_of shutdown(brutal_kill_type) && {
        plan_.killed_at_once = true;
        return std::move(*this);
    }
    /// Its end may end the supervisor: supervisor_flags::auto_shutdown.
    [[nodiscard]] child_of significant(bool on = true) && {
        plan_.significant = on;
        return std::move(*this);
    }
    /// It is started at the same time as the parallel ones that stand beside it, and the next is started when all of them have. The
    /// order of their end stays: the last in the list first. For supervisors with several children; one that a factory starts is
    /// started on its own.
    [[nodiscard]] child_of parallel(bool on = true) && {
        plan_.parallel = on;
        return std::move(*this);
    }
    /// Restarts wait: `first`, then twice as long each time, `most` at the longest; `first` again for a child that lived `most`
    /// or longer. Each is made shorter by chance, by the part `jitter` of it (0 to 1) at most, so that many that fell together don't
    /// come back together; in a simulation the seed decides. Without a backoff a restart is immediate.
    [[nodiscard]] child_of backoff(std::chrono::nanoseconds first, std::chrono::nanoseconds most, double jitter = 0) && {
        plan_.first_delay = first;
        plan_.most_delay = most;
        plan_.jitter = jitter;
        return std::move(*this);
    }
};

/// A child that is a server of T, started with copies of these arguments. For a dynamic supervisor they may be the first of
/// those that T's init takes: start_child gives the others.
template <class T, class... A>
    requires std::is_class_v<T>
[[nodiscard]] child_of<T> child(std::string id, A&&... arguments) {
    if constexpr (behaviour::starts_copies<T, std::decay_t<A>...>) {
        using starter = behaviour::server_starter<T, std::decay_t<A>...>;
        return {std::move(id), intrusive_ptr<const behaviour::child_starter>::adopt(new starter{std::in_place, std::forward<A>(arguments)...})};
    } else {
        behaviour::diagnose_start<T, const std::decay_t<A>&...>();
        return {std::move(id), nullptr};
    }
}
/// A child that a factory starts: it returns an otp::result of a server that it has started linked (otp::start_link), or of a
/// pid, or of an otp::child_and_info. Called in the supervisor at each start, as const. What it takes is given by start_child of a dynamic supervisor.
template <behaviour::child_factory F>
[[nodiscard]] auto child(std::string id, F factory) {
    using made = typename behaviour::made_by<F, behaviour::factory_parameters<F>>::type;
    using info = typename behaviour::made_by<F, behaviour::factory_parameters<F>>::info;
    return child_of<made, info>{std::move(id), intrusive_ptr<const behaviour::child_starter>::adopt(new behaviour::factory_starter<F>{std::move(factory)})};
}

/// Are these the specifications of a supervisor? Error: bad_argument, with what is wrong in its text. Starts nothing.
/// supervisor:check_childspecs/2.
[[nodiscard]] inline result<void> check_childspecs(const std::vector<child_spec>& children,
                                                   auto_shutdown_type when = auto_shutdown_type::any_significant) {
    for (auto at = children.begin(); at != children.end(); ++at) {
        if (auto fits = at->plan().check(); !fits) return fits;
        const auto wrong = [at](const char* what) { return reason{reason::bad_argument}.with_text("child \"" + at->id() + "\": " + what); };
        if (at->plan().significant && when == auto_shutdown_type::never) return wrong("bad_combination: significant, and auto_shutdown never");
        for (auto other = children.begin(); other != at; ++other)
            if (other->id() == at->id()) return wrong("duplicate_child_name");
    }
    return {};
}

}  // namespace otp::inline OTP_ABI
