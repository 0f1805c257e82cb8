// ping_pong: two servers throw a ball to and fro; the time of a round trip.
#include <otp/otp.hpp>

#include "../common.hpp"

struct ball {
    int left;
};

struct player {
    struct meet {
        otp::recipient<ball> other;
    };
    void handle_cast(meet m) { other = std::move(m.other); }
    otp::next handle_info(ball b) {
        if (b.left == 0) return otp::stop(otp::reason::normal);
        other.send(ball{b.left - 1});
        return otp::ok;
    }

    otp::recipient<ball> other;
};

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto rounds = options.count(3'000'000, 20'000);
    const auto ping = otp::start<player>().value();
    const auto pong = otp::start<player>().value();
    ping.cast(player::meet{pong});
    pong.cast(player::meet{ping});
    otp::inbox<otp::down> ends;
    ends.monitor(ping.id());
    const bench::stopwatch watch;
    ping.send(ball{2 * rounds});
    const auto end = ends.receive();
    bench::report("ping_pong", watch.ns_each(rounds), "ns");
    bench::require(std::get<otp::down>(*end).reason == otp::reason::normal, "the ball comes back");
}
