// The compile benchmark: a source file with one actor and one call.
#include <caf/all.hpp>

using next = caf::atom_constant<caf::atom("next")>;

caf::behavior counter() {
    return {[count = 0](next) mutable { return ++count; }};
}

int main() {
    caf::actor_system_config config;
    caf::actor_system system{config};
    caf::scoped_actor self{system};
    auto server = system.spawn(counter);
    auto status = 1;
    self->request(server, caf::infinite, next::value)
        .receive([&](int count) { status = count == 1 ? 0 : 1; }, [](const caf::error&) {});
    caf::anon_send_exit(server, caf::exit_reason::user_shutdown);
    return status;
}
