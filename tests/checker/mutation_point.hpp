// Mutations of the code under test: each operation on a model atomic knows its place in the code, and one place at a time can be
// made to do something weaker.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "knowledge.hpp"

namespace model {

enum class weakness {
    none,
    order,          // the operation's own order, one step weaker
    failure_order,  // the order of a compare-and-swap that fails
    torn,           // a read-modify-write as a load and a store
    blind,          // a compare-and-swap that doesn't compare: the check is gone
    left_out,       // a named step of a scenario, or a wake-up, that is left out
};

/// A place in the code, with what it asks for.
struct place {
    site where{};
    memory_order order = memory_order::relaxed;
    memory_order failure = memory_order::relaxed;
    bool updates = false;
    bool compares = false;
    bool step = false;   // it has no order: a named step, a wake-up
    bool fixed = false;  // the scenario's own: never mutated
};

struct mutation {
    site where{};
    weakness what = weakness::none;
    memory_order to = memory_order::relaxed;
    std::string name;
};

struct mutation_state {
    const mutation* active = nullptr;
    std::vector<place>* recorded = nullptr;
};
inline mutation_state& mutations() noexcept {
    static mutation_state state;
    return state;
}

[[nodiscard]] inline bool same(const site& a, const site& b) noexcept {
    return a.line == b.line && std::strcmp(a.function, b.function) == 0 && std::strcmp(a.operation, b.operation) == 0;
}

/// What the operation at this place does now.
struct effect {
    memory_order order;
    memory_order failure;
    weakness what = weakness::none;
};
[[nodiscard]] inline effect effect_of(const place& p) {
    effect now{p.order, p.failure};
    mutation_state& state = mutations();
    if (p.fixed) return now;
    if (state.recorded) [[unlikely]] {
        for (const auto& known : *state.recorded)
            if (same(known.where, p.where)) return now;
        state.recorded->push_back(p);
    } else if (state.active && same(state.active->where, p.where)) {
        now.what = state.active->what;
        if (now.what == weakness::order) now.order = state.active->to;
        if (now.what == weakness::failure_order) now.failure = state.active->to;
    }
    return now;
}

/// Guards a step of a scenario that a mutation may leave out: if (model::keeps("the second look")) ….
[[nodiscard]] inline bool keeps(const char* step, int line = __builtin_LINE()) {
    return effect_of({.where = {"step", line, step}, .step = true}).what != weakness::left_out;
}

}  // namespace model
