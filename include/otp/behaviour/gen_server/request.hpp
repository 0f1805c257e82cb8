// Requests whose replies are asked for later, one by one or as a set.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "otp/base/order.hpp"
#include "otp/behaviour/gen_server/client.hpp"
#include "otp/process/inbox_process.hpp"
#include "otp/process/request_cell.hpp"
#include "otp/process/task.hpp"

namespace otp::inline OTP_ABI {

/// A request on its way; gen_server:send_request. Its reply is taken once. Dropping it abandons the request.
/// Thread safety: one user at a time, who may change.
template <class Request>
class [[nodiscard("dropping a request abandons it")]] request {
public:
    using reply_type = reply_t<Request>;
    using response = result<reply_type>;

    request() noexcept = default;
    request(intrusive_ptr<proc::request_cell> cell, exec::executor& ex) noexcept : cell_{std::move(cell)}, executor_{&ex} {}
    request(request&&) noexcept = default;
    request& operator=(request&& other) noexcept {
        if (this != &other) {
            abandon();
            cell_ = std::move(other.cell_);
            executor_ = other.executor_;
        }
        return *this;
    }
    ~request() { abandon(); }

    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(cell_); }

    /// The reply if it is there; none if not yet. After the reply was taken: an error bad_argument.
    [[nodiscard]] std::optional<response> check() {
        if (!cell_) return response{reason{reason::bad_argument}.with_text("the reply was taken already")};
        proc::signal* s = cell_->take();
        if (!s) return std::nullopt;
        cell_ = nullptr;
        return block::fetch(s);
    }
    /// Blocks for the reply, `limit` at most; none if the time is over: the request lives on. gen_server:wait_response/2.
    [[nodiscard]] std::optional<response> wait(std::chrono::nanoseconds limit = std::chrono::nanoseconds::max()) {
        if (auto here = check()) return here;
        proc::process& self = proc::caller(*executor_);
        if (auto blocked = proc::block_for(*cell_, self, deadline(limit)); !blocked) return response{blocked.error()};
        return check();
    }
    /// The same, but the request is abandoned when the time is over: the error timeout. gen_server:receive_response/2.
    [[nodiscard]] response receive(std::chrono::nanoseconds limit = std::chrono::nanoseconds::max()) {
        if (auto here = wait(limit)) return std::move(*here);
        abandon();
        return reason{reason::timeout}.with_text("no response in time");
    }
    /// co_await id: the reply.
    [[nodiscard]] auto operator co_await() { return awaiter{*this}; }

    // For request_set.
    [[nodiscard]] const intrusive_ptr<proc::request_cell>& cell() const noexcept { return cell_; }
    [[nodiscard]] exec::executor& executor() const noexcept { return *executor_; }

private:
    using block = proc::call_signal<Request, reply_type>;
    struct awaiter : proc::cell_answer {
        explicit awaiter(request& of) : proc::cell_answer{of.cell_, exec::never}, owner{of} {}
        request& owner;
        [[nodiscard]] response await_resume() { return *owner.check(); }
    };
    [[nodiscard]] exec::time_point deadline(std::chrono::nanoseconds limit) const {
        return proc::call_deadline(*executor_, limit < std::chrono::nanoseconds::zero() ? std::chrono::nanoseconds::zero() : limit);
    }
    void abandon() noexcept {
        if (auto gone = std::exchange(cell_, nullptr)) gone->abandon();
    }
    intrusive_ptr<proc::request_cell> cell_;
    exec::executor* executor_ = nullptr;
};

template <class T>
template <class Request, class... A>
auto client<T>::send_request(A&&... arguments) const -> request<Request> {
    behaviour::diagnose_call<T, Request>();
    behaviour::diagnose_in_place<Request, A...>();
    auto found = resolve();
    auto cell = proc::request_cell::make(proc::current_process());
    auto* call = make_call<Request>(std::forward<A>(arguments)...);
    call->set_caller(*cell);
    exec::executor& ex = found ? (*found)->executor() : exec::current_executor();
    if (!found) proc::drop(call, found.error());
    else proc::send_message(found->get(), call);
    return request<Request>{std::move(cell), ex};
}
template <class T>
template <int, class Request>
auto client<T>::send_request(Request&& what) const -> request<std::remove_cvref_t<Request>> {
    return send_request<std::remove_cvref_t<Request>>(std::forward<Request>(what));
}

/// Requests of one kind, each with a label; their responses come in the order of arrival. gen_server's request id collection.
/// Thread safety: one user at a time, who may change.
template <class Request, class Label>
class request_set {
public:
    /// A label and the response of its request.
    using labelled = std::pair<Label, typename request<Request>::response>;

    /// What add gives: it fails only for a request that is none any more, so it may be left unlooked at.
    struct added : result<void> {
        using result<void>::result;
    };
    /// Takes a request; its response comes under this label. Error: bad_argument if it was answered and taken already.
    added add(request<Request>&& what, Label label) {
        if (!what) return reason{reason::bad_argument}.with_text("an empty request");
        const auto number = ++last_number_;
        auto held = std::make_unique<entry>(entry{std::move(what), std::move(label), number});
        if (!arrivals_) arrivals_ = proc::inbox_process::make(held->what.executor());
        if (!held->what.cell()->listen(*arrivals_, number, true)) proc::queue_token(*arrivals_, number);
        entries_.push_back(std::move(held));
        return {};
    }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

    /// The next response if one is here; its request leaves the set.
    [[nodiscard]] std::optional<labelled> check() {
        if (!arrivals_) return std::nullopt;
        while (proc::signal* s = arrivals_->next()) {
            const auto number = s->ref;
            proc::drop(s, reason::ignored);
            auto found = entries_.begin();
            while (found != entries_.end() && (*found)->number != number) ++found;
            if (found == entries_.end()) continue;
            auto answered = std::move(*found);
            entries_.erase(found);
            if (auto response = answered->what.check()) return labelled{std::move(answered->label), std::move(*response)};
        }
        return std::nullopt;
    }
    /// Blocks for the next response, `limit` at most; none if the time is over or the set is empty. The requests live on.
    [[nodiscard]] std::optional<labelled> wait(std::chrono::nanoseconds limit = std::chrono::nanoseconds::max()) {
        if (empty()) return std::nullopt;
        const auto deadline = proc::call_deadline(arrivals_->executor(), base::max(limit, std::chrono::nanoseconds::zero()));
        for (bool in_time = true;;) {
            if (auto found = check(); found || !in_time) return found;
            in_time = arrivals_->block_for_mail(deadline);
        }
    }
    /// co_await set.next(): the next response; none if the set is empty.
    [[nodiscard]] task<std::optional<labelled>> next() {
        for (;;) {
            if (empty()) co_return std::nullopt;
            if (auto found = check()) co_return found;
            (void)co_await proc::mail_arrival{*arrivals_, exec::never};
        }
    }

    request_set() = default;
    request_set(request_set&&) noexcept = default;
    request_set& operator=(request_set&&) noexcept = default;
    ~request_set() {
        if (arrivals_) arrivals_->close_stand_in(reason::noproc);
    }

private:
    struct entry {
        request<Request> what;
        Label label;
        std::uint64_t number;
    };
    std::vector<std::unique_ptr<entry>> entries_;
    intrusive_ptr<proc::inbox_process> arrivals_;
    std::uint64_t last_number_ = 0;
};

}  // namespace otp::inline OTP_ABI
