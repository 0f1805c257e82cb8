// Inactivity time-outs: what starts one, what ends it, and when it fires. Virtual time, but for the precision of the real clock.
#include "../process/in_process.hpp"
#include "../support/reports.hpp"

#include <otp/behaviour/sys/sys.hpp>
#include <otp/runtime/runtime.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace tests::timeouts {

using namespace std::chrono_literals;

namespace {

/// Returns the time-out that it is told to, and notes what comes and when.
struct patient {
    enum class form { none, plain, message, moment, moment_message };
    struct expired {
        int n;
    };
    struct wait_for {
        std::chrono::nanoseconds limit;
        form what = form::plain;
        int n = 1;
    };
    struct called : wait_for {
        using reply_type = void;
    };
    struct quiet {};
    struct ping {
        using reply_type = void;
    };
    struct event {
        std::string what;
        std::chrono::nanoseconds at;
        friend bool operator==(const event&, const event&) = default;
        template <class OStream>
        friend OStream& operator<<(OStream& out, const event& e) {
            out << e.what << " at " << std::to_string(e.at.count()) << " ns";
            return out;
        }
    };
    struct seen {
        using reply_type = std::vector<event>;
    };

    void init() { begun_ = otp::now(); }
    otp::replied<void> handle_call(called c) { return waiting(otp::reply(), c); }
    otp::next handle_cast(wait_for w) { return waiting(otp::steered{}, w); }
    otp::next handle_info(wait_for w) { return waiting(otp::steered{}, w); }
    void handle_cast(quiet) { note("cast"); }
    void handle_info(quiet) { note("info"); }
    void handle_call(ping) { note("call"); }
    void handle_info(otp::timeout) { note("timeout"); }
    void handle_info(expired e) { note("expired " + std::to_string(e.n)); }

    void note(std::string what) { events.push_back({std::move(what), otp::now() - begun_}); }
    template <class Answer>
    Answer waiting(Answer how, const wait_for& w) {
        switch (w.what) {
            case form::none: break;
            case form::plain: return std::move(how).timeout(w.limit);
            case form::message: return std::move(how).timeout(w.limit, this, expired{w.n});
            case form::moment: return std::move(how).timeout_at(moment(w.limit));
            case form::moment_message: return std::move(how).timeout_at(moment(w.limit), this, expired{w.n});
        }
        return how;
    }
    static otp::time_point moment(std::chrono::nanoseconds after) {
        return after == otp::infinity ? otp::time_point::max() : otp::now() + after;
    }
    otp::time_point begun_{};
    std::vector<event> events;
};
using form = patient::form;
using wait_for = patient::wait_for;
using seen = std::vector<patient::event>;
constexpr form every_form[] = {form::plain, form::message, form::moment, form::moment_message};

/// Looks without ending a time-out.
seen look(const otp::server<patient>& s) {
    return otp::sys::with_state(s, [](const patient& p) { return p.events; }).value();
}
std::string name_of(form f) { return f == form::message || f == form::moment_message ? "expired 1" : "timeout"; }

}  // namespace

TEST_CASE("TMO-02 a call, a cast or an info within the time ends a time-out, and it stays ended") {
    for (const form f : every_form) {
        CAPTURE(static_cast<int>(f));
        otp::simulation sim{1};
        const auto s = otp::start<patient>().value();
        s.cast(wait_for{1s, f});
        sim.advance(999ms);
        CHECK(s.call(patient::ping{}));
        sim.advance(10s);
        CHECK(look(s) == seen{{"call", 999ms}});
        s.cast(wait_for{1s, f});
        sim.advance(999ms);
        s.cast(patient::quiet{});
        sim.advance(10s);
        CHECK(look(s).size() == 2);
        s.cast(wait_for{1s, f});
        sim.advance(999ms);
        s.send(patient::quiet{});
        sim.advance(10s);
        CHECK(look(s).size() == 3);
        CHECK(look(s).back().what == "info");
    }
}

TEST_CASE("TMO-04 a time of zero fires at once when nothing waits in the mailbox, and not when something does") {
    otp::simulation sim{1};
    const auto s = otp::start<patient>().value();
    s.cast(wait_for{0s});
    sim.run();
    CHECK(look(s) == seen{{"timeout", 0ns}});
    s.cast(wait_for{0s});
    s.cast(patient::quiet{});
    sim.advance(1h);
    CHECK(look(s) == seen{{"timeout", 0ns}, {"cast", 0ns}});
}

TEST_CASE("TMO-05 a time-out of infinity is the same as none") {
    otp::simulation sim{1};
    const auto s = otp::start<patient>().value();
    s.cast(wait_for{otp::infinity});
    s.cast(wait_for{1s});
    s.cast(wait_for{otp::infinity});
    sim.run_all();
    CHECK(look(s).empty());
    CHECK(sim.now() - otp::sys::with_state(s, [](const patient& p) { return p.begun_; }).value() == 0ns);  // nothing was armed
}

TEST_CASE("TMO-06 a system request within the time doesn't end a time-out") {
    for (const form f : every_form) {
        CAPTURE(static_cast<int>(f));
        otp::simulation sim{1};
        const auto s = otp::start<patient>().value();
        s.cast(wait_for{500ms, f});
        sim.advance(200ms);
        CHECK(otp::sys::get_status(s));
        sim.advance(200ms);
        CHECK(otp::sys::get_state(s));
        CHECK(look(s).empty());
        sim.advance(100ms);
        CHECK(look(s) == seen{{name_of(f), 500ms}});
    }
}

TEST_CASE("TMO-08 a plain time-out doesn't fire in a suspension, and its full time runs after it") {
    otp::simulation sim{1};
    const auto s = otp::start<patient>().value();
    s.cast(wait_for{1s});
    sim.advance(300ms);
    CHECK(otp::sys::suspend(s));
    sim.advance(1h);
    CHECK(look(s).empty());
    CHECK(otp::sys::resume(s));
    sim.advance(999ms);
    CHECK(look(s).empty());
    sim.advance(1ms);
    CHECK(look(s) == seen{{"timeout", 1h + 1300ms}});
}

TEST_CASE("in a suspension a time-out with a message or a moment runs on: over by then, it is the first thing after it") {
    for (const form f : {form::message, form::moment, form::moment_message}) {
        CAPTURE(static_cast<int>(f));
        otp::simulation sim{1};
        SUBCASE("before what came later") {
            const auto s = otp::start<patient>().value();
            s.cast(wait_for{1s, f});
            CHECK(otp::sys::suspend(s));
            sim.advance(1s);
            CHECK(look(s).empty());
            s.cast(patient::quiet{});
            sim.advance(1s);
            CHECK(otp::sys::resume(s));
            sim.run();
            CHECK(look(s) == seen{{name_of(f), 2s}, {"cast", 2s}});
        }
        SUBCASE("not at all if something came before") {
            const auto s = otp::start<patient>().value();
            s.cast(wait_for{1s, f});
            CHECK(otp::sys::suspend(s));
            s.cast(patient::quiet{});
            sim.advance(2s);
            CHECK(otp::sys::resume(s));
            sim.advance(10s);
            CHECK(look(s) == seen{{"cast", 2s}});
        }
        SUBCASE("at its time if the suspension was short") {
            const auto s = otp::start<patient>().value();
            s.cast(wait_for{1s, f});
            sim.advance(300ms);
            CHECK(otp::sys::suspend(s));
            sim.advance(300ms);
            CHECK(otp::sys::resume(s));
            sim.advance(1h);
            CHECK(look(s) == seen{{name_of(f), 1s}});
        }
    }
}

TEST_CASE("TMO-09 after its time without a message handle_info gets the message of the time-out, once; any message ends it") {
    otp::simulation sim{1};
    const auto s = otp::start<patient>().value();
    CHECK(s.call(patient::called{{500ms, form::message, 7}}));
    sim.advance(499ms);
    CHECK(look(s).empty());
    sim.advance(10s);
    CHECK(look(s) == seen{{"expired 7", 500ms}});
    s.send(wait_for{500ms, form::message, 8});
    sim.advance(499ms);
    s.cast(patient::quiet{});
    sim.advance(10s);
    CHECK(look(s).back().what == "cast");
}

TEST_CASE("a message with a time of zero is handled before those that wait") {
    otp::simulation sim{1};
    const auto s = otp::start<patient>().value();
    s.cast(wait_for{0s, form::message, 7});
    s.cast(patient::quiet{});
    sim.run();
    CHECK(look(s) == seen{{"expired 7", 0ns}, {"cast", 0ns}});
}

TEST_CASE("TMO-12 a moment instead of a length: it fires then, and at once when it is past already") {
    for (const form f : {form::moment, form::moment_message}) {
        CAPTURE(static_cast<int>(f));
        otp::simulation sim{1};
        const auto s = otp::start<patient>().value();
        sim.advance(1s);
        s.cast(wait_for{500ms, f});
        sim.advance(499ms);
        CHECK(look(s).empty());
        sim.advance(1ms);
        CHECK(look(s) == seen{{name_of(f), 1500ms}});
        s.cast(wait_for{-1h, f});
        sim.run();
        CHECK(look(s) == seen{{name_of(f), 1500ms}, {name_of(f), 1500ms}});
        CHECK(s.call(patient::called{{500ms, f}}));
        sim.advance(1h);
        CHECK(look(s).back() == patient::event{name_of(f), 2s});
    }
}

TEST_CASE("TMO-13 a message after infinity, or at a moment that never comes, is never sent and not kept") {
    otp::simulation sim{1};
    const auto s = otp::start<patient>().value();
    s.cast(wait_for{1s, form::none});
    sim.run();
    const auto begun = sim.now();
    const auto blocks = otp::memory::in_use();
    for (const form f : every_form) s.cast(wait_for{otp::infinity, f});
    sim.run_all();
    CHECK(otp::memory::in_use() == blocks);
    CHECK(sim.now() == begun);
    CHECK(look(s).empty());
}

namespace {
struct illegal {
    struct bad {
        using reply_type = int;
    };
    struct go_on {};
    explicit illegal(std::vector<std::string>* events) : events_{events} {}
    otp::replied<int> handle_call(bad) { return otp::reply(1).then(this, go_on{}).timeout(-1s).hibernate(); }
    void handle_continue(go_on) { events_->push_back("continue"); }
    void terminate(const otp::reason& why) { events_->push_back(why == otp::reason::bad_argument ? "terminate, bad_argument" : "terminate"); }
    std::vector<std::string>* events_;
};
}  // namespace

TEST_CASE("TMO-16 nothing of an illegal return is done before terminate: no reply, no continue") {
    testing::reports none;
    otp::simulation sim{1};
    std::vector<std::string> events;
    const auto s = otp::start<illegal>(&events).value();
    CHECK(s.call(illegal::bad{}).error() == otp::reason::bad_argument);
    CHECK(events == std::vector<std::string>{"terminate, bad_argument"});
}

TEST_CASE("TMO-17 a timer that was cancelled when its message stood in the mailbox, or a debug event, doesn't end a time-out") {
    for (const form f : every_form) {
        CAPTURE(static_cast<int>(f));
        otp::simulation sim{1};
        const auto s = otp::start<patient>().value();
        s.cast(wait_for{1s, f});
        sim.run();
        CHECK(otp::sys::log(s, true));
        const auto timer = otp::send_after(300ms, s, patient::quiet{});
        const auto cancelled = otp::sys::with_state(s, [&](const patient&) {
            // The server is busy meanwhile: the timer fires, its message comes into the mailbox, and is cancelled there.
            (void)otp::inbox<int>{}.receive(400ms);
            return !otp::read_timer(timer) && otp::cancel_timer(timer);
        });
        CHECK(cancelled.value());
        CHECK(otp::sys::log(s, false));
        sim.advance(599ms);
        CHECK(look(s).empty());
        sim.advance(1ms);
        CHECK(look(s) == seen{{name_of(f), 1s}});
    }
}

namespace {
/// Measures its time-outs by the real clock.
struct stopwatch {
    struct run {
        std::chrono::nanoseconds limit;
        otp::recipient<std::chrono::nanoseconds> to;
    };
    otp::next handle_cast(run r) {
        to_ = r.to;
        begun_ = std::chrono::steady_clock::now();
        return otp::noreply.timeout(r.limit);
    }
    void handle_info(otp::timeout) { to_.send(std::chrono::steady_clock::now() - begun_); }
    otp::recipient<std::chrono::nanoseconds> to_;
    std::chrono::steady_clock::time_point begun_{};
};
}  // namespace

TEST_CASE("TMO-18 a time-out never fires before its time, and in virtual time exactly then") {
    {
        otp::simulation sim{1};
        for (const auto limit : {1ns, 999ns, 1000ns, 1'000'000ns, 1'000'001ns, 30'000'000ns}) {
            const auto s = otp::start<patient>().value();
            s.cast(wait_for{limit});
            sim.advance(limit - 1ns);
            CHECK(look(s).empty());
            sim.advance(1ns);
            CHECK(look(s) == seen{{"timeout", limit}});
        }
    }
    otp::runtime rt{{.workers = 2}};
    const otp::use here{rt};
    otp::inbox<std::chrono::nanoseconds> in;
    const auto s = otp::start<stopwatch>().value();
    for (const auto limit : {0ns, 1ns, 1000ns, 999'999ns, 1'000'000ns, 1'000'001ns, 20'000'000ns}) {
        s.cast(stopwatch::run{limit, in});
        CHECK(std::get<0>(*in.receive(otp::infinity)) >= limit);
    }
}

TEST_CASE("TMO-19 a time-out of many hours is no short one") {
    otp::simulation sim{1};
    for (const auto limit : {std::chrono::hours{7}, std::chrono::hours{50 * 24}, std::chrono::hours{1193}, std::chrono::hours{100'000}}) {
        const auto s = otp::start<patient>().value();
        s.cast(wait_for{limit});
        sim.advance(limit - 1ns);
        CHECK(look(s).empty());
        sim.advance(1ns);
        CHECK(look(s) == seen{{"timeout", limit}});
    }
}

TEST_CASE("TMO-20 casts that come faster than the time-out keep it from firing, slower ones let it fire in each gap") {
    otp::simulation sim{1};
    const auto s = otp::start<patient>().value();
    for (int i = 0; i < 100; ++i) {
        s.cast(wait_for{10ms});
        sim.advance(9ms);
    }
    CHECK(look(s).empty());
    sim.advance(1ms);
    CHECK(look(s).size() == 1);
    for (int i = 0; i < 100; ++i) {
        s.cast(wait_for{10ms});
        sim.advance(11ms);
    }
    CHECK(look(s).size() == 101);
}

TEST_CASE("CAST-07 a cast that gives a time-out, and no message after it: handle_info(timeout) after that time") {
    otp::simulation sim{1};
    const auto s = otp::start<patient>().value();
    s.cast(wait_for{1s});
    sim.advance(1h);
    CHECK(look(s) == seen{{"timeout", 1s}});
}

}  // namespace tests::timeouts
