// idle: a million actors that do nothing yet; the time to start them and the memory of each.
#include <caf/all.hpp>

#include "../common.hpp"

using get = caf::atom_constant<caf::atom("get")>;

caf::behavior idle(caf::event_based_actor*, int number) {
    return {[=](get) { return number; }};
}

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto actors = options.count(1'000'000, 10'000);
    caf::actor_system_config config;
    caf::actor_system system{config};
    caf::scoped_actor self{system};
    std::vector<caf::actor> all;
    all.reserve(static_cast<std::size_t>(actors));
    const auto before = bench::rss();
    const bench::stopwatch watch;
    for (int i = 0; i < actors; ++i) all.push_back(system.spawn(idle, i));
    bench::report("idle", watch.seconds(), "s");
    bench::report("idle_bytes", (bench::rss() - before) / actors, "B");
    self->request(all.back(), caf::infinite, get::value)
        .receive([&](int number) { bench::require(number == actors - 1, "the last one answers"); },
                 [](const caf::error&) { bench::fail("an idle actor died"); });
    for (auto& each : all) caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
}
