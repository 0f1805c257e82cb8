// A supervisor of any number of children of one kind; OTP's simple_one_for_one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "otp/base/flat_map.hpp"
#include "otp/base/order.hpp"
#include "otp/behaviour/gen_server/handles.hpp"
#include "otp/behaviour/supervisor/child_ending.hpp"
#include "otp/behaviour/supervisor/supervisor_messages.hpp"
#include "otp/process/send_after.hpp"

namespace otp::inline OTP_ABI {

namespace behaviour {

/// Arguments as they were given, and, where init of the child shows what it takes, as that.
template <class Tail, class... E>
class given_arguments final : public child_arguments {
    using given = std::tuple<E...>;
    static constexpr bool converts = [] {
        if constexpr (std::is_void_v<Tail> || std::is_same_v<Tail, given>) return false;
        else return std::is_constructible_v<Tail, const given&>;
    }();
    using other = std::conditional_t<converts, Tail, std::tuple<>>;

public:
    template <class... G>
    explicit given_arguments(std::in_place_t, G&&... values) : given_{std::forward<G>(values)...}, converted_{make(given_)} {}
    const void* as(type_id tuple) const noexcept override {
        if (tuple == type_id_of<given>) return &given_;
        if (converts && tuple == type_id_of<other>) return &converted_;
        return nullptr;
    }

private:
    static other make(const given& from) {
        if constexpr (converts) return other(from);
        else return {};
    }
    given given_;
    other converted_;
};

template <class T, std::size_t Given>
struct last_parameters {
    using type = void;
};
template <shows_init T, std::size_t Given>
    requires(Given <= std::tuple_size_v<typename init_parameters<T>::type>)
struct last_parameters<T, Given> {
    using all = typename init_parameters<T>::type;
    using type = typename tail_of<std::tuple_size_v<all> - Given, all>::type;
};

}  // namespace behaviour

/// A gen_server that supervises servers of T (void: processes of any kind), all started by one specification, with arguments of their own if they need some:
/// otp::start<otp::dynamic_supervisor<session>>(otp::dynamic_supervisor_flags{}, otp::child<session>("session", room)). Its end
/// ends all children at once and waits for them. OTP's supervisor with the strategy simple_one_for_one.
template <class T>
class dynamic_supervisor {
public:
    struct interface : client<dynamic_supervisor> {
        /// Starts a child; `extra` come behind the arguments of the specification, and are copied for restarts. A null handle if
        /// the start said `ignore`. Errors: the child's reason, bad_argument (these arguments don't fit the specification).
        template <class... E>
        [[nodiscard("it may have failed")]] auto start_child(E&&... extra) const -> result<typename child_of<T>::handle> {
            using tail = typename behaviour::last_parameters<T, sizeof...(E)>::type;
            using held = behaviour::given_arguments<tail, std::decay_t<E>...>;
            intrusive_ptr<const behaviour::child_arguments> given;
            if constexpr (sizeof...(E) != 0)
                given = intrusive_ptr<const behaviour::child_arguments>::adopt(new held{std::in_place, std::forward<E>(extra)...});
            auto started = this->call(behaviour::start_dynamic_order{std::move(given)}, infinity);
            if (!started) return started.error();
            return child_of<T>::handle_of(*started);
        }
        /// Ends a child and waits until it is gone; success if it is gone already. Error: not_found (another's child).
        [[nodiscard("it may be another's")]] result<void> terminate_child(const pid& child) const {
            return this->call(behaviour::terminate_dynamic_order{child}, infinity);
        }
        /// All children, the newest first; they have no id.
        [[nodiscard]] result<std::vector<child_info>> which_children() const { return this->call(behaviour::which_children_query{}, infinity); }
        [[nodiscard]] result<child_count> count_children() const { return this->call(behaviour::count_children_query{}, infinity); }
    };

    init_result init(dynamic_supervisor_flags flags, child_of<T> each) {
        trap_exit(true);
        if (auto fits = behaviour::restart_intensity::check(flags.intensity, flags.period); !fits) return otp::stop(fits.error());
        if (auto fits = check_spec(each); !fits) return otp::stop(fits.error());
        intensity_.set(flags.intensity, flags.period);
        spec_.emplace(std::move(each));
        return ok;
    }

    /// With the flags of any supervisor, as far as they mean something here: else bad_argument.
    init_result init(supervisor_flags flags, child_of<T> each) {
        const auto refused = [](const char* what) { return otp::stop(reason{reason::bad_argument}.with_text(what)); };
        if (flags.strategy != one_for_one) return refused("bad_combination: a dynamic supervisor has no strategy");
        if (flags.auto_shutdown != auto_shutdown_type::never) return refused("bad_combination: auto_shutdown of a dynamic supervisor");
        return init(dynamic_supervisor_flags{flags.intensity, flags.period}, std::move(each));
    }

    result<behaviour::child_birth> handle_call(behaviour::start_dynamic_order order) {
        auto started = start(order.extra.get());
        if (plan().restart == restart_type::temporary) order.extra = {};  // never needed again
        if (started && started->process) enter(started->process, std::move(order.extra), {});
        return started;
    }
    task<result<void>> handle_call(behaviour::terminate_dynamic_order order) {
        entry* found = order.child ? children_.find(order.child.block()->id()) : nullptr;
        if (!found) {
            if (order.child && is_alive(order.child)) co_return reason::not_found;
            co_return result<void>{};
        }
        if (found->attempt == 0) {
            behaviour::child_ending ending{order.child, plan()};
            co_await ending.run();
        }
        (void)children_.erase(order.child.block()->id());
        co_return result<void>{};
    }
    std::vector<child_info> handle_call(behaviour::which_children_query) {
        std::vector<entry> newest;
        newest.reserve(children_.size());
        children_.for_each([&newest](std::uint64_t, const entry& e) { newest.push_back(e); });
        base::sort(newest.data(), newest.size(), [](const entry& a, const entry& b) { return a.process > b.process; });
        std::vector<child_info> told;
        told.reserve(newest.size());
        for (const entry& e : newest) {
            const bool runs = e.attempt == 0;
            told.push_back({{}, runs ? e.process : pid{}, runs ? child_state::running : child_state::restarting, plan().type, plan().module});
        }
        return told;
    }
    child_count handle_call(behaviour::count_children_query) {
        child_count sum{.specs = 1};
        children_.for_each([&sum](std::uint64_t, const entry& e) {
            if (e.attempt == 0 && is_alive(e.process)) ++sum.active;
        });
        (plan().type == child_type::supervisor ? sum.supervisors : sum.workers) = children_.size();
        return sum;
    }
    next handle_info(exit_signal end) {
        entry* gone = end.pid ? children_.find(end.pid.block()->id()) : nullptr;
        if (!gone || gone->attempt != 0) return noreply;  // none of ours, or ended by us
        const auto kind = plan().restart;
        const bool orderly = end.reason.is_orderly();
        if (kind == restart_type::permanent || !orderly) behaviour::report_child(log_level::error, "child_terminated", end.reason, plan(), end.pid);
        if (kind == restart_type::permanent || (kind == restart_type::transient && !orderly)) {
            mark(*gone, otp::now() - gone->started);
            return restart(end.pid.block()->id(), true);
        }
        (void)children_.erase(end.pid.block()->id());
        return noreply;
    }
    next handle_info(behaviour::try_again due) {
        const auto* at = waiting_.find(due.attempt);
        if (!at) return noreply;
        const auto number = *at;
        (void)waiting_.erase(due.attempt);
        entry* found = children_.find(number);
        if (!found || found->attempt != due.attempt) return noreply;  // ended by an order meanwhile
        return restart(number, false);
    }
    void terminate(const reason&) { close(); }

    /// sys::change_code<otp::dynamic_supervisor<T>>(server, otp::child<T>(…)): another specification from the next start on.
    static result<dynamic_supervisor> code_change(dynamic_supervisor&& old, child_of<T> extra) {
        if (auto fits = check_spec(extra); !fits) return fits.error();
        old.spec_.emplace(std::move(extra));
        return std::move(old);
    }
    using messages = otp::messages<behaviour::start_dynamic_order, behaviour::terminate_dynamic_order, behaviour::which_children_query,
                                   behaviour::count_children_query, behaviour::try_again>;

private:
    struct entry {
        pid process;  // the last one of a child that is being restarted
        intrusive_ptr<const behaviour::child_arguments> extra;
        std::uint64_t attempt = 0;  // of its restart; 0: it runs
        bool is_counted = false;
        exec::time_point started{};
        std::chrono::nanoseconds delay{0};
    };

    [[nodiscard]] static result<void> check_spec(const child_spec& each) {
        if (auto fits = each.plan().check(); !fits) return fits;
        if (each.plan().significant) return reason{reason::bad_argument}.with_text("bad_combination: a significant child of a dynamic supervisor");
        return {};
    }
    [[nodiscard]] const behaviour::child_plan& plan() const noexcept { return spec_->plan(); }
    void enter(const pid& process, intrusive_ptr<const behaviour::child_arguments> extra, std::chrono::nanoseconds delay) {
        link(process);  // a factory may have left that out
        behaviour::report_child(log_level::info, "started", reason::normal, plan(), process);
        children_.insert(process.block()->id(), entry{process, std::move(extra), 0, false, otp::now(), delay});
    }
    /// The new process; none for a start that said `ignore`.
    [[nodiscard]] result<behaviour::child_birth> start(const behaviour::child_arguments* extra) {
        result<behaviour::child_birth> started = behaviour::child_birth{};
        try {
            started = spec_->start(extra);
        } catch (const proc::unwinding&) {
            throw;
        } catch (...) {
            started = reason{std::current_exception()};
        }
        if (!started && started.error() == reason::ignored) return behaviour::child_birth{};
        return started;
    }
    void mark(entry& e, std::chrono::nanoseconds lived) {
        e.delay = plan().delay_after(e.delay, lived);
        e.attempt = ++last_attempt_;
    }
    void wait_for_turn(std::uint64_t number, const entry& e) {
        waiting_.insert(e.attempt, number);
        const server<dynamic_supervisor> self = otp::self<dynamic_supervisor>();
        if (e.delay == e.delay.zero()) self.send(behaviour::try_again{e.attempt});
        else (void)send_after(plan().jittered(e.delay, exec::current_executor().random()), self, behaviour::try_again{e.attempt});
    }
    /// As child_list::restart, of one child.
    [[nodiscard]] next restart(std::uint64_t number, bool may_wait) {
        entry& e = *children_.find(number);
        if (!std::exchange(e.is_counted, false) && !intensity_.count(otp::now())) {
            behaviour::report_child(log_level::error, "shutdown", reason{"reached_max_restart_intensity"}, plan(), {});
            return otp::stop(reason::shutdown);
        }
        if (may_wait && e.delay != e.delay.zero()) {
            e.is_counted = true;
            wait_for_turn(number, e);
            return noreply;
        }
        auto started = start(e.extra.get());
        if (!started) {
            behaviour::report_child(log_level::error, "start_error", started.error(), plan(), {});
            mark(e, std::chrono::nanoseconds{0});
            wait_for_turn(number, e);
            return noreply;
        }
        const auto old = children_.take(number);
        if (started->process) enter(started->process, old->extra, old->delay);
        return noreply;
    }
    /// All are told at once; their time is one time for all.
    void close() {
        inbox<down> ends;
        proc::process& self = *proc::current_process();
        self.drain();
        std::size_t left = 0;
        proc::ordered_end told{self};
        const reason order = plan().killed_at_once ? reason::kill : reason::shutdown;
        children_.for_each([&](std::uint64_t, const entry& e) {
            if (e.attempt != 0) return;
            (void)ends.monitor(e.process);
            proc::unlink(self, *e.process.block());
            told.tell(*e.process.block(), order);
            ++left;
        });
        const bool waits = !plan().killed_at_once && plan().shutdown != infinity;
        const auto begun = otp::now();
        for (bool late = !waits; left != 0;) {
            const auto passed = otp::now() - begun;
            auto end = late ? ends.receive() : ends.receive(base::max(plan().shutdown - passed, std::chrono::nanoseconds{0}));
            if (end) {
                --left;
                gone(std::get<down>(*end));
            } else {
                if (late) return;  // nothing is left that could end them
                late = true;
                children_.for_each([](std::uint64_t, const entry& e) {
                    if (e.attempt == 0) exit_process(e.process, reason::kill);
                });
            }
        }
    }
    void gone(const down& end) {
        const bool known = end.reason != reason::noproc;
        const reason why = known ? end.reason : behaviour::child_ending::known_end(end.pid);
        if (!behaviour::child_ending::as_told(why, plan())) behaviour::report_child(log_level::error, "shutdown_error", why, plan(), end.pid);
        (void)children_.erase(end.pid.block()->id());
    }

    std::optional<child_of<T>> spec_;
    behaviour::restart_intensity intensity_;
    base::flat_map<entry> children_;           // by the number of the process
    base::flat_map<std::uint64_t> waiting_;    // restarts on their way: number of the old process
    std::uint64_t last_attempt_ = 0;
};

}  // namespace otp::inline OTP_ABI
