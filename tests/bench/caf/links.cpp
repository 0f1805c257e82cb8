// links: an actor links itself to another, monitors it, unlinks and demonitors; the time of the four.
#include <caf/all.hpp>

#include "../common.hpp"

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto rounds = options.count(1'000'000, 10'000);
    caf::actor_system_config config;
    caf::actor_system system{config};
    auto other = system.spawn([]() -> caf::behavior { return {[](int) {}}; });
    caf::scoped_actor self{system};
    self->wait_for(system.spawn([=](caf::event_based_actor* me) {
        const bench::stopwatch watch;
        for (int i = 0; i < rounds; ++i) {
            me->link_to(other);
            me->monitor(other);
            me->unlink_from(other);
            me->demonitor(other);
        }
        bench::report("links", watch.ns_each(rounds), "ns");
    }));
    caf::anon_send_exit(other, caf::exit_reason::user_shutdown);
}
