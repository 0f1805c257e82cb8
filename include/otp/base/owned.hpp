// What one owner deletes. Internals use these and not std::unique_ptr, which costs a unit that is compiled without optimisation some
// thirty functions and twenty classes for each type.
#pragma once

#include <cstddef>
#include <type_traits>

#include "otp/config.hpp"

namespace otp::inline OTP_ABI::base {

/// Owns an object that was made with new, or nothing.
template <class T>
class owned {
public:
    constexpr owned() noexcept = default;
    constexpr owned(std::nullptr_t) noexcept {}
    constexpr explicit owned(T* object) noexcept : object_{object} {}
    constexpr owned(owned&& other) noexcept : object_{other.release()} {}
    template <class U>
        requires(!std::is_same_v<U, T> && std::is_convertible_v<U*, T*>)
    constexpr owned(owned<U>&& other) noexcept : object_{other.release()} {}
    constexpr owned& operator=(owned&& other) noexcept {
        reset(other.release());
        return *this;
    }
    constexpr ~owned() { delete object_; }

    [[nodiscard]] constexpr T* get() const noexcept { return object_; }
    constexpr T& operator*() const noexcept { return *object_; }
    constexpr T* operator->() const noexcept { return object_; }
    constexpr explicit operator bool() const noexcept { return object_ != nullptr; }
    friend constexpr bool operator==(const owned& one, std::nullptr_t) noexcept { return one.object_ == nullptr; }

    /// Gives the object to the caller.
    [[nodiscard]] constexpr T* release() noexcept {
        T* const object = object_;
        object_ = nullptr;
        return object;
    }
    /// The old object ends when the new one is in place.
    constexpr void reset(T* object = nullptr) noexcept {
        T* const old = object_;
        object_ = object;
        delete old;
    }

private:
    T* object_ = nullptr;
};

/// The same for an array that was made with new[].
template <class T>
class owned_array {
public:
    constexpr owned_array() noexcept = default;
    constexpr explicit owned_array(T* items) noexcept : items_{items} {}
    owned_array(owned_array&&) = delete;
    constexpr ~owned_array() { delete[] items_; }

    [[nodiscard]] constexpr T* get() const noexcept { return items_; }
    constexpr T& operator[](std::size_t at) const noexcept { return items_[at]; }
    constexpr explicit operator bool() const noexcept { return items_ != nullptr; }
    constexpr void reset(T* items) noexcept {
        delete[] items_;
        items_ = items;
    }

private:
    T* items_ = nullptr;
};

}  // namespace otp::inline OTP_ABI::base
