// The compile benchmark for handlers: with -DMANY there are 40 more, each of them called.
#include <otp/gen_server.hpp>

template <int N>
struct get {
    using reply_type = int;
};

#ifdef MANY
#define FOUR(x, n) x(n) x(n + 1) x(n + 2) x(n + 3)
#define TWENTY(x, n) FOUR(x, n) FOUR(x, n + 4) FOUR(x, n + 8) FOUR(x, n + 12) FOUR(x, n + 16)
#define FORTY(x) TWENTY(x, 1) TWENTY(x, 21)
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
