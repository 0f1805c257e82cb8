// One exploration: runs a scenario once for each choice of schedule, of the store a load reads, of a store's place.
#pragma once

#include <algorithm>
#include <cstdio>

#include "knowledge.hpp"
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
        found.failure = std::move(failure_);
        failure_.clear();
        found.states = seen_.size();
        return found;
    }

    // Operations of the running thread.

    [[nodiscard]] unsigned create(std::uint64_t value) {
        if (location_count_ == max_locations) stop("a scenario with more than max_locations atomics");
        auto& l = locations_[location_count_];
        l.stores.clear();
        l.order.assign(1, 0);
        l.gone = false;
        l.sequential = 0;
        l.touched.fill(0);
        thread& t = threads_[running_];
        l.id = mix(0x10c, mix(running_, ++t.created));
        l.order_hash = l.id;
        stored first;
        first.value = value;
        first.id = mix(l.id, 1);
        first.carried.clock = t.knows.clock;
        l.stores.push_back(first);
        l.touched[running_] = t.knows.clock[running_];
        return location_count_++;
    }

    void destroy(unsigned at) {
        auto& l = locations_[at];
        if (l.gone) stop("an atomic is destroyed twice");
        for (unsigned other = 0; other != thread_count_; ++other)
            if (l.touched[other] > threads_[running_].knows.clock[other])
                stop("an atomic is destroyed while another thread may still use it");
        l.gone = true;
    }

    std::uint64_t load(unsigned at, const place& p) {
        const effect now = effect_of(p);
        before();
        const auto from = choose_store(at, now.order, false, nullptr);
        return read(at, from, now.order, p.where);
    }

    void store(unsigned at, std::uint64_t value, const place& p) {
        const effect now = effect_of(p);
        before();
        put(at, value, now.order, p.where);
    }

    template <class Update>
    std::uint64_t update(unsigned at, const place& p, Update update) {
        const effect now = effect_of(p);
        before();
        if (now.what == weakness::torn) {
            const auto old = read(at, choose_store(at, now.order, false, nullptr), now.order, p.where);
            before();
            put(at, update(old), now.order, p.where);
            return old;
        }
        const auto from = choose_store(at, now.order, true, nullptr);
        const auto old = locations_[at].stores[from].value;
        replace(at, from, update(old), now.order, p.where);
        return old;
    }

    bool compare_exchange(unsigned at, std::uint64_t& expected, std::uint64_t desired, const place& p, bool weak) {
        const effect now = effect_of(p);
        before();
        if (now.what == weakness::blind) {
            replace(at, choose_store(at, now.order, true, nullptr), desired, now.order, p.where);
            return true;
        }
        const bool torn = now.what == weakness::torn;
        const auto from = choose_store(at, now.order, !torn, torn ? nullptr : &expected);
        const auto value = locations_[at].stores[from].value;
        if (value != expected) {
            expected = value;
            (void)read(at, from, now.failure, p.where);
            return false;
        }
        if (weak && spurious_ < limits_.spurious && choose(2) == 1) {
            ++spurious_;
            threads_[running_].history = mix(threads_[running_].history, 0xfa15e);
            (void)read(at, from, now.failure, p.where);
            return false;
        }
        if (torn) {
            (void)read(at, from, now.order, p.where);
            before();
            put(at, desired, now.order, p.where);
        } else {
            replace(at, from, desired, now.order, p.where);
        }
        return true;
    }

    /// Blocks, unless the newest value differs, until a wake-up: a futex's wait.
    void park(unsigned at, std::uint64_t old, const place& p) {
        before();
        auto& l = locations_[at];
        const auto newest = l.order.back();
        (void)read(at, newest, memory_order::relaxed, p.where);
        if (l.stores[newest].value != old) return;
        thread& t = threads_[running_];
        t.waits = waiting::for_wake;
        t.at = at;
        advance(0xa5c);
        before();
        advance(0xa3a);
    }

    void wake(unsigned at, bool all, const place& p) {
        const effect now = effect_of(p);
        before();
        std::array<unsigned, max_threads> parked{};
        unsigned count = 0;
        for (unsigned i = 0; i != thread_count_; ++i)
            if (threads_[i].waits == waiting::for_wake && threads_[i].at == at) parked[count++] = i;
        note(p.where, at, count);
        std::uint64_t woken = 0;
        if (count != 0 && now.what != weakness::left_out) {
            if (all) {
                for (unsigned i = 0; i != count; ++i) threads_[parked[i]].waits = waiting::for_nothing;
                woken = 0xff;
            } else {
                const unsigned chosen = parked[choose(count)];
                threads_[chosen].waits = waiting::for_nothing;
                woken = 1 + chosen;
            }
        }
        advance(mix(0x3a4e + woken, locations_[at].id));
    }

    /// Waits until the newest value is not zero, and takes one off: the lock, or the semaphore, of a scenario.
    void take_one(unsigned at, const site& where) {
        thread& t = threads_[running_];
        t.waits = waiting::for_value;
        t.at = at;
        before();
        t.waits = waiting::for_nothing;
        const auto newest = locations_[at].order.back();
        replace(at, newest, locations_[at].stores[newest].value - 1, memory_order::acquire, where);
    }
    void add_one(unsigned at, const site& where) {
        before();
        const auto newest = locations_[at].order.back();
        replace(at, newest, locations_[at].stores[newest].value + 1, memory_order::release, where);
    }

    /// The thread spins: others run until one has written something.
    void pause() {
        thread& t = threads_[running_];
        if (t.must_be_fresh) stop("a thread spins for ever");
        t.spins = true;
        before();
        advance(0x5919);
    }

    /// Runs these on threads of their own, to their end, or until none of them can go on.
    void run_threads(const std::pair<body, void*>* bodies, unsigned count, bool until_quiet) {
        const unsigned first = thread_count_;
        if (first + count > max_threads) stop("a scenario with more than max_threads threads");
        for (unsigned i = 0; i != count; ++i) {
            thread& t = threads_[thread_count_];
            reset(t, bodies[i].first, bodies[i].second);
            t.knows = threads_[running_].knows;
            t.knows.clock[thread_count_] = 1;
            t.parent = running_;
            t.place = stacks_[thread_count_++].begin(&enter);
        }
        thread& self = threads_[running_];
        advance(0x57a7);
        for (unsigned i = first; i != first + count; ++i) {
            starting_ = true;
            running_ = i;
            otp::exec::switch_stacks(&self.place, threads_[i].place, this);
        }
        self.waits = until_quiet ? waiting::for_quiet : waiting::for_threads;
        before();
        self.waits = waiting::for_nothing;
        for (unsigned i = first; i != first + count; ++i) join(self.knows, threads_[i].knows);
        advance(0x701);
    }

    void fail(const char* what) {
        failure_ = what;
        failure_ += "\n";
        failure_ += trace();
        leave();
    }

    void observe(std::vector<int> outcome) { outcome_ = std::move(outcome); }

    // For cells and memory: who runs, and what it knows.
    void count_plain_use() {
        if (++plain_uses_ > 20 * limits_.max_steps) stop("a run that doesn't end");
    }
    [[nodiscard]] unsigned running() const noexcept { return running_; }
    [[nodiscard]] const knowledge& knows() const noexcept { return threads_[running_].knows; }

    /// Memory that is given back when the run is over, and used for nothing else until then.
    [[nodiscard]] void* memory(std::size_t bytes) {
        bytes = (bytes + 63) / 64 * 64;
        if (arena_used_ + bytes > sizeof(arena_)) stop("a scenario that needs more memory");
        return arena_ + std::exchange(arena_used_, arena_used_ + bytes);
    }

private:
    enum class waiting : std::uint8_t { for_nothing, for_value, for_wake, for_threads, for_quiet, over };

    struct thread {
        void* place = nullptr;
        body work = nullptr;
        void* argument = nullptr;
        knowledge knows;
        std::uint64_t history = 0;
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

    // Runs and choices

    void run_once(body scenario, void* argument) {
        position_ = 0;
        location_count_ = 0;
        thread_count_ = 1;
        running_ = 0;
        steps_ = 0;
        plain_uses_ = 0;
        spurious_ = 0;
        arena_used_ = 0;
        ended_ = starting_ = false;
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
        auto& self = *static_cast<execution*>(passed);
        thread& t = self.threads_[self.running_];
        t.work(t.argument);
        t.waits = waiting::over;
        if (self.running_ == 0) {
            self.ended_ = true;
            self.leave();
        }
        self.schedule();
        std::abort();
    }

    [[noreturn]] void leave() {
        void* dropped = nullptr;
        otp::exec::switch_stacks(&dropped, root_, this);
        std::abort();
    }
    [[noreturn]] void stop(const char* why) {
        fail(why);
        std::abort();
    }

    static void reset(thread& t, body work, void* argument) noexcept {
        t.work = work;
        t.argument = argument;
        t.history = 1;
        t.created = 0;
        t.waits = waiting::for_nothing;
        t.spins = t.must_be_fresh = false;
    }

    // Comes before each operation: another thread may go first.
    void before() {
        if (++steps_ > limits_.max_steps) stop("a run that doesn't end");
        schedule();
    }

    void schedule() {
        if (starting_) {  // a new thread is at its first operation, or at its end
            starting_ = false;
            thread& t = threads_[running_];
            running_ = t.parent;
            otp::exec::switch_stacks(&t.place, threads_[running_].place, this);
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
        otp::exec::switch_stacks(&from.place, threads_[next].place, this);
    }

    [[nodiscard]] bool can_run(unsigned i) const noexcept {
        const thread& t = threads_[i];
        switch (t.waits) {
            case waiting::for_nothing: return true;
            case waiting::for_value: return locations_[t.at].stores[locations_[t.at].order.back()].value != 0;
            case waiting::for_threads:
                for (unsigned other = 0; other != thread_count_; ++other)
                    if (other != i && threads_[other].parent == i && threads_[other].waits != waiting::over) return false;
                return true;
            case waiting::for_quiet:
                for (unsigned other = 0; other != thread_count_; ++other)
                    if (other != i && can_run(other)) return false;
                return true;
            default: return false;
        }
    }

    [[nodiscard]] std::uint64_t state() const noexcept {
        std::uint64_t sum = thread_count_;
        for (unsigned i = 0; i != thread_count_; ++i) {
            const thread& t = threads_[i];
            const auto flags = static_cast<std::uint64_t>(t.waits) * 4 + t.spins * 2u + t.must_be_fresh;
            sum += mix(mix(t.history, i), flags);
        }
        for (unsigned i = 0; i != location_count_; ++i)
            sum += mix(locations_[i].order_hash, locations_[i].stores[locations_[i].sequential].id);
        return mix(sum, spurious_);
    }

    // Memory

    [[nodiscard]] std::uint8_t rank(unsigned at, std::uint8_t store) const noexcept {
        return locations_[at].stores[store].rank;
    }
    void see(knowledge& k, unsigned at, std::uint8_t store) const noexcept {
        if (rank(at, store) > rank(at, k.seen[at])) k.seen[at] = store;
    }
    void join(knowledge& into, const knowledge& from) const noexcept {
        for (unsigned i = 0; i != max_threads; ++i) into.clock[i] = std::max(into.clock[i], from.clock[i]);
        for (unsigned at = 0; at != location_count_; ++at) see(into, at, from.seen[at]);
    }

    [[nodiscard]] location& checked(unsigned at) {
        auto& l = locations_[at];
        if (l.gone) stop("an atomic is used after its end");
        const auto& t = threads_[running_];
        for (unsigned i = 0; i != thread_count_; ++i)
            if (l.stores[0].carried.clock[i] > t.knows.clock[i]) stop("an atomic is used before it is made");
        return l;
    }

    [[nodiscard]] std::uint8_t floor_of(unsigned at, memory_order order) const noexcept {
        auto lowest = rank(at, threads_[running_].knows.seen[at]);
        if (order == memory_order::seq_cst) lowest = std::max(lowest, rank(at, locations_[at].sequential));
        return lowest;
    }

    // A store that the running thread may read now; one it may replace, if to_replace. With `expected`, one that differs from it may be
    // read whether it can be replaced or not.
    std::uint8_t choose_store(unsigned at, memory_order order, bool to_replace, const std::uint64_t* expected) {
        const auto& l = checked(at);
        std::array<std::uint8_t, max_stores> open{};
        unsigned count = 0;
        const unsigned lowest = threads_[running_].must_be_fresh ? static_cast<unsigned>(l.order.size()) - 1 : floor_of(at, order);
        for (auto i = static_cast<unsigned>(l.order.size()); i-- > lowest;) {
            const bool taken = i + 1 != l.order.size() && l.stores[l.order[i + 1]].is_update;
            if (to_replace && taken && !(expected && l.stores[l.order[i]].value != *expected)) continue;
            open[count++] = l.order[i];
        }
        return open[choose(count)];
    }

    std::uint64_t read(unsigned at, std::uint8_t from, memory_order order, const site& where) {
        auto& l = locations_[at];
        thread& t = threads_[running_];
        const stored& s = l.stores[from];
        see(t.knows, at, from);
        if (acquires(order)) join(t.knows, s.carried);
        if (order == memory_order::seq_cst && s.rank > rank(at, l.sequential)) l.sequential = from;
        note(where, at, s.value);
        l.touched[running_] = t.knows.clock[running_];
        advance(mix(l.id, s.id));
        return s.value;
    }

    void put(unsigned at, std::uint64_t value, memory_order order, const site& where) {
        auto& l = checked(at);
        const unsigned size = static_cast<unsigned>(l.order.size());
        std::array<std::uint8_t, max_stores> open{};
        unsigned count = 0;
        for (unsigned i = size; i > floor_of(at, order); --i)
            if (i == size || !l.stores[l.order[i]].is_update) open[count++] = static_cast<std::uint8_t>(i);
        insert(at, open[choose(count)], value, order, nullptr, where);
    }

    void replace(unsigned at, std::uint8_t from, std::uint64_t value, memory_order order, const site& where) {
        auto& l = locations_[at];
        thread& t = threads_[running_];
        see(t.knows, at, from);
        const knowledge carried = l.stores[from].carried;
        if (acquires(order)) join(t.knows, carried);
        t.history = mix(t.history, l.stores[from].id);
        insert(at, static_cast<std::uint8_t>(l.stores[from].rank + 1), value, order, &carried, where);
    }

    void insert(unsigned at, std::uint8_t rank_of_it, std::uint64_t value, memory_order order, const knowledge* passed_on, const site& where) {
        auto& l = locations_[at];
        thread& t = threads_[running_];
        if (l.stores.size() == max_stores) stop("a scenario with more than max_stores stores to an atomic");
        const auto index = static_cast<std::uint8_t>(l.stores.size());
        stored s;
        s.value = value;
        s.id = mix(l.id, mix(running_ + 2, t.knows.clock[running_]));
        s.rank = rank_of_it;
        s.is_update = passed_on != nullptr;
        l.stores.push_back(s);
        l.order.insert(l.order.begin() + rank_of_it, index);
        for (std::size_t i = rank_of_it; i != l.order.size(); ++i) l.stores[l.order[i]].rank = static_cast<std::uint8_t>(i);
        l.order_hash = l.id;
        for (const auto each : l.order) l.order_hash = mix(l.order_hash, l.stores[each].id);
        t.knows.seen[at] = index;
        stored& made = l.stores.back();
        if (passed_on) made.carried = *passed_on;
        if (releases(order))
            join(made.carried, t.knows);
        else
            see(made.carried, at, index);
        if (order == memory_order::seq_cst) l.sequential = index;
        note(where, at, value);
        l.touched[running_] = t.knows.clock[running_];
        for (unsigned i = 0; i != thread_count_; ++i)
            if (i != running_) threads_[i].spins = false;
        for (unsigned i = 0; i != thread_count_; ++i) threads_[i].must_be_fresh = false;
        advance(mix(l.id, 0x5707e));
    }

    void advance(std::uint64_t event) noexcept {
        thread& t = threads_[running_];
        t.history = mix(t.history, event);
        ++t.knows.clock[running_];
    }

    // Reports

    void note(const site& where, unsigned at, std::uint64_t value) { trace_.push_back({where, running_, at, value}); }

    [[nodiscard]] std::string trace() const {
        std::string text;
        const std::size_t shown = std::min<std::size_t>(trace_.size(), 80);
        for (std::size_t i = trace_.size() - shown; i != trace_.size(); ++i) {
            const traced& e = trace_[i];
            char line[200];
            std::snprintf(line, sizeof line, "  thread %u: %s:%d %s, atomic %u: %#llx\n", e.thread, e.where.function, e.where.line,
                          e.where.operation, e.at, static_cast<unsigned long long>(e.value));
            text += line;
        }
        for (unsigned i = 1; i != thread_count_; ++i)
            if (threads_[i].waits != waiting::over && threads_[i].waits != waiting::for_nothing)
                text += "  thread " + std::to_string(i) + " waits at atomic " + std::to_string(threads_[i].at) + "\n";
        return text;
    }

    options limits_;
    std::vector<branch> path_;
    std::size_t position_ = 0;
    key_set seen_;
    std::string failure_;
    std::vector<int> outcome_;
    std::vector<traced> trace_;
    std::array<location, max_locations> locations_;
    unsigned location_count_ = 0;
    std::array<thread, max_threads> threads_;
    std::array<model_stack, max_threads> stacks_;
    unsigned thread_count_ = 0;
    unsigned running_ = 0;
    std::size_t steps_ = 0;
    std::size_t plain_uses_ = 0;
    unsigned spurious_ = 0;
    bool ended_ = false;
    bool starting_ = false;
    void* root_ = nullptr;
    std::size_t arena_used_ = 0;
    alignas(64) std::byte arena_[16384];
};

}  // namespace model
