// Workers to supervise, and a record of what they do, for the tests of supervisors.
#pragma once

#include <doctest/doctest.h>

#include <otp/behaviour/sys/sys.hpp>
#include <otp/behaviour/testing/simulated.hpp>
#include <otp/supervisor.hpp>

#include "../support/reports.hpp"

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace supervised {

/// What happened, in order. Each test clears it; a simulation has one thread.
inline std::vector<std::string>& record() {
    static std::vector<std::string> events;
    return events;
}
inline std::vector<std::string> take_record() { return std::exchange(record(), {}); }

/// Ends as it is told; tells when it starts and stops.
struct worker {
    struct end {
        otp::reason why;
    };
    struct number {
        using reply_type = int;
    };
    void init(std::string id, int n) {
        otp::trap_exit(true);
        name = std::move(id);
        value = n;
        record().push_back("+" + name);
    }
    int handle_call(number) { return value; }
    otp::next handle_cast(end e) { return otp::stop(std::move(e.why)); }
    void handle_info(otp::exit_signal) {}
    void terminate(const otp::reason&) { record().push_back("-" + name); }
    std::string name;
    int value = 0;
};

/// A child that doesn't end when it is asked to, for `late`; for ever if that is negative.
struct stubborn {
    std::chrono::nanoseconds late{};
    void init(std::chrono::nanoseconds time) {
        late = time;
        otp::trap_exit(true);
        record().push_back("+stubborn");
    }
    void handle_info(otp::exit_signal) {}
    void terminate(const otp::reason&) {
        otp::inbox<int> never;
        if (late < late.zero()) (void)never.receive(std::chrono::hours{1000});
        else (void)never.receive(late);
        record().push_back("-stubborn");
    }
};

/// How the starts of a `moody` go: each takes the next of these, "" when there is none left.
inline std::vector<std::string>& moods() {
    static std::vector<std::string> next;
    return next;
}
inline int& starts() {
    static int count = 0;
    return count;
}
struct moody {
    otp::init_result init() {
        ++starts();
        const std::string mood = moods().empty() ? "" : moods().front();
        if (!moods().empty()) moods().erase(moods().begin());
        if (mood == "ignore") return otp::ignore;
        if (mood == "throw") throw std::runtime_error{"bad start"};
        if (!mood.empty()) return otp::stop(mood);
        return otp::ok;
    }
    otp::next handle_cast(worker::end e) { return otp::stop(std::move(e.why)); }
};

[[nodiscard]] inline auto plain(const std::string& id) { return otp::child<worker>(id, id, 7); }
[[nodiscard]] inline otp::pid pid_of(const otp::server<otp::supervisor>& of, const std::string& id) { return of.which_child(id).value().pid; }
[[nodiscard]] inline otp::server<worker> worker_of(const otp::server<otp::supervisor>& of, const std::string& id) {
    return otp::server<worker>{pid_of(of, id).shared()};
}
[[nodiscard]] inline otp::child_state state_of(const otp::server<otp::supervisor>& of, const std::string& id) {
    return of.which_child(id).value().state;
}
[[nodiscard]] inline std::vector<otp::pid> pids(const otp::server<otp::supervisor>& of, const std::vector<std::string>& ids) {
    std::vector<otp::pid> all;
    for (const auto& id : ids) all.push_back(pid_of(of, id));
    return all;
}
[[nodiscard]] inline std::vector<std::string> ids_of(const otp::server<otp::supervisor>& of) {
    std::vector<std::string> ids;
    const auto all = of.which_children().value();
    for (const auto& c : all) ids.push_back(c.id);
    return ids;
}
/// Lets a child end for a reason; what follows from it has happened when this returns.
inline void end_child(otp::simulation& sim, const otp::server<otp::supervisor>& of, const std::string& id, const otp::reason& why) {
    worker_of(of, id).cast(worker::end{why});
    sim.run();
}
inline const std::vector<std::string> abc{"a", "b", "c"};
inline auto three(otp::supervisor_flags flags) {
    auto top = otp::start<otp::supervisor>(flags, plain("a"), plain("b"), plain("c"));
    record().clear();
    return top.value();
}

using testing::reports;
using texts = std::vector<std::string>;

}  // namespace supervised
