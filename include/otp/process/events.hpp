// What a process hears of others: trapped exits and monitored ends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "otp/process/message.hpp"
#include "otp/process/pid.hpp"
#include "otp/process/relations.hpp"

namespace otp::inline OTP_ABI {

/// Identifies one monitor; erlang:monitor/2. A value for any thread.
class monitor_ref {
public:
    constexpr monitor_ref() noexcept = default;
    explicit constexpr monitor_ref(std::uint64_t number) noexcept : number_{number} {}
    [[nodiscard]] explicit operator bool() const noexcept { return number_ != 0; }
    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
    friend constexpr auto operator<=>(const monitor_ref&, const monitor_ref&) = default;

    template <class OStream>
        requires requires(OStream& out, const std::string& line) { out << line; }
    friend OStream& operator<<(OStream& out, const monitor_ref& r) {
        out << "#ref<" + std::to_string(proc::node::shown(r.number_)) + ">";
        return out;
    }

private:
    std::uint64_t number_ = 0;
};

/// A trapped exit: a linked process has ended, or somebody called exit_process. Erlang's {'EXIT', Pid, Reason}.
struct exit_signal {
    otp::pid pid;
    otp::reason reason;
};

/// A monitored process has ended. Erlang's {'DOWN', Ref, process, Pid, Reason}.
struct down {
    monitor_ref ref;
    otp::pid pid;
    otp::reason reason;
    std::string name{};  ///< of a monitor by name: that name
};

/// The same, from a monitor that was given a value of one's own. Erlang's {Tag, Ref, process, Pid, Reason}.
template <class Tag>
struct tagged_down : down {
    Tag tag;
};

namespace proc {

/// What a monitor with a tag keeps until the end: a message for `ops` that holds the tag.
template <class Tag>
[[nodiscard]] watch_entry make_tagged_watch(const signal_ops& ops, Tag tag) {
    using M = tagged_down<Tag>;
    watch_entry made;
    made.tagged.reset(make_message<M>(ops, M{{}, std::move(tag)}));
    made.fill = [](signal* tagged, peer_signal& end) noexcept {
        down& event = static_cast<message_signal<M>*>(tagged)->body;
        event.ref = monitor_ref{end.ref};
        event.pid = pid{std::move(end.from)};
        event.reason = std::move(end.why);
    };
    return made;
}

[[nodiscard]] inline exit_signal take_exit(signal* s) {
    auto* p = static_cast<peer_signal*>(s);
    exit_signal event{pid{std::move(p->from)}, std::move(p->why)};
    free_signal(p);
    return event;
}

/// The end of a process that was watched by its name.
struct named_down {
    using block = message_signal<down>;
    static void handle(process& self, signal* s) { self.on_down_message(s); }
    static void end(signal* s, const reason&) noexcept { free_signal(static_cast<block*>(s)); }
    static constexpr signal_ops ops{&handle, &end, nullptr, nullptr, "down"};

    [[nodiscard]] static watch_entry watch(std::string_view name) {
        watch_entry made;
        made.tagged.reset(make_message<down>(ops, down{{}, {}, {}, std::string{name}}));
        made.fill = [](signal* s, peer_signal& end) noexcept {
            down& event = static_cast<block*>(s)->body;
            event.ref = monitor_ref{end.ref};
            event.pid = pid{std::move(end.from)};
            event.reason = std::move(end.why);
        };
        return made;
    }
};

/// Starts a monitor of whoever has the name; nobody: its down, noproc, stands among the messages at once.
inline void monitor(process& self, std::string_view name, std::uint64_t ref) {
    watch_entry entry = named_down::watch(name);
    if (const auto found = self.own_node().names().find(name)) return monitor(self, *found, ref, std::move(entry));
    auto* s = static_cast<named_down::block*>(entry.tagged.release());
    s->body.ref = monitor_ref{ref};
    s->body.reason = reason{reason::noproc}.with_text("no process is registered as " + std::string{name});
    s->ref = ref;
    s->kind = signal_kind::down;  // for demonitor
    self.queue().push(s);
}

[[nodiscard]] inline bool is_down(const signal& s) noexcept { return s.ops == &peer_signal::down_message_ops || s.ops == &named_down::ops; }
[[nodiscard]] inline down take_down(signal* s) {
    if (s->ops == &named_down::ops) return named_down::block::take(s);
    auto* p = static_cast<peer_signal*>(s);
    down event{monitor_ref{p->ref}, pid{std::move(p->from)}, std::move(p->why)};
    free_signal(p);
    return event;
}

}  // namespace proc

}  // namespace otp::inline OTP_ABI

template <>
struct std::hash<otp::monitor_ref> {
    std::size_t operator()(const otp::monitor_ref& r) const noexcept { return std::hash<std::uint64_t>{}(r.number()); }
};
