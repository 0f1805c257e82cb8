// ping_pong: two actors throw a ball to and fro; the time of a round trip.
#include <caf/all.hpp>

#include "../common.hpp"

caf::behavior pong(caf::event_based_actor* self) {
    return {[=](int ball) { self->send(caf::actor_cast<caf::actor>(self->current_sender()), ball); }};
}

caf::behavior ping(caf::event_based_actor* self, const caf::actor& other, int rounds) {
    self->send(other, rounds);
    return {[=](int left) {
        if (left == 1) return self->quit();
        self->send(other, left - 1);
    }};
}

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto rounds = options.count(500'000, 5'000);
    caf::actor_system_config config;
    caf::actor_system system{config};
    caf::scoped_actor self{system};
    auto other = system.spawn(pong);
    const bench::stopwatch watch;
    self->wait_for(system.spawn(ping, other, rounds));
    bench::report("ping_pong", watch.ns_each(rounds), "ns");
    caf::anon_send_exit(other, caf::exit_reason::user_shutdown);
}
