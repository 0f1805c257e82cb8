// A handler that is a coroutine and waits: everything of OTP reaches its server as it would reach one whose handler blocks.
#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "otp/otp.hpp"

namespace tests::waiting_handlers {

using namespace std::chrono_literals;

namespace {

using notes = std::vector<std::string>;

struct work {
    using reply_type = int;
};
struct quick {
    using reply_type = int;
};
struct note {
    std::string text;
};
struct note_later {};

struct leaving {
    notes* book;
    std::string what;
    leaving(notes* b, std::string w) : book{b}, what{std::move(w)} {}
    leaving(const leaving&) = delete;
    ~leaving() { book->push_back(what); }
};

/// Its handler of `work` waits for 100 ms, two awaits deep, and writes down what happens.
struct worker {
    notes* book;
    bool traps;
    int count = 0;

    worker(notes* b, bool t) : book{b}, traps{t} { otp::trap_exit(traps); }
    otp::task<> nap() {
        const leaving inner{book, "inner frame gone"};
        co_await otp::sleep_for(100ms);
    }
    otp::task<int> handle_call(work) {
        const leaving outer{book, "outer frame gone"};
        co_await nap();
        book->push_back("done");
        co_return ++count;
    }
    int handle_call(quick) {
        book->push_back("quick");
        return count;
    }
    void handle_cast(const note& n) { book->push_back(n.text); }
    otp::task<otp::next> handle_cast(note_later) {
        co_await otp::sleep_for(10ms);
        co_return otp::ok.timeout(50ms, this, note{"time-out"});
    }
    void handle_info(const note& n) { book->push_back(n.text); }
    void handle_info(const otp::exit_signal& e) { book->push_back("exit " + e.reason.to_string()); }
    void terminate(const otp::reason& why) { book->push_back("terminate " + why.to_string()); }
};

const notes frames_done{"inner frame gone", "done", "outer frame gone"};

notes after(notes first, notes more) {
    first.insert(first.end(), more.begin(), more.end());
    return first;
}

}  // namespace

TEST_CASE("a server that doesn't trap exits is ended at once by one while its handler waits: its frames go, terminate doesn't run") {
    for (const auto& why : {otp::reason{"boom"}, otp::reason{otp::reason::kill}}) {
        notes book;
        otp::simulation sim{1};
        const auto s = otp::start<worker>(&book, false).value();
        auto request = s.send_request(work{});
        sim.advance(50ms);
        otp::exit_process(s, why);
        sim.run();
        CHECK(!otp::is_alive(s));
        CHECK(book == notes{"inner frame gone", "outer frame gone"});
        CHECK(request.check().value().error() == (why == otp::reason::kill ? otp::reason{otp::reason::killed} : why));
        sim.advance(1s);
        CHECK(book.size() == 2);
    }
}

TEST_CASE("a server that traps exits hears of one when its handler is done; a kill doesn't wait") {
    notes book;
    otp::simulation sim{1};
    const auto s = otp::start<worker>(&book, true).value();
    auto request = s.send_request(work{});
    sim.advance(50ms);
    otp::exit_process(s, "boom");
    sim.run();
    CHECK(book.empty());
    CHECK(request.receive().value() == 1);
    sim.run();
    CHECK(book == after(frames_done, {"exit boom"}));

    book.clear();
    auto second = s.send_request(work{});
    sim.advance(50ms);
    otp::exit_process(s, otp::reason::kill);
    CHECK(second.receive().error() == otp::reason::killed);
    sim.run();
    CHECK(book == notes{"inner frame gone", "outer frame gone"});
}

TEST_CASE("the end of its parent ends a server that traps exits through terminate, when its handler is done") {
    notes book;
    otp::simulation sim{1};
    otp::server<worker> s;
    const auto parent = otp::spawn([&] {
        s = otp::start_link<worker>(&book, true).value();
        (void)otp::inbox<note>{}.receive();
    });
    sim.run();
    auto request = s.send_request(work{});
    sim.advance(50ms);
    otp::exit_process(parent, "parent's end");
    sim.run();
    CHECK(otp::is_alive(s));
    CHECK(request.receive().value() == 1);
    sim.run();
    CHECK(book == after(frames_done, {"terminate parent's end"}));
    CHECK(!otp::is_alive(s));
}

TEST_CASE("system requests come between callbacks: suspend and get_status are answered when the handler is done") {
    notes book;
    otp::simulation sim{1};
    const auto s = otp::start<worker>(&book, false).value();
    auto request = s.send_request(work{});
    sim.advance(50ms);
    s.cast(note{"before"});
    CHECK(otp::sys::suspend(s));
    CHECK(sim.now().time_since_epoch() >= 100ms);
    CHECK(request.check().value().value() == 1);
    const auto done_at = book.size();
    s.cast(note{"after"});
    sim.advance(1s);
    CHECK(book.size() == done_at);  // what came before the suspension and was not handled waits, too
    CHECK(otp::sys::get_status(s).value().suspended);
    CHECK(otp::sys::resume(s));
    sim.run();
    CHECK(book == after(frames_done, {"before", "after"}));
}

TEST_CASE("a caller whose time is over goes on, the handler as well; its late reply reaches nobody") {
    notes book;
    otp::simulation sim{1};
    const auto s = otp::start<worker>(&book, false).value();
    CHECK(s.call(work{}, 30ms).error() == otp::reason::timeout);
    CHECK(s.call(quick{}).value() == 1);
    CHECK(book == after(frames_done, {"quick"}));
}

TEST_CASE("stop waits for the handler, and then for what came before it") {
    notes book;
    otp::simulation sim{1};
    const auto s = otp::start<worker>(&book, false).value();
    auto request = s.send_request(work{});
    sim.advance(50ms);
    s.cast(note{"before"});
    CHECK(s.stop());
    CHECK(book == after(frames_done, {"before", "terminate normal"}));
    CHECK(request.check().value().value() == 1);
}

TEST_CASE("an inactivity time-out that a waiting handler returns runs from its end, and a message during the wait is none of it") {
    notes book;
    otp::simulation sim{1};
    const auto s = otp::start<worker>(&book, false).value();
    s.cast(note_later{});
    sim.advance(59ms);
    CHECK(book.empty());
    sim.advance(1ms);
    CHECK(book == notes{"time-out"});

    book.clear();
    s.cast(note_later{});
    sim.advance(5ms);
    s.cast(note{"meanwhile"});
    sim.advance(1s);
    CHECK(book == notes{"meanwhile"});  // which ended the time-out as soon as it had begun
}

TEST_CASE("an exception after a wait ends the server with it; the caller and what waits get the reason") {
    struct failing {
        otp::task<int> handle_call(work) {
            co_await otp::sleep_for(10ms);
            throw std::runtime_error{"late"};
        }
        int handle_call(quick) { return 1; }
    };
    otp::simulation sim{1};
    const auto s = otp::start<failing>().value();
    auto first = s.send_request(work{});
    auto second = s.send_request(quick{});
    CHECK(first.receive().error().text() == "late");
    CHECK(second.receive().error().text() == "late");
    CHECK(!otp::is_alive(s));
}

}  // namespace tests::waiting_handlers
