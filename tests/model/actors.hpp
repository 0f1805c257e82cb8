// What the processes of a random program do: each operation is made from a number.
#pragma once

#include "world.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <string_view>
#include <variant>

namespace model {

using mail = otp::inbox<letter, alarm, otp::down>;

inline constexpr std::array<const char*, 3> some_names{"ada", "bob", "eve"};

std::optional<otp::reason> act(world& w, int me, std::uint64_t order, mail* in = nullptr);
otp::task<> ask_somebody(world& w, int me, std::uint64_t order);

struct actor {
    struct question {
        using reply_type = std::uint64_t;
        std::uint64_t n;
        std::uint64_t order;
    };
    struct errand {  // served by a coroutine
        using reply_type = std::uint64_t;
        std::uint64_t n;
        std::uint64_t order;
    };

    otp::init_result init(world* in, int number, int linked_with, std::uint64_t order) {
        here = in;
        me = number;
        const auto mine = otp::self<actor>();
        member& m = (*here)[me];
        m.pid = mine.id();
        m.server = mine;
        m.letters = mine;
        m.alarms = mine;
        if (linked_with != 0) here->note({.kind = what::linked, .who = linked_with, .peer = me});
        dice d{order};
        if (d.below(2) == 0) set_trap(true);
        if (d.below(10) == 0) return otp::stop(leave(some_reason(d, here->number(), "init")));
        return otp::ok;
    }
    ~actor() {
        if (here) here->ends(me);
    }

    otp::next handle_cast(const letter& l) { return got(l); }
    otp::next handle_info(const letter& l) { return got(l); }
    otp::task<> handle_info(journey j) {
        here->note({.kind = what::got, .who = me, .peer = j.what.from, .n = j.what.n});
        if (j.what.order != 0) co_await ask_somebody(*here, me, j.what.order);
    }
    void handle_info(alarm a) { here->note({.kind = what::rang, .who = me, .n = a.n}); }
    void handle_info(const otp::exit_signal& e) { here->note({.kind = what::heard, .who = me, .peer = here->number_of(e.pid), .why = e.reason}); }
    void handle_info(const otp::down& d) {
        here->note({.kind = what::down, .who = me, .peer = here->number_of(d.pid), .n = d.ref.number(), .why = d.reason});
    }

    otp::replied<std::uint64_t> handle_call(question q) {
        dice d{q.order};
        if (d.below(4) == 0)
            if (auto why = act(*here, me, d.next())) return otp::stop(leave(std::move(*why)));
        if (d.below(20) == 0) {
            const auto why = some_reason(d, here->number(), "stop");
            here->note({.kind = what::replied, .who = me, .n = q.n});
            return otp::stop(leave(why), q.n + 1);
        }
        here->note({.kind = what::replied, .who = me, .n = q.n});
        return otp::reply(q.n + 1);
    }
    otp::task<otp::result<std::uint64_t>> handle_call(errand e) {
        dice d{e.order};
        co_await otp::sleep_for(std::chrono::milliseconds{d.below(5)});
        if (d.below(3) == 0) co_await ask_somebody(*here, me, d.next());
        if (d.below(20) == 0) throw otp::exit{leave(some_reason(d, here->number(), "thrown"))};
        const bool fails = d.below(8) == 0;
        otp::reason why;
        if (fails) why = some_reason(d, here->number(), "refused");
        here->note({.kind = what::replied, .who = me, .n = e.n, .why = why, .flag = fails});
        if (fails) co_return why;
        co_return e.n + 1;
    }
    void handle_call(riddle r, otp::from<riddle> caller) { here->debts.push_back({me, r.n, std::move(caller)}); }

    void terminate(const otp::reason& why) {
        here->note({.kind = what::last_words, .who = me, .why = why});
        if (here->over) return;
        const auto n = here->number();
        if (const int to = here->anybody(here->chance); (*here)[to].letters) {
            here->note({.kind = what::sent, .who = me, .peer = to, .n = n});
            (*here)[to].letters.send({me, n, 0});
        }
    }

    void set_trap(bool on) {
        otp::trap_exit(on);
        here->note({.kind = what::traps, .who = me, .flag = on});
    }
    otp::reason leave(otp::reason why) {
        here->note({.kind = what::leaves, .who = me, .why = why});
        return why;
    }

private:
    otp::next got(const letter& l) {
        here->note({.kind = what::got, .who = me, .peer = l.from, .n = l.n});
        if (l.order != 0)
            if (auto why = act(*here, me, l.order)) return otp::stop(leave(std::move(*why)));
        return otp::ok;
    }
    world* here = nullptr;
    int me = 0;
};

inline otp::task<> wanderer(mail in, end_note end, world* w, int me) {
    (void)end;
    for (;;) {
        auto got = co_await in.next();
        if (const auto* l = std::get_if<letter>(&got)) {
            w->note({.kind = what::got, .who = me, .peer = l->from, .n = l->n});
            if (l->order == 0) continue;
            if (l->order % 5 == 0) co_await ask_somebody(*w, me, l->order);
            else if (auto why = act(*w, me, l->order, &in)) {
                w->note({.kind = what::leaves, .who = me, .why = *why});
                if (*why == otp::reason::normal) co_return;
                throw otp::exit{*why};
            }
        } else if (const auto* a = std::get_if<alarm>(&got)) {
            w->note({.kind = what::rang, .who = me, .n = a->n});
        } else if (const auto* d = std::get_if<otp::down>(&got)) {
            w->note({.kind = what::down, .who = me, .peer = w->number_of(d->pid), .n = d->ref.number(), .why = d->reason});
        }
    }
}

// ---- operations

/// A child of `me`: 0 plain, 1 linked, 2 monitored; a server or a coroutine.
inline void bear(world& w, int me, dice& d, mail* in = nullptr) {
    if (w.members.size() > 14) return;
    const auto bond = me == 0 || in ? 0 : d.below(3);  // a coroutine's monitors are those of its inbox
    const auto watches = [&w, me](otp::monitor_ref ref, int child) {
        w[me].watches.push_back({ref, child});
        w.note({.kind = what::watched, .who = me, .peer = child, .n = ref.number(), .flag = true});
    };
    if (d.below(3) != 0) {
        const int child = w.enter(true, bond != 0 ? me : 0);
        const auto order = d.next();
        if (bond == 0) (void)otp::start<actor>(&w, child, 0, order);
        else if (bond == 1) (void)otp::start_link<actor>(&w, child, me, order);
        else if (auto started = otp::start_monitor<actor>(&w, child, 0, order)) watches(started->monitor, child);
    } else {
        const int child = w.enter(false, 0);
        mail box;
        w[child].letters = box;
        w[child].alarms = box;
        if (bond == 0) {
            w[child].pid = otp::spawn(wanderer, std::move(box), end_note{w, child}, &w, child);
        } else if (bond == 1) {
            w[child].pid = otp::spawn_link(wanderer, std::move(box), end_note{w, child}, &w, child);
            w.note({.kind = what::linked, .who = me, .peer = child});
        } else {
            auto spawned = otp::spawn_monitor(wanderer, std::move(box), end_note{w, child}, &w, child);
            w[child].pid = spawned.pid;
            watches(spawned.monitor, child);
        }
    }
}

/// Some letters to one process, by a random one of the ways to send.
inline void write_letters(world& w, int me, dice& d) {
    const int to = w.anybody(d);
    for (auto count = 1 + d.below(3); count != 0; --count) {
        const member& target = w[to];
        if (!target.letters) return;
        const letter l{me, w.number(), w.budget > 0 && d.below(2) == 0 ? d.next() : 0};
        const auto way = d.below(4);
        w.note({.kind = what::sent, .who = me, .peer = to, .n = l.n});
        if (target.server && way == 0) target.server.cast(l);
        else if (target.server && way == 1) target.server.send(l);
        else if (target.server && way == 2 && l.order != 0) target.server.send(journey{l});
        else target.letters.send(l);
    }
}

inline void end_call(world& w, int me, std::uint64_t n, const otp::result<std::uint64_t>& answer) {
    if (answer && *answer != n + 1) throw std::logic_error{"the reply to another call"};
    w.note({.kind = what::answered, .who = me, .n = n, .why = answer ? otp::reason{} : answer.error(), .flag = answer.has_value()});
}
inline std::chrono::milliseconds some_limit(dice& d) {
    static constexpr std::array<int, 3> limits{1, 3, 20};
    return std::chrono::milliseconds{limits[d.below(3)]};
}
inline void call_somebody(world& w, int me, dice& d) {
    const int to = w.any_server(d);
    if (to == 0) return;
    const auto limit = some_limit(d);
    const auto n = w.number();
    const otp::server<actor> server = w[to].server;
    w.note({.kind = what::asked, .who = me, .peer = to, .n = n, .limit = limit});
    switch (d.below(3)) {
        case 0: return end_call(w, me, n, server.call(actor::question{n, d.next()}, limit));
        case 1: return end_call(w, me, n, server.call(riddle{n}, limit));
        default: return end_call(w, me, n, server.call(actor::errand{n, d.next()}, limit));
    }
}
inline otp::task<> ask_somebody(world& w, int me, std::uint64_t order) {
    dice d{order};
    const int to = w.any_server(d);
    if (to == 0 || w.budget-- <= 0) co_return;
    const auto limit = some_limit(d);
    const auto n = w.number();
    const otp::server<actor> server = w[to].server;
    w.note({.kind = what::asked, .who = me, .peer = to, .n = n, .limit = limit});
    const auto kind = d.below(3);
    if (kind == 0) {
        auto answer = co_await server.ask<actor::question>(n, d.next()).timeout(limit);
        end_call(w, me, n, answer);
    } else if (kind == 1) {
        auto answer = co_await server.ask<riddle>(n).timeout(limit);
        end_call(w, me, n, answer);
    } else {
        auto answer = co_await server.ask<actor::errand>(n, d.next()).timeout(limit);
        end_call(w, me, n, answer);
    }
}
/// An order to the loop of a server: stop, suspend, resume.
inline void command_somebody(world& w, int me, dice& d) {
    const int to = w.any_server(d);
    if (to == 0) return;
    const auto limit = some_limit(d);
    const auto n = w.number();
    const otp::server<actor> server = w[to].server;
    const auto which = d.below(6);
    const auto why = some_reason(d, n, "ordered");
    if (which == 0) w.note({.kind = what::ordered, .who = me, .peer = to, .n = n, .why = why});
    w.note({.kind = what::asked, .who = me, .peer = to, .n = n, .flag = true, .limit = limit});
    const auto done = which == 0 ? server.stop(why, limit) : which < 3 ? otp::sys::suspend(server, limit) : otp::sys::resume(server, limit);
    w.note({.kind = what::answered, .who = me, .n = n, .why = done ? otp::reason{} : done.error(), .flag = done.has_value()});
}

inline void settle_a_debt(world& w, int me, dice& d) {
    if (w.debts.empty()) return;
    const auto at = static_cast<std::ptrdiff_t>(d.below(w.debts.size()));
    owed paid = std::move(w.debts[static_cast<std::size_t>(at)]);
    w.debts.erase(w.debts.begin() + at);
    switch (d.below(6)) {
        case 0: w.note({.kind = what::dropped, .who = me, .n = paid.n}); return;
        case 1: {
            const auto why = some_reason(d, w.number(), "failed");
            w.note({.kind = what::replied, .who = me, .n = paid.n, .why = why, .flag = true});
            return paid.caller.fail(why);
        }
        default: w.note({.kind = what::replied, .who = me, .n = paid.n}); paid.caller.reply(paid.n + 1);
    }
}

inline void signal_somebody(world& w, int me, dice& d) {
    const int to = w.anybody(d);
    if (to == 0 || !w[to].pid) return;
    const auto why = d.below(4) == 0 ? otp::reason{otp::reason::kill} : some_reason(d, w.number(), "told");
    w.note({.kind = what::told, .who = me, .peer = to, .why = why});
    otp::exit_process(w[to].pid, why);
}

inline void use_names(world& w, int me, dice& d) {
    const auto n = d.below(some_names.size());
    const int to = w.anybody(d);
    switch (d.below(4)) {
        case 0: {
            const auto found = otp::whereis(some_names[n]);
            return w.note({.kind = what::looked_up, .who = me, .peer = found ? w.number_of(*found) : 0, .n = n});
        }
        case 1: {
            const bool had = otp::unregister_name(some_names[n]).has_value();
            return w.note({.kind = what::unnamed, .who = me, .n = n, .flag = had});
        }
        default:
            if (to == 0 || !w[to].pid) return;
            const bool could = otp::register_name(some_names[n], w[to].pid).has_value();
            return w.note({.kind = what::named, .who = me, .peer = to, .n = n, .flag = could});
    }
}

inline void use_timers(world& w, int me, dice& d) {
    if (d.below(3) == 0 && !w.timers.empty()) {
        const armed_timer t = w.timers[d.below(w.timers.size())];
        const bool in_time = otp::cancel_timer(t.timer).has_value();
        return w.note({.kind = what::cancelled, .who = me, .n = t.n, .flag = in_time});
    }
    const int to = w.anybody(d);
    if (!w[to].alarms) return;
    const auto n = w.number();
    const std::chrono::milliseconds delay{d.below(4)};
    w.note({.kind = what::armed, .who = me, .peer = to, .n = n, .limit = delay});
    w.timers.push_back({n, otp::send_after(delay, w[to].alarms, alarm{n})});
}

inline void use_links(world& w, int me, dice& d) {
    const int to = w.anybody(d);
    if (to == 0 || to == me || !w[to].pid) return;
    const bool makes = d.below(5) < 3;
    w.note({.kind = makes ? what::linked : what::unlinked, .who = me, .peer = to});
    makes ? otp::link(w[to].pid) : otp::unlink(w[to].pid);
}

inline void use_monitors(world& w, int me, dice& d, mail* in) {
    if (d.below(5) < 3) {
        const int to = w.anybody(d);
        if (to == 0 || !w[to].pid) return;
        const auto ref = in ? in->monitor(w[to].pid) : otp::monitor(w[to].pid);
        w[me].watches.push_back({ref, to});
        return w.note({.kind = what::watched, .who = me, .peer = to, .n = ref.number()});
    }
    if (w[me].watches.empty()) return;
    const auto ref = w[me].watches[d.below(w[me].watches.size())].ref;
    const bool flushes = in || d.below(2) == 0;
    const bool there = in ? in->demonitor(ref) : flushes ? otp::demonitor(ref, otp::flush) : otp::demonitor(ref);
    w.note({.kind = what::unwatched, .who = me, .n = ref.number(), .flag = flushes, .there = there});
}

/// Lets the others run in the middle of a handler, as a slow worker would: what they send meanwhile stands unread in the
/// mailbox, which no call of the library's own would leave so.
inline void stumble() {
    otp::exec::executor& ex = otp::exec::current_executor();
    otp::exec::blocked b;
    b.who = otp::proc::current_process();
    (void)ex.block(b, ex.now() + std::chrono::nanoseconds{1});
}

/// One operation of a process, or of the thread outside; the reason if the process is to end.
inline std::optional<otp::reason> act(world& w, int me, std::uint64_t order, mail* in) {
    if (w.budget-- <= 0 || w.over) return std::nullopt;
    dice d{order};
    if (me != 0 && d.below(5) == 0) stumble();
    auto what_to_do = d.below(100);
    if (w.crowded && d.below(2) == 0) what_to_do = d.below(4) == 0 ? 50 : d.below(6) == 0 ? 68 : 73 + d.below(27);
    if (what_to_do < 28) write_letters(w, me, d);
    else if (what_to_do < 38) call_somebody(w, me, d);
    else if (what_to_do < 43) settle_a_debt(w, me, d);
    else if (what_to_do < 48) command_somebody(w, me, d);
    else if (what_to_do < 53) signal_somebody(w, me, d);
    else if (what_to_do < 59) use_names(w, me, d);
    else if (what_to_do < 66) use_timers(w, me, d);
    else if (what_to_do < 70) bear(w, me, d, in);
    else if (what_to_do < 73) {
        const int to = w.anybody(d);
        if (to != 0 && w[to].pid) w.note({.kind = what::looked_at, .who = me, .peer = to, .flag = otp::is_alive(w[to].pid)});
    }
    if (me == 0) return std::nullopt;  // the rest is for processes
    if (what_to_do >= 97) return some_reason(d, w.number(), "leaves");
    if (what_to_do >= 94) {
        const bool on = d.below(3) != 0;
        otp::trap_exit(on);
        w.note({.kind = what::traps, .who = me, .flag = on});
    } else if (what_to_do >= 84) use_monitors(w, me, d, in);
    else if (what_to_do >= 73) use_links(w, me, d);
    return std::nullopt;
}

}  // namespace model
