// Reference counting inside the object: one word a handle, no control block beside the object.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "otp/config.hpp"

namespace otp::inline OTP_ABI {

/// Base of everything that is shared by count. Starts at one: the maker owns the first reference.
class ref_counted {
public:
    ref_counted() = default;
    ref_counted(const ref_counted&) = delete;
    ref_counted& operator=(const ref_counted&) = delete;

    void retain() const noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }  // the caller holds a reference already
    void release() const noexcept {
        // The release half pairs with the acquire half of the last release: all uses are over before dispose.
        if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) const_cast<ref_counted*>(this)->dispose();
    }

protected:
    virtual ~ref_counted() = default;
    /// Ends the object's life and gives its memory back; called once, by whoever drops the last reference.
    virtual void dispose() noexcept = 0;
    [[nodiscard]] std::uint32_t references() const noexcept { return refs_.load(std::memory_order_relaxed); }  // a hint

private:
    mutable std::atomic<std::uint32_t> refs_{1};
};

/// A counted handle. Copies may be used from any thread; one handle from one thread at a time.
template <class T>
class intrusive_ptr {
public:
    constexpr intrusive_ptr() noexcept = default;
    constexpr intrusive_ptr(std::nullptr_t) noexcept {}
    constexpr intrusive_ptr(const intrusive_ptr& other) noexcept : object_{other.object_} {
        if (object_) object_->retain();
    }
    constexpr intrusive_ptr(intrusive_ptr&& other) noexcept : object_{other.detach()} {}
    template <class U>
        requires(!std::is_same_v<U, T> && std::is_convertible_v<U*, T*>)
    constexpr intrusive_ptr(intrusive_ptr<U> other) noexcept : object_{other.detach()} {}
    constexpr ~intrusive_ptr() {
        if (object_) object_->release();
    }
    constexpr intrusive_ptr& operator=(intrusive_ptr other) noexcept {
        T* const old = object_;
        object_ = other.object_;
        other.object_ = old;
        return *this;
    }

    /// Takes over the reference that the caller holds.
    [[nodiscard]] static constexpr intrusive_ptr adopt(T* object) noexcept { return intrusive_ptr{object, adopted{}}; }
    /// Adds a reference of its own.
    [[nodiscard]] static constexpr intrusive_ptr share(T* object) noexcept {
        if (object) object->retain();
        return adopt(object);
    }
    /// Gives the reference to the caller.
    [[nodiscard]] constexpr T* detach() noexcept {
        T* const object = object_;
        object_ = nullptr;
        return object;
    }

    [[nodiscard]] constexpr T* get() const noexcept { return object_; }
    constexpr T& operator*() const noexcept { return *object_; }
    constexpr T* operator->() const noexcept { return object_; }
    constexpr explicit operator bool() const noexcept { return object_ != nullptr; }
    friend constexpr bool operator==(const intrusive_ptr&, const intrusive_ptr&) = default;

private:
    struct adopted {};
    constexpr intrusive_ptr(T* object, adopted) noexcept : object_{object} {}
    T* object_ = nullptr;
};

}  // namespace otp::inline OTP_ABI
