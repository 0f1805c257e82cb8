// The compile benchmark: a source file with one server and one call.
#include <otp/gen_server.hpp>

struct counter {
    struct next {
        using reply_type = int;
    };
    int handle_call(next) { return ++count; }

    int count = 0;
};

int main() {
    auto server = otp::start<counter>().value();
    return server.call(counter::next{}).value_or(0) == 1 ? 0 : 1;
}
