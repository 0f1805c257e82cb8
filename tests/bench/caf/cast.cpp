// cast_<n>: n producers flood one actor, which counts. cast_<n>_peak: the memory that took.
#include <caf/all.hpp>

#include "../common.hpp"

using more = caf::atom_constant<caf::atom("more")>;

caf::behavior sink(caf::event_based_actor* self, int expected) {
    return {[=, count = 0](int) mutable {
        if (++count == expected) self->quit();
    }};
}

caf::behavior producer(caf::event_based_actor* self, const caf::actor& target, int messages) {
    return {[=, sent = 0](more) mutable {
        for (int i = 0; i < 1'000 && sent < messages; ++i) self->send(target, ++sent);
        if (sent < messages) return self->send(self, more::value);  // lets others run
        self->quit();
    }};
}

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    const auto producers = options.number("producers", 1);
    const auto each = options.count(10'000'000, 100'000) / producers;
    caf::actor_system_config config;
    caf::actor_system system{config};
    caf::scoped_actor self{system};
    const auto name = "cast_" + std::to_string(producers);
    const bench::stopwatch watch;
    auto target = system.spawn(sink, each * producers);
    for (int i = 0; i < producers; ++i) caf::anon_send(system.spawn(producer, target, each), more::value);
    self->wait_for(target);
    bench::report(name, watch.per_second(each * producers), "/s");
    bench::report(name + "_peak", bench::peak_rss() / bench::mib, "MiB");
}
