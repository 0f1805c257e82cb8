// ring: a token goes round 503 servers; the time of a hop.
#include <otp/otp.hpp>

#include "../common.hpp"

struct token {
    int left;
};

struct member {
    struct join {
        otp::recipient<token> next;
    };
    void handle_cast(join j) { next = std::move(j.next); }
    otp::next handle_info(token t) {
        if (t.left == 0) return otp::stop(otp::reason::normal);
        next.send(token{t.left - 1});
        return otp::ok;
    }

    otp::recipient<token> next;
};

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    constexpr std::size_t members = 503;
    const auto hops = options.count(5'000'000, 20'000);
    std::vector<otp::server<member>> ring;
    for (std::size_t i = 0; i < members; ++i) ring.push_back(otp::start<member>().value());
    for (std::size_t i = 0; i < members; ++i) ring[i].cast(member::join{ring[(i + 1) % members]});
    otp::inbox<otp::down> ends;
    ends.monitor(ring[static_cast<std::size_t>(hops) % members].id());
    const bench::stopwatch watch;
    ring[0].send(token{hops});
    const auto end = ends.receive();
    bench::report("ring", watch.ns_each(hops), "ns");
    bench::require(std::get<otp::down>(*end).reason == otp::reason::normal, "the token arrives");
}
