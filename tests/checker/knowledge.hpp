// An exhaustive checker for lock-free code. A scenario runs on model threads (stacks of their own on the one real thread); its atomics
// are those of model.hpp. The checker runs it again and again until it has seen every schedule, every store that a load may
// read, and every place that a store may take among the others to its location.
//
// The memory is that of C++20 by views: a location keeps its stores in their modification order; a thread knows, for each location, the
// newest store that it must not fall behind, and the event counts of the threads that happened before. A release store
// carries that knowledge, an acquire load takes it over, a read-modify-write passes on what its predecessor carried (release
// sequence) and stands directly behind it. A store may be put anywhere behind what its thread knows.
// What it can't show: a load that reads from a store still to come (load buffering, values out of thin air), and fences,
// which the library doesn't use. The order of seq_cst operations is the order in which the checker runs them.
//
// A run stops at a state that an earlier one has been in: the same on the stacks of all threads, and a memory that shows the
// same to each of them. So a scenario keeps all that it has on its stack, in atomics, cells and model::make, nothing on the heap;
// its threads share nothing but atomics and cells; what one writes into plain variables, others read after its end.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "otp/runtime/fiber.hpp"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define MODEL_UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define MODEL_UNDER_SANITIZER 1
#endif
#endif

namespace model {

using std::memory_order;

// ThreadSanitizer has nothing to see in one thread, and loses its way on stacks that are left for ever. AddressSanitizer keeps
// variables elsewhere than on the stack, where the checker doesn't find them. The code under test meets both in its own tests.
#ifdef MODEL_UNDER_SANITIZER
inline constexpr bool skipped = true;
#else
inline constexpr bool skipped = false;
#endif

inline constexpr unsigned max_threads = 6;
inline constexpr unsigned max_locations = 48;
inline constexpr unsigned max_stores = 250;  // to one location in one run
inline constexpr unsigned max_cells = 160;

[[nodiscard]] constexpr bool acquires(memory_order o) noexcept {
    return o == memory_order::acquire || o == memory_order::acq_rel || o == memory_order::seq_cst;
}
[[nodiscard]] constexpr bool releases(memory_order o) noexcept {
    return o == memory_order::release || o == memory_order::acq_rel || o == memory_order::seq_cst;
}
[[nodiscard]] constexpr const char* name(memory_order o) noexcept {
    switch (o) {
        case memory_order::relaxed: return "relaxed";
        case memory_order::acquire: return "acquire";
        case memory_order::release: return "release";
        case memory_order::acq_rel: return "acq_rel";
        default: return "seq_cst";
    }
}

/// Where in the code an operation stands; the key of a mutation.
struct site {
    const char* function = "";
    int line = 0;
    const char* operation = "";
};

inline constexpr unsigned unlimited = ~0u;

struct options {
    std::size_t max_runs = 2'000'000;
    std::size_t max_steps = 2'000;  // of one run: more is a loop that doesn't end
    unsigned stale = unlimited;     // how many operations of a run may read, or write behind, another store than the newest
    bool merge = true;              // stop at states seen before
    unsigned spurious = 0;          // how many weak compare-and-swaps of a run may fail without a cause
};

struct result {
    std::string failure;     // the first one found, with its trace; empty if there is none
    std::size_t runs = 0;    // executions begun
    std::size_t ended = 0;   // of them, run to their end; the others met a state seen before
    std::size_t states = 0;  // different states
    std::set<std::vector<int>> outcomes;
    [[nodiscard]] bool ok() const noexcept { return failure.empty(); }
    [[nodiscard]] bool allows(std::vector<int> outcome) const { return outcomes.count(outcome) != 0; }
};

/// What a thread knows, and a release store carries.
struct knowledge {
    std::array<std::uint16_t, max_threads> clock{};    // events of each thread that happened before
    std::array<std::uint8_t, max_locations> seen{};  // for each location, the store not to fall behind
};

[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
    std::uint64_t x = (a ^ (b + 0x9e3779b97f4a7c15u + (a << 6) + (a >> 2))) * 0xff51afd7ed558ccdu;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53u;
    return x ^ (x >> 29);
}

[[nodiscard]] inline std::uint64_t hash_of(const std::byte* from, std::size_t bytes, std::uint64_t seed) noexcept {
    for (; bytes >= 8; from += 8, bytes -= 8) {
        std::uint64_t word;
        std::memcpy(&word, from, 8);
        seed = (seed ^ word) * 0x9fb21c651e98df25u;
        seed ^= seed >> 29;
    }
    return mix(seed, bytes);
}

/// Keys seen; never forgets within one exploration.
class key_set {
public:
    /// False: it was there.
    bool insert(std::uint64_t key) {
        if (key == 0) key = 1;
        if (2 * (count_ + 1) > slots_.size()) grow();
        if (!put(key)) return false;
        ++count_;
        return true;
    }
    [[nodiscard]] std::size_t size() const noexcept { return count_; }
    void clear() noexcept {
        slots_.clear();
        count_ = 0;
    }

private:
    bool put(std::uint64_t key) {
        const std::size_t mask = slots_.size() - 1;
        std::size_t at = key & mask;
        while (slots_[at] != 0) {
            if (slots_[at] == key) return false;
            at = (at + 1) & mask;
        }
        slots_[at] = key;
        return true;
    }
    void grow() {
        std::vector<std::uint64_t> old(slots_.empty() ? 4096 : 2 * slots_.size());
        old.swap(slots_);
        for (const auto key : old)
            if (key != 0) put(key);
    }
    std::vector<std::uint64_t> slots_;
    std::size_t count_ = 0;
};

/// A stack that a run may leave in the middle; the next run begins on it anew. So frames of a scenario own nothing
/// that must be given back.
class model_stack {
public:
    [[nodiscard]] void* begin(otp::exec::stack_entry entry) {
        if (!memory_) memory_.reset(new (std::align_val_t{64}) std::byte[size]);
        return otp::exec::prepare_stack(memory_.get(), size, entry);
    }
    /// What is on it, when its thread has left off at `place`: all that the thread depends on but for the memory.
    [[nodiscard]] std::pair<std::byte*, std::size_t> since(void* place) const noexcept {
        // swapcontext leaves its place somewhere in the caller's frame.
        auto* from = static_cast<std::byte*>(place) - (OTP_UCONTEXT_FIBERS ? 512 : 0);
        return {from, static_cast<std::size_t>(memory_.get() + size - from)};
    }
    [[nodiscard]] std::uint64_t hash(void* place) const noexcept {
        const auto [from, bytes] = since(place);
        return hash_of(from, bytes, 1);
    }

private:
    static constexpr std::size_t size = std::size_t{64} << 10;
    struct drop {
        void operator()(std::byte* p) const noexcept { ::operator delete[](p, std::align_val_t{64}); }
    };
    std::unique_ptr<std::byte[], drop> memory_;
};

}  // namespace model
