// An echo server with Asio: callbacks, one thread, which is its fastest way; a buffer for each connection.
// Prints `port <n>` when it listens and serves until it is killed.
#include <asio.hpp>
#include <memory>

#include "../common.hpp"

namespace {

using asio::ip::tcp;

class session : public std::enable_shared_from_this<session> {
public:
    session(tcp::socket socket, std::size_t buffer) : socket_{std::move(socket)}, buffer_(buffer) {}

    void receive() {
        const auto buffer = asio::buffer(buffer_);
        socket_.async_read_some(buffer, [self = shared_from_this()](std::error_code error, std::size_t got) {
            if (!error) self->send(got);
        });
    }

private:
    void send(std::size_t bytes) {
        asio::async_write(socket_, asio::buffer(buffer_.data(), bytes),
                          [self = shared_from_this()](std::error_code error, std::size_t) {
                              if (!error) self->receive();
                          });
    }

    tcp::socket socket_;
    std::vector<char> buffer_;
};

void accept(tcp::acceptor& acceptor, std::size_t buffer) {
    acceptor.async_accept([&acceptor, buffer](std::error_code error, tcp::socket socket) {
        if (error) return;
        socket.set_option(tcp::no_delay{true});
        std::make_shared<session>(std::move(socket), buffer)->receive();
        accept(acceptor, buffer);
    });
}

}  // namespace

int main(int argc, char** argv) {
    const bench::options options{argc, argv};
    asio::io_context io{1};
    tcp::acceptor acceptor{io};
    const tcp::endpoint any_port{asio::ip::address_v4::loopback(), 0};
    acceptor.open(any_port.protocol());
    acceptor.bind(any_port);
    acceptor.listen(4096);
    std::printf("port %d\n", acceptor.local_endpoint().port());
    std::fflush(stdout);
    accept(acceptor, static_cast<std::size_t>(options.number("buffer", 4096)));
    io.run();
}
