// An echo server with libuv: one thread, one buffer for all, sends at once and queues what the socket doesn't take.
// Prints `port <n>` when it listens and serves until it is killed.
#include <uv.h>

#include "../common.hpp"

namespace {

struct pending {
    uv_write_t request;
    std::string rest;
};

void free_connection(uv_handle_t* handle) { delete reinterpret_cast<uv_tcp_t*>(handle); }
void end(uv_stream_t* stream) {
    auto* handle = reinterpret_cast<uv_handle_t*>(stream);
    if (uv_is_closing(handle) == 0) uv_close(handle, free_connection);
}

void give_buffer(uv_handle_t*, std::size_t, uv_buf_t* buffer) {
    static char bytes[65536];
    *buffer = uv_buf_init(bytes, sizeof bytes);
}

void received(uv_stream_t* stream, ssize_t got, const uv_buf_t* data) {
    if (got == 0) return;
    if (got < 0) return end(stream);
    auto buffer = uv_buf_init(data->base, static_cast<unsigned>(got));
    auto sent = uv_try_write(stream, &buffer, 1);
    if (sent == got) return;
    if (sent < 0 && sent != UV_EAGAIN) return end(stream);
    if (sent < 0) sent = 0;
    auto* write = new pending{{}, std::string(data->base + sent, static_cast<std::size_t>(got - sent))};
    write->request.data = write;
    buffer = uv_buf_init(write->rest.data(), static_cast<unsigned>(write->rest.size()));
    uv_write(&write->request, stream, &buffer, 1,
             [](uv_write_t* request, int) { delete static_cast<pending*>(request->data); });
}

void accepted(uv_stream_t* listener, int status) {
    if (status < 0) return;
    auto* connection = new uv_tcp_t;
    auto* stream = reinterpret_cast<uv_stream_t*>(connection);
    uv_tcp_init(listener->loop, connection);
    if (uv_accept(listener, stream) != 0) return end(stream);
    uv_tcp_nodelay(connection, 1);
    uv_read_start(stream, give_buffer, received);
}

}  // namespace

int main() {
    auto* loop = uv_default_loop();
    uv_tcp_t listener;
    sockaddr_in address;
    uv_tcp_init(loop, &listener);
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_bind(&listener, reinterpret_cast<const sockaddr*>(&address), 0);
    bench::require(uv_listen(reinterpret_cast<uv_stream_t*>(&listener), 4096, accepted) == 0, "a port to listen on");
    int length = sizeof address;
    uv_tcp_getsockname(&listener, reinterpret_cast<sockaddr*>(&address), &length);
    std::printf("port %d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    uv_run(loop, UV_RUN_DEFAULT);
}
