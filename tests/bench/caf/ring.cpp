// ring: a token goes round 503 actors; the time of a hop.
#include <caf/all.hpp>

#include "../common.hpp"

using join = caf::atom_constant<caf::atom("join")>;

struct member_state {
    caf::actor next;
};

caf::behavior member(caf::stateful_actor<member_state>* self) {
    return {[=](join, const caf::actor& next) { self->state.next = next; },
            [=](int left) {
                if (left == 0) return self->quit();
                self->send(self->state.next, left - 1);
            }};
}

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto members = 503;
    const auto hops = options.count(1'000'000, 10'000);
    caf::actor_system_config config;
    caf::actor_system system{config};
    std::vector<caf::actor> ring;
    for (int i = 0; i < members; ++i) ring.push_back(system.spawn(member));
    for (int i = 0; i < members; ++i) caf::anon_send(ring[i], join::value, ring[(i + 1) % members]);
    caf::scoped_actor self{system};
    const bench::stopwatch watch;
    caf::anon_send(ring[0], hops);
    self->wait_for(ring[hops % members]);
    bench::report("ring", watch.ns_each(hops), "ns");
    for (auto& other : ring) caf::anon_send_exit(other, caf::exit_reason::user_shutdown);
}
