// One exploration: runs a scenario once for each choice of schedule, of the store a load reads, of a store's place.
#pragma once

#include <cstdio>
#include <cstdlib>

#include "memory.hpp"
#include "mutation_point.hpp"

namespace model {

class execution {
public:
    using body = void (*)(void* argument);

    /// The exploration that runs; operations on model atomics are legal in its threads only.
    [[nodiscard]] static execution*& current() noexcept {
        static execution* running = nullptr;
        return running;
    }

    result explore(const options& limits, body scenario, void* argument) {
        limits_ = limits;
        path_.clear();
        seen_.clear();
        result found;
        execution* outer = std::exchange(current(), this);
        do {
            ++found.runs;
            run_once(scenario, argument);
            if (!failure_.empty()) break;
            if (ended_) {
                ++found.ended;
                if (!outcome_.empty()) found.outcomes.insert(outcome_);
            }
            if (found.runs == limits_.max_runs) failure_ = "the exploration is not done after so many runs";
        } while (failure_.empty() && backtrack());
        current() = outer;
        found.failure = std::exchange(failure_, {});
        found.states = seen_.size();
        return found;
    }

    // Operations of the running thread.

    [[nodiscard]] unsigned create(std::uint64_t value) {
        thread& t = self();
        const auto at = memory_.create(running_, t.knows, next_id(), value, thread_count_ > 1 || may_end_early_);
        if (at == max_locations) stop("a scenario with more than max_locations atomics");
        return at;
    }
    void destroy(unsigned at) { must(memory_.destroy(at, self().knows)); }

    std::uint64_t load(unsigned at, const place& p) {
        const effect now = effect_of(p);
        before();
        return read(at, choose_store(at, now.order, any_store), now.order, p.where);
    }

    void store(unsigned at, std::uint64_t value, const place& p) {
        const effect now = effect_of(p);
        before();
        put(at, value, now.order, p.where);
        advance(1);
    }

    template <class Update>
    std::uint64_t update(unsigned at, const place& p, Update update) {
        const effect now = effect_of(p);
        before();
        std::uint64_t old = 0;
        if (now.what == weakness::torn) {
            old = read(at, choose_store(at, now.order, any_store), now.order, p.where);
            before();
            put(at, update(old), now.order, p.where);
        } else {
            const auto from = choose_store(at, now.order, to_replace);
            old = memory_.value(at, from);
            replace(at, from, update(old), now.order, p.where);
        }
        advance(old);
        return old;
    }

    bool compare_exchange(unsigned at, std::uint64_t& expected, std::uint64_t desired, const place& p, bool weak) {
        const effect now = effect_of(p);
        before();
        const bool torn = now.what == weakness::torn;
        const bool blind = now.what == weakness::blind;
        const auto from = choose_store(at, now.order, torn ? any_store : to_replace, torn || blind ? nullptr : &expected);
        const auto value = memory_.value(at, from);
        bool fails = value != expected && !blind;
        if (!fails && weak && spurious_ < limits_.spurious && choose(2) == 1) {
            ++spurious_;
            fails = true;
        }
        if (fails) {
            expected = value;
            (void)read(at, from, now.failure, p.where);
            advance(2);
            return false;
        }
        if (torn) {
            (void)read(at, from, now.order, p.where);
            before();
            put(at, desired, now.order, p.where);
        } else {
            replace(at, from, desired, now.order, p.where);
        }
        advance(3);
        return true;
    }

    /// Blocks, unless the newest value differs, until a wake-up: a futex's wait.
    void park(unsigned at, std::uint64_t old, const place& p) {
        before();
        const auto newest = memory_.newest(at);
        if (read(at, newest, memory_order::relaxed, p.where) != old) return;
        thread& t = self();
        t.waits = waiting::for_wake;
        t.at = at;
        before();
        advance(4);
    }

    void wake(unsigned at, bool all, const place& p) {
        const effect now = effect_of(p);
        before();
        std::array<unsigned, max_threads> parked{};
        unsigned count = 0;
        for (unsigned i = 0; i != thread_count_; ++i)
            if (threads_[i].waits == waiting::for_wake && threads_[i].at == at) parked[count++] = i;
        note(p.where, at, count);
        if (count != 0 && now.what != weakness::left_out) {
            if (!all) {
                parked[0] = parked[choose(count)];
                count = 1;
            }
            for (unsigned i = 0; i != count; ++i) threads_[parked[i]].waits = waiting::for_nothing;
        }
        advance(5);
    }

    /// Waits until the newest value is not zero, and takes one off: the lock, or the semaphore, of a scenario.
    void take_one(unsigned at, const site& where) {
        thread& t = self();
        t.waits = waiting::for_value;
        t.at = at;
        before();
        t.waits = waiting::for_nothing;
        const auto newest = memory_.newest(at);
        replace(at, newest, memory_.value(at, newest) - 1, memory_order::acquire, where);
        advance(6);
    }
    void add_one(unsigned at, const site& where) {
        before();
        const auto newest = memory_.newest(at);
        replace(at, newest, memory_.value(at, newest) + 1, memory_order::release, where);
        advance(7);
    }

    /// The thread spins: others run until one has written something.
    void pause() {
        thread& t = self();
        if (t.must_be_fresh) stop("a thread spins for ever");
        t.spins = true;
        before();
        advance(8);
    }

    /// From here on the running thread depends on this number alone, not on what it has read before.
    void forget(std::uint64_t but_for) noexcept { self().history = mix(but_for, 9); }

    /// Runs these on threads of their own, to their end, or until none of them can go on.
    void run_threads(const std::pair<body, void*>* bodies, unsigned count, bool until_quiet) {
        const unsigned first = thread_count_;
        if (first + count > max_threads) stop("a scenario with more than max_threads threads");
        for (unsigned i = 0; i != count; ++i) {
            thread& t = threads_[thread_count_];
            reset(t, bodies[i].first, bodies[i].second);
            t.knows = self().knows;
            t.knows.clock[thread_count_] = 1;
            t.parent = running_;
            t.place = stacks_[thread_count_++].begin(&enter);
        }
        thread& me = self();
        advance(10);
        for (unsigned i = first; i != first + count; ++i) {
            starting_ = true;
            running_ = i;
            otp::exec::switch_stacks(&me.place, threads_[i].place, this);
        }
        me.waits = until_quiet ? waiting::for_quiet : waiting::for_threads;
        before();
        me.waits = waiting::for_nothing;
        for (unsigned i = first; i != first + count; ++i) {
            memory_.join(me.knows, threads_[i].knows);
            advance(threads_[i].history);
            threads_[i].waits = waiting::joined;
        }
    }

    /// What is created meanwhile may end while other threads run.
    void set_may_end_early(bool so) noexcept { may_end_early_ = so; }

    [[nodiscard]] unsigned create_cell(std::uint64_t value) {
        const auto at = memory_.create_cell(running_, self().knows, next_id(), value);
        if (at == max_cells) stop("a scenario with more than max_cells cells");
        return at;
    }
    [[nodiscard]] std::uint64_t read_cell(unsigned at) {
        count_plain_use();
        std::uint64_t value = 0;
        must(memory_.read_cell(running_, at, self().knows, value));
        self().history = mix(self().history, value);
        return value;
    }
    void write_cell(unsigned at, std::uint64_t value, bool last) {
        count_plain_use();
        must(memory_.write_cell(running_, at, self().knows, value, last));
    }

    void fail(const char* what) {
        failure_ = what;
        failure_ += "\n";
        add_trace(failure_);
        leave();
    }

    void observe(std::vector<int> outcome) { outcome_ = std::move(outcome); }

    /// Memory that is given back when the run is over, and used for nothing else until then.
    [[nodiscard]] void* allocate(std::size_t bytes) {
        bytes = (bytes + 63) / 64 * 64;
        if (arena_used_ + bytes > sizeof(arena_)) stop("a scenario that needs more memory");
        return arena_ + std::exchange(arena_used_, arena_used_ + bytes);
    }

private:
    enum class waiting : std::uint8_t { for_nothing, for_value, for_wake, for_threads, for_quiet, over, joined };
    enum intent : std::uint8_t { any_store, to_replace };

    struct thread {
        void* place = nullptr;
        body work = nullptr;
        void* argument = nullptr;
        knowledge knows;
        std::uint64_t history = 0;  // of what it was given: with its code, all that it will do depends on this
        std::uint64_t created = 0;
        unsigned parent = 0;
        unsigned at = 0;
        waiting waits = waiting::for_nothing;
        bool spins = false;
        bool must_be_fresh = false;
    };
    struct branch {
        std::uint16_t count;
        std::uint16_t taken;
    };
    struct traced {
        site where;
        unsigned thread;
        unsigned at;
        std::uint64_t value;
    };

    [[nodiscard]] thread& self() noexcept { return threads_[running_]; }
    [[nodiscard]] std::uint64_t next_id() noexcept { return mix(running_ + 1, ++self().created); }

    // Runs and choices

    void run_once(body scenario, void* argument) {
        position_ = 0;
        memory_.reset();
        thread_count_ = 1;
        running_ = 0;
        steps_ = 0;
        plain_uses_ = 0;
        spurious_ = stale_ = 0;
        arena_used_ = 0;
        ended_ = starting_ = may_end_early_ = false;
        outcome_.clear();
        trace_.clear();
        reset(threads_[0], scenario, argument);
        threads_[0].knows = knowledge{};
        threads_[0].knows.clock[0] = 1;
        otp::exec::switch_stacks(&root_, stacks_[0].begin(&enter), this);
    }

    bool backtrack() {
        while (!path_.empty() && path_.back().taken + 1 == path_.back().count) path_.pop_back();
        if (path_.empty()) return false;
        ++path_.back().taken;
        return true;
    }

    unsigned choose(unsigned count) {
        if (count == 1) return 0;
        if (position_ == path_.size()) path_.push_back({static_cast<std::uint16_t>(count), 0});
        const branch& b = path_[position_++];
        if (b.count != count) {
            std::fprintf(stderr, "the scenario is not the same in each run\n");
            std::abort();
        }
        return b.taken;
    }

    static void enter(void* passed) noexcept {
        auto& run = *static_cast<execution*>(passed);
        run.self().work(run.self().argument);
        run.self().waits = waiting::over;
        if (run.running_ == 0) {
            run.ended_ = true;
            run.leave();
        }
        run.schedule();
        std::abort();
    }

    // The frames of the run are dropped, not unwound.
    [[noreturn]] void leave() {
        void* dropped = nullptr;
        otp::exec::switch_stacks(&dropped, root_, this);
        std::abort();
    }
    [[noreturn]] void stop(const char* why) {
        fail(why);
        std::abort();
    }
    void must(const char* wrong) {
        if (wrong) stop(wrong);
    }

    static void reset(thread& t, body work, void* argument) noexcept {
        t.work = work;
        t.argument = argument;
        t.history = 1;
        t.created = 0;
        t.waits = waiting::for_nothing;
        t.spins = t.must_be_fresh = false;
    }

    // Comes before each operation: another thread may go first. What follows must change the thread's history.
    void before() {
        if (++steps_ > limits_.max_steps) stop("a run that doesn't end");
        schedule();
    }
    void count_plain_use() {
        if (++plain_uses_ > 20 * limits_.max_steps) stop("a run that doesn't end");
    }

    void schedule() {
        if (starting_) {  // a new thread is at its first operation, or at its end
            starting_ = false;
            thread& t = self();
            running_ = t.parent;
            otp::exec::switch_stacks(&t.place, self().place, this);
            return;
        }
        if (thread_count_ > 1 && position_ == path_.size() && !seen_.insert(state())) leave();
        std::array<unsigned, max_threads> ready{};
        unsigned count = 0;
        const auto consider = [&](unsigned i) {
            if (!threads_[i].spins && can_run(i)) ready[count++] = i;
        };
        consider(running_);
        for (unsigned i = 0; i != thread_count_; ++i)
            if (i != running_) consider(i);
        if (count == 0) {
            for (unsigned i = 0; i != thread_count_; ++i)
                if (threads_[i].spins && can_run(i)) {
                    threads_[i].spins = false;
                    threads_[i].must_be_fresh = true;  // nobody else runs: it sees all there is
                    ready[count++] = i;
                }
            if (count == 0) stop("everybody waits: a wake-up is lost");
        }
        const unsigned next = ready[choose(count)];
        if (next == running_) return;
        thread& from = threads_[std::exchange(running_, next)];
        otp::exec::switch_stacks(&from.place, self().place, this);
    }

    [[nodiscard]] bool can_run(unsigned i) const noexcept {
        const thread& t = threads_[i];
        switch (t.waits) {
            case waiting::for_nothing: return true;
            case waiting::for_value: return memory_.value(t.at, memory_.newest(t.at)) != 0;
            case waiting::for_threads:
                for (unsigned other = 0; other != thread_count_; ++other)
                    if (other != i && threads_[other].parent == i && threads_[other].waits < waiting::over) return false;
                return true;
            case waiting::for_quiet:
                for (unsigned other = 0; other != thread_count_; ++other)
                    if (other != i && can_run(other)) return false;
                return true;
            default: return false;
        }
    }

    [[nodiscard]] std::uint64_t state() {
        std::array<observer, max_threads> observers{};
        unsigned count = 0;
        std::uint64_t sum = mix(spurious_, limits_.stale == unlimited ? 0 : stale_);
        for (unsigned i = 0; i != thread_count_; ++i) {
            const thread& t = threads_[i];
            if (t.waits == waiting::joined) continue;
            // Who waits for threads goes on with what those know, which is no less.
            if (t.waits != waiting::for_threads && t.waits != waiting::for_quiet)
                observers[count++] = {&t.knows, t.waits != waiting::over};
            auto at = mix(t.created, static_cast<std::uint64_t>(t.waits) * 4 + t.spins * 2u + t.must_be_fresh);
            if (t.waits == waiting::for_wake || t.waits == waiting::for_value) at = mix(at, memory_.id(t.at));
            sum += mix(mix(t.history, i), at);
        }
        return mix(sum, memory_.state(observers, count));
    }

    // Memory

    // With `expected`, a store of another value may be read, though it can't be replaced.
    std::uint8_t choose_store(unsigned at, memory_order order, intent what, const std::uint64_t* expected = nullptr) {
        must(memory_.why_unusable(at, self().knows));
        std::array<std::uint8_t, max_stores> open;  // NOLINT: the first `count` are written
        unsigned count = 0;
        const bool newest_only = self().must_be_fresh || stale_ == limits_.stale;
        memory_.each_readable(at, order, self().knows, [&](std::uint8_t store, bool replaceable) {
            if (newest_only && count != 0) return;
            if (what == any_store || replaceable || (expected && memory_.value(at, store) != *expected)) open[count++] = store;
        });
        const unsigned chosen = choose(count);
        if (chosen != 0) ++stale_;
        return open[chosen];
    }

    std::uint64_t read(unsigned at, std::uint8_t from, memory_order order, const site& where) {
        memory_.read(running_, at, from, order, self().knows);
        const auto value = memory_.value(at, from);
        note(where, at, value);
        advance(value);
        return value;
    }
    void put(unsigned at, std::uint64_t value, memory_order order, const site& where) {
        must(memory_.why_unusable(at, self().knows));
        if (memory_.full(at)) stop("a scenario with more than max_stores stores to an atomic");
        std::array<std::uint8_t, max_stores> open;  // NOLINT: the first `count` are written
        unsigned count = 0;
        memory_.each_open_rank(at, order, self().knows, [&](std::uint8_t rank) {
            if (stale_ < limits_.stale || count == 0) open[count++] = rank;
        });
        const unsigned chosen = choose(count);
        if (chosen != 0) ++stale_;
        memory_.write(running_, at, open[chosen], value, order, self().knows);
        written(at, value, where);
    }
    void replace(unsigned at, std::uint8_t from, std::uint64_t value, memory_order order, const site& where) {
        if (memory_.full(at)) stop("a scenario with more than max_stores stores to an atomic");
        memory_.replace(running_, at, from, value, order, self().knows);
        written(at, value, where);
    }
    void written(unsigned at, std::uint64_t value, const site& where) {
        note(where, at, value);
        for (unsigned i = 0; i != thread_count_; ++i) {
            if (i != running_) threads_[i].spins = false;
            threads_[i].must_be_fresh = false;
        }
    }

    void advance(std::uint64_t given) noexcept {
        thread& t = self();
        t.history = mix(t.history, given);
        ++t.knows.clock[running_];
    }

    // Reports

    void note(const site& where, unsigned at, std::uint64_t value) { trace_.push_back({where, running_, at, value}); }

    void add_trace(std::string& text) const {
        const std::size_t shown = std::min<std::size_t>(trace_.size(), 100);
        char line[200];
        for (std::size_t i = trace_.size() - shown; i != trace_.size(); ++i) {
            const traced& e = trace_[i];
            std::snprintf(line, sizeof line, "  thread %u: %s:%d %s, atomic %u: %#llx\n", e.thread, e.where.function, e.where.line,
                          e.where.operation, e.at, static_cast<unsigned long long>(e.value));
            text += line;
        }
        for (unsigned i = 1; i != thread_count_; ++i) {
            if (threads_[i].waits != waiting::for_wake && threads_[i].waits != waiting::for_value) continue;
            std::snprintf(line, sizeof line, "  thread %u waits at atomic %u\n", i, threads_[i].at);
            text += line;
        }
    }

    options limits_;
    std::vector<branch> path_;
    std::size_t position_ = 0;
    key_set seen_;
    std::string failure_;
    std::vector<int> outcome_;
    std::vector<traced> trace_;
    memory memory_;
    std::array<thread, max_threads> threads_;
    std::array<model_stack, max_threads> stacks_;
    unsigned thread_count_ = 0;
    unsigned running_ = 0;
    std::size_t steps_ = 0;
    std::size_t plain_uses_ = 0;
    unsigned spurious_ = 0;
    unsigned stale_ = 0;
    bool ended_ = false;
    bool starting_ = false;
    bool may_end_early_ = false;
    void* root_ = nullptr;
    std::size_t arena_used_ = 0;
    alignas(64) std::byte arena_[16384];
};

}  // namespace model
