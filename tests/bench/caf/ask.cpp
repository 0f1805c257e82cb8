// ask: one actor asks another and goes on when the answer is there. ask_8: eight ask the same one.
// Without a time-out, which is CAF's fastest way.
#include <caf/all.hpp>

#include "../common.hpp"

using get = caf::atom_constant<caf::atom("get")>;

caf::behavior counter() {
    return {[count = 0](get) mutable { return ++count; }};
}

void ask(caf::event_based_actor* self, const caf::actor& server, int left) {
    if (left == 0) return self->quit();
    self->request(server, caf::infinite, get::value).then([=](int) { ask(self, server, left - 1); });
}

double seconds(caf::actor_system& system, int clients, int asks) {
    auto server = system.spawn(counter);
    caf::scoped_actor self{system};
    std::vector<caf::actor> all;
    const bench::stopwatch watch;
    for (int i = 0; i < clients; ++i) all.push_back(system.spawn(ask, server, asks));
    self->wait_for(all);
    const auto took = watch.seconds();
    self->request(server, caf::infinite, get::value)
        .receive([&](int count) { bench::require(count == clients * asks + 1, "each ask was answered once"); },
                 [](const caf::error&) { bench::fail("the server died"); });
    caf::anon_send_exit(server, caf::exit_reason::user_shutdown);
    return took;
}

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto asks = options.count(400'000, 4'000);
    caf::actor_system_config config;
    caf::actor_system system{config};
    bench::report("ask", seconds(system, 1, asks) * 1e9 / asks, "ns");
    bench::report("ask_8", asks / seconds(system, 8, asks / 8), "/s");
}
