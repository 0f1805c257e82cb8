// An echo server with CAF, a broker for each connection.
// Prints `port <n>` when it listens and serves until it is killed.
#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include "../common.hpp"

using caf::io::connection_handle;

caf::behavior session(caf::io::broker* self, connection_handle connection, std::size_t buffer) {
    self->configure_read(connection, caf::io::receive_policy::at_most(buffer));
    return {[=](const caf::io::new_data_msg& data) {
                self->write(connection, data.buf.size(), data.buf.data());
                self->flush(connection);
            },
            [=](const caf::io::connection_closed_msg&) { self->quit(); }};
}

caf::behavior listener(caf::io::broker* self, std::size_t buffer) {
    const auto port = self->add_tcp_doorman(0, "127.0.0.1");
    bench::require(static_cast<bool>(port), "a port to listen on");
    std::printf("port %d\n", port->second);
    std::fflush(stdout);
    return {[=](const caf::io::new_connection_msg& made) { self->fork(session, made.handle, buffer); }};
}

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    caf::actor_system_config config;
    config.load<caf::io::middleman>();
    caf::actor_system system{config};
    system.middleman().spawn_broker(listener, static_cast<std::size_t>(options.number("buffer", 4096)));
}
