// A stand-in for a server, for tests: the test sees each request and answers it.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "otp/base/exit.hpp"
#include "otp/behaviour/gen_server/client.hpp"
#include "otp/behaviour/gen_server/dispatch.hpp"
#include "otp/behaviour/gen_server/server_process.hpp"
#include "otp/process/expectation.hpp"
#include "otp/process/links.hpp"

namespace otp::inline OTP_ABI {

/// A call that a stub has got: what is asked, and where the answer goes.
template <class Request>
struct received_call {
    Request request;
    otp::from<Request> caller;
};

namespace behaviour {

/// Takes what is sent to a server of T, and runs nothing of T.
template <class T>
class stub_process final : public proc::inbox_process {
public:
    using inbox_process::inbox_process;
    [[nodiscard]] static intrusive_ptr<stub_process> make(exec::executor& ex) {
        return intrusive_ptr<stub_process>::adopt(::new (memory::allocate(sizeof(stub_process))) stub_process{ex});
    }
    /// As the server would end: who waits for an answer, is linked or watches, hears of it.
    void end(const reason& why) noexcept {
        if (std::exchange(ended_, true)) return;
        proc::deferred_call::collect(*this);
        own_node().names().forget(*this);
        close_stand_in(why);
        auto* const mine = details_if_any();
        while (proc::signal* s = mine ? mine->end_waiters.pop() : nullptr) proc::drop(s, why);
        proc::message_timer::drop_all(*this);  // after the close: none can be entered any more
    }
    [[nodiscard]] bool ended() const noexcept { return ended_; }
    /// The next message; who waits for its end is no concern of the test's.
    [[nodiscard]] proc::signal* next_message() noexcept {
        proc::signal* s = next();
        for (; s && s->ops == &proc::end_call::ops; s = next()) details().end_waiters.push(s);
        return s;
    }
    /// Ends as it is ordered.
    [[nodiscard]] reason obey(proc::signal* s) noexcept {
        const reason why = static_cast<stop_call::block*>(s)->request.why;
        queue().push_front(s);  // answered by the end
        end(why);
        return why;
    }
    [[nodiscard]] type_id behaviour_type() const noexcept override { return type_id_of<T>; }
    [[nodiscard]] std::string_view behaviour_name() const noexcept override { return type_name<T>(); }
    void describe(std::string& out) const override { process::describe(out); }

private:
    void dispose() noexcept override {
        this->~stub_process();
        memory::deallocate(this, sizeof(stub_process));
    }
    bool ended_ = false;
};

}  // namespace behaviour

/// Stands in a test for a server of T: its handle is an otp::server<T> like any other, but no code of T runs. The test takes each
/// message and answers each call, or doesn't. The functions that expect something take the next message, throw
/// otp::probe_failure where another comes or none, and wait as those of otp::probe do. Links and monitors of it work; exit
/// signals to it have no effect.
/// Thread safety: one user at a time, who may change; handles to it are for any thread. Its runtime must outlive it.
template <class T>
class stub {
public:
    using span = std::chrono::nanoseconds;

    stub() : core_{behaviour::stub_process<T>::make(exec::current_executor())} {}
    /// Has that name for as long as it lives. Throws otp::exit with already_started if somebody has it.
    explicit stub(const name<T>& called) : stub{} {
        auto& names = proc::node::of(core_->executor()).names();
        if (auto entered = names.enter(called.text(), *core_); !entered) throw otp::exit{entered.error()};
    }
    stub(stub&&) noexcept = default;
    stub& operator=(stub&& other) noexcept {
        if (this != &other) {
            die(reason::shutdown);
            core_ = std::move(other.core_);
        }
        return *this;
    }
    /// Ends with reason::shutdown, if it has not ended.
    ~stub() { die(reason::shutdown); }

    [[nodiscard]] otp::server<T> handle() const noexcept { return otp::server<T>{core_}; }
    operator otp::server<T>() const noexcept { return handle(); }
    [[nodiscard]] pid id() const noexcept { return pid{core_}; }

    /// The next message, which must be a call of that request: auto [request, caller] = stub.expect_call<get>();
    /// caller.reply(7). A call whose caller has given up counts, too.
    template <class Request>
    received_call<Request> expect_call(span limit = proc::patience_of_probes) {
        behaviour::diagnose_call<T, Request>();
        auto* s = expect<behaviour::call_to<T, Request>>("a call of ", type_name<Request>(), limit);
        auto* call = static_cast<proc::call_signal<Request, reply_t<Request>>*>(s);
        Request request = call->take_request();
        proc::service asked{call, nullptr};
        return {std::move(request), from<Request>{proc::deferred_call::hand_out(*core_, asked)}};
    }
    /// The next message, which must be a cast of an M.
    template <class M>
    M expect_cast(span limit = proc::patience_of_probes) {
        behaviour::diagnose_cast<T, M>();
        return proc::message_signal<M>::take(expect<behaviour::cast_to<T, M>>("a cast of ", type_name<M>(), limit));
    }
    /// The next message, which must be an M for handle_info.
    template <class M>
    M expect_info(span limit = proc::patience_of_probes) {
        behaviour::diagnose_send<T, M>();
        return proc::message_signal<M>::take(expect<behaviour::info_to<T, M>>("an info ", type_name<M>(), limit));
    }
    /// The next message, which must be a stop: server.stop(reason). Obeys, so that it ends, and gives the reason.
    reason expect_stop(span limit = proc::patience_of_probes) {
        return core_->obey(expect<behaviour::stop_call>("a ", "stop", limit));
    }
    /// Lets that time pass, in which nothing must come.
    void expect_none(span time) {
        if (auto* s = await(time)) fail("nothing for " + proc::length_text(time), s);
    }
    /// Ends as a server that crashes or stops with `why`: calls that wait for an answer get it, links and monitors as well.
    void die(const reason& why) noexcept {
        if (core_) core_->end(why);
    }

private:
    [[nodiscard]] proc::signal* await(span limit) {
        if (core_->ended()) return nullptr;
        return proc::await_mail(*core_, proc::call_deadline(core_->executor(), limit), [this] { return core_->next_message(); });
    }
    template <class Expected>
    [[nodiscard]] proc::signal* expect(std::string_view what, std::string_view type, span limit) {
        proc::signal* s = await(limit);
        if (s && s->ops == &Expected::ops) return s;
        fail(std::string{what}.append(type) + proc::within(limit), s);
    }
    /// Whoever has sent `s` hears that it was not handled.
    [[noreturn]] void fail(const std::string& wanted, proc::signal* s) {
        std::string instead = "nothing came";
        if (s) {
            instead = std::string{s->ops->message_name} + " came";
            proc::drop(s, reason::unhandled);
        }
        proc::disappoint(core_->executor(), wanted + " at the stub of " + std::string{type_name<T>()}, instead);
    }

    intrusive_ptr<behaviour::stub_process<T>> core_;
};

}  // namespace otp::inline OTP_ABI
