// A small tree: a store, and a worker that crashes on bad orders and is started again, while the store goes on.
#include <otp/supervisor.hpp>

#include <chrono>
#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

struct store {
    struct put { std::string key; int value; };
    struct get { using reply_type = int; std::string key; };

    void handle_cast(put p) { values[p.key] = p.value; }
    int handle_call(get g) { return values[g.key]; }

    std::map<std::string, int> values;
};
inline constexpr otp::name<store> the_store{"store"};

struct worker {
    struct order { using reply_type = int; int amount; };

    void init() { std::printf("worker: begins, %d orders done so far\n", the_store.call(store::get{"orders"}).value_or(0)); }
    int handle_call(order o) {
        if (o.amount < 0) throw std::runtime_error{"an order of less than nothing"};
        const int done = the_store.call(store::get{"orders"}).value_or(0) + 1;
        the_store.cast(store::put{"orders", done});
        return done;
    }
};
inline constexpr otp::name<worker> the_worker{"worker"};

void place(int amount) {
    const auto done = the_worker.call(worker::order{amount});
    if (done) std::printf("order of %d: done, number %d\n", amount, *done);
    else std::printf("order of %d: %s\n", amount, done.error().to_string().c_str());
    std::fflush(stdout);
}

int main() {
    otp::runtime rt;
    const otp::use here{rt};

    const auto top = otp::start<otp::supervisor>(otp::supervisor_flags{.strategy = otp::rest_for_one, .intensity = 2, .period = 5s},
                                                 otp::child<store>("store").named(the_store), otp::child<worker>("worker").named(the_worker));
    if (!top) {
        std::fprintf(stderr, "%s\n", top.error().to_string().c_str());
        return 1;
    }
    place(3);
    otp::inbox<otp::down> ends;
    (void)ends.monitor(the_worker.id());
    place(-1);  // the worker crashes with it
    (void)ends.receive();
    (void)top->count_children();  // answered after the restart: the supervisor heard of the crash first
    place(4);

    const auto children = top->which_children();
    if (!children) return 1;
    for (const auto& c : *children) std::printf("child %s runs: %s\n", c.id.c_str(), c.pid ? "yes" : "no");
    return top->stop() ? 0 : 1;
}
