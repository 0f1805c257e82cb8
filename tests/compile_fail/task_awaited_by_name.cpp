// expect: a task is awaited once and is empty then: co_await std::move(task)
#include <utility>

#include "otp/gen_server.hpp"

otp::task<int> number() { co_return 1; }

otp::task<int> use() {
    auto task = number();
#ifdef OTP_WRONG
    const int n = co_await task;
#else
    const int n = co_await std::move(task);
#endif
    co_return n;
}
