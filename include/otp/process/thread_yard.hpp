// The threads of processes that have one of their own: started, counted, and joined before their runtime goes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <system_error>
#include <utility>

#include <pthread.h>

#include "otp/base/owned.hpp"
#include "otp/config.hpp"
#include "otp/runtime/futex.hpp"

namespace otp::inline OTP_ABI::proc {

class thread_yard {
public:
    thread_yard() = default;
    thread_yard(const thread_yard&) = delete;
    thread_yard& operator=(const thread_yard&) = delete;
    /// Waits until every thread has ended.
    ~thread_yard() {
        // Acquire pairs with finished().
        while (const auto left = running_.load(std::memory_order_acquire)) (void)exec::futex::wait(running_, left);
        { const std::lock_guard last_has_left{lock_}; }
        join(std::exchange(ended_, nullptr));
    }

    /// Runs `work` on a new thread. Throws std::system_error if there is none to be had.
    template <class Work>
    void start(Work work) {
        base::owned<record> fresh{new thread_of<Work>{*this, std::move(work)}};
        const std::lock_guard hold{lock_};  // the thread's end waits until its handle is stored
        if (const int failure = ::pthread_create(&fresh->thread, nullptr, &record::run, fresh.get()); failure != 0)
            throw std::system_error{failure, std::generic_category(), "otp: no thread for a process"};
        (void)fresh.release();
        running_.fetch_add(1, std::memory_order_relaxed);  // the end waits for the lock
    }

private:
    struct record {
        explicit record(thread_yard& where) noexcept : yard{where} {}
        record(const record&) = delete;
        record& operator=(const record&) = delete;
        virtual ~record() = default;
        virtual void work() noexcept = 0;
        static void* run(void* self) {
            auto* const mine = static_cast<record*>(self);
            mine->work();
            mine->yard.finished(mine);
            return nullptr;
        }
        thread_yard& yard;
        pthread_t thread{};
        record* next = nullptr;
    };
    template <class Work>
    struct thread_of final : record {
        thread_of(thread_yard& where, Work given) : record{where}, job{std::move(given)} {}
        void work() noexcept override {
            Work own = std::move(job);
            own();
        }
        Work job;
    };
    // One that ends joins those before it, so that at most one stands here in the end.
    void finished(record* mine) noexcept {
        record* before;
        {
            const std::lock_guard hold{lock_};
            before = std::exchange(ended_, mine);
            // Release pairs with the destructor, which then waits for this lock.
            if (running_.fetch_sub(1, std::memory_order_release) == 1) exec::futex::wake_all(running_);
        }
        join(before);
    }
    static void join(record* list) noexcept {
        while (list) {
            const base::owned<record> one{std::exchange(list, list->next)};
            ::pthread_join(one->thread, nullptr);
        }
    }
    std::mutex lock_;
    std::atomic<std::uint32_t> running_{0};
    record* ended_ = nullptr;
};

}  // namespace otp::inline OTP_ABI::proc
