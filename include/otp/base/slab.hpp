// Slab memory: blocks of a few sizes, cut from slabs of 64 KiB that belong to one heap each. A heap has one owner at a
// time, a thread; others give blocks back through the heap's atomic stack. memory.hpp says which thread owns what.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>

#include "otp/base/atomics.hpp"
#include "otp/config.hpp"

namespace otp::inline OTP_ABI::memory {

inline constexpr std::size_t block_step = 64;       // also the alignment of every block
inline constexpr std::size_t largest_block = 1024;  // anything larger comes from operator new
inline constexpr unsigned class_count = 10;         // 64, 128, … 512, 768, 1024

[[nodiscard]] constexpr unsigned class_of(std::size_t bytes) noexcept {
    if (bytes <= block_step) return 0;
    if (bytes <= 512) return static_cast<unsigned>((bytes - 1) / block_step);
    return bytes <= 768 ? 8 : 9;
}
[[nodiscard]] constexpr std::size_t class_bytes(unsigned size_class) noexcept {
    if (size_class < 8) return (size_class + 1) * block_step;
    return size_class == 8 ? 768 : largest_block;
}

/// Many threads push, one owner takes all. There is no pop of a single one, hence no ABA. Block has a member `next`:
/// a `Block*`, or a P::cell of it.
template <class Block, class P = std_atomics>
class remote_stack {
public:
    /// Any thread. After it has returned, the owner may have used the block, or given its slab back.
    void push(Block* block) noexcept {
        // Relaxed: a guess for the exchange below; nothing is read through it.
        auto top = top_.load(std::memory_order_relaxed);
        do {
            if constexpr (std::same_as<decltype(block->next), Block*>)
                block->next = top;
            else
                block->next.set(top);
            // Release pairs with take_all: all uses of the block are over, and its link is seen.
        } while (!top_.compare_exchange_weak(top, block, std::memory_order_release, std::memory_order_relaxed));
    }

    /// Owner: all that was pushed, newest first; null if nothing was.
    [[nodiscard]] Block* take_all() noexcept {
        // Relaxed: what it misses is taken the next time.
        if (top_.load(std::memory_order_relaxed) == nullptr) return nullptr;
        // Acquire pairs with the release of each push of the stack: each later push carries the earlier ones on.
        return top_.exchange(nullptr, std::memory_order_acquire);
    }

private:
    typename P::template atomic<Block*> top_{nullptr};
};

struct block {
    block* next;
};

class heap;

/// What a heap knows of one slab. Only the heap's owner uses it, but for `owner` and `size_class`, which stay the same as long as a
/// block of the slab is out.
struct alignas(cache_line) slab {
    heap* owner = nullptr;
    block* free = nullptr;         // last freed, first used again
    std::uint32_t used = 0;        // blocks out, and one more while it is its heap's current slab
    std::uint32_t fresh = 0;       // offset in the chunk from which on no block was cut yet
    std::uint32_t end = 0;         // offset in the chunk of the slab's end
    std::uint16_t size_class = 0;
    bool listed = false;           // current, or in the list of those with room
    slab* next = nullptr;
    slab* previous = nullptr;
};

/// A mebibyte of slabs, aligned so that a block's address leads to its slab. The slabs' records stand together at its
/// start: at the start of each slab they would all fall into one set of the cache.
struct chunk {
    static constexpr std::size_t bytes = std::size_t{1} << 20;
    static constexpr std::size_t slab_bytes = std::size_t{1} << 16;
    static constexpr unsigned slab_count = bytes / slab_bytes;
    static constexpr std::uint32_t all_free = (1u << slab_count) - 1;

    slab slabs[slab_count];
    std::uint32_t free_slabs = all_free;  // one bit a slab
    chunk* next = nullptr;                // in the list of chunks with a free slab
    chunk* previous = nullptr;

    [[nodiscard]] static chunk* of(const void* inside) noexcept {
        return reinterpret_cast<chunk*>(reinterpret_cast<std::uintptr_t>(inside) & ~(bytes - 1));
    }
    [[nodiscard]] static slab* slab_of(void* in_block) noexcept {
        return &of(in_block)->slabs[(reinterpret_cast<std::uintptr_t>(in_block) & (bytes - 1)) / slab_bytes];
    }
};

/// Where heaps get slabs, and where they give back empty ones; any thread. Keeps some, frees chunks that are empty.
class slab_store {
public:
    [[nodiscard]] slab* take() {
        std::unique_lock lock{mutex_};
        if (!available_) {
            lock.unlock();
            auto* made = new (::operator new(chunk::bytes, std::align_val_t{chunk::bytes})) chunk;
            lock.lock();
            ++chunks_;
            free_slabs_ += chunk::slab_count;
            link(made);
        }
        chunk& from = *available_;
        const auto index = static_cast<std::uint32_t>(__builtin_ctz(from.free_slabs));
        from.free_slabs &= from.free_slabs - 1;
        --free_slabs_;
        if (from.free_slabs == 0) unlink(&from);
        slab& taken = from.slabs[index];
        taken = slab{};
        taken.fresh = index * static_cast<std::uint32_t>(chunk::slab_bytes);
        taken.end = taken.fresh + static_cast<std::uint32_t>(chunk::slab_bytes);
        if (index == 0) taken.fresh = (sizeof(chunk) + block_step - 1) / block_step * block_step;
        return &taken;
    }

    void give_back(slab* empty) noexcept {
        chunk* home = chunk::of(empty);
        {
            const std::lock_guard lock{mutex_};
            if (home->free_slabs == 0) link(home);
            home->free_slabs |= 1u << (empty - home->slabs);
            ++free_slabs_;
            if (home->free_slabs != chunk::all_free || free_slabs_ < kept_slabs + chunk::slab_count) return;
            unlink(home);
            free_slabs_ -= chunk::slab_count;
            --chunks_;
        }
        ::operator delete(home, std::align_val_t{chunk::bytes});
    }

    /// Slabs that heaps hold, and slabs that wait here.
    [[nodiscard]] std::pair<std::size_t, std::size_t> slabs() noexcept {
        const std::lock_guard lock{mutex_};
        return {chunks_ * chunk::slab_count - free_slabs_, free_slabs_};
    }

private:
    static constexpr std::size_t kept_slabs = 32;

    void link(chunk* c) noexcept {
        c->previous = nullptr;
        c->next = available_;
        if (available_) available_->previous = c;
        available_ = c;
    }
    void unlink(chunk* c) noexcept {
        (c->previous ? c->previous->next : available_) = c->next;
        if (c->next) c->next->previous = c->previous;
    }

    std::mutex mutex_;
    chunk* available_ = nullptr;
    std::size_t chunks_ = 0;
    std::size_t free_slabs_ = 0;
};

/// The slabs of one owner at a time. All but `free_from_elsewhere` is the owner's; ownership changes hands under a lock.
/// A heap is never destroyed, so that a block can come back to it at any time.
class alignas(cache_line) heap {
public:
    explicit constexpr heap(slab_store& store) noexcept : store_{store} {}
    heap(const heap&) = delete;
    heap& operator=(const heap&) = delete;

    heap* next_orphan = nullptr;  // belongs to the ring of heaps without a thread

    /// A block from the current slab, or null: then allocate_slowly.
    [[nodiscard]] void* allocate(unsigned size_class) noexcept {
        slab* from = current_[size_class];
        if (!from || !from->free) [[unlikely]] return nullptr;
        return pop(*from);
    }

    /// A block from any slab, or null: then grow.
    [[nodiscard]] void* allocate_slowly(unsigned size_class) noexcept {
        take_remote();
        slab*& from = current_[size_class];
        if (from && (from->free || cut(*from))) return pop(*from);
        slab* other = with_room_[size_class];
        if (!other) return nullptr;
        unlink(other);
        if (from) {  // every block of it is out
            from->listed = false;
            --from->used;
        }
        from = other;
        ++from->used;
        return from->free || cut(*from) ? pop(*from) : nullptr;
    }

    /// Adds a slab. Throws std::bad_alloc.
    void grow(unsigned size_class) {
        slab* added = store_.take();
        added->owner = this;
        added->size_class = static_cast<std::uint16_t>(size_class);
        added->listed = true;
        link(added);
    }

    void free(slab& home, block* freed) noexcept {
        freed->next = home.free;
        home.free = freed;
        if (--home.used == 0 || !home.listed) [[unlikely]] make_room(home);
    }

    /// Any thread that doesn't own this heap.
    void free_from_elsewhere(block* freed) noexcept { remote_.push(freed); }

    /// Takes what other threads gave back.
    void take_remote() noexcept {
        for (block* freed = remote_.take_all(); freed;) {
            block* following = freed->next;
            free(*chunk::slab_of(freed), freed);
            freed = following;
        }
    }

    /// Gives back every slab that is empty; for a heap that loses its thread.
    void shrink() noexcept {
        take_remote();
        for (unsigned size_class = 0; size_class != class_count; ++size_class) {
            if (slab* from = std::exchange(current_[size_class], nullptr)) {
                --from->used;
                from->listed = from->free || from->fresh + class_bytes(size_class) <= from->end;
                if (from->listed) link(from);
            }
            for (slab* each = with_room_[size_class]; each;) {
                slab* following = each->next;
                if (each->used == 0) {
                    unlink(each);
                    store_.give_back(each);
                }
                each = following;
            }
        }
    }

private:
    static constexpr std::size_t bytes_cut_at_once = 2048;  // so that a slab's pages are touched when they are needed

    static void* pop(slab& from) noexcept {
        block* taken = from.free;
        from.free = taken->next;
        ++from.used;
        return taken;
    }

    static bool cut(slab& from) noexcept {
        const auto step = class_bytes(from.size_class);
        const auto base = reinterpret_cast<std::uintptr_t>(chunk::of(&from));
        block** last = &from.free;  // lowest address first
        for (std::size_t done = 0; done < bytes_cut_at_once && from.fresh + step <= from.end; done += step) {
            auto* fresh = reinterpret_cast<block*>(base + from.fresh);
            from.fresh += static_cast<std::uint32_t>(step);
            *last = fresh;
            last = &fresh->next;
        }
        *last = nullptr;
        return from.free != nullptr;
    }

    void make_room(slab& home) noexcept {
        if (!home.listed) {
            home.listed = true;
            link(&home);
        }
        // One empty slab stays, so that a block that comes and goes doesn't move slabs.
        if (home.used == 0 && (home.next || home.previous)) {
            unlink(&home);
            store_.give_back(&home);
        }
    }

    void link(slab* s) noexcept {
        slab*& first = with_room_[s->size_class];
        s->previous = nullptr;
        s->next = first;
        if (first) first->previous = s;
        first = s;
    }
    void unlink(slab* s) noexcept {
        (s->previous ? s->previous->next : with_room_[s->size_class]) = s->next;
        if (s->next) s->next->previous = s->previous;
        s->next = s->previous = nullptr;
    }

    slab_store& store_;
    slab* current_[class_count] = {};
    slab* with_room_[class_count] = {};  // with free blocks, or with room to cut some; none of them current
    alignas(cache_line) remote_stack<block> remote_;
};

}  // namespace otp::inline OTP_ABI::memory
