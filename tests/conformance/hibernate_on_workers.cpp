// Servers that hibernate on real workers, while others send to them and look at them.
#include <doctest/doctest.h>

#include <otp/gen_server.hpp>
#include <otp/runtime/runtime.hpp>

#include <atomic>
#include <thread>
#include <vector>

#include "support/looks.hpp"

namespace tests::hibernate_on_workers {

using namespace std::chrono_literals;

namespace {

/// Hibernates after each message.
struct drowsy {
    struct add {};
    struct count {
        using reply_type = int;
    };
    struct watch {
        otp::pid other;
    };
    otp::next handle_cast(add) {
        ++n_;
        return otp::noreply.hibernate();
    }
    otp::next handle_info(const watch& w) {
        monitor_ = otp::monitor(w.other);
        monitor_ = {};
        return otp::noreply.hibernate();
    }
    otp::replied<int> handle_call(count) { return otp::reply(n_).hibernate(); }
    void handle_info(const otp::down&) {}
    int n_ = 0;
    otp::scoped_monitor monitor_;
};

}  // namespace

TEST_CASE("a server that hibernates after each message loses none, whoever looks at it") {
    otp::runtime rt{{.workers = 2}};
    const auto s = rt.start<drowsy>().value();
    const auto other = rt.start<drowsy>().value();
    constexpr int each = 2000;
    std::atomic<bool> over{false};
    std::thread looker{[&] {
        const otp::use here{rt};
        // Relaxed, as below: it only ends the loop.
        while (!over.load(std::memory_order_relaxed)) {
            (void)testing::hibernates(s.id());
            (void)otp::processes();
        }
    }};
    std::vector<std::thread> senders;
    for (int t = 0; t < 2; ++t)
        senders.emplace_back([&] {
            for (int i = 0; i < each; ++i) {
                s.cast(drowsy::add{});
                if (i % 8 == 0) s.send(drowsy::watch{other.id()});
                if (i % 64 == 0) CHECK(s.call(drowsy::count{}, otp::infinity));
            }
        });
    for (auto& t : senders) t.join();
    CHECK(s.call(drowsy::count{}, otp::infinity).value() == 2 * each);
    over.store(true, std::memory_order_relaxed);
    looker.join();
    // With nobody sending it comes to rest.
    while (!testing::hibernates(s.id())) std::this_thread::yield();
    CHECK(s.call(drowsy::count{}, otp::infinity).value() == 2 * each);
}

}  // namespace tests::hibernate_on_workers
