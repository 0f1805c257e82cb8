// What a scenario is written with: atomics and cells of the checker, threads, locks, memory that notices its use after its end.
#pragma once

#include <type_traits>

#include "execution.hpp"

namespace model {

template <class T>
[[nodiscard]] std::uint64_t pack(T value) noexcept {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    return bits;
}
template <class T>
[[nodiscard]] T unpack(std::uint64_t bits) noexcept {
    T value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

/// std::atomic's interface, as far as the policy promises it; objects of up to eight bytes.
template <class T, bool OfTheScenario = true>
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
    static void* operator new[](std::size_t bytes) { return execution::current()->allocate(bytes); }
    static void operator delete[](void*) noexcept {}
    static void* operator new(std::size_t, void* where) noexcept { return where; }

    T load(order o, int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) const {
        return unpack<T>(ask({operation::load, at_, 0, 0, {{function, line, "load"}, o}}).value);
    }
    void store(T value, order o, int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) {
        (void)ask({operation::store, at_, pack(value), 0, {{function, line, "store"}, o}});
    }
    T exchange(T value, order o, int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) {
        return update(operation::exchange, value, {{function, line, "exchange"}, o, order::relaxed, true});
    }
    T fetch_add(T by, order o, int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) {
        return update(operation::fetch_add, by, {{function, line, "fetch_add"}, o, order::relaxed, true});
    }
    T fetch_sub(T by, order o, int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) {
        return update(operation::fetch_sub, by, {{function, line, "fetch_sub"}, o, order::relaxed, true});
    }
    T fetch_or(T bits, order o, int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) {
        return update(operation::fetch_or, bits, {{function, line, "fetch_or"}, o, order::relaxed, true});
    }
    T fetch_and(T bits, order o, int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) {
        return update(operation::fetch_and, bits, {{function, line, "fetch_and"}, o, order::relaxed, true});
    }
    bool compare_exchange_strong(T& expected, T desired, order success, order failure, int line = __builtin_LINE(),
                                 const char* function = __builtin_FUNCTION()) {
        return compare(operation::compare_strong, expected, desired,
                       {{function, line, "compare_exchange_strong"}, success, failure, true, true});
    }
    bool compare_exchange_weak(T& expected, T desired, order success, order failure, int line = __builtin_LINE(),
                               const char* function = __builtin_FUNCTION()) {
        return compare(operation::compare_weak, expected, desired,
                       {{function, line, "compare_exchange_weak"}, success, failure, true, true});
    }
    void wait(T old, order o, int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) const {
        while (pack(load(o, line, function)) == pack(old)) futex_wait(old, line, function);
    }
    void notify_one(int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) const {
        (void)ask({operation::wake_one, at_, 0, 0, {.where = {function, line, "notify_one"}, .step = true}});
    }
    void notify_all(int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) const {
        (void)ask({operation::wake_all, at_, 0, 0, {.where = {function, line, "notify_all"}, .step = true}});
    }

    /// For a scenario's own futex: blocks while the newest value is `old`, until a wake-up; like the system call it may return at once.
    void futex_wait(T old, int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) const {
        (void)ask({operation::park, at_, 0, pack(old), {{function, line, "futex_wait"}}});
    }

private:
    static answer ask(request r) {
        r.where.fixed = OfTheScenario;
        return execution::current()->perform(r);
    }
    T update(operation what, T operand, place p) {
        p.fixed = OfTheScenario;
        constexpr std::uint64_t mask = ~std::uint64_t{0} >> (64 - 8 * sizeof(T));
        return unpack<T>(execution::current()->perform_update({what, at_, pack(operand), mask, p}).value);
    }
    bool compare(operation what, T& expected, T desired, place p) {
        p.fixed = OfTheScenario;
        const answer a = execution::current()->perform_update({what, at_, pack(desired), pack(expected), p});
        if (!a.done) expected = unpack<T>(a.value);
        return a.done;
    }

    unsigned at_;
};

/// Plain data of up to eight bytes. Two uses, one of them a write, that no happens-before keeps apart are an error; so is a use after
/// its end.
template <class T>
class cell {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t));

public:
    cell() : cell{T{}} {}
    explicit cell(T value) : at_{execution::current()->create_cell(pack(value))} {}
    cell(const cell&) = delete;
    cell& operator=(const cell&) = delete;
    ~cell() { execution::current()->write_cell(at_, 0, true); }

    [[nodiscard]] T get() const { return unpack<T>(execution::current()->read_cell(at_)); }
    void set(T value) { execution::current()->write_cell(at_, pack(value), false); }

private:
    unsigned at_;
};

/// The policy.
struct model_atomics {
    template <class T>
    using atomic = model::atomic<T, false>;
    template <class T>
    using cell = model::cell<T>;
    static void pause() { (void)execution::current()->perform({operation::pause, 0, 0, 0, {.where = {"pause", 0, "pause"}, .fixed = true}}); }
};

/// Counts what may be taken; the scenario's own way to block, never mutated. A lock is one that starts at 1.
class semaphore {
public:
    explicit semaphore(unsigned count = 0) : at_{execution::current()->create(count)} {}
    semaphore(const semaphore&) = delete;
    semaphore& operator=(const semaphore&) = delete;
    ~semaphore() { execution::current()->destroy(at_); }
    void acquire() { (void)execution::current()->perform({operation::take_one, at_, 0, 0, {.where = {"semaphore", 0, "acquire"}, .fixed = true}}); }
    void release() { (void)execution::current()->perform({operation::add_one, at_, 0, 0, {.where = {"semaphore", 0, "release"}, .fixed = true}}); }

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
    auto& run = *execution::current();
    run.set_may_end_early(true);
    T* made = new (run.allocate(sizeof(T))) T(std::forward<Arguments>(arguments)...);
    run.set_may_end_early(false);
    return made;
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
