// The owner of a listening socket: starts acceptors, counts connections, replaces what crashed. The part of socket_server
// that doesn't depend on the handler; all of it runs in the server's turns, but for nothing.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "otp/base/flat_map.hpp"
#include "otp/base/log.hpp"
#include "otp/base/order.hpp"
#include "otp/base/owned.hpp"
#include "otp/behaviour/gen_server/actions.hpp"
#include "otp/behaviour/socket_server/acceptor.hpp"
#include "otp/behaviour/socket_server/connection.hpp"
#include "otp/behaviour/socket_server/drains.hpp"
#include "otp/behaviour/socket_server/socket_options.hpp"
#include "otp/process/inbox.hpp"
#include "otp/process/links.hpp"
#include "otp/process/send_after.hpp"
#include "otp/process/spawn.hpp"

namespace otp::inline OTP_ABI::behaviour {

class connection_owner {
public:
    connection_owner() = default;
    connection_owner(const connection_owner&) = delete;
    connection_owner& operator=(const connection_owner&) = delete;
    ~connection_owner() { close_port(); }  // a killed server ran no close(), and its acceptors hold the socket for a moment

    [[nodiscard]] result<void> open(socket_options options, base::owned<connection_maker> maker, const owner_ops& ops) {
        options_ = std::move(options);
        maker_ = std::move(maker);
        ops_ = &ops;
        limit_ = options_.max_connections;
        if (!exec::current_executor().io()) return reason::from_errno(ENOTSUP, "sockets in a simulation");
        if (options_.acceptors == 0) return reason{reason::bad_argument}.with_text("a server needs an acceptor");
        stations_.resize(std::size_t{base::min(options_.acceptors, most_acceptors)});
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
            if (connected_ == 0) drains_.all_ended();
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
        base::sort(all.data(), all.size(), [](const connection_info& a, const connection_info& b) { return a.pid < b.pid; });
        return all;
    }
    void set_max_connections(std::size_t limit) {
        limit_ = limit;
        fill();
    }
    void suspend() noexcept {
        suspended_ = true;
        recall_all();
        if (options_.fd < 0) close_port();  // one from elsewhere could not be opened again
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
        if (connected_ == 0) caller.reply();
        else drains_.add(order, std::move(caller), self);
    }
    void on_drain_deadline(drain_deadline over) { drains_.time_is_over(over, connected_); }

    /// Ends everything and waits for it: asks with `shutdown`, and kills what is left after the time of the options.
    void close() {
        suspended_ = true;
        recall_all();
        close_port();
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

    /// At once, even if an acceptor or the poller still holds the socket for a moment; others may go on with one from elsewhere.
    void close_port() noexcept {
        if (listener_ && options_.fd < 0) ::shutdown(listener_.get(), SHUT_RDWR);
        listener_.close();
        file_.remove();
    }
    /// As many acceptors as there should be, or one that turns clients away.
    void fill() {
        if (suspended_) return;
        const std::size_t room = limit_ > connected_ ? limit_ - connected_ : 0;
        const std::size_t wanted = base::min(stations_.size(), room);
        std::size_t there = acceptors();
        for (auto& s : stations_) {
            if (there > wanted && s.process != 0) {
                recall(s);
                --there;
            }
        }
        const bool rejects = room == 0 && options_.policy == limit_policy::refuse;
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
                turns_away ? result<intrusive_ptr<proc::process>>{proc::spawn_in(self.executor(), proc::bond::linked, ops_->turn_clients_away, std::move(at)).process.shared()}
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
        std::size_t at_work = 0;
        for (const station& s : stations_) at_work += s.process != 0 ? 1 : 0;
        return at_work;
    }
    void later() {
        if (std::exchange(looks_again_, true)) return;
        const recipient<look_again> self{intrusive_ptr<proc::process>::share(proc::current_process()), *ops_->look_again};
        (void)send_after(accept_pause, self, look_again{});
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
        while (left != 0) {
            const auto passed = otp::now() - begun;
            if (passed >= limit) return;
            auto end = ends.receive(limit == infinity ? infinity : limit - passed);
            if (!end && limit - (otp::now() - begun) > std::chrono::milliseconds{1}) return;  // nothing runs any more
            if (!end) continue;
            (void)processes_.take(std::get<down>(*end).pid.block()->id());
            --left;
        }
    }
    void say(log_level level, const std::string& what) const { base::log(level, "socket_server " + bound_.to_string() + ": " + what); }

    socket_options options_;
    base::owned<connection_maker> maker_;
    const owner_ops* ops_ = nullptr;
    net::descriptor listener_;
    net::socket_file file_;
    net::address bound_;
    std::vector<station> stations_;
    station rejecting_;
    base::flat_map<entry> processes_;  // acceptors and connections, by their numbers
    drains drains_;
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
