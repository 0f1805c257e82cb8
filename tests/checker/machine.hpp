// What threads ask of the memory, and the choices that this leaves open.
#pragma once

#include <cstdio>

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
    std::uint64_t expected = 0;  // of a compare-and-swap or a park; of an update, the bits that its type has
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
        void* place = nullptr;  // where it goes on
        body work = nullptr;
        void* argument = nullptr;
        knowledge knows;
        request asks;
        answer given;
        std::uint64_t stack = 0;  // a number for what is on it
        std::uint64_t created = 0;
        unsigned parent = 0;
        waiting waits = waiting::for_nothing;
        bool spins = false;          // runs again when another has written something
        bool must_be_fresh = false;  // it spins, and nobody else runs: it sees all there is
    };

    std::array<thread, max_threads> threads;
    unsigned thread_count = 0;
    unsigned running = 0;
    std::size_t position = 0;  // in the path of choices
    std::size_t steps = 0;
    std::size_t plain_uses = 0;
    unsigned spurious = 0;
    unsigned stale = 0;
    std::size_t arena_used = 0;
    bool may_end_early = false;
};

class machine : protected run_state {
public:
    void fail(const char* what) {
        failure_ = what;
        failure_ += "\n";
        add_trace(failure_);
        if (!in_thread_) throw failed{};
        void* dropped = nullptr;  // the frames of a run that fails are not unwound
        otp::exec::switch_stacks(&dropped, root_, this);
    }
    void must(const char* wrong) {
        if (wrong) fail(wrong);
    }

protected:
    struct failed {};
    struct branch {
        std::uint16_t count;
        std::uint16_t taken;
    };

    [[nodiscard]] thread& self() noexcept { return threads[running]; }

    unsigned choose(unsigned count) {
        if (count == 1) return 0;
        if (position == path_.size()) path_.push_back({static_cast<std::uint16_t>(count), 0});
        const branch& b = path_[position++];
        if (b.count != count) fail("the scenario is not the same in each run");
        return b.taken;
    }

    // A request of the running thread.
    void carry_out(const request& r) {
        thread& t = self();
        const effect now = effect_of(r.where);
        if (r.what < operation::woken) must(memory_.why_unusable(r.at, t.knows));
        switch (r.what) {
            case operation::load: t.given.value = read(r, choose_store(r, now.order), now.order); return;
            case operation::store: write(r, r.operand, now.order); return;
            case operation::compare_strong:
            case operation::compare_weak: compare_exchange(r, now); return;
            case operation::park:
                if (read(r, memory_.newest(r.at), memory_order::relaxed) == r.expected) t.waits = waiting::for_wake;
                return;
            case operation::wake_one:
            case operation::wake_all: wake(r, now); return;
            case operation::take_one: replace(r, memory_.newest(r.at), newest(r.at) - 1, memory_order::acquire); return;
            case operation::add_one: replace(r, memory_.newest(r.at), newest(r.at) + 1, memory_order::release); return;
            case operation::pause:
                if (t.must_be_fresh) fail("a thread spins for ever");
                t.spins = true;
                return;
            case operation::woken:
            case operation::run_threads:
            case operation::end: return;
            default: update(r, now); return;
        }
    }

    [[nodiscard]] std::uint64_t newest(unsigned at) const noexcept { return memory_.value(at, memory_.newest(at)); }

    [[nodiscard]] static std::uint64_t updated(const request& r, std::uint64_t old) noexcept {
        switch (r.what) {
            case operation::fetch_add: return (old + r.operand) & r.expected;
            case operation::fetch_sub: return (old - r.operand) & r.expected;
            case operation::fetch_or: return old | r.operand;
            case operation::fetch_and: return old & r.operand;
            default: return r.operand;
        }
    }

    options limits_;
    std::vector<branch> path_;
    memory memory_;
    std::string failure_;
    bool in_thread_ = false;
    void* root_ = nullptr;

    struct traced {
        site where;
        unsigned thread;
        unsigned at;
        std::uint64_t value;
    };
    std::vector<traced> trace_;

private:
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
        if (!fails && r.what == operation::compare_weak && spurious < limits_.spurious && choose(2) == 1) {
            ++spurious;
            fails = true;
        }
        self().given = {old, !fails};
        if (fails)
            (void)read(r, from, now.failure);
        else
            replace(r, from, r.operand, now.order);
    }

    void wake(const request& r, const effect& now) {
        std::array<unsigned, max_threads> parked{};
        unsigned count = 0;
        for (unsigned i = 0; i != thread_count; ++i)
            if (threads[i].waits == waiting::for_wake && threads[i].asks.at == r.at) parked[count++] = i;
        note(r, count);
        if (count == 0 || now.what == weakness::left_out) return;
        if (r.what == operation::wake_one) {
            parked[0] = parked[choose(count)];
            count = 1;
        }
        for (unsigned i = 0; i != count; ++i) {
            threads[parked[i]].waits = waiting::for_nothing;
            threads[parked[i]].asks.what = operation::woken;
        }
    }

    // Any store that may be read; with to_replace, one that may be replaced or, with or_unequal, has another value than `expected`.
    std::uint8_t choose_store(const request& r, memory_order order, bool to_replace = false, bool or_unequal = false) {
        std::array<std::uint8_t, max_stores> open;
        unsigned count = 0;
        const bool newest_only = self().must_be_fresh || stale == limits_.stale;
        memory_.each_readable(r.at, order, self().knows, [&](std::uint8_t store, bool replaceable) {
            if (newest_only && count != 0) return;
            if (!to_replace || replaceable || (or_unequal && memory_.value(r.at, store) != r.expected)) open[count++] = store;
        });
        const unsigned chosen = choose(count);
        if (chosen != 0) ++stale;
        return open[chosen];
    }

    std::uint64_t read(const request& r, std::uint8_t from, memory_order order) {
        memory_.read(running, r.at, from, order, self().knows);
        const auto value = memory_.value(r.at, from);
        note(r, value);
        return value;
    }
    void write(const request& r, std::uint64_t value, memory_order order) {
        must(memory_.full(r.at) ? "a scenario with more than max_stores stores to an atomic" : nullptr);
        std::array<std::uint8_t, max_stores> open;
        unsigned count = 0;
        memory_.each_open_rank(r.at, order, self().knows, [&](std::uint8_t rank) {
            if (stale < limits_.stale || count == 0) open[count++] = rank;
        });
        const unsigned chosen = choose(count);
        if (chosen != 0) ++stale;
        memory_.write(running, r.at, open[chosen], value, order, self().knows);
        written(r, value);
    }
    void replace(const request& r, std::uint8_t from, std::uint64_t value, memory_order order) {
        must(memory_.full(r.at) ? "a scenario with more than max_stores stores to an atomic" : nullptr);
        memory_.replace(running, r.at, from, value, order, self().knows);
        written(r, value);
    }
    void written(const request& r, std::uint64_t value) {
        note(r, value);
        for (unsigned i = 0; i != thread_count; ++i) {
            if (i != running) threads[i].spins = false;
            threads[i].must_be_fresh = false;
        }
    }

    void note(const request& r, std::uint64_t value) { trace_.push_back({r.where.where, running, r.at, value}); }

    void add_trace(std::string& text) const {
        const std::size_t shown = std::min<std::size_t>(trace_.size(), 100);
        char line[200];
        for (std::size_t i = trace_.size() - shown; i != trace_.size(); ++i) {
            const traced& e = trace_[i];
            std::snprintf(line, sizeof line, "  thread %u: %s:%d %s, atomic %u: %#llx\n", e.thread, e.where.function, e.where.line,
                          e.where.operation, e.at, static_cast<unsigned long long>(e.value));
            text += line;
        }
        for (unsigned i = 1; i != thread_count; ++i) {
            const thread& t = threads[i];
            if (t.waits != waiting::for_wake && t.asks.what != operation::take_one) continue;
            std::snprintf(line, sizeof line, "  thread %u waits at atomic %u\n", i, t.asks.at);
            text += line;
        }
    }
};

}  // namespace model
