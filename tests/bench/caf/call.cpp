// call: a plain thread asks an actor and blocks until the answer is there.
#include <caf/all.hpp>

#include "../common.hpp"

using get = caf::atom_constant<caf::atom("get")>;

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto calls = options.count(50'000, 500);
    caf::actor_system_config config;
    caf::actor_system system{config};
    auto server = system.spawn([]() -> caf::behavior {
        return {[count = 0](get) mutable { return ++count; }};
    });
    caf::scoped_actor self{system};
    auto last = 0;
    const bench::stopwatch watch;
    for (int i = 0; i < calls; ++i)
        self->request(server, caf::infinite, get::value)
            .receive([&](int count) { last = count; }, [](const caf::error&) { bench::fail("a call failed"); });
    bench::report("call", watch.ns_each(calls), "ns");
    bench::require(last == calls, "each call was answered once");
    caf::anon_send_exit(server, caf::exit_reason::user_shutdown);
}
