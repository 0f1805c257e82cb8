// short_life: an actor starts another, which answers and ends; then the next.
#include <caf/all.hpp>

#include "../common.hpp"

void child(caf::event_based_actor* self, const caf::actor& parent) {
    self->send(parent, 1);
}

caf::behavior parent(caf::event_based_actor* self, int lives) {
    auto me = caf::actor_cast<caf::actor>(self);
    self->spawn(child, me);
    return {[=, left = lives](int one) mutable {
        left -= one;
        if (left == 0) return self->quit();
        self->spawn(child, me);
    }};
}

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto lives = options.count(500'000, 5'000);
    caf::actor_system_config config;
    caf::actor_system system{config};
    caf::scoped_actor self{system};
    const bench::stopwatch watch;
    self->wait_for(system.spawn(parent, lives));
    bench::report("short_life", watch.ns_each(lives), "ns");
}
