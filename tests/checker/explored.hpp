// A scenario that must hold, for the tests of the checker itself.
#pragma once

#include <doctest/doctest.h>

#include "model.hpp"

namespace tests {

template <class Scenario>
model::result run(Scenario scenario) {
    const auto r = model::explore(scenario);
    INFO(r.failure);
    CHECK(r.ok());
    return r;
}

}  // namespace tests
