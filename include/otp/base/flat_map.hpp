// A small hash table from non-zero 64-bit keys, one word while empty: links, monitors, timers of a process.
#pragma once

#include <cassert>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "otp/config.hpp"

namespace otp::inline OTP_ABI::base {

/// Open addressing, linear probing, deletion by shifting back, so it never fills up with tombstones. No memory while
/// empty; it doubles at three quarters and is given back when the last entry goes. One user at a time. References to
/// values hold until the next insert or erase.
template <class Value>
class flat_map {
    static_assert(std::is_nothrow_move_constructible_v<Value> && std::is_nothrow_destructible_v<Value>);

public:
    using key_type = std::uint64_t;

    flat_map() noexcept = default;
    flat_map(flat_map&& other) noexcept : table_{std::exchange(other.table_, nullptr)} {}
    flat_map& operator=(flat_map&& other) noexcept {
        if (this != &other) {
            clear();
            table_ = std::exchange(other.table_, nullptr);
        }
        return *this;
    }
    ~flat_map() { end_all(table_); }

    [[nodiscard]] std::size_t size() const noexcept { return table_ ? table_->size : 0; }
    [[nodiscard]] bool empty() const noexcept { return !table_; }
    /// How many slots it has memory for.
    [[nodiscard]] std::size_t capacity() const noexcept { return table_ ? std::size_t{table_->mask} + 1 : 0; }

    /// The value of `key`, or null.
    [[nodiscard]] Value* find(key_type key) noexcept {
        slot* found = locate(key);
        return found ? &found->value : nullptr;
    }
    [[nodiscard]] const Value* find(key_type key) const noexcept {
        slot* found = locate(key);
        return found ? &found->value : nullptr;
    }
    [[nodiscard]] bool contains(key_type key) const noexcept { return locate(key) != nullptr; }

    /// Puts `value`, a Value or what one is made of, under `key`, not zero, in place of what was there. Throws
    /// bad_alloc and what the making of a Value throws; the table is unchanged then.
    template <class V = Value>
        requires std::constructible_from<Value, V>
    Value& insert(key_type key, V&& value) {
        assert(key != 0);
        Value fresh(std::forward<V>(value));  // before anything moves: it may be a part of this table
        if (slot* there = locate(key)) {
            // Built anew, since a Value need not be assignable; the old one ends last, when the table is whole again.
            [[maybe_unused]] const Value old{std::move(there->value)};
            there->value.~Value();
            return *::new (static_cast<void*>(&there->value)) Value(std::move(fresh));
        }
        if (!table_)
            table_ = allocate(smallest);
        else if ((std::uint64_t{table_->size} + 1) * 4 > capacity() * 3)
            grow();
        ++table_->size;
        return place(*table_, key, std::move(fresh));
    }

    /// False if there is no such key. The value is destroyed when the table is whole again.
    bool erase(key_type key) noexcept {
        slot* found = locate(key);
        if (!found) return false;
        [[maybe_unused]] const Value old{std::move(found->value)};
        close_gap(found);
        return true;
    }

    /// Removes the entry and gives its value to the caller.
    [[nodiscard]] std::optional<Value> take(key_type key) noexcept {
        std::optional<Value> taken;
        if (slot* found = locate(key)) {
            taken.emplace(std::move(found->value));
            close_gap(found);
        }
        return taken;
    }

    /// f(key, value) for each entry, in an order that follows from the history of the table alone. f doesn't change the
    /// table; to do that, move the table away first.
    template <class F>
    void for_each(F&& f) {
        for (slot* each = begin(); each != end(); ++each)
            if (each->key) f(key_type{each->key}, each->value);
    }
    template <class F>
    void for_each(F&& f) const {
        for (slot* each = begin(); each != end(); ++each)
            if (each->key) f(key_type{each->key}, std::as_const(each->value));
    }

    /// Moves into the least memory that holds its entries; without memory for that it stays as it is.
    void shrink_to_fit() noexcept {
        std::size_t slots = smallest;
        while (slots * 3 < size() * 4) slots *= 2;
        if (slots >= capacity()) return;
        try {
            move_to(allocate(slots));
        } catch (const std::bad_alloc&) {
        }
    }

    /// The table is empty already when the values are destroyed.
    void clear() noexcept { end_all(std::exchange(table_, nullptr)); }

private:
    struct slot {
        key_type key = 0;  // zero: free, and there is no value
        union {
            Value value;
        };
        slot() noexcept {}
        ~slot() {}
    };
    // The slots follow at once.
    struct alignas(slot) table {
        std::uint32_t size;
        std::uint32_t mask;
        [[nodiscard]] slot* slots() noexcept { return reinterpret_cast<slot*>(this + 1); }
        [[nodiscard]] slot* home_of(key_type key) noexcept { return slots() + (mix(key) & mask); }
        [[nodiscard]] slot* after(slot* each) noexcept { return each == slots() + mask ? slots() : each + 1; }
    };
    static constexpr std::size_t smallest = 4;
    static constexpr bool over_aligned = alignof(table) > __STDCPP_DEFAULT_NEW_ALIGNMENT__;

    // Keys are often addresses or counters: the multiplication carries every bit upwards, the shifts bring them back.
    [[nodiscard]] static std::size_t mix(key_type key) noexcept {
        key = (key ^ (key >> 32U)) * 0x9e3779b97f4a7c15U;
        return static_cast<std::size_t>(key ^ (key >> 29U) ^ (key >> 47U));
    }

    [[nodiscard]] static table* allocate(std::size_t slots) {
        const std::size_t size = sizeof(table) + slots * sizeof(slot);
        void* memory = over_aligned ? ::operator new(size, std::align_val_t{alignof(table)}) : ::operator new(size);
        auto* made = ::new (memory) table{0, static_cast<std::uint32_t>(slots - 1)};
        for (std::size_t i = 0; i < slots; ++i) ::new (static_cast<void*>(made->slots() + i)) slot;
        return made;
    }
    static void deallocate(table* gone) noexcept {
        if constexpr (over_aligned)
            ::operator delete(static_cast<void*>(gone), std::align_val_t{alignof(table)});
        else
            ::operator delete(static_cast<void*>(gone));
    }

    static void end_all(table* gone) noexcept {
        if (!gone) return;
        for (slot* each = gone->slots(); each != gone->slots() + gone->mask + 1; ++each)
            if (each->key) each->value.~Value();
        deallocate(gone);
    }

    [[nodiscard]] slot* begin() const noexcept { return table_ ? table_->slots() : nullptr; }
    [[nodiscard]] slot* end() const noexcept { return table_ ? table_->slots() + capacity() : nullptr; }

    [[nodiscard]] slot* locate(key_type key) const noexcept {
        if (!table_ || !key) return nullptr;
        for (slot* each = table_->home_of(key); each->key; each = table_->after(each))
            if (each->key == key) return each;
        return nullptr;
    }

    static Value& place(table& in, key_type key, Value&& value) noexcept {
        slot* free = in.home_of(key);
        while (free->key) free = in.after(free);
        free->key = key;
        return *::new (static_cast<void*>(&free->value)) Value(std::move(value));
    }

    void grow() { move_to(allocate(capacity() * 2)); }
    void move_to(table* other) noexcept {
        other->size = table_->size;
        for (slot* each = begin(); each != end(); ++each) {
            if (!each->key) continue;
            place(*other, each->key, std::move(each->value));
            each->value.~Value();
        }
        deallocate(std::exchange(table_, other));
    }

    // Frees a slot and moves up those behind it that may not stand there any more once it is free.
    void close_gap(slot* gap) noexcept {
        gap->value.~Value();
        gap->key = 0;
        if (--table_->size == 0) return deallocate(std::exchange(table_, nullptr));
        for (slot* each = table_->after(gap); each->key; each = table_->after(each)) {
            const auto distance = [mask = table_->mask](slot* from, slot* to) {
                return static_cast<std::size_t>(to - from) & mask;
            };
            if (distance(table_->home_of(each->key), each) < distance(gap, each)) continue;
            gap->key = std::exchange(each->key, 0);
            ::new (static_cast<void*>(&gap->value)) Value(std::move(each->value));
            each->value.~Value();
            gap = each;
        }
    }

    table* table_ = nullptr;
};

}  // namespace otp::inline OTP_ABI::base
