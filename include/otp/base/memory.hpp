// Memory for messages, processes and coroutine frames: allocate and deallocate, from any thread. Each thread has a heap of
// its own; a block freed on another thread goes back to the heap it came from without a lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <type_traits>
#include <utility>

#include "otp/base/slab.hpp"
#include "otp/config.hpp"

namespace otp::inline OTP_ABI::memory {

/// What statistics() tells.
struct usage {
    std::size_t blocks = 0;      ///< blocks in use, of all sizes
    std::size_t bytes = 0;       ///< bytes in use: of a small block, those of its size class
    std::size_t slabs = 0;       ///< slabs of 64 KiB that threads hold
    std::size_t free_slabs = 0;  ///< empty slabs kept for whoever needs one
    std::size_t heaps = 0;       ///< as many as threads have allocated at the same time
};

/// How many blocks came and went. One thread writes, at a time.
class tally {
public:
    // All relaxed: numbers that nothing else hangs on; whoever needs an exact sum has joined the threads that count.
    void came(unsigned size_class) noexcept { add(in_[size_class], 1); }
    void went(unsigned size_class) noexcept { add(out_[size_class], 1); }
    [[nodiscard]] std::size_t blocks(unsigned size_class) const noexcept {  // wraps around, as the sum over all threads undoes
        return in_[size_class].load(std::memory_order_relaxed) - out_[size_class].load(std::memory_order_relaxed);
    }

private:
    using counter = std::atomic<std::size_t>;
    static void add(counter& c, std::size_t n) noexcept {
        c.store(c.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    counter in_[class_count] = {};
    counter out_[class_count] = {};
};

/// A heap and what its thread has counted.
struct thread_heap final : heap {
    using heap::heap;
    thread_heap* next_heap = nullptr;  // belongs to the list of all heaps
    tally counts;
};

/// The heaps of threads that have ended: each new thread adopts one.
class orphanage {
public:
    void add(heap* left) noexcept {
        const std::lock_guard lock{mutex_};
        if (last_) {
            left->next_orphan = last_->next_orphan;
            last_->next_orphan = left;
        } else {
            last_ = left->next_orphan = left;
        }
    }

    /// Null if there is none.
    [[nodiscard]] heap* adopt() noexcept {
        const std::lock_guard lock{mutex_};
        if (!last_) return nullptr;
        heap* first = last_->next_orphan;
        if (first == last_)
            last_ = nullptr;
        else
            last_->next_orphan = first->next_orphan;
        return first;
    }

    /// Gives back the slabs of one orphan that blocks have come home to since; another one with each call.
    void tend_one() noexcept {
        const std::lock_guard lock{mutex_};
        if (!last_) return;
        last_ = last_->next_orphan;
        last_->shrink();
    }

private:
    std::mutex mutex_;
    heap* last_ = nullptr;  // of a ring
};

/// All heaps of the program. Constant-initialised and never destroyed: legal before main and after it. Where two shared
/// objects have a copy each, a block may still be freed by the other: it goes home to the heap its slab names.
struct heaps {
    slab_store store;
    orphanage orphans;
    std::mutex mutex;  // guards all
    thread_heap* all = nullptr;
    std::mutex late_mutex;    // guards late
    thread_heap late{store};  // for threads whose thread-locals are destroyed already
    std::atomic<std::size_t> went_elsewhere[class_count] = {};  // freed by threads without a heap
    std::atomic<std::size_t> large_blocks = 0;
    std::atomic<std::size_t> large_bytes = 0;
};
static_assert(std::is_trivially_destructible_v<heaps>, "blocks are freed until the very end of the program");
inline constinit heaps global{};

/// What a thread knows. Read only inside functions that are not inlined, so that no coroutine keeps a thread's address
/// across a suspension.
struct thread_slot {
    thread_heap* mine = nullptr;
    bool over = false;
};
[[gnu::always_inline]] inline thread_slot& slot() noexcept {
    static thread_local constinit thread_slot here;
    return here;
}

/// Gives the thread's heap away when the thread ends.
struct departure {
    departure() = default;
    departure(const departure&) = delete;
    departure& operator=(const departure&) = delete;
    ~departure() {
        thread_slot& here = slot();
        here.over = true;
        heap* left = std::exchange(here.mine, nullptr);
        left->shrink();
        global.orphans.add(left);
    }
};

[[nodiscard]] inline thread_heap* adopt_or_make() {
    if (heap* adopted = global.orphans.adopt()) return static_cast<thread_heap*>(adopted);
    auto* made = new thread_heap{global.store};
    const std::lock_guard lock{global.mutex};
    made->next_heap = std::exchange(global.all, made);
    return made;
}

[[nodiscard]] inline void* allocate_from(thread_heap& from, unsigned size_class) {
    void* taken = from.allocate_slowly(size_class);
    while (!taken) {
        global.orphans.tend_one();
        from.grow(size_class);
        taken = from.allocate_slowly(size_class);
    }
    from.counts.came(size_class);
    return taken;
}

[[nodiscard, gnu::noinline]] inline void* allocate_slowly(unsigned size_class) {
    thread_slot& here = slot();
    if (here.over) {
        const std::lock_guard lock{global.late_mutex};
        return allocate_from(global.late, size_class);
    }
    if (!here.mine) {
        here.mine = adopt_or_make();
        static thread_local departure at_end;
        (void)at_end;
    }
    return allocate_from(*here.mine, size_class);
}

[[nodiscard, gnu::noinline]] inline void* allocate_small(unsigned size_class) {
    if (thread_heap* mine = slot().mine) [[likely]] {
        if (void* taken = mine->allocate(size_class)) [[likely]] {
            mine->counts.came(size_class);
            return taken;
        }
    }
    return allocate_slowly(size_class);
}

[[gnu::noinline]] inline void deallocate_small(void* freed) noexcept {
    slab& home = *chunk::slab_of(freed);
    thread_heap* mine = slot().mine;
    auto* freed_block = new (freed) block;
    if (home.owner == mine) [[likely]] {
        mine->counts.went(home.size_class);
        mine->free(home, freed_block);
        return;
    }
    if (mine) {
        mine->counts.went(home.size_class);
    } else {
        global.went_elsewhere[home.size_class].fetch_add(1, std::memory_order_relaxed);  // a number only
    }
    home.owner->free_from_elsewhere(freed_block);
}

[[nodiscard]] inline void* allocate_large(std::size_t bytes) {
    void* taken = ::operator new(bytes, std::align_val_t{block_step});
    global.large_blocks.fetch_add(1, std::memory_order_relaxed);  // numbers only
    global.large_bytes.fetch_add(bytes, std::memory_order_relaxed);
    return taken;
}

inline void deallocate_large(void* freed, std::size_t bytes) noexcept {
    global.large_blocks.fetch_sub(1, std::memory_order_relaxed);  // numbers only
    global.large_bytes.fetch_sub(bytes, std::memory_order_relaxed);
    ::operator delete(freed, std::align_val_t{block_step});
}

/// At least `bytes` bytes, aligned to 64. Throws std::bad_alloc. Any thread.
[[nodiscard]] inline void* allocate(std::size_t bytes) {
    if (OTP_PLAIN_MEMORY || bytes > largest_block) return allocate_large(bytes);
    return allocate_small(class_of(bytes));
}

/// Gives back what allocate gave for the same number of bytes. Any thread, at any time: also one that ends, also when
/// static objects are destroyed.
inline void deallocate(void* freed, std::size_t bytes) noexcept {
    if (OTP_PLAIN_MEMORY || bytes > largest_block) return deallocate_large(freed, bytes);
    deallocate_small(freed);
}

/// Exact when no other thread allocates or frees; else a moment's guess. Any thread.
[[nodiscard]] inline usage statistics() noexcept {
    usage sum;
    std::size_t blocks[class_count] = {};
    const auto add = [&](const tally& counts) {
        for (unsigned c = 0; c != class_count; ++c) blocks[c] += counts.blocks(c);
    };
    {
        const std::lock_guard lock{global.mutex};
        for (thread_heap* each = global.all; each; each = each->next_heap) {
            add(each->counts);
            ++sum.heaps;
        }
    }
    add(global.late.counts);
    for (unsigned c = 0; c != class_count; ++c) {
        blocks[c] -= global.went_elsewhere[c].load(std::memory_order_relaxed);  // numbers only, as all below
        sum.blocks += blocks[c];
        sum.bytes += blocks[c] * class_bytes(c);
    }
    sum.blocks += global.large_blocks.load(std::memory_order_relaxed);
    sum.bytes += global.large_bytes.load(std::memory_order_relaxed);
    const auto [held, kept] = global.store.slabs();
    sum.slabs = held;
    sum.free_slabs = kept;
    return sum;
}

/// How many blocks are in use; exact as statistics() is.
[[nodiscard]] inline std::size_t in_use() noexcept { return statistics().blocks; }

}  // namespace otp::inline OTP_ABI::memory
