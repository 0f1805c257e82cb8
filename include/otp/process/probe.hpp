// An inbox that knows what it expects: for tests, of whatever framework.
#pragma once

#include <chrono>
#include <concepts>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "otp/process/expectation.hpp"
#include "otp/process/inbox.hpp"

namespace otp::inline OTP_ABI {

namespace proc {
// A probe can watch processes, whatever else it takes.
template <class... M>
struct inbox_of_probe {
    using type = inbox<M..., down>;
};
template <class... M>
    requires(std::is_same_v<down, M> || ...)
struct inbox_of_probe<M...> {
    using type = inbox<M...>;
};
}  // namespace proc

/// Stands in a test for whoever gets messages of the types M, and otp::down of who it monitors. It is an otp::inbox, so a
/// recipient of each M, whose expect functions throw otp::probe_failure where something else comes, or nothing. They take what
/// they wait for, in the order of arrival. On the thread of an otp::simulation waiting runs the simulation, and limits
/// are exact: what comes at the very limit is in time. On real workers limits are real time.
/// Thread safety: as that of an inbox.
template <class... M>
class probe : public proc::inbox_of_probe<M...>::type {
    using base_inbox = typename proc::inbox_of_probe<M...>::type;
    template <class X>
    static constexpr bool takes = std::is_same_v<X, down> || (std::is_same_v<X, M> || ...);
    template <class X>
    static constexpr bool compares = takes<X> && std::equality_comparable<X>;

public:
    using message = typename base_inbox::message;
    using span = std::chrono::nanoseconds;

    /// The next message, which must be an X and come within `limit`.
    template <class X>
        requires takes<X>
    X expect(span limit = proc::patience_of_probes) {
        return must_be<X>(await(limit), [&] { return std::string{type_name<X>()} + proc::within(limit); });
    }
    /// The next message, which must be an X that equals `value`.
    template <class X>
        requires compares<X>
    X expect(const X& value, span limit = proc::patience_of_probes) {
        const auto wanted = [&] { return proc::message_text(value) + proc::within(limit); };
        auto came = await(limit);
        const X* const fits = came ? std::get_if<X>(&*came) : nullptr;
        if (fits && !(*fits == value)) {
            const auto text = proc::message_text(*fits);
            fail(wanted(), text == proc::message_text(value) ? "one of another value came" : text + " came");
        }
        return must_be<X>(std::move(came), wanted);
    }
    /// The next message, which must be an X that comes not before `earliest` and not after `latest`, from now. One that is
    /// there already is too early.
    template <class X>
        requires takes<X>
    X expect_between(span earliest, span latest) {
        const auto wanted = [&] {
            return std::string{type_name<X>()} + " between " + proc::length_text(earliest) + " and " + proc::length_text(latest);
        };
        const auto begin = executor().now();
        auto came = await(latest);
        const auto took = executor().now() - begin;
        if (came && took < earliest) fail(wanted(), text_of(*came) + " came after " + proc::length_text(took));
        return must_be<X>(std::move(came), wanted);
    }
    /// Lets `span` pass, in which nothing must come.
    void expect_none(span time) {
        if (auto came = await(time)) fail("nothing for " + proc::length_text(time), text_of(*came) + " came");
    }
    /// The first X for which fits(x) is true; drops everything before it.
    template <class X, class Predicate>
        requires(takes<X> && std::predicate<Predicate&, const X&>)
    X fish(Predicate&& fits, span limit = proc::patience_of_probes) {
        const auto deadline = proc::call_deadline(executor(), limit);
        std::string others;
        while (auto came = await_until(deadline)) {
            if (X* const found = std::get_if<X>(&*came); found && fits(std::as_const(*found))) return std::move(*found);
            others += (others.empty() ? "" : ", ") + text_of(*came);
        }
        fail(std::string{type_name<X>()} + " that fits" + proc::within(limit), others.empty() ? "nothing came" : "only others came: " + others);
    }
    /// The first X; drops everything before it.
    template <class X>
        requires takes<X>
    X fish(span limit = proc::patience_of_probes) {
        return fish<X>([](const X&) { return true; }, limit);
    }
    /// The next message, which must be the otp::down of this process, which is monitored: monitor(pid). What it ended with.
    reason expect_down(const pid& who, span limit = proc::patience_of_probes) {
        const auto wanted = [&] { return "down of " + who.to_string() + proc::within(limit); };
        auto came = await(limit);
        if (const down* end = came ? std::get_if<down>(&*came) : nullptr; end && end->pid != who) fail(wanted(), text_of(*came) + " came");
        return must_be<down>(std::move(came), wanted).reason;
    }

private:
    [[nodiscard]] exec::executor& executor() const noexcept { return this->core_->executor(); }
    [[nodiscard]] std::optional<message> await_until(exec::time_point deadline) {
        return proc::await_mail(*this->core_, deadline, [this] { return this->try_receive(); });
    }
    [[nodiscard]] std::optional<message> await(span limit) { return await_until(proc::call_deadline(executor(), limit)); }

    [[nodiscard]] static std::string text_of(const message& came) {
        return std::visit([](const auto& x) { return proc::message_text(x); }, came);
    }
    [[noreturn]] void fail(const std::string& wanted, const std::string& instead) const { proc::disappoint(executor(), wanted, instead); }
    template <class X, class Wanted>
    [[nodiscard]] X must_be(std::optional<message> came, const Wanted& wanted) const {
        if (!came) fail(wanted(), "nothing came");
        X* const fits = std::get_if<X>(&*came);
        if (!fits) fail(wanted(), text_of(*came) + " came");
        return std::move(*fits);
    }
};

}  // namespace otp::inline OTP_ABI
