// The owner of a listening socket: starts acceptors, counts connections, replaces what crashed. The part of socket_server
// that doesn't depend on the handler; all of it runs in the server's turns, but for nothing.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "otp/base/flat_map.hpp"
#include "otp/base/log.hpp"
#include "otp/behaviour/actions.hpp"
#include "otp/behaviour/acceptor.hpp"
#include "otp/behaviour/connection.hpp"
#include "otp/behaviour/from.hpp"
#include "otp/behaviour/socket_options.hpp"
#include "otp/process/inbox.hpp"
#include "otp/process/links.hpp"
#include "otp/process/send_after.hpp"
#include "otp/process/spawn.hpp"

namespace otp::inline OTP_ABI::behaviour {

/// Stop listening, then answer when the last connection has ended.
struct drain_order {
    using reply_type = void;
    std::chrono::nanoseconds limit;
};
/// Sent by the owner to itself: the time of this drain is over.
struct drain_deadline {
    std::uint64_t number;
};

class connection_owner {
public:
    connection_owner() = default;
    connection_owner(const connection_owner&) = delete;
    connection_owner& operator=(const connection_owner&) = delete;

    [[nodiscard]] result<void> open(socket_options options, std::unique_ptr<connection_maker> maker, const owner_ops& ops) {
        options_ = std::move(options);
        maker_ = std::move(maker);
        ops_ = &ops;
        limit_ = options_.max_connections;
        if (!exec::current_executor().io()) return reason::from_errno(ENOTSUP, "sockets in a simulation");
        if (options_.acceptors == 0) return reason{reason::bad_argument}.with_text("a server needs an acceptor");
        stations_.resize(std::min<std::size_t>(options_.acceptors, most_acceptors));
        if (options_.fd >= 0) {
            auto adopted = net::adopt_listener(options_.fd);
            if (!adopted) return adopted.error();
            listener_ = std::move(*adopted);
        } else {
            auto where = net::address::parse(options_.address, options_.port);
            if (!where) return where.error();
            if (auto opened = listen_at(*where); !opened) return opened;
        }
        auto bound = net::sockname_of(listener_.get());
        if (!bound) return bound.error();
        bound_ = *bound;
        trap_exit(true);
        fill();
        return {};
    }

    // ---- what acceptors tell

    void on_accepted(const accepted& news) {
        entry* known = processes_.find(news.process);
        if (!known) return;
        leave_station(news.process);
        known->peer = news.peer;
        known->connected = true;
        ++connected_;
        ++accepted_;
        if (std::exchange(short_, false)) say(log_level::notice, "accepts connections again");
        if (base::logs(log_level::info)) say(log_level::info, "connection " + pid{known->who}.to_string() + " from " + news.peer.to_string());
        fill();
    }
    void on_turned_away() noexcept { ++rejected_; }
    /// The reason to stop with, or normal.
    [[nodiscard]] reason on_trouble(accept_trouble news) {
        if (news.for_good) return std::move(news.why);
        if (!std::exchange(short_, true)) say(log_level::error, "can't accept connections for the moment: " + news.why.to_string());
        return reason::normal;
    }
    /// A linked process has ended. The reason to stop with, or normal.
    [[nodiscard]] reason on_exit(const exit_signal& end) {
        const auto id = end.pid ? end.pid.block()->id() : 0;
        auto gone = processes_.take(id);
        if (!gone) return end.reason;  // none of ours: an order to end
        if (gone->connected) {
            --connected_;
            if (!end.reason.is_orderly()) {
                ++crashed_;
                say(log_level::error, "connection " + end.pid.to_string() + " from " + gone->peer.to_string() + " ended: " + end.reason.to_string());
            }
            fill();
            if (connected_ == 0) answer_drains();
            return reason::normal;
        }
        const bool wanted = leave_station(id);
        if (!wanted) return reason::normal;
        if (!end.reason.is_orderly()) say(log_level::warning, "an acceptor ended: " + end.reason.to_string());
        // At once, but not again and again.
        const auto now = otp::now();
        if (now < next_replacement_) return later(), reason::normal;
        next_replacement_ = now + accept_pause;
        fill();
        return reason::normal;
    }
    void on_look_again() {
        looks_again_ = false;
        fill();
    }

    // ---- what users ask

    [[nodiscard]] std::uint16_t port() const noexcept { return bound_.port(); }
    [[nodiscard]] socket_info info() const {
        return {.suspended = suspended_,
                .short_of_resources = short_,
                .address = bound_,
                .port = port(),
                .connections = connected_,
                .limit = limit_,
                .acceptors = acceptors(),
                .accepted = accepted_,
                .crashed = crashed_,
                .rejected = rejected_};
    }
    [[nodiscard]] std::vector<connection_info> connections() const {
        std::vector<connection_info> all;
        all.reserve(connected_);
        processes_.for_each([&](std::uint64_t, const entry& e) {
            if (e.connected) all.push_back({pid{e.who}, e.peer});
        });
        std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.pid < b.pid; });
        return all;
    }
    void set_max_connections(std::size_t limit) {
        limit_ = limit;
        fill();
    }
    void suspend() noexcept {
        suspended_ = true;
        recall_all();
        if (options_.fd >= 0) return;  // could not be opened again, and others may listen on it
        listener_.close();
        file_.remove();
    }
    [[nodiscard]] result<void> resume() {
        if (!suspended_) return {};
        if (!listener_)
            if (auto opened = listen_at(bound_); !opened) return opened;
        suspended_ = false;
        fill();
        return {};
    }
    void drain(const recipient<drain_deadline>& self, drain_order order, from<drain_order> caller) {
        suspend();
        if (connected_ == 0) return caller.reply();
        const auto number = ++last_drain_;
        if (order.limit != infinity) (void)send_after(std::max(order.limit, std::chrono::nanoseconds{0}), self, drain_deadline{number});
        drains_.push_back({number, std::move(caller)});
    }
    void on_drain_deadline(drain_deadline over) {
        for (auto at = drains_.begin(); at != drains_.end(); ++at) {
            if (at->number != over.number) continue;
            at->caller.fail(reason{reason::timeout}.with_text(std::to_string(connected_) + " connections have not ended"));
            drains_.erase(at);
            return;
        }
    }

    /// Ends everything and waits for it: asks with `shutdown`, and kills what is left after the time of the options.
    void close() {
        suspended_ = true;
        recall_all();
        listener_.close();
        file_.remove();
        end_processes(reason::shutdown, options_.shutdown);
        if (processes_.empty()) return;
        end_processes(reason::kill, kill_pause);
        if (!processes_.empty()) say(log_level::error, std::to_string(processes_.size()) + " processes don't end");
    }

private:
    struct station {
        net::socket_handle listener;  // a descriptor of its own, so that its acceptor can be recalled alone
        std::uint64_t process = 0;    // 0: nobody waits here
    };
    struct entry {
        intrusive_ptr<proc::process> who;
        net::address peer;
        bool connected = false;
    };
    struct open_drain {
        std::uint64_t number;
        from<drain_order> caller;
    };
    static constexpr std::size_t most_acceptors = 256;
    static constexpr std::chrono::seconds kill_pause{1};

    [[nodiscard]] result<void> listen_at(const net::address& where) {
        auto opened = net::open_listener(where, {.backlog = options_.backlog, .reuse_port = options_.reuse_port});
        if (!opened) return opened.error();
        // Accepted sockets inherit these.
        if (!where.is_local()) {
            if (auto set = net::apply(opened->get(), tcp::no_delay{options_.no_delay}); !set) return set;
            if (auto set = net::apply(opened->get(), tcp::keep_alive{options_.keep_alive}); !set) return set;
        }
        listener_ = std::move(*opened);
        file_ = net::socket_file{where};
        return {};
    }

    /// As many acceptors as there should be, or one that turns clients away.
    void fill() {
        if (suspended_) return;
        const std::size_t room = limit_ > connected_ ? limit_ - connected_ : 0;
        const std::size_t wanted = std::min(stations_.size(), room);
        std::size_t there = acceptors();
        for (auto& s : stations_) {
            if (there > wanted && s.process != 0) {
                recall(s);
                --there;
            }
        }
        const bool rejects = room == 0 && options_.policy == limit_policy::reject;
        if (!rejects && rejecting_.process != 0) recall(rejecting_);
        for (auto& s : stations_) {
            if (there >= wanted) break;
            if (s.process != 0) continue;
            if (!man(s, false)) return later();
            ++there;
        }
        if (rejects && rejecting_.process == 0 && !man(rejecting_, true)) later();
    }
    /// Puts an acceptor there.
    [[nodiscard]] bool man(station& s, bool turns_away) {
        proc::process& self = *proc::current_process();
        const auto failed = [this](const reason& why) {
            if (why == reason::shutdown) return false;  // of the runtime: nothing to report
            if (!std::exchange(short_, true)) say(log_level::error, "can't start an acceptor for the moment: " + why.to_string());
            return false;
        };
        if (!s.listener) {
            auto copy = net::duplicate(listener_.get());
            if (!copy) return failed(copy.error());
            auto watched = net::stream::make(self.executor(), std::move(*copy), net::stream_kind::listener);
            if (!watched) return failed(watched.error());
            s.listener = net::socket_handle{std::move(*watched)};
        }
        door at{s.listener.shared(), intrusive_ptr<proc::process>::share(&self), ops_};
        try {
            result<intrusive_ptr<proc::process>> fresh =
                turns_away ? result<intrusive_ptr<proc::process>>{proc::spawn_in(self.executor(), proc::bond::linked, &turn_clients_away, std::move(at)).process.shared()}
                           : maker_->start_acceptor(self, std::move(at));
            if (!fresh) return failed(fresh.error());
            s.process = (*fresh)->id();
            processes_.insert(s.process, entry{std::move(*fresh), {}, false});
            return true;
        } catch (const proc::unwinding&) {
            throw;
        } catch (...) {
            return failed(reason{std::current_exception()});
        }
    }
    /// It ends as soon as it finds out; a client that it has already is served.
    void recall(station& s) noexcept {
        s.listener.close();
        s.process = 0;
    }
    void recall_all() noexcept {
        for (auto& s : stations_) recall(s);
        recall(rejecting_);
    }
    /// False: it stood at none.
    bool leave_station(std::uint64_t process) noexcept {
        if (rejecting_.process == process) return rejecting_.process = 0, true;
        for (auto& s : stations_)
            if (s.process == process) return s.process = 0, true;
        return false;
    }
    [[nodiscard]] std::size_t acceptors() const noexcept {
        return static_cast<std::size_t>(std::count_if(stations_.begin(), stations_.end(), [](const station& s) { return s.process != 0; }));
    }
    void later() {
        if (std::exchange(looks_again_, true)) return;
        const recipient<look_again> self{intrusive_ptr<proc::process>::share(proc::current_process()), *ops_->look_again};
        (void)send_after(accept_pause, self, look_again{});
    }
    void answer_drains() {
        for (auto& d : std::exchange(drains_, {})) d.caller.reply();
    }
    void end_processes(const reason& order, std::chrono::nanoseconds limit) {
        inbox<down> ends;
        std::size_t left = 0;
        processes_.for_each([&](std::uint64_t, const entry& e) {
            const pid who{e.who};
            (void)ends.monitor(who);
            exit_process(who, order);
            ++left;
        });
        const auto begun = otp::now();
        for (; left != 0; --left) {
            const auto passed = otp::now() - begun;
            auto end = ends.receive(limit == infinity ? infinity : std::max(limit - passed, std::chrono::nanoseconds{0}));
            if (!end) return;
            (void)processes_.take(std::get<down>(*end).pid.block()->id());
        }
    }
    void say(log_level level, const std::string& what) const { base::log(level, "socket_server " + bound_.to_string() + ": " + what); }

    socket_options options_;
    std::unique_ptr<connection_maker> maker_;
    const owner_ops* ops_ = nullptr;
    net::descriptor listener_;
    net::socket_file file_;
    net::address bound_;
    std::vector<station> stations_;
    station rejecting_;
    base::flat_map<entry> processes_;  // acceptors and connections, by their numbers
    std::vector<open_drain> drains_;
    std::uint64_t last_drain_ = 0;
    std::size_t connected_ = 0;
    std::size_t limit_ = 0;
    std::uint64_t accepted_ = 0;
    std::uint64_t crashed_ = 0;
    std::uint64_t rejected_ = 0;
    exec::time_point next_replacement_{};
    bool suspended_ = false;
    bool short_ = false;
    bool looks_again_ = false;
};

}  // namespace otp::inline OTP_ABI::behaviour
