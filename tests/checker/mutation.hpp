// The checker's own examination: every operation of an algorithm is weakened, one at a time, and some scenario must fail for it. What
// no scenario can tell from the original has to be harmless, for a reason given.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>

#include "model.hpp"

namespace model {

/// A scenario of a file, for the plain exploration and for each mutation.
struct scenario {
    const char* name;
    void (*run)();
    options limits = {};
    bool mutated = true;  // false: too large to run for each mutation
};

/// A mutation that changes nothing that anybody relies on.
struct harmless {
    const char* name;
    const char* why;
};

[[nodiscard]] inline std::vector<memory_order> weaker(memory_order o, bool updates, bool loads) {
    switch (o) {
        case memory_order::seq_cst:
            return {updates ? memory_order::acq_rel : loads ? memory_order::acquire : memory_order::release};
        case memory_order::acq_rel: return {memory_order::acquire, memory_order::release};
        case memory_order::acquire:
        case memory_order::release: return {memory_order::relaxed};
        default: return {};
    }
}

/// Each way to make the recorded places weaker by one step. A name has the function, the operation (with its number in the function, if
/// there are several) and the change: it doesn't move when lines do.
[[nodiscard]] inline std::vector<mutation> mutations_of(std::vector<place> places) {
    std::sort(places.begin(), places.end(), [](const place& a, const place& b) { return a.where.line < b.where.line; });
    std::vector<mutation> all;
    for (const auto& p : places) {
        const auto alike = [&](const place& other) {
            return std::strcmp(other.where.function, p.where.function) == 0 && std::strcmp(other.where.operation, p.where.operation) == 0;
        };
        std::string at = p.step && std::strcmp(p.where.function, "step") == 0 ? p.where.operation
                                                                              : std::string{p.where.function} + ": " + p.where.operation;
        if (std::count_if(places.begin(), places.end(), alike) > 1) {
            const auto number = std::count_if(static_cast<const place*>(places.data()), &p, alike);
            at += " #" + std::to_string(number + 1);
        }
        const auto add = [&](weakness what, memory_order to, std::string change) {
            all.push_back({p.where, what, to, at + ", " + std::move(change)});
        };
        if (p.step) {
            add(weakness::left_out, memory_order::relaxed, "left out");
            continue;
        }
        const bool loads = !p.updates && std::strcmp(p.where.operation, "store") != 0;
        for (const auto to : weaker(p.order, p.updates, loads))
            add(weakness::order, to, std::string{name(p.order)} + " as " + name(to));
        if (p.compares)
            for (const auto to : weaker(p.failure, false, true))
                add(weakness::failure_order, to, std::string{"on failure "} + name(p.failure) + " as " + name(to));
        if (p.updates) add(weakness::torn, memory_order::relaxed, "as a load and a store");
        if (p.compares) add(weakness::blind, memory_order::relaxed, "without comparing");
    }
    return all;
}

struct trial {
    std::string name;     // of the mutation
    std::string failure;  // what the scenarios found; empty: nothing
};
struct examination {
    std::vector<trial> trials;
    std::size_t found = 0;
    std::size_t runs = 0;
};

/// Explores each scenario as it is, then those that are not too large under each mutation of the code that they ran.
template <class Scenarios>
[[nodiscard]] examination try_mutations(const char* algorithm, const Scenarios& scenarios) {
    std::vector<place> places;
    mutations().recorded = &places;
    for (const scenario& each : scenarios) {
        const auto r = explore(each.run, each.limits);
        print((std::string{algorithm} + ": " + each.name).c_str(), r);
        CHECK_MESSAGE(r.ok(), std::string{each.name} << ": " << r.failure);
        if (r.ok()) CHECK(r.ended > 0);
    }
    mutations().recorded = nullptr;

    examination all;
    for (const auto& m : mutations_of(std::move(places))) {
        mutations().active = &m;
        std::string failure;
        for (const scenario& each : scenarios) {
            if (!each.mutated) continue;
            auto r = explore(each.run, each.limits);
            all.runs += r.runs;
            failure = std::move(r.failure);
            if (!failure.empty()) break;
        }
        mutations().active = nullptr;
        all.found += !failure.empty();
        all.trials.push_back({m.name, std::move(failure)});
    }
    return all;
}

/// The scenarios hold; each mutation is found or allowed, and none that is allowed is found.
template <class Scenarios, class Harmless>
void examine(const char* algorithm, const Scenarios& scenarios, const Harmless& allowed) {
    const auto all = try_mutations(algorithm, scenarios);
    for (const auto& t : all.trials) {
        const bool excused = std::any_of(allowed.begin(), allowed.end(), [&](const harmless& h) { return t.name == h.name; });
        CHECK_MESSAGE(!(t.failure.empty() && !excused), std::string{algorithm} << ": nobody notices " << t.name);
        CHECK_MESSAGE(!(!t.failure.empty() && excused), std::string{algorithm} << ": not harmless: " << t.name << ": " << t.failure);
    }
    for (const harmless& h : allowed)
        CHECK_MESSAGE(std::any_of(all.trials.begin(), all.trials.end(), [&](const trial& t) { return t.name == h.name; }),
                      std::string{algorithm} << ": no such mutation: " << std::string{h.name});
    std::printf("checker: %s: %zu mutations, %zu found, %zu harmless, %zu executions\n", algorithm, all.trials.size(), all.found,
                all.trials.size() - all.found, all.runs);
}

}  // namespace model
