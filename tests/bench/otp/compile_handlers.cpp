// The compile benchmark for handlers: with -DMANY there are 40 more, each of them called.
#include <otp/gen_server.hpp>

template <int N>
struct get {
    using reply_type = int;
};

#ifdef MANY
#define FOUR(x, n) x(n) x(n + 1) x(n + 2) x(n + 3)
#define FORTY(x) FOUR(x, 1) FOUR(x, 5) FOUR(x, 9) FOUR(x, 13) FOUR(x, 17) FOUR(x, 21) FOUR(x, 25) FOUR(x, 29) FOUR(x, 33) FOUR(x, 37)
#else
#define FORTY(x)
#endif
#define HANDLER(n) \
    int handle_call(get<n>) { return n; }
#define CALL(n) sum += server.call(get<n>{}).value();

struct numbers {
    HANDLER(0)
    FORTY(HANDLER)
};

int main() {
    auto server = otp::start<numbers>().value();
    auto sum = 0;
    CALL(0)
    FORTY(CALL)
    return sum == 0 ? 0 : 1;
}
