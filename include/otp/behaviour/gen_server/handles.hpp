// Handles made from other handles: to oneself, from a pid, to a struct that is only declared.
#pragma once

#include <compare>
#include <chrono>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "otp/base/exit.hpp"
#include "otp/behaviour/gen_server/client.hpp"
#include "otp/process/links.hpp"
#include "otp/process/send_after.hpp"

namespace otp::inline OTP_ABI {

/// A handle to the server of T that this code runs in. Throws otp::exit: no_process on a plain thread, wrong_server in a
/// process that is no server of T.
template <class T>
[[nodiscard]] server<T> self() {
    proc::process* mine = proc::current_process();
    if (!mine) throw otp::exit{reason{reason::no_process}.with_text("self: no process runs on this thread")};
    if (mine->behaviour_type() != type_id_of<T>) throw otp::exit{reason{reason::wrong_server}.with_text("self: the process is another server")};
    return server<T>{intrusive_ptr<proc::process>::share(mine)};
}

template <class T, class M>
void scoped_timer::start(std::chrono::nanoseconds delay, T*, M message) {
    start(delay, otp::self<std::remove_cv_t<T>>(), std::move(message));
}

/// A handle from a pid. Error: wrong_server if that process is no server of T; bad_argument of a null pid. Any thread.
template <class T>
[[nodiscard]] result<server<T>> server_cast(const pid& who) {
    if (!who) return reason{reason::bad_argument}.with_text("a null pid");
    if (who.block()->behaviour_type() != type_id_of<T>) return reason::wrong_server;
    return server<T>{who.shared()};
}

/// Watches a process: its end arrives once, with the tag, in handle_info(otp::tagged_down<Tag>) of the server of T that this code runs
/// in; `self` is its `this`. Throws otp::exit: no_process on a plain thread, wrong_server in another process. monitor/3, {tag, T}.
template <class T, class Tag>
[[nodiscard("without its ref a monitor can't be ended")]] monitor_ref monitor(const pid& other, T*, Tag tag) {
    behaviour::diagnose_send<T, tagged_down<Tag>>();
    if constexpr (receives<T, tagged_down<Tag>>) {
        const server<T> mine = self<T>();
        proc::process& watcher = *mine.id().block();
        const auto number = watcher.own_node().next_number();
        proc::monitor(watcher, proc::known(other), number, proc::make_tagged_watch(behaviour::info_to<T, tagged_down<Tag>>::ops, std::move(tag)));
        return monitor_ref{number};
    } else {
        return {};  // the diagnosis has failed the build
    }
}

/// Watches whoever has the typed name; otherwise as otp::monitor of its text.
template <class T>
[[nodiscard("without its ref a monitor can't be ended")]] monitor_ref monitor(const name<T>& watched) {
    return monitor(watched.text());
}

/// A handle to a server of a struct that is only declared yet: two structs may hold one another so. It becomes the
/// otp::server by get() or by conversion where T is complete; call, cast and their like work there, too. A value, for any thread.
template <class T>
class ref : public client<T> {
public:
    constexpr ref() noexcept = default;
    ref(const server<T>& to) noexcept { this->become(to.id().shared(), nullptr); }

    /// The handle with T's interface functions; T must be complete here.
    template <class U = T>
    [[nodiscard]] server<U> get() const noexcept {
        return server<U>{this->held()};
    }
    template <class U = T>
    operator server<U>() const noexcept {
        return server<U>{this->held()};
    }
    [[nodiscard]] pid id() const noexcept { return pid{this->held()}; }
    [[nodiscard]] explicit operator bool() const noexcept { return this->held_process() != nullptr; }

    friend bool operator==(const ref& a, const ref& b) noexcept { return a.held_process() == b.held_process(); }
    friend std::strong_ordering operator<=>(const ref& a, const ref& b) noexcept { return a.id() <=> b.id(); }
    template <class OStream>
        requires requires(OStream& out, const std::string& line) { out << line; }
    friend OStream& operator<<(OStream& out, const ref& r) {
        out << r.id().to_string();
        return out;
    }
};

}  // namespace otp::inline OTP_ABI

template <class T>
struct std::hash<otp::ref<T>> {
    std::size_t operator()(const otp::ref<T>& r) const noexcept { return std::hash<otp::pid>{}(r.id()); }
};
