// One request to several servers at once, and one cast to all of them.
#pragma once

#include <chrono>
#include <initializer_list>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "otp/behaviour/gen_server/client.hpp"

namespace otp::inline OTP_ABI {

/// What multi_call gives: who answered what, and who did not and why, both in the order of the targets.
template <class Target, class Request>
struct multi_result {
    /// The value of a request whose reply is void is an otp::nothing.
    using value_type = std::conditional_t<std::is_void_v<reply_t<Request>>, nothing, reply_t<Request>>;
    struct answered {
        Target who;
        value_type value;
    };
    struct failed {
        Target who;
        otp::reason reason;
    };
    std::vector<answered> replies;
    std::vector<failed> bad;
};

namespace behaviour {

template <class T>
T struct_of(const client<T>&);
template <class Target>
using served_by = decltype(struct_of(std::declval<const Target&>()));

/// Handles or names of servers of one kind.
template <class List>
concept targets = requires(const List& list) {
    list.begin() != list.end();
    typename served_by<decltype(*list.begin())>;
};
template <class List>
using target_of = std::remove_cvref_t<decltype(*std::declval<const List&>().begin())>;

/// The same request on its way to several servers.
template <class Target, class Request>
class joint_call {
public:
    template <class List, class... A>
    joint_call(const List& to, std::chrono::nanoseconds limit, const A&... arguments) {
        for (const Target& who : to) calls_.emplace_back(one{who, nullptr}).call.reset(new asking<Request>(who.template ask<Request>(arguments...).timeout(limit)));
    }
    /// All go out before any answer is awaited. False: there is nothing to wait for.
    [[nodiscard]] bool send(proc::process& self, proc::waiter& by) {
        for (one& c : calls_) (void)c.call->pending().send(self, by, false);
        return by.missing != 0;
    }
    [[nodiscard]] multi_result<Target, Request> take(const proc::waiter& by) {
        multi_result<Target, Request> all;
        for (one& c : calls_) {
            const bool settled = c.call->pending().settled();
            auto answer = c.call->take();
            if (!answer) all.bad.push_back({std::move(c.who), settled ? answer.error() : proc::why_failed(by, "multi_call")});
            else if constexpr (std::is_void_v<reply_t<Request>>) all.replies.push_back({std::move(c.who), {}});
            else all.replies.push_back({std::move(c.who), std::move(*answer)});
        }
        return all;
    }
    void set_limit(std::chrono::nanoseconds limit) {
        for (one& c : calls_) c.call.reset(new asking<Request>(std::move(*c.call).timeout(limit)));
    }

private:
    struct one {
        Target who;
        std::unique_ptr<asking<Request>> call;
    };
    std::vector<one> calls_;
};

/// What multi_ask gives.
template <class Target, class Request>
class [[nodiscard("multi_ask sends nothing until it is awaited")]] asking_all {
public:
    explicit asking_all(joint_call<Target, Request> calls) : calls_{std::move(calls)} {}
    /// The same with another time limit.
    [[nodiscard]] asking_all timeout(std::chrono::nanoseconds limit) && {
        calls_.set_limit(limit);
        return asking_all{std::move(calls_)};
    }
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> awaiting) {
        proc::activity& driver = *awaiting.promise().driver;
        by_.resumes = &driver;
        if (!calls_.send(*driver.owner, by_)) return false;
        driver.suspended = awaiting;
        return true;
    }
    [[nodiscard]] multi_result<Target, Request> await_resume() { return calls_.take(by_); }

private:
    proc::waiter by_;
    joint_call<Target, Request> calls_;
};

}  // namespace behaviour

/// Sends copies of a request to all targets (handles or names of servers of one kind), then blocks until each has answered or
/// failed, `limit` at most. Who is not there, dies, or takes too long is among the bad ones: the errors are those of call. Late
/// answers reach nobody. On a worker it needs a spare one. Any thread. gen_server:multi_call/2,3,4: no limit unless said.
template <behaviour::targets List, class Request>
[[nodiscard]] auto multi_call(const List& to, const Request& request, std::chrono::nanoseconds limit = infinity)
    -> multi_result<behaviour::target_of<List>, Request> {
    using target = behaviour::target_of<List>;
    behaviour::diagnose_call<behaviour::served_by<target>, Request>();
    if constexpr (answers<behaviour::served_by<target>, Request>) {
        behaviour::joint_call<target, Request> calls{to, limit, request};
        proc::process& self = proc::caller(exec::current_executor());
        proc::waiter by;
        if (calls.send(self, by)) self.block_until_settled(by);
        return calls.take(by);
    } else {
        return {};  // the diagnosis has failed the build
    }
}
template <class Target, class Request>
[[nodiscard]] auto multi_call(std::initializer_list<Target> to, const Request& request, std::chrono::nanoseconds limit = infinity) {
    return multi_call<std::initializer_list<Target>>(to, request, limit);
}

/// The same for coroutines: co_await otp::multi_ask<request>(targets, arguments…), with .timeout(1s) for a limit. Suspends the
/// process, not the thread.
template <class Request, behaviour::targets List, class... A>
[[nodiscard]] auto multi_ask(const List& to, const A&... arguments) {
    using target = behaviour::target_of<List>;
    return behaviour::asking_all<target, Request>{behaviour::joint_call<target, Request>{to, infinity, arguments...}};
}

/// Casts a copy of a message to all targets. Never fails, and blocks as cast does: a target that is not there is passed over, its copy a dead
/// letter. Any thread. gen_server:abcast/2,3.
template <behaviour::targets List, class M>
void abcast(const List& to, const M& message) {
    for (const auto& who : to) who.cast(message);
}
template <class Target, class M>
void abcast(std::initializer_list<Target> to, const M& message) {
    for (const Target& who : to) who.cast(message);
}

}  // namespace otp::inline OTP_ABI
