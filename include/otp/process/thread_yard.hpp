// The threads of processes that have one of their own: started, counted, and joined before their runtime goes.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <utility>

#include "otp/base/owned.hpp"
#include "otp/config.hpp"

namespace otp::inline OTP_ABI::proc {

class thread_yard {
public:
    thread_yard() = default;
    thread_yard(const thread_yard&) = delete;
    thread_yard& operator=(const thread_yard&) = delete;
    /// Waits until every thread has ended.
    ~thread_yard() {
        std::unique_lock hold{lock_};
        none_runs_.wait(hold, [this] { return running_ == 0; });
        join(std::exchange(ended_, nullptr));
    }

    /// Runs `work` on a new thread. Throws std::system_error if there is none to be had.
    template <class Work>
    void start(Work work) {
        base::owned<record> fresh{new record};
        record* const mine = fresh.get();
        const std::lock_guard hold{lock_};  // the thread's end waits until its handle is stored
        mine->thread = std::thread{[this, mine, job = std::move(work)]() mutable {
            {
                Work own = std::move(job);
                own();
            }
            finished(mine);
        }};
        (void)fresh.release();
        ++running_;
    }

private:
    struct record {
        std::thread thread;
        record* next = nullptr;
    };
    // One that ends joins those before it, so that at most one stands here in the end.
    void finished(record* mine) noexcept {
        record* before;
        {
            const std::lock_guard hold{lock_};
            before = std::exchange(ended_, mine);
            if (--running_ == 0) none_runs_.notify_all();
        }
        join(before);
    }
    static void join(record* list) noexcept {
        while (list) {
            const base::owned<record> one{std::exchange(list, list->next)};
            one->thread.join();
        }
    }
    std::mutex lock_;
    std::condition_variable none_runs_;
    std::size_t running_ = 0;
    record* ended_ = nullptr;
};

}  // namespace otp::inline OTP_ABI::proc
