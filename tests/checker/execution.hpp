// One exploration: the threads of a scenario, on their stacks, and every way to run them.
#pragma once

#include <cstdlib>
#include <cstring>

#include "machine.hpp"

namespace model {

class execution final : public machine {
public:
    using run_state::body;

    /// The exploration that runs; operations on model atomics are legal in its threads only.
    [[nodiscard]] static execution*& current() noexcept {
        static execution* running_now = nullptr;
        return running_now;
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
        const auto at = memory_.create(running, self().knows, next_id(), value, thread_count > 1 || may_end_early);
        must(at == max_locations ? "a scenario with more than max_locations atomics" : nullptr);
        return at;
    }
    void destroy(unsigned at) { must(memory_.destroy(at, self().knows)); }
    /// What is created meanwhile may end while other threads run.
    void set_may_end_early(bool so) noexcept { may_end_early = so; }

    [[nodiscard]] unsigned create_cell(std::uint64_t value) {
        const auto at = memory_.create_cell(running, self().knows, next_id(), value);
        must(at == max_cells ? "a scenario with more than max_cells cells" : nullptr);
        return at;
    }
    [[nodiscard]] std::uint64_t read_cell(unsigned at) {
        count_plain_use();
        std::uint64_t value = 0;
        must(memory_.read_cell(running, at, self().knows, value));
        return value;
    }
    void write_cell(unsigned at, std::uint64_t value, bool last) {
        count_plain_use();
        must(memory_.write_cell(running, at, self().knows, value, last));
    }

    /// Runs these on threads of their own, to their end, or until none of them can go on.
    void run_threads(const std::pair<body, void*>* bodies, unsigned count, bool until_quiet) {
        must(thread_count + count > max_threads ? "a scenario with more than max_threads threads" : nullptr);
        (void)perform({.what = operation::run_threads, .at = count, .operand = reinterpret_cast<std::uintptr_t>(bodies),
                       .expected = until_quiet});
    }

    void observe(std::vector<int> outcome) { outcome_ = std::move(outcome); }

    /// Memory that is given back when the run is over, and used for nothing else until then.
    [[nodiscard]] void* allocate(std::size_t bytes) {
        bytes = (bytes + 63) / 64 * 64;
        must(arena_used + bytes > sizeof arena_ ? "a scenario that needs more memory" : nullptr);
        return arena_ + std::exchange(arena_used, arena_used + bytes);
    }

private:
    struct checkpoint {
        run_state state;
        std::size_t trace = 0;
        std::vector<std::byte> memory;
        std::vector<std::byte> bytes;  // the arena, and the stacks
    };

    [[nodiscard]] std::uint64_t next_id() noexcept { return mix(running + 1, ++self().created); }

    void count_plain_use() {
        if (++plain_uses > 20 * limits_.max_steps) fail("a run that doesn't end");
    }

    [[gnu::noinline]] static void wipe_below() noexcept {
        std::byte below[1024];
        std::memset(below, 0, sizeof below);
        asm volatile("" : : "r"(below) : "memory");
    }

    // Runs

    void begin(body scenario, void* argument) {
        static_cast<run_state&>(*this) = {};
        memory_.reset();
        std::memset(arena_, 0, sizeof arena_);
        trace_.clear();
        add_thread(scenario, argument, knowledge{});
    }

    // True: to its end. False: it has come to a state that an earlier run has seen.
    bool run() {
        outcome_.clear();
        while (threads[0].waits != waiting::over) {
            if (++steps > limits_.max_steps) fail("a run that doesn't end");
            const bool again = position < path_.size();
            if (!again) {
                // While there is one thread its choices are its own; it can't come back to where it was.
                if (thread_count > 1 && limits_.merge && !seen_.insert(state())) return false;
                save();
            }
            const auto before = position;
            running = choose_thread();
            if (self().asks.what == operation::run_threads)
                fork_or_join();
            else
                carry_out(self().asks);
            ++self().knows.clock[running];
            if (self().waits == waiting::for_nothing) go_on();
            if (!again && position == before) --checkpoints_used_;  // no choice: nothing to come back for
        }
        return true;
    }

    // To the newest state that leaves a choice, for its next alternative. False: there is none.
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
        c.bytes.assign(arena_, arena_ + arena_used);
        for (unsigned i = 0; i != thread_count; ++i) {
            const auto [from, size] = stacks_[i].since(threads[i].place);
            c.bytes.insert(c.bytes.end(), from, from + size);
        }
    }
    void restore() {
        const checkpoint& c = checkpoints_[checkpoints_used_ - 1];
        static_cast<run_state&>(*this) = c.state;
        trace_.resize(c.trace);
        memory_.restore(c.memory);
        const std::byte* from = c.bytes.data();
        std::memcpy(arena_, from, arena_used);
        from += arena_used;
        for (unsigned i = 0; i != thread_count; ++i) {
            const auto [to, size] = stacks_[i].since(threads[i].place);
            std::memcpy(to, from, size);
            from += size;
        }
    }

    // The stacks and the memory hold all that a run's future depends on.
    [[nodiscard]] std::uint64_t state() {
        std::array<observer, max_threads> observers{};
        unsigned count = 0;
        std::uint64_t sum = mix(spurious, limits_.stale == unlimited ? 0 : stale);
        for (unsigned i = 0; i != thread_count; ++i) {
            thread& t = threads[i];
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
        sum = hash_of(arena_, arena_used, sum);
        return mix(sum, memory_.state(observers, count, stale == limits_.stale));
    }

    // Threads

    // Begins one, and runs it to its first operation.
    void add_thread(body work, void* argument, const knowledge& inherited) {
        const unsigned parent = running;
        running = thread_count++;
        thread& t = self();
        t = {};
        t.work = work;
        t.argument = argument;
        t.parent = parent;
        t.knows = inherited;
        t.knows.clock[running] = 1;
        t.place = stacks_[running].begin(&enter);
        go_on();
    }

    void fork_or_join() {
        const unsigned me = running;
        thread& t = self();
        if (t.waits == waiting::for_nothing) {
            const auto* bodies = reinterpret_cast<const std::pair<body, void*>*>(static_cast<std::uintptr_t>(t.asks.operand));
            ++t.knows.clock[me];
            for (unsigned i = 0; i != t.asks.at; ++i) {
                running = me;
                add_thread(bodies[i].first, bodies[i].second, t.knows);
            }
            running = me;
            t.waits = t.asks.expected ? waiting::for_quiet : waiting::for_threads;
            return;
        }
        t.waits = waiting::for_nothing;
        for (unsigned i = 0; i != thread_count; ++i) {
            if (i == me || threads[i].parent != me || threads[i].waits == waiting::joined) continue;
            memory_.join(t.knows, threads[i].knows);
            threads[i].waits = waiting::joined;
        }
    }

    static void enter(void* passed) noexcept {
        auto& all = *static_cast<execution*>(passed);
        all.self().work(all.self().argument);
        all.self().waits = waiting::over;
        (void)all.perform({});
        std::abort();
    }

    // The running thread, to its next operation or its end.
    void go_on() {
        in_thread_ = true;
        otp::exec::switch_stacks(&root_, self().place, this);
        in_thread_ = false;
        if (!failure_.empty()) throw failed{};
        self().stack = self().waits == waiting::over ? 0 : stacks_[running].hash(self().place);
    }

    unsigned choose_thread() {
        std::array<unsigned, max_threads> ready{};
        unsigned count = 0;
        const auto consider = [&](unsigned i) {
            if (!threads[i].spins && can_run(i)) ready[count++] = i;
        };
        consider(running);
        for (unsigned i = 0; i != thread_count; ++i)
            if (i != running) consider(i);
        if (count == 0) {
            for (unsigned i = 0; i != thread_count; ++i) {
                if (!threads[i].spins || !can_run(i)) continue;
                threads[i].spins = false;
                threads[i].must_be_fresh = true;
                ready[count++] = i;
            }
            if (count == 0) fail("everybody waits: a wake-up is lost");
        }
        return ready[choose(count)];
    }

    [[nodiscard]] bool can_run(unsigned i) const noexcept {
        const thread& t = threads[i];
        switch (t.waits) {
            case waiting::for_nothing: return t.asks.what != operation::take_one || newest(t.asks.at) != 0;
            case waiting::for_threads:
                for (unsigned other = 0; other != thread_count; ++other)
                    if (other != i && threads[other].parent == i && threads[other].waits < waiting::over) return false;
                return true;
            case waiting::for_quiet:
                for (unsigned other = 0; other != thread_count; ++other)
                    if (other != i && can_run(other)) return false;
                return true;
            default: return false;
        }
    }

    key_set seen_;
    std::vector<int> outcome_;
    std::array<model_stack, max_threads> stacks_;
    std::vector<checkpoint> checkpoints_;  // those in use first; the others keep their room
    std::size_t checkpoints_used_ = 0;
    alignas(64) std::byte arena_[16384];
};

}  // namespace model
