// The load on an echo server: load [options] -- server arguments...
//   --mode=echo      N connections, each with one message under way: requests/s, latency, the server's CPU a request
//   --mode=connect   N at a time connect, send a message, get it back, say that was all, wait for the server to close
//   --mode=idle      N connections that have sent one message: the server's memory for each
// Bounded by --seconds and --requests, whichever is reached first; a server that is silent for 10 s fails.
#include <sys/resource.h>

#include "connection.hpp"
#include "server_process.hpp"

namespace {

using bench::connection, bench::progress;
using clock_type = connection::clock;

class load {
public:
    load(const bench::options& options, bench::server_process& server)
        : name_{options.text("name", "echo")}, server_{server}, connections_(positive(options, "connections", 64)),
          message_(positive(options, "size", 64), '\0'), seconds_{std::atof(options.text("seconds", "2").c_str())},
          most_{positive(options, "requests", 1'000'000'000)} {
        for (std::size_t i = 0; i < message_.size(); ++i) message_[i] = static_cast<char>('a' + i % 23);
    }

    void echo() {
        connect_all();
        for (auto& each : connections_) each.ask(message_);
        const auto answered = [this](connection& which) {
            took_.push_back(std::chrono::duration<double, std::micro>(clock_type::now() - which.asked_at()).count());
            which.ask(message_);
        };
        run(seconds_ / 4, answered);  // warm-up
        took_.clear();
        const auto cpu = server_.cpu_seconds();
        const bench::stopwatch watch;
        run(seconds_, answered);
        const auto seconds = watch.seconds();
        const auto count = static_cast<double>(took_.size());
        bench::require(count > 0, "requests were answered");
        bench::report(name_ + "_cpu", (server_.cpu_seconds() - cpu) * 1e6 / count, "us");
        bench::report(name_ + "_rate", count / seconds, "/s");
        bench::report(name_ + "_bytes", count * static_cast<double>(message_.size()) / 1e6 / seconds, "MB/s");
        bench::report(name_ + "_p50", percentile(0.5), "us");
        bench::report(name_ + "_p99", percentile(0.99), "us");
        bench::report(name_ + "_p999", percentile(0.999), "us");
    }

    void connect() {
        std::size_t opened = 0;
        const auto open = [&](connection& which) {
            which.open(epoll_, server_.port(), 1 + static_cast<int>(opened++ % 32));
            which.ask(message_);
        };
        const auto cpu = server_.cpu_seconds();
        const bench::stopwatch watch;
        for (auto& each : connections_) open(each);
        run(seconds_, [](connection& which) { which.finish_sending(); },
            [&](connection& which) {
                took_.push_back(0);
                which.close();
                open(which);
            });
        const auto count = static_cast<double>(took_.size());
        bench::require(count > 0, "connections were served");
        bench::report(name_ + "_rate", watch.per_second(count), "/s");
        bench::report(name_ + "_cpu", (server_.cpu_seconds() - cpu) * 1e6 / count, "us");
    }

    void idle() {
        std::vector<connection> first(64);
        first.swap(connections_);
        connect_all();  // what the server makes once and keeps is there from here on
        const auto before = server_.rss();
        first.swap(connections_);
        connect_all();
        bench::report(name_ + "_bytes", (server_.rss() - before) / static_cast<double>(connections_.size()), "B");
    }

private:
    static std::size_t positive(const bench::options& options, const char* name, int otherwise) {
        const auto value = options.number(name, otherwise);
        bench::require(value > 0, "a positive number");
        return static_cast<std::size_t>(value);
    }

    /// Each has sent a message and got it back, so the server has accepted it; in batches that fit a short backlog.
    void connect_all() {
        constexpr std::size_t batch = 100;
        for (std::size_t i = 0; i < connections_.size(); i += batch) {
            const auto end = std::min(i + batch, connections_.size());
            for (auto k = i; k < end; ++k) {
                connections_[k].open(epoll_, server_.port(), 1);
                connections_[k].ask(message_);
            }
            for (auto open = end - i; open > 0;) turn([&](connection&) { --open; }, unexpected_end);
        }
    }

    static void unexpected_end(connection&) { bench::fail("the server closed a connection"); }

    template <class Answered, class Ended = void (*)(connection&)>
    void run(double seconds, Answered answered, Ended ended = unexpected_end) {
        const bench::stopwatch watch;
        while (watch.seconds() < seconds && took_.size() < most_) turn(answered, ended);
    }

    template <class Answered, class Ended>
    void turn(Answered&& answered, Ended&& ended) {
        epoll_event events[256];
        const int ready = epoll_wait(epoll_, events, 256, 10'000);
        bench::require(ready > 0, "the server answers within 10 s");
        for (int i = 0; i < ready; ++i) {
            auto& which = *static_cast<connection*>(events[i].data.ptr);
            const auto was_asking = which.asking();
            const auto now = which.advance(message_);
            if (now == progress::answered) answered(which);
            if (now == progress::ended) {
                bench::require(!was_asking, "the server answers before it closes");
                ended(which);
            }
        }
    }

    double percentile(double share) {
        const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(took_.size() - 1));
        std::nth_element(took_.begin(), took_.begin() + at, took_.end());
        return took_[static_cast<std::size_t>(at)];
    }

    std::string name_;
    bench::server_process& server_;
    std::vector<connection> connections_;
    std::string message_;
    double seconds_;
    std::size_t most_;
    std::vector<double> took_;  // by each request, in microseconds
    int epoll_ = epoll_create1(EPOLL_CLOEXEC);
};

void allow_many_descriptors() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
    int split = 1;
    while (split < argc && std::string{argv[split]} != "--") ++split;
    bench::require(split + 1 < argc, "load [options] -- server arguments...");
    const bench::options options{split, argv};
    allow_many_descriptors();
    bench::server_process server{argv + split + 1};
    load work{options, server};
    const auto mode = options.text("mode", "echo");
    if (mode == "connect")
        work.connect();
    else if (mode == "idle")
        work.idle();
    else
        work.echo();
}
