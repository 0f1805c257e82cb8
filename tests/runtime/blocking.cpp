// Threads and turns that wait.
#include "blocking.hpp"

namespace tests::blocking {

TEST_CASE("a futex waits for a word to change, or for its deadline") { check_futex<exec::futex>(); }
TEST_CASE("the futex of other systems does so too") { check_futex<exec::portable_futex>(); }

TEST_CASE("a plain thread waits until it is unblocked") {
    blocked* who = nullptr;
    job waker;
    worker_pool pool{{.workers = 1}};
    waker = [&] { pool.unblock(*who); };
    for (int i = 0; i < 2000; ++i) {
        blocked b;
        who = &b;
        pool.schedule(waker);
        CHECK(pool.block(b, i % 2 ? exec::never : pool.now() + 1h) == block_result::unblocked);
    }
}

TEST_CASE("an unblock that comes before the block is kept") {
    worker_pool pool{{.workers = 1}};
    blocked b;
    pool.unblock(b);
    CHECK(pool.block(b, exec::never) == block_result::unblocked);
    blocked late;
    pool.unblock(late);
    CHECK(pool.block(late, pool.now() - 1s) == block_result::unblocked);
}

TEST_CASE("a wait ends at its deadline, not before; a second wait takes the unblock that comes") {
    worker_pool pool{{.workers = 1}};
    const auto check = [&] {
        blocked b;
        const auto deadline = pool.now() + 5ms;
        CHECK(pool.block(b, deadline) == block_result::timed_out);
        CHECK(pool.now() >= deadline);
        std::thread late{[&] {
            std::this_thread::sleep_for(2ms);
            pool.unblock(b);
        }};
        CHECK(pool.block(b, exec::never) == block_result::unblocked);
        late.join();
        blocked past;
        CHECK(pool.block(past, pool.now() - 1ns) == block_result::timed_out);
    };
    check();
    countdown done{1};
    job inside{[&] {
        check();
        done.count();
    }};
    pool.schedule(inside);
    done.wait();
}

TEST_CASE("the only worker goes on while a turn of its is blocked") {
    countdown done{1};
    job caller, callee;
    worker_pool pool{{.workers = 1}};
    blocked* who = nullptr;
    bool in_order = false;
    int runs = 0;
    callee = [&] {
        ++runs;
        pool.unblock(*who);
    };
    caller = [&] {
        for (int i = 0; i < 500; ++i) {
            blocked b;
            who = &b;
            pool.schedule(callee);
            CHECK(pool.block(b, exec::never) == block_result::unblocked);
            in_order = runs == i + 1 && pool.runs_here();
            if (!in_order) break;
        }
        done.count();
    };
    pool.schedule(caller);
    done.wait();
    CHECK(in_order);
    CHECK(pool.threads() <= 3);  // threads are used again
}

TEST_CASE("a hundred turns wait for each other on few workers") {
    for (const std::size_t workers : {1U, 2U, 4U}) {
        CAPTURE(workers);
        constexpr std::size_t depth = 100;
        countdown done{1};
        std::deque<job> jobs(depth);
        std::deque<blocked> waits(depth);
        std::atomic<int> failed{0};
        worker_pool pool{{.workers = workers}};
        for (std::size_t i = 0; i < depth; ++i)
            jobs[i] = [&, i] {
                if (i + 1 < depth) {
                    pool.schedule(jobs[i + 1]);
                    if (pool.block(waits[i], exec::never) != block_result::unblocked) ++failed;
                }
                if (i > 0) pool.unblock(waits[i - 1]);
                else done.count();
            };
        pool.schedule(jobs[0]);
        done.wait();
        CHECK(failed == 0);
        CHECK(pool.threads() >= depth);
    }
}

TEST_CASE("without a spare thread the last worker doesn't block") {
    countdown done{1};
    job only, other;
    worker_pool pool{{.workers = 1, .spare_workers = 0}};
    auto first = block_result::unblocked;
    auto second = block_result::timed_out;
    bool other_ran = false;
    only = [&] {
        blocked b;
        pool.schedule(other);
        first = pool.block(b, exec::never);
        CHECK(!other_ran);
        std::thread late{[&] { pool.unblock(b); }};
        second = pool.block(b, exec::never);
        late.join();
    };
    other = [&] {
        other_ran = true;
        done.count();
    };
    pool.schedule(only);
    done.wait();
    CHECK(first == block_result::no_spare_worker);
    CHECK(second == block_result::unblocked);
    CHECK(pool.threads() == 1);
}

TEST_CASE("without spare threads all workers but the last may block") {
    for (const bool cant_make : {false, true}) {
        CAPTURE(cant_make);
        for (int round = 0; round < 50; ++round) {
            countdown done{6};
            std::deque<job> jobs(2);
            std::deque<job> after(4);
            std::deque<blocked> waits(2);
            std::atomic<int> refused{0};
            threads_to_make = 2;
            worker_pool pool{{.workers = 2,
                              .spare_workers = cant_make ? 10U : 0U,
                              .make_thread = cant_make ? &make_some : &::pthread_create}};
            for (auto& j : after) j = [&] { done.count(); };
            for (std::size_t i = 0; i < 2; ++i) {
                jobs[i] = [&, i] {
                    pool.schedule(after[2 * i]);
                    if (pool.block(waits[i], exec::never) == block_result::no_spare_worker) {
                        ++refused;
                        pool.unblock(waits[1 - i]);
                    }
                    pool.schedule(after[2 * i + 1]);
                    done.count();
                };
                pool.schedule(jobs[i]);
            }
            done.wait();
            CHECK(refused == 1);
            CHECK(pool.threads() == 2);
        }
    }
}

TEST_CASE("what a worker had queued is done although it blocks and no thread takes its place") {
    for (int round = 0; round < 50; ++round) {
        countdown done{2};
        job first, second, third;
        blocked b;
        worker_pool pool{{.workers = 2, .spare_workers = 0}};
        first = [&] {
            pool.schedule(second);
            pool.schedule(third);
            CHECK(pool.block(b, exec::never) == block_result::unblocked);
            done.count();
        };
        second = [&] { done.count(); };
        third = [&] { pool.unblock(b); };
        pool.schedule(first);
        done.wait();
    }
}

TEST_CASE("as many turns may be blocked as there are spare threads") {
    for (const std::size_t spares : {1U, 2U, 5U}) {
        CAPTURE(spares);
        // Each waits for the next one; the one before the last finds no thread for that.
        const std::size_t count = spares + 2;
        countdown done{static_cast<std::int64_t>(count)};
        std::deque<job> jobs(count);
        std::deque<blocked> waits(count);
        std::vector<block_result> results(count, block_result::timed_out);
        worker_pool pool{{.workers = 1, .spare_workers = spares}};
        for (std::size_t i = 0; i < count; ++i)
            jobs[i] = [&, i] {
                if (i + 1 < count) {
                    pool.schedule(jobs[i + 1]);
                    results[i] = pool.block(waits[i], exec::never);
                }
                if (i > 0) pool.unblock(waits[i - 1]);
                done.count();
            };
        pool.schedule(jobs[0]);
        done.wait();
        for (std::size_t i = 0; i < spares; ++i) CHECK(results[i] == block_result::unblocked);
        CHECK(results[spares] == block_result::no_spare_worker);
        CHECK(pool.threads() == spares + 1);
    }
}

}  // namespace tests::blocking
