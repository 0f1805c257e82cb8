// The program that each consumer builds: a gen_server with one request.
#include <otp/gen_server.hpp>

struct counter {
    struct next {
        using reply_type = int;
    };
    int handle_call(next) { return ++count; }
    int count = 0;
};

int main() {
    auto server = otp::start<counter>();
    if (!server) return 1;
    auto first = server->call(counter::next{});
    auto second = server->call(counter::next{});
    return first && *first == 1 && second && *second == 2 ? 0 : 2;
}
