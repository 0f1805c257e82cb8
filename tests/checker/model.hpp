// What a scenario is written with: atomics and cells of the checker, threads, locks, memory that notices its use after its end.
#pragma once

#include <cstring>
#include <type_traits>

#include "execution.hpp"

namespace model {

/// std::atomic's interface, as far as the policy promises it; objects of up to eight bytes.
template <class T>
class atomic {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t));
    using order = memory_order;

public:
    atomic() : atomic{T{}} {}
    atomic(T value) : at_{execution::current()->create(pack(value))} {}
    atomic(const atomic&) = delete;
    atomic& operator=(const atomic&) = delete;
    ~atomic() { execution::current()->destroy(at_); }

    // Arrays that the code under test allocates live as long as the run: a run may be left in the middle.
    static void* operator new[](std::size_t bytes) { return execution::current()->memory(bytes); }
    static void operator delete[](void*) noexcept {}
    static void* operator new(std::size_t, void* where) noexcept { return where; }

    T load(order o, int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) const {
        return unpack(execution::current()->load(at_, {{function, line, "load"}, o}));
    }
    void store(T value, order o, int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) {
        execution::current()->store(at_, pack(value), {{function, line, "store"}, o});
    }
    T exchange(T value, order o, int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) {
        return updated("exchange", o, line, function, [&](T) { return value; });
    }
    bool compare_exchange_strong(T& expected, T desired, order success, order failure, int line = __builtin_LINE(),
                                 const char* function = __builtin_FUNCTION()) {
        return compared(expected, desired, {{function, line, "compare_exchange_strong"}, success, failure, true, true}, false);
    }
    bool compare_exchange_weak(T& expected, T desired, order success, order failure, int line = __builtin_LINE(),
                               const char* function = __builtin_FUNCTION()) {
        return compared(expected, desired, {{function, line, "compare_exchange_weak"}, success, failure, true, true}, true);
    }
    template <class D = T>
    T fetch_add(D by, order o, int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) {
        return updated("fetch_add", o, line, function, [&](T old) { return static_cast<T>(old + by); });
    }
    template <class D = T>
    T fetch_sub(D by, order o, int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) {
        return updated("fetch_sub", o, line, function, [&](T old) { return static_cast<T>(old - by); });
    }
    T fetch_or(T bits, order o, int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) {
        return updated("fetch_or", o, line, function, [&](T old) { return static_cast<T>(old | bits); });
    }
    T fetch_and(T bits, order o, int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) {
        return updated("fetch_and", o, line, function, [&](T old) { return static_cast<T>(old & bits); });
    }
    void wait(T old, order o, int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) const {
        auto& run = *execution::current();
        while (run.load(at_, {{function, line, "wait"}, o}) == pack(old)) run.park(at_, pack(old), {{function, line, "wait"}, o});
    }
    void notify_one(int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) const {
        execution::current()->wake(at_, false, {.where = {function, line, "notify_one"}, .step = true});
    }
    void notify_all(int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) const {
        execution::current()->wake(at_, true, {.where = {function, line, "notify_all"}, .step = true});
    }

    /// For a scenario's own futex: blocks while the newest value is `old`, until a wake-up; like the system call it may return at once.
    void futex_wait(T old, int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) const {
        execution::current()->park(at_, pack(old), {{function, line, "futex_wait"}, memory_order::relaxed});
    }

private:
    static std::uint64_t pack(T value) noexcept {
        std::uint64_t bits = 0;
        std::memcpy(&bits, &value, sizeof value);
        return bits;
    }
    static T unpack(std::uint64_t bits) noexcept {
        T value;
        std::memcpy(&value, &bits, sizeof value);
        return value;
    }
    template <class Next>
    T updated(const char* what, order o, int line, const char* function, Next next) {
        return unpack(execution::current()->update(at_, {{function, line, what}, o, memory_order::relaxed, true},
                                                   [&](std::uint64_t old) { return pack(next(unpack(old))); }));
    }
    bool compared(T& expected, T desired, const place& p, bool weak) {
        auto bits = pack(expected);
        const bool done = execution::current()->compare_exchange(at_, bits, pack(desired), p, weak);
        if (!done) expected = unpack(bits);
        return done;
    }

    unsigned at_;
};

/// Plain data. Two uses, one of them a write, that no happens-before keeps apart are an error; so is a use after its end.
template <class T>
class cell {
public:
    cell() : cell{T{}} {}
    explicit cell(T value) : value_{value} { write("a cell is made where another thread may still use one"); }
    cell(const cell&) = delete;
    cell& operator=(const cell&) = delete;
    ~cell() {
        write("plain data is destroyed while another thread may still use it");
        gone_ = true;
    }

    [[nodiscard]] T get() const {
        auto& run = *execution::current();
        run.count_plain_use();
        if (gone_) run.fail("plain data is read after its end");
        if (written_ > run.knows().clock[writer_]) run.fail("a data race: plain data is read and written at once");
        read_[run.running()] = run.knows().clock[run.running()];
        return value_;
    }
    void set(T value) {
        write("a data race: plain data is written and used at once");
        value_ = value;
    }

private:
    void write(const char* race) {
        auto& run = *execution::current();
        run.count_plain_use();
        if (gone_) run.fail("plain data is written after its end");
        const auto& clock = run.knows().clock;
        if (written_ > clock[writer_]) run.fail(race);
        for (unsigned i = 0; i != max_threads; ++i)
            if (read_[i] > clock[i]) run.fail(race);
        writer_ = run.running();
        written_ = clock[writer_];
    }

    T value_;
    unsigned writer_ = 0;
    std::uint16_t written_ = 0;
    mutable std::array<std::uint16_t, max_threads> read_{};
    bool gone_ = false;
};

/// The policy.
struct model_atomics {
    template <class T>
    using atomic = model::atomic<T>;
    template <class T>
    using cell = model::cell<T>;
    static void pause() { execution::current()->pause(); }
};

/// Counts what may be taken; the scenario's own way to block, never mutated. A lock is one that starts at 1.
class semaphore {
public:
    explicit semaphore(unsigned count = 0) : at_{execution::current()->create(count)} {}
    semaphore(const semaphore&) = delete;
    semaphore& operator=(const semaphore&) = delete;
    ~semaphore() { execution::current()->destroy(at_); }
    void acquire() { execution::current()->take_one(at_, {"semaphore", 0, "acquire"}); }
    void release() { execution::current()->add_one(at_, {"semaphore", 0, "release"}); }

private:
    unsigned at_;
};

class mutex {
public:
    void lock() { free_.acquire(); }
    void unlock() { free_.release(); }

private:
    semaphore free_{1};
};

/// An object in memory that is used for nothing else in this run, so that its use after destroy is noticed.
template <class T, class... Arguments>
[[nodiscard]] T* make(Arguments&&... arguments) {
    return new (execution::current()->memory(sizeof(T))) T(std::forward<Arguments>(arguments)...);
}
template <class T>
void destroy(T* object) {
    object->~T();
}

template <class... Bodies>
void run_all(bool until_quiet, Bodies&... bodies) {
    const std::pair<execution::body, void*> all[] = {{[](void* argument) { (*static_cast<Bodies*>(argument))(); },
                                                      const_cast<void*>(static_cast<const void*>(&bodies))}...};
    execution::current()->run_threads(all, sizeof...(bodies), until_quiet);
}

/// Runs the callables on threads of their own and waits for them.
template <class... Bodies>
void parallel(Bodies&&... bodies) {
    run_all(false, bodies...);
}

/// The same, but waits only until none of them can go on. Those that wait then, wait for ever; what they know is the caller's.
template <class... Bodies>
void parallel_until_quiet(Bodies&&... bodies) {
    run_all(true, bodies...);
}

/// What must hold; an exploration ends with the first that does not.
inline void require(bool holds, const char* what) {
    if (!holds) execution::current()->fail(what);
}

/// What this run has come to; the result has the set of all.
inline void outcome(std::vector<int> values) { execution::current()->observe(std::move(values)); }

/// Runs the scenario in every way.
template <class Scenario>
[[nodiscard]] result explore(Scenario scenario, const options& limits = {}) {
    static execution engine;
    return engine.explore(limits, [](void* argument) { (*static_cast<Scenario*>(argument))(); }, &scenario);
}

/// A line about what was explored.
inline void print(const char* what, const result& r) {
    std::printf("checker: %s: %zu executions, %zu of them whole, %zu states\n", what, r.runs, r.ended, r.states);
}

}  // namespace model
