// A value, or the reason why there is none.
#pragma once

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

#include "otp/base/exit.hpp"
#include "otp/base/reason.hpp"
#include "otp/config.hpp"

namespace otp::inline OTP_ABI {

template <class T>
class result;
template <>
class result<void>;

namespace base {

template <class T>
inline constexpr bool is_result = false;
template <class T>
inline constexpr bool is_result<result<T>> = true;

// What a result is made of is looked at last, since T may ask in turn whether the result converts to it. bool is
// strict, or a text that is meant as an error would become true.
template <class U, class T>
concept value_for = (!is_result<std::remove_cvref_t<U>> || std::is_same_v<std::remove_cvref_t<U>, T>) &&
                    !std::is_same_v<std::remove_cvref_t<U>, reason> &&
                    (!std::is_same_v<T, bool> || std::is_same_v<std::remove_cvref_t<U>, bool>) &&
                    std::is_convertible_v<U, T>;

template <class E, class T>
concept error_for = !is_result<std::remove_cvref_t<E>> && !std::is_same_v<std::remove_cvref_t<E>, reason> &&
                    std::is_convertible_v<E, reason> && !value_for<E, T>;

// Asks for the conversion first: a wrapper that compares whatever it holds would ask back otherwise.
template <class U, class T>
concept compares_with = value_for<const U&, T> && !is_result<U> &&
                        requires(const T& mine, const U& other) { static_cast<bool>(mine == other); };

template <class T, class U>
[[nodiscard]] bool same(const T& left, const U& right) {
    // No warning, and no surprise, about the signs of integers: a literal has one where the value has none.
    if constexpr (std::is_integral_v<T> && std::is_integral_v<U> && std::is_signed_v<T> != std::is_signed_v<U>) {
        using wide = std::make_unsigned_t<std::common_type_t<T, U>>;
        if constexpr (std::is_signed_v<T>)
            return left >= 0 && static_cast<wide>(left) == static_cast<wide>(right);
        else
            return right >= 0 && static_cast<wide>(left) == static_cast<wide>(right);
    } else {
        return static_cast<bool>(left == right);
    }
}

}  // namespace base

/// A value of type T, or an otp::reason. Made from anything that converts to T, else from anything that converts to a
/// reason: a literal is a value of result<std::string> and an error of result<int>; otp::reason{"…"} is explicit.
/// result<void> has no value to give; it is made by `{}`.
///
/// Thread safety: one user at a time. A moved-from result keeps its side, with a moved-from value or the reason normal.
template <class T>
class [[nodiscard("write (void) where failure really does not matter")]] result {
    static_assert(std::is_object_v<T> && !std::is_const_v<T> && !std::is_array_v<T>,
                  "otp::result<T>: T is an object type or void");
    static_assert(!std::is_same_v<T, reason>, "otp::result<otp::reason> could not tell a value from an error");

public:
    using value_type = T;

    /// A default value.
    result() noexcept(std::is_nothrow_default_constructible_v<T>)
        requires std::default_initializable<T>
        : value_(), has_value_{true} {}
    result(reason why) noexcept : error_{std::move(why)}, blank_{} {}
    template <base::value_for<T> U = T>
    result(U&& value) : value_(static_cast<T>(std::forward<U>(value))), has_value_{true} {}
    template <class E>
        requires base::error_for<E, T>
    result(E&& why) : error_{reason(std::forward<E>(why))}, blank_{} {}
    /// From the result of something that converts to T.
    template <class U>
        requires(!std::is_void_v<U> && !std::is_same_v<U, T> && std::is_convertible_v<U, T>)
    result(result<U> other) : error_{other.error()}, blank_{} {
        if (other.has_value()) construct(static_cast<T>(*std::move(other)));
    }
    /// Builds the value in place; also for types that can't be moved.
    template <class... Args>
        requires std::constructible_from<T, Args...>
    explicit result(std::in_place_t, Args&&... args) : value_(std::forward<Args>(args)...), has_value_{true} {}

    result(const result& other)
        requires std::copy_constructible<T>
        : error_{other.error_}, blank_{} {
        if (other.has_value_) construct(other.value_);
    }
    result(result&& other) noexcept(std::is_nothrow_move_constructible_v<T>)
        requires std::move_constructible<T>
        : error_{std::move(other.error_)}, blank_{} {
        if (other.has_value_) construct(std::move(other.value_));
    }
    result& operator=(const result& other)
        requires std::copyable<T>
    {
        if (this != std::addressof(other)) assign_from(other);
        return *this;
    }
    result& operator=(result&& other) noexcept(std::is_nothrow_move_constructible_v<T> &&
                                               std::is_nothrow_move_assignable_v<T>)
        requires std::movable<T>
    {
        if (this != std::addressof(other)) assign_from(std::move(other));
        return *this;
    }
    ~result() {
        if (has_value_) std::destroy_at(std::addressof(value_));
    }

    [[nodiscard]] bool has_value() const noexcept { return has_value_; }
    [[nodiscard]] explicit operator bool() const noexcept { return has_value_; }

    /// The value; throws otp::exit with the reason if there is none.
    T& value() & { return checked(), value_; }
    const T& value() const& { return checked(), value_; }
    T&& value() && { return checked(), std::move(value_); }
    const T&& value() const&& { return checked(), std::move(value_); }
    /// The same as value(), so safe on an error as well.
    [[nodiscard]] T& operator*() & { return value(); }
    [[nodiscard]] const T& operator*() const& { return value(); }
    [[nodiscard]] T&& operator*() && { return std::move(*this).value(); }
    [[nodiscard]] const T&& operator*() const&& { return std::move(*this).value(); }
    [[nodiscard]] T* operator->() { return std::addressof(value()); }
    [[nodiscard]] const T* operator->() const { return std::addressof(value()); }

    /// Why there is no value; reason::normal if there is one.
    [[nodiscard]] const reason& error() const& noexcept { return error_; }
    [[nodiscard]] reason error() && noexcept { return std::move(error_); }

    /// The value, or `otherwise` converted to T.
    template <std::convertible_to<T> U>
    [[nodiscard]] T value_or(U&& otherwise) const& {
        return has_value_ ? value_ : static_cast<T>(std::forward<U>(otherwise));
    }
    template <std::convertible_to<T> U>
    [[nodiscard]] T value_or(U&& otherwise) && {
        return has_value_ ? std::move(value_) : static_cast<T>(std::forward<U>(otherwise));
    }

    /// f(value), which gives another result; an error goes through.
    template <class F>
    auto and_then(F&& f) & { return chain(*this, std::forward<F>(f)); }
    template <class F>
    auto and_then(F&& f) const& { return chain(*this, std::forward<F>(f)); }
    template <class F>
    auto and_then(F&& f) && { return chain(std::move(*this), std::forward<F>(f)); }

    /// A result of f(value); an error goes through.
    template <class F>
    auto transform(F&& f) & { return map(*this, std::forward<F>(f)); }
    template <class F>
    auto transform(F&& f) const& { return map(*this, std::forward<F>(f)); }
    template <class F>
    auto transform(F&& f) && { return map(std::move(*this), std::forward<F>(f)); }

    /// This value, or f(error), which gives a result<T> or what converts to one.
    template <class F>
    result or_else(F&& f) const& {
        if (has_value_) return *this;
        return std::forward<F>(f)(error_);
    }
    template <class F>
    result or_else(F&& f) && {
        if (has_value_) return std::move(*this);
        return std::forward<F>(f)(std::move(error_));
    }

    friend bool operator==(const result& left, const result& right)
        requires std::equality_comparable<T>
    {
        if (left.has_value_ != right.has_value_) return false;
        return left.has_value_ ? static_cast<bool>(left.value_ == right.value_) : left.error_ == right.error_;
    }
    template <base::compares_with<T> U>
    friend bool operator==(const result& left, const U& right) {
        return left.has_value_ && base::same(left.value_, right);
    }

private:
    void checked() const {
        if (!has_value_) [[unlikely]]
            base::throw_exit(error_);
    }

    template <class... Args>
    void construct(Args&&... args) {
        std::construct_at(std::addressof(value_), std::forward<Args>(args)...);
        has_value_ = true;
    }

    template <class Other>
    void assign_from(Other&& other) {
        if (has_value_ && other.has_value_) {
            value_ = std::forward<Other>(other).value_;
        } else if (other.has_value_) {
            construct(std::forward<Other>(other).value_);
            error_ = reason{};
        } else {
            if (std::exchange(has_value_, false)) std::destroy_at(std::addressof(value_));
            error_ = std::forward<Other>(other).error_;
        }
    }

    template <class Self, class F>
    static auto chain(Self&& self, F&& f) {
        using chained = std::remove_cvref_t<decltype(std::forward<F>(f)(std::forward<Self>(self).value_))>;
        static_assert(base::is_result<chained>, "and_then: the function returns an otp::result; else use transform");
        if (self.has_value_) return chained(std::forward<F>(f)(std::forward<Self>(self).value_));
        return chained(std::forward<Self>(self).error_);
    }

    template <class Self, class F>
    static auto map(Self&& self, F&& f) {
        using mapped = std::remove_cvref_t<decltype(std::forward<F>(f)(std::forward<Self>(self).value_))>;
        if (!self.has_value_) return result<mapped>(std::forward<Self>(self).error_);
        if constexpr (std::is_void_v<mapped>) {
            std::forward<F>(f)(std::forward<Self>(self).value_);
            return result<mapped>();
        } else {
            return result<mapped>(std::in_place, std::forward<F>(f)(std::forward<Self>(self).value_));
        }
    }

    // The reason is not in the union, and an error blanks the place of the value: g++ loses sight of has_value_ and
    // would warn of uninitialised memory in the programs that use this.
    reason error_;
    union {
        T value_;
        unsigned char blank_[sizeof(T) < 64 ? sizeof(T) : 64];
    };
    bool has_value_ = false;
};

/// Success, or why not.
template <>
class [[nodiscard("write (void) where failure really does not matter")]] result<void> {
public:
    using value_type = void;

    /// Success.
    result() noexcept = default;
    result(reason why) noexcept : error_{std::move(why)}, has_value_{false} {}
    template <class E>
        requires base::error_for<E, void>
    result(E&& why) : error_{std::forward<E>(why)}, has_value_{false} {}
    /// Forgets the value of another result.
    template <class U>
        requires(!std::is_void_v<U>)
    explicit result(const result<U>& other) noexcept : error_{other.error()}, has_value_{other.has_value()} {}

    [[nodiscard]] bool has_value() const noexcept { return has_value_; }
    [[nodiscard]] explicit operator bool() const noexcept { return has_value_; }

    /// Throws otp::exit with the reason of an error.
    void value() const {
        if (!has_value_) [[unlikely]]
            base::throw_exit(error_);
    }
    void operator*() const { value(); }

    /// Why it failed; reason::normal if it did not.
    [[nodiscard]] const reason& error() const& noexcept { return error_; }
    [[nodiscard]] reason error() && noexcept { return std::move(error_); }

    /// f(), which gives another result; an error goes through.
    template <class F>
    auto and_then(F&& f) const {
        using chained = std::remove_cvref_t<decltype(std::forward<F>(f)())>;
        static_assert(base::is_result<chained>, "and_then: the function returns an otp::result; else use transform");
        if (has_value_) return chained(std::forward<F>(f)());
        return chained(error_);
    }
    /// A result of f(); an error goes through.
    template <class F>
    auto transform(F&& f) const {
        using mapped = std::remove_cvref_t<decltype(std::forward<F>(f)())>;
        if (!has_value_) return result<mapped>(error_);
        if constexpr (std::is_void_v<mapped>) {
            std::forward<F>(f)();
            return result<mapped>();
        } else {
            return result<mapped>(std::in_place, std::forward<F>(f)());
        }
    }
    /// Success, or f(error), which gives a result<void> or what converts to one.
    template <class F>
    result or_else(F&& f) const {
        if (has_value_) return *this;
        return std::forward<F>(f)(error_);
    }

    friend bool operator==(const result& left, const result& right) noexcept {
        return left.has_value_ == right.has_value_ && left.error_ == right.error_;
    }

private:
    reason error_;
    bool has_value_ = true;
};

}  // namespace otp::inline OTP_ABI
