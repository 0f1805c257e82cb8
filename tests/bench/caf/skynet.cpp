// skynet: an actor makes ten, each makes ten, down to a million leaves, and the sum of their numbers comes back up.
#include <caf/all.hpp>

#include "../common.hpp"

struct node_state {
    std::int64_t sum = 0;
    int waiting = 10;
};

caf::behavior node(caf::stateful_actor<node_state>* self, const caf::actor& parent, std::int64_t number, int size) {
    if (size == 1) {
        self->send(parent, number);
        self->quit();
        return {};
    }
    auto me = caf::actor_cast<caf::actor>(self);
    for (int i = 0; i < 10; ++i) self->spawn(node, me, number + i * (size / 10), size / 10);
    return {[=](std::int64_t part) {
        self->state.sum += part;
        if (--self->state.waiting > 0) return;
        self->send(parent, self->state.sum);
        self->quit();
    }};
}

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto leaves = options.count(1'000'000, 10'000);
    caf::actor_system_config config;
    caf::actor_system system{config};
    caf::scoped_actor self{system};
    std::int64_t sum = 0;
    const bench::stopwatch watch;
    system.spawn(node, caf::actor_cast<caf::actor>(self), std::int64_t{0}, leaves);
    self->receive([&](std::int64_t total) { sum = total; });
    bench::report("skynet", watch.seconds(), "s");
    bench::report("skynet_peak", bench::peak_rss() / bench::mib, "MiB");
    bench::require(sum == std::int64_t{leaves} * (leaves - 1) / 2, "the sum is right");
}
