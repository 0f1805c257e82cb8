// One exploration: runs a scenario once for each choice of schedule, of the store a load reads, of a store's place.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "memory.hpp"
#include "mutation_point.hpp"

namespace model {

enum class operation : std::uint8_t {
    load, store, exchange, fetch_add, fetch_sub, fetch_or, fetch_and, compare_strong, compare_weak,
    park, wake_one, wake_all,  // a futex's
    take_one, add_one,         // a semaphore's
    woken, pause, run_threads, end,
};

/// What a thread asks for; it is done when the thread is chosen to go on.
struct request {
    operation what = operation::end;
    unsigned at = 0;
    std::uint64_t operand = 0;
    std::uint64_t expected = 0;
    place where{.fixed = true};
};
struct answer {
    std::uint64_t value = 0;
    bool done = false;
};

/// What a run is made of, beside the memory, the stacks and the arena.
struct run_state {
    using body = void (*)(void* argument);

    enum class waiting : std::uint8_t { for_nothing, for_wake, for_threads, for_quiet, over, joined };
    struct thread {
        void* place = nullptr;
        body work = nullptr;
        void* argument = nullptr;
        knowledge knows;
        request asks;
        answer given;
        std::uint64_t stack = 0;  // a number for what is on it
        std::uint64_t created = 0;
        unsigned parent = 0;
        waiting waits = waiting::for_nothing;
        bool spins = false;
        bool must_be_fresh = false;
    };

    std::array<thread, max_threads> threads_;
    unsigned thread_count_ = 0;
    unsigned running_ = 0;
    std::size_t position = 0;  // in the path of choices
    std::size_t steps_ = 0;
    std::size_t plain_uses_ = 0;
    unsigned spurious_ = 0;
    unsigned stale_ = 0;
    std::size_t arena_used_ = 0;
    bool may_end_early_ = false;
};

class execution : private run_state {
public:
    using run_state::body;

    /// The exploration that runs; operations on model atomics are legal in its threads only.
    [[nodiscard]] static execution*& current() noexcept {
        static execution* running = nullptr;
        return running;
    }

    result explore(const options& limits, body scenario, void* argument) {
        limits_ = limits;
        path_.clear();
        seen_.clear();
        checkpoints_used_ = 0;
        result found;
        execution* outer = std::exchange(current(), this);
        try {
            begin(scenario, argument);
            do {
                if (found.runs++ == limits_.max_runs) fail("the exploration is not done after so many runs");
                if (!run()) continue;
                ++found.ended;
                if (!outcome_.empty()) found.outcomes.insert(outcome_);
            } while (go_back());
        } catch (const failed&) {
        }
        current() = outer;
        found.failure = std::exchange(failure_, {});
        found.states = seen_.size();
        return found;
    }

    // For the running thread.

    /// Another thread may go first. A thread's stack is part of the state, so what is dead on it is wiped.
    [[gnu::noinline]] answer perform(const request& r) {
        thread& t = self();
        t.asks = r;
        wipe_below();
        otp::exec::switch_stacks(&t.place, root_, this);
        return self().given;
    }

    /// An update, or two operations if it is torn.
    answer perform_update(const request& r) {
        if (effect_of(r.where).what != weakness::torn) return perform(r);
        const bool compares = r.what == operation::compare_strong || r.what == operation::compare_weak;
        request part = r;
        part.where.where.operation = "torn";
        part.what = operation::load;
        const auto old = perform(part).value;
        if (compares && old != r.expected) return {old, false};
        part.what = operation::store;
        part.operand = compares ? r.operand : updated(r, old);
        (void)perform(part);
        return {old, true};
    }

    [[nodiscard]] unsigned create(std::uint64_t value) {
        const auto at = memory_.create(running_, self().knows, next_id(), value, thread_count_ > 1 || may_end_early_);
        must(at == max_locations ? "a scenario with more than max_locations atomics" : nullptr);
        return at;
    }
    void destroy(unsigned at) { must(memory_.destroy(at, self().knows)); }
    /// What is created meanwhile may end while other threads run.
    void set_may_end_early(bool so) noexcept { may_end_early_ = so; }

    [[nodiscard]] unsigned create_cell(std::uint64_t value) {
        const auto at = memory_.create_cell(running_, self().knows, next_id(), value);
        must(at == max_cells ? "a scenario with more than max_cells cells" : nullptr);
        return at;
    }
    [[nodiscard]] std::uint64_t read_cell(unsigned at) {
        count_plain_use();
        std::uint64_t value = 0;
        must(memory_.read_cell(running_, at, self().knows, value));
        return value;
    }
    void write_cell(unsigned at, std::uint64_t value, bool last) {
        count_plain_use();
        must(memory_.write_cell(running_, at, self().knows, value, last));
    }

    /// Runs these on threads of their own, to their end, or until none of them can go on.
    void run_threads(const std::pair<body, void*>* bodies, unsigned count, bool until_quiet) {
        must(thread_count_ + count > max_threads ? "a scenario with more than max_threads threads" : nullptr);
        (void)perform({.what = operation::run_threads, .at = count, .operand = pack_address(bodies), .expected = until_quiet});
    }

    void fail(const char* what) {
        failure_ = what;
        failure_ += "\n";
        add_trace(failure_);
        if (!in_thread_) throw failed{};
        void* dropped = nullptr;  // the frames of a run that fails are not unwound
        otp::exec::switch_stacks(&dropped, root_, this);
    }

    void observe(std::vector<int> outcome) { outcome_ = std::move(outcome); }

    /// Memory that is given back when the run is over, and used for nothing else until then.
    [[nodiscard]] void* allocate(std::size_t bytes) {
        bytes = (bytes + 63) / 64 * 64;
        must(arena_used_ + bytes > sizeof(arena_) ? "a scenario that needs more memory" : nullptr);
        return arena_ + std::exchange(arena_used_, arena_used_ + bytes);
    }

private:
    struct failed {};

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

    struct checkpoint {
        run_state state;
        std::size_t trace = 0;
        std::vector<std::byte> memory;
        std::vector<std::byte> bytes;  // the arena, and the stacks
    };

    [[nodiscard]] thread& self() noexcept { return threads_[running_]; }
    [[nodiscard]] std::uint64_t next_id() noexcept { return mix(running_ + 1, ++self().created); }
    static std::uint64_t pack_address(const void* p) noexcept { return reinterpret_cast<std::uintptr_t>(p); }

    [[gnu::noinline]] static void wipe_below() noexcept {
        std::byte below[1024];
        std::memset(below, 0, sizeof below);
        asm volatile("" : : "r"(below) : "memory");
    }

    // Runs and choices

    void begin(body scenario, void* argument) {
        position = 0;
        memory_.reset();
        std::memset(arena_, 0, sizeof arena_);
        arena_used_ = 0;
        thread_count_ = 0;
        running_ = 0;
        steps_ = plain_uses_ = 0;
        spurious_ = stale_ = 0;
        may_end_early_ = false;
        trace_.clear();
        add_thread(scenario, argument, knowledge{});
    }

    // True: to its end. False: it has come to a state that an earlier run has seen.
    bool run() {
        outcome_.clear();
        while (threads_[0].waits != waiting::over) {
            if (++steps_ > limits_.max_steps) fail("a run that doesn't end");
            const bool again = position < path_.size();
            if (!again) {
                // While there is one thread its choices are its own; it can't come back to where it was.
                if (thread_count_ > 1 && limits_.merge && !seen_.insert(state())) return false;
                save();
            }
            const auto before = position;
            running_ = choose_thread();
            carry_out(self().asks);
            ++self().knows.clock[running_];
            if (self().waits == waiting::for_nothing) go_on();
            if (!again && position == before) --checkpoints_used_;  // no choice: nothing to come back for
        }
        return true;
    }

    // To the newest state that leaves a choice, and its next alternative. False: there is none.
    bool go_back() {
        while (!path_.empty() && path_.back().taken + 1 == path_.back().count) path_.pop_back();
        if (path_.empty()) return false;
        ++path_.back().taken;
        while (checkpoints_[checkpoints_used_ - 1].state.position >= path_.size()) --checkpoints_used_;
        restore();
        return true;
    }

    void save() {
        if (checkpoints_used_ == checkpoints_.size()) checkpoints_.emplace_back();
        checkpoint& c = checkpoints_[checkpoints_used_++];
        c.state = *this;
        c.trace = trace_.size();
        memory_.save(c.memory);
        c.bytes.clear();
        const auto add = [&](const std::byte* from, std::size_t n) { c.bytes.insert(c.bytes.end(), from, from + n); };
        add(arena_, arena_used_);
        for (unsigned i = 0; i != thread_count_; ++i) {
            const auto [from, size] = stacks_[i].since(threads_[i].place);
            add(from, size);
        }
    }
    void restore() {
        const checkpoint& c = checkpoints_[checkpoints_used_ - 1];
        static_cast<run_state&>(*this) = c.state;
        trace_.resize(c.trace);
        memory_.restore(c.memory);
        const std::byte* from = c.bytes.data();
        std::memcpy(arena_, from, arena_used_);
        from += arena_used_;
        for (unsigned i = 0; i != thread_count_; ++i) {
            const auto [to, size] = stacks_[i].since(threads_[i].place);
            std::memcpy(to, from, size);
            from += size;
        }
    }

    unsigned choose(unsigned count) {
        if (count == 1) return 0;
        if (position == path_.size()) path_.push_back({static_cast<std::uint16_t>(count), 0});
        const branch& b = path_[position++];
        if (b.count != count) fail("the scenario is not the same in each run");
        return b.taken;
    }

    // A thread that has run to its first operation.
    void add_thread(body work, void* argument, const knowledge& inherited) {
        const unsigned parent = running_;
        running_ = thread_count_++;
        thread& t = self();
        t.work = work;
        t.argument = argument;
        t.created = 0;
        t.parent = parent;
        t.waits = waiting::for_nothing;
        t.spins = t.must_be_fresh = false;
        t.knows = inherited;
        t.knows.clock[running_] = 1;
        t.place = stacks_[running_].begin(&enter);
        go_on();
    }

    static void enter(void* passed) noexcept {
        auto& run = *static_cast<execution*>(passed);
        run.self().work(run.self().argument);
        run.self().waits = waiting::over;
        (void)run.perform({});
        std::abort();
    }

    // The running thread, to its next operation or its end.
    void go_on() {
        in_thread_ = true;
        otp::exec::switch_stacks(&root_, self().place, this);
        in_thread_ = false;
        if (!failure_.empty()) throw failed{};
        self().stack = self().waits == waiting::over ? 0 : stacks_[running_].hash(self().place);
    }

    unsigned choose_thread() {
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
            if (count == 0) fail("everybody waits: a wake-up is lost");
        }
        return ready[choose(count)];
    }

    [[nodiscard]] bool can_run(unsigned i) const noexcept {
        const thread& t = threads_[i];
        switch (t.waits) {
            case waiting::for_nothing:
                return t.asks.what != operation::take_one || memory_.value(t.asks.at, memory_.newest(t.asks.at)) != 0;
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

    // The stacks and the memory hold all that a run's future depends on.
    [[nodiscard]] std::uint64_t state() {
        std::array<observer, max_threads> observers{};
        unsigned count = 0;
        std::uint64_t sum = mix(spurious_, limits_.stale == unlimited ? 0 : stale_);
        for (unsigned i = 0; i != thread_count_; ++i) {
            thread& t = threads_[i];
            if (t.waits == waiting::joined) continue;
            if (t.waits == waiting::for_threads || t.waits == waiting::for_quiet)
                t.stack = stacks_[i].hash(t.place);  // its threads write there
            else  // who waits for threads goes on with what those know, which is no less
                observers[count++] = {&t.knows, t.waits != waiting::over};
            sum = mix(sum, t.stack);
            sum = mix(sum, mix(t.created, static_cast<std::uint64_t>(t.waits) * 4 + t.spins * 2u + t.must_be_fresh));
            if (t.waits >= waiting::over) continue;
            const bool has_location = t.asks.what < operation::woken;
            sum = mix(sum, mix(static_cast<std::uint64_t>(t.asks.what), has_location ? memory_.id(t.asks.at) : 0));
            sum = mix(sum, mix(t.asks.operand, t.asks.expected));
        }
        sum = hash_of(arena_, arena_used_, sum);
        return mix(sum, memory_.state(observers, count, stale_ == limits_.stale));
    }

    // Operations

    void carry_out(const request& r) {
        thread& t = self();
        const effect now = effect_of(r.where);
        if (r.what < operation::woken) must(memory_.why_unusable(r.at, t.knows));
        switch (r.what) {
            case operation::load: t.given.value = read(r, choose_store(r, now.order), now.order); return;
            case operation::store: write(r, r.operand, now.order); return;
            case operation::compare_strong:
            case operation::compare_weak: compare_exchange(r, now); return;
            case operation::park: park(r); return;
            case operation::wake_one:
            case operation::wake_all: wake(r, now); return;
            case operation::take_one: replace(r, memory_.newest(r.at), newest(r.at) - 1, memory_order::acquire); return;
            case operation::add_one: replace(r, memory_.newest(r.at), newest(r.at) + 1, memory_order::release); return;
            case operation::pause:  // what the thread does next it does after others
                if (t.must_be_fresh) fail("a thread spins for ever");
                t.spins = true;
                return;
            case operation::run_threads: fork_or_join(r); return;
            case operation::woken:
            case operation::end: return;
            default: update(r, now); return;
        }
    }

    [[nodiscard]] std::uint64_t newest(unsigned at) const noexcept { return memory_.value(at, memory_.newest(at)); }

    [[nodiscard]] static std::uint64_t updated(const request& r, std::uint64_t old) noexcept {
        const auto mask = r.expected;  // of the bits that its type has
        switch (r.what) {
            case operation::fetch_add: return (old + r.operand) & mask;
            case operation::fetch_sub: return (old - r.operand) & mask;
            case operation::fetch_or: return old | r.operand;
            case operation::fetch_and: return old & r.operand;
            default: return r.operand;
        }
    }

    void fork_or_join(const request& r) {
        const unsigned me = running_;
        thread& t = self();
        if (t.waits == waiting::for_nothing) {
            const auto* bodies = reinterpret_cast<const std::pair<body, void*>*>(static_cast<std::uintptr_t>(r.operand));
            ++t.knows.clock[me];
            for (unsigned i = 0; i != r.at; ++i) {
                running_ = me;
                add_thread(bodies[i].first, bodies[i].second, t.knows);
            }
            running_ = me;
            t.waits = r.expected ? waiting::for_quiet : waiting::for_threads;
            return;
        }
        t.waits = waiting::for_nothing;
        for (unsigned i = 0; i != thread_count_; ++i) {
            if (i == me || threads_[i].parent != me || threads_[i].waits == waiting::joined) continue;
            memory_.join(t.knows, threads_[i].knows);
            threads_[i].waits = waiting::joined;
        }
    }

    void update(const request& r, const effect& now) {
        const auto from = choose_store(r, now.order, true);
        self().given.value = memory_.value(r.at, from);
        replace(r, from, updated(r, self().given.value), now.order);
    }

    void compare_exchange(const request& r, const effect& now) {
        const bool blind = now.what == weakness::blind;
        const auto from = choose_store(r, now.order, true, !blind);
        const auto old = memory_.value(r.at, from);
        bool fails = old != r.expected && !blind;
        if (!fails && r.what == operation::compare_weak && spurious_ < limits_.spurious && choose(2) == 1) {
            ++spurious_;
            fails = true;
        }
        self().given = {old, !fails};
        if (fails)
            (void)read(r, from, now.failure);
        else
            replace(r, from, r.operand, now.order);
    }

    // A futex's wait: sleeps unless the newest value differs.
    void park(const request& r) {
        if (read(r, memory_.newest(r.at), memory_order::relaxed) == r.expected) self().waits = waiting::for_wake;
    }

    void wake(const request& r, const effect& now) {
        std::array<unsigned, max_threads> parked{};
        unsigned count = 0;
        for (unsigned i = 0; i != thread_count_; ++i)
            if (threads_[i].waits == waiting::for_wake && threads_[i].asks.at == r.at) parked[count++] = i;
        note(r, count);
        if (count == 0 || now.what == weakness::left_out) return;
        if (r.what == operation::wake_one) {
            parked[0] = parked[choose(count)];
            count = 1;
        }
        for (unsigned i = 0; i != count; ++i) {
            threads_[parked[i]].waits = waiting::for_nothing;
            threads_[parked[i]].asks.what = operation::woken;
        }
    }

    // With to_replace, a store that may be replaced, or one of another value than `expected`, which need not be.
    std::uint8_t choose_store(const request& r, memory_order order, bool to_replace = false, bool or_unequal = false) {
        std::array<std::uint8_t, max_stores> open;
        unsigned count = 0;
        const bool newest_only = self().must_be_fresh || stale_ == limits_.stale;
        memory_.each_readable(r.at, order, self().knows, [&](std::uint8_t store, bool replaceable) {
            if (newest_only && count != 0) return;
            if (!to_replace || replaceable || (or_unequal && memory_.value(r.at, store) != r.expected)) open[count++] = store;
        });
        const unsigned chosen = choose(count);
        if (chosen != 0) ++stale_;
        return open[chosen];
    }

    std::uint64_t read(const request& r, std::uint8_t from, memory_order order) {
        memory_.read(running_, r.at, from, order, self().knows);
        const auto value = memory_.value(r.at, from);
        note(r, value);
        return value;
    }
    void write(const request& r, std::uint64_t value, memory_order order) {
        must(memory_.full(r.at) ? "a scenario with more than max_stores stores to an atomic" : nullptr);
        std::array<std::uint8_t, max_stores> open;
        unsigned count = 0;
        memory_.each_open_rank(r.at, order, self().knows, [&](std::uint8_t rank) {
            if (stale_ < limits_.stale || count == 0) open[count++] = rank;
        });
        const unsigned chosen = choose(count);
        if (chosen != 0) ++stale_;
        memory_.write(running_, r.at, open[chosen], value, order, self().knows);
        written(r, value);
    }
    void replace(const request& r, std::uint8_t from, std::uint64_t value, memory_order order) {
        must(memory_.full(r.at) ? "a scenario with more than max_stores stores to an atomic" : nullptr);
        memory_.replace(running_, r.at, from, value, order, self().knows);
        written(r, value);
    }
    void written(const request& r, std::uint64_t value) {
        note(r, value);
        for (unsigned i = 0; i != thread_count_; ++i) {
            if (i != running_) threads_[i].spins = false;
            threads_[i].must_be_fresh = false;
        }
    }

    void must(const char* wrong) {
        if (wrong) fail(wrong);
    }
    void count_plain_use() {
        if (++plain_uses_ > 20 * limits_.max_steps) fail("a run that doesn't end");
    }

    // Reports

    void note(const request& r, std::uint64_t value) { trace_.push_back({r.where.where, running_, r.at, value}); }

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
            if (threads_[i].waits >= waiting::over || can_run(i)) continue;
            std::snprintf(line, sizeof line, "  thread %u waits at atomic %u\n", i, threads_[i].asks.at);
            text += line;
        }
    }

    options limits_;
    std::vector<branch> path_;
    key_set seen_;
    std::string failure_;
    std::vector<int> outcome_;
    std::vector<traced> trace_;
    memory memory_;
    std::array<model_stack, max_threads> stacks_;
    std::vector<checkpoint> checkpoints_;  // those in use first; the others keep their room
    std::size_t checkpoints_used_ = 0;
    bool in_thread_ = false;
    void* root_ = nullptr;
    alignas(64) std::byte arena_[16384];
};

}  // namespace model
