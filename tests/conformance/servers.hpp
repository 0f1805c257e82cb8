// Servers that start, answer and end in every way that there is, for the tests of gen_server.
#pragma once

#include "../process/in_process.hpp"
#include "../support/reports.hpp"
#include "support/looks.hpp"

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace testing {

using log = std::vector<std::string>;

/// Does in init what its first argument says.
struct starter {
    enum class how { fine, ignore, stop, exit, error, thrown_ok, negative };
    struct get {
        using reply_type = int;
    };
    otp::init_result init(how what, log* seen) {
        seen_ = seen;
        switch (what) {
            case how::fine: return otp::ok;
            case how::ignore: return otp::ignore;
            case how::stop: return otp::stop("not today");
            case how::exit: throw otp::exit{"own reason"};
            case how::error: throw std::runtime_error{"broken"};
            case how::thrown_ok: throw otp::init_result{otp::ok};
            case how::negative: return otp::ok.timeout(std::chrono::seconds{-1});
        }
        return otp::ok;
    }
    int handle_call(get) { return 7; }
    void terminate(const otp::reason& why) { seen_->push_back("terminate " + why.to_string()); }
    log* seen_ = nullptr;
};

/// Answers in every way that there is.
struct server {
    struct plain {
        using reply_type = std::string;
        std::string text;
    };
    struct later {
        using reply_type = int;
    };
    struct answer_later {
        int with;
    };
    struct at_once {
        using reply_type = int;
    };
    struct refuse {
        using reply_type = int;
    };
    struct forget {
        using reply_type = int;
    };
    struct nothing {
        using reply_type = void;
    };
    struct crash {
        using reply_type = int;
    };
    struct exit_with {
        using reply_type = int;
        otp::reason why;
    };
    struct stop_with_reply {
        using reply_type = int;
    };
    struct stop_without_reply {
        using reply_type = int;
        otp::reason why;
    };
    struct stop_after_reply {
        using reply_type = int;
    };
    struct thrown_reply {
        using reply_type = int;
    };
    struct slow {
        using reply_type = int;
        std::chrono::milliseconds time;
    };
    struct log_of {
        using reply_type = log;
    };
    struct note {
        std::string text;
    };
    struct stop_order {
        otp::reason why;
    };
    struct throw_next {};

    explicit server(log* ends = nullptr) : seen_{ends} {}

    std::string handle_call(const plain& p) { return p.text + "!"; }
    void handle_call(later, otp::from<later> caller) { waiting_.push_back(std::move(caller)); }
    void handle_call(at_once, otp::from<at_once> caller) {
        caller.reply(1);
        CHECK_FALSE(caller);
    }
    otp::result<int> handle_call(refuse) { return otp::reason{"no"}; }
    void handle_call(forget, otp::from<forget>) {}
    void handle_call(nothing) { seen.push_back("nothing"); }
    int handle_call(crash) { throw std::runtime_error{"crashed"}; }
    int handle_call(exit_with e) { throw otp::exit{std::move(e.why)}; }
    otp::replied<int> handle_call(stop_with_reply) { return otp::stop("over", 9); }
    otp::replied<int> handle_call(stop_without_reply s) { return otp::stop(std::move(s.why)); }
    otp::next handle_call(stop_after_reply, otp::from<stop_after_reply> caller) {
        caller.reply(4);
        return otp::stop("after the reply");
    }
    otp::replied<int> handle_call(thrown_reply) { throw otp::replied<int>{otp::reply(5)}; }
    otp::task<int> handle_call(slow s) {
        co_await otp::sleep_for(s.time);
        co_return static_cast<int>(s.time.count());
    }
    log handle_call(log_of) { return seen; }

    void handle_cast(note n) { seen.push_back("cast " + n.text); }
    void handle_cast(answer_later a) {
        for (auto& caller : waiting_) caller.reply(a.with);
        waiting_.clear();
    }
    otp::next handle_cast(stop_order s) { return otp::stop(std::move(s.why)); }
    void handle_cast(throw_next) { throw otp::next{otp::stop("thrown")}; }
    void handle_info(note n) { seen.push_back("info " + n.text); }
    otp::next handle_info(stop_order s) { return otp::stop(std::move(s.why)); }
    void terminate(const otp::reason& why) {
        if (seen_) seen_->push_back("terminate " + why.to_string());
    }

    log seen;
    std::vector<otp::from<later>> waiting_;
    log* seen_;
};

/// What a process ended with; its end is waited for.
[[nodiscard]] inline otp::reason end_of(const otp::pid& who) {
    otp::inbox<otp::down> in;
    (void)in.monitor(who);
    const auto end = in.receive(std::chrono::hours{1000});
    return end ? std::get<0>(*end).reason : otp::reason{"alive"};
}

/// Has the process neither links nor monitors?
[[nodiscard]] inline bool is_unbound(const otp::pid& who) {
    const auto* mine = who.block()->related_if_any();
    return !mine || (mine->links.empty() && mine->watches.empty());
}
/// How many messages wait for it.
using testing::depth_of;

}  // namespace testing
