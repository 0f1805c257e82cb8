// A supervisor: starts children in order, restarts them by a strategy, ends them in reverse order.
#pragma once

#include <concepts>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "otp/behaviour/gen_server/handles.hpp"
#include "otp/behaviour/supervisor/child_list.hpp"
#include "otp/behaviour/sys/sys.hpp"

namespace otp::inline OTP_ABI {

namespace behaviour {
/// A function that sets a supervisor up: gives an otp::supervision, or an otp::result of one.
template <class F>
concept sets_supervisor_up = std::is_invocable_r_v<result<supervision>, F&>;

/// What otp::server<otp::supervisor> can do more than any server. A template for units that don't use it.
template <class Supervisor>
struct supervisor_interface : client<Supervisor> {
    /// Starts another child, the last in order. It gives a handle, a null one if the start said `ignore`. Errors:
    /// already_started (pid()), already_present (it is stopped or restarting), bad_argument, the child's reason; of a child with an
    /// Info, ignored.
    template <class T, class Info>
    [[nodiscard("it may have failed")]] auto start_child(child_of<T, Info> spec) const -> result<typename child_of<T, Info>::handle> {
        auto started = this->call(behaviour::start_child_order{std::move(spec)}, infinity);
        if (!started) return started.error();
        return child_of<T, Info>::handle_of(*started);
    }
    /// Ends a child and waits until it is gone; its specification stays unless it is temporary. Error: not_found.
    [[nodiscard("it may be unknown")]] result<void> terminate_child(std::string id) const {
        return this->call(behaviour::terminate_child_order{std::move(id)}, infinity);
    }
    /// Starts a stopped child again: its pid, a null one for `ignore`. Errors: not_found, running, restarting, the child's reason.
    [[nodiscard("it may have failed")]] result<pid> restart_child(std::string id) const {
        auto started = this->call(behaviour::restart_child_order{std::move(id)}, infinity);
        if (!started) return started.error();
        return std::move(started->process);
    }
    /// The same for a child whose start gives an Info. Another error: bad_argument, it gives none of this type.
    template <class Info>
    [[nodiscard("it may have failed")]] auto restart_child(std::string id) const -> result<child_and_info<pid, Info>> {
        auto started = this->call(behaviour::restart_child_order{std::move(id)}, infinity);
        if (!started) return started.error();
        return child_of<void, Info>::handle_of(*started);
    }
    /// Forgets a stopped child. Errors: not_found, running, restarting.
    [[nodiscard("it may still run")]] result<void> delete_child(std::string id) const {
        return this->call(behaviour::delete_child_order{std::move(id)}, infinity);
    }
    /// All children, the newest first.
    [[nodiscard]] result<std::vector<child_info>> which_children() const { return this->call(behaviour::which_children_query{}, infinity); }
    /// Error: not_found.
    [[nodiscard]] result<child_info> which_child(std::string id) const { return this->call(behaviour::which_child_query{std::move(id)}, infinity); }
    [[nodiscard]] result<child_count> count_children() const { return this->call(behaviour::count_children_query{}, infinity); }
};

/// The callbacks of otp::supervisor, which is Self. A template, since g++ emits each coroutine that isn't in one, also in a unit that
/// starts no supervisor.
template <class Self>
class supervising {
public:
    template <std::derived_from<child_spec>... C>
    init_result init(supervisor_flags flags, C... children) {
        std::vector<child_spec> all;
        all.reserve(sizeof...(C));
        (all.push_back(std::move(children)), ...);
        return begin(flags, std::move(all));
    }
    init_result init(supervisor_flags flags, std::vector<child_spec> children) { return begin(flags, std::move(children)); }
    template <sets_supervisor_up F>
    init_result init(F set_up) {
        result<supervision> made = set_up();
        if (!made) {
            if (made.error() == reason::ignored) return ignore;
            return otp::stop(made.error());
        }
        return begin(made->flags, std::move(made->children));
    }

    result<child_birth> handle_call(start_child_order order) { return children_.add(std::move(order.spec)); }
    task<result<void>> handle_call(terminate_child_order order) { return children_.terminate(std::move(order.id)); }
    result<child_birth> handle_call(const restart_child_order& order) { return children_.restart_stopped(order.id); }
    result<void> handle_call(const delete_child_order& order) { return children_.remove(order.id); }
    std::vector<child_info> handle_call(which_children_query) { return children_.all(); }
    result<child_info> handle_call(const which_child_query& query) { return children_.one(query.id); }
    child_count handle_call(count_children_query) { return children_.count(); }

    task<next> handle_info(exit_signal end) {
        const bool goes_on = co_await children_.on_exit(std::move(end));
        if (goes_on) co_return noreply;
        co_await children_.close_all();
        co_return otp::stop(reason::shutdown);
    }
    task<next> handle_info(try_again due) {
        const bool goes_on = co_await children_.on_try_again(due);
        if (goes_on) co_return noreply;
        co_await children_.close_all();
        co_return otp::stop(reason::shutdown);
    }
    void terminate(const reason&) { children_.close(); }

    /// sys::change_code<otp::supervisor>(server, otp::supervision{…}): other flags and specifications from now on. Nothing is
    /// started or ended for it.
    static result<Self> code_change(Self&& old, supervision extra) {
        if (auto changed = old.children_.change(extra.flags, std::move(extra.children)); !changed) return changed.error();
        return std::move(old);
    }
    using messages = otp::messages<start_child_order, terminate_child_order, restart_child_order,
                                   delete_child_order, which_children_query, which_child_query,
                                   count_children_query, try_again>;

private:
    init_result begin(const supervisor_flags& flags, std::vector<child_spec> children) {
        trap_exit(true);
        if (auto begun = children_.open(flags, std::move(children)); !begun) return otp::stop(begun.error());
        return ok;
    }
    child_list<Self> children_;
};

}  // namespace behaviour

/// A gen_server that supervises others: otp::start<otp::supervisor>(otp::supervisor_flags{…}, otp::child<T>("id", arguments…), …).
/// Its start returns after that of the last child; its end, whatever the reason, ends all children, the newest first. A failed
/// start of a child is the error failed_child: text() is the id, cause() the child's reason. OTP's supervisor.
class supervisor : public behaviour::supervising<supervisor> {
public:
    using interface = behaviour::supervisor_interface<supervisor>;
};

}  // namespace otp::inline OTP_ABI
