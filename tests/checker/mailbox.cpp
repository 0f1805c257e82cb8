// The mailbox under the checker: nothing lost, doubled or reordered, no wake-up lost, one waker for each idle exit.
#include "otp/process/mailbox.hpp"

#include <doctest/doctest.h>

#include "model.hpp"
#include "mutation.hpp"

namespace tests::mailbox {

namespace {

using model::cell;
using model::parallel;
using model::require;
using model::semaphore;
using otp::proc::pushed;

struct node {
    cell<node*> next{nullptr};
    cell<int> payload{0};
};
using mailbox = otp::proc::mailbox<node, model::model_atomics>;

// A process that any worker may run: what one turn writes, the next one reads, on another thread.
template <int Producers>
struct process {
    mailbox box;
    semaphore scheduled{1};
    cell<int> received[Producers];  // the newest payload of each producer: tens are the producer, ones count
    cell<int> count{0};

    void handle(node* oldest) {
        while (oldest) {
            node* next = oldest->next.get();
            const int payload = oldest->payload.get();
            auto& last = received[payload / 10];
            require(payload % 10 == last.get() + 1, "a message is lost, doubled or out of order");
            last.set(payload % 10);
            count.set(count.get() + 1);
            oldest = next;
        }
    }

    // False: all that was expected has come, and the process is dead.
    bool turn(int expected) {
        for (;;) {
            handle(box.take());
            if (count.get() == expected) {
                require(box.close() == nullptr, "a message too many");
                return false;
            }
            if (box.try_idle()) return true;
        }
    }

    void worker(int expected) {
        for (;;) {
            scheduled.acquire();
            if (box.closed()) break;
            if (!turn(expected)) break;
        }
        scheduled.release();  // for the other worker to end
    }

    void push(node& n, int payload) {
        n.payload.set(payload);
        const auto what = box.push(&n);
        require(what != pushed::closed, "refused by a living process");
        if (what == pushed::woke) scheduled.release();
    }
};

void two_producers_two_workers() {
    process<2> p;
    node a, b;
    parallel([&] { p.push(a, 1); }, [&] { p.push(b, 11); }, [&] { p.worker(2); }, [&] { p.worker(2); });
}

void one_producer_in_order() {
    process<1> p;
    node a, b, c;
    parallel([&] { p.push(a, 1); p.push(b, 2); p.push(c, 3); }, [&] { p.worker(3); }, [&] { p.worker(3); });
}

void producers_in_order() {
    process<2> p;
    node a[2], b;
    parallel([&] { p.push(a[0], 1); p.push(a[1], 2); }, [&] { p.push(b, 11); }, [&] { p.worker(3); });
}

// The owner takes once, then closes. Everything is either accepted and handed out, or refused and the pusher's.
template <int Producers, int Each>
void push_against_close() {
    mailbox box;
    cell<int> last_words{0};
    node nodes[Producers][Each];
    bool accepted[Producers][Each] = {};
    bool handed_out[Producers][Each] = {};
    const auto producer = [&](int me) {
        return [&, me] {
            for (int i = 0; i < Each; ++i) {
                nodes[me][i].payload.set(10 * me + i);
                accepted[me][i] = box.push(&nodes[me][i]) == pushed::queued;
                if (accepted[me][i]) {
                    require(i == 0 || accepted[me][i - 1], "accepted after a refusal");
                } else {
                    nodes[me][i].payload.set(-1);
                    require(last_words.get() == 7, "refused before the end");
                    require(box.closed(), "closed is not for ever");
                }
            }
        };
    };
    const auto owner = [&] {
        const auto collect = [&](node* oldest) {
            for (; oldest; oldest = oldest->next.get()) {
                const int payload = oldest->payload.get();
                bool& out = handed_out[payload / 10][payload % 10];
                require(!out, "handed out twice");
                require(payload % 10 == 0 || handed_out[payload / 10][payload % 10 - 1], "out of order");
                out = true;
            }
        };
        collect(box.take());
        last_words.set(7);
        collect(box.close());
    };
    if constexpr (Producers == 1)
        parallel(owner, producer(0));
    else
        parallel(owner, producer(0), producer(1));
    for (int me = 0; me < Producers; ++me)
        for (int i = 0; i < Each; ++i) require(accepted[me][i] == handed_out[me][i], "accepted and not handed out");
}

// A blocked thread whose time is out, against pushes: if it gets its idle state back, nobody wakes it; else exactly one does.
template <int Producers>
void try_busy_against_push() {
    mailbox box;
    semaphore unblocked{0};
    cell<int> owners{0};
    node nodes[2];
    const auto producer = [&](int me) {
        return [&, me] {
            nodes[me].payload.set(me + 1);
            if (box.push(&nodes[me]) == pushed::woke) {
                owners.set(owners.get() + 1);  // its alone until it has unblocked the owner
                unblocked.release();
            }
        };
    };
    const auto owner = [&] {
        int got = 0;
        const auto drain = [&] {
            for (node* each = box.take(); each; each = each->next.get()) got += each->payload.get();
        };
        owners.set(1);
        drain();
        bool woken = true;
        if (box.try_idle()) {
            woken = !box.try_busy();
            if (woken) unblocked.acquire();
        }
        owners.set(owners.get() + 1);
        for (;;) {
            drain();
            if (got == Producers * (Producers + 1) / 2) break;
            if (box.try_idle()) unblocked.acquire();
        }
        owners.set(owners.get() + 1);
    };
    if constexpr (Producers == 1)
        parallel(owner, producer(0));
    else
        parallel(owner, producer(0), producer(1));
    require(box.try_idle(), "something is left");
}

// Whoever finds it closed, without a push, sees what the owner did before.
void closed_is_final() {
    mailbox box;
    cell<int> last_words{0};
    const auto look = [&] {
        if (box.closed()) require(last_words.get() == 7, "closed before the end");
    };
    parallel([&] { last_words.set(7); require(box.close() == nullptr, "from nobody"); }, look, look);
}

// has_mail and idle only hint, and may be asked at any time.
void hints() {
    mailbox box;
    node n;
    parallel([&] { (void)box.push(&n); },
             [&] {
                 (void)box.has_mail();
                 (void)box.idle();
                 require(!box.closed(), "closed by nobody");
             },
             [&] {
                 if (!box.try_idle()) require(box.take() == &n, "lost");
             });
}

const model::scenario scenarios[] = {
    {"two producers, two workers", two_producers_two_workers},
    {"one producer, three messages, two workers", one_producer_in_order},
    {"producers keep their order", producers_in_order},
    {"push against close", push_against_close<1, 2>},
    {"two producers against close", push_against_close<2, 1>},
    {"try_busy against push", try_busy_against_push<1>},
    {"try_busy against two pushes", try_busy_against_push<2>},
    {"a spurious failure of the exchange", push_against_close<2, 1>, {.spurious = 1}},
    {"closed is final", closed_is_final},
    {"hints", hints},
};

// None: each mutation is found.
constexpr std::array<model::harmless, 0> harmless{};

}  // namespace

TEST_SUITE_BEGIN("checker" * doctest::skip(model::skipped));

TEST_CASE("the mailbox holds under every interleaving, and each of its orders is needed") {
    model::examine("mailbox", scenarios, harmless);
}

TEST_SUITE_END();

}  // namespace tests::mailbox
