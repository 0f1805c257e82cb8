// A callable of any type, owned: what std::function is, for callables that only move, without <functional>.
#pragma once

#include <cassert>
#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "otp/config.hpp"

namespace otp::inline OTP_ABI::base {

template <class Signature>
class unique_function;

/// Holds a callable of up to three words in itself, a larger one on the heap. Calling an empty one is a fault of the
/// caller. One user at a time.
template <class R, class... A>
class unique_function<R(A...)> {
public:
    unique_function() noexcept = default;
    unique_function(std::nullptr_t) noexcept {}

    template <class F>
        requires(!std::same_as<std::remove_cvref_t<F>, unique_function> &&
                 std::is_invocable_r_v<R, std::decay_t<F>&, A...> && std::constructible_from<std::decay_t<F>, F>)
    unique_function(F&& callable) {
        using held = std::decay_t<F>;
        if constexpr (fits<held>)
            ::new (static_cast<void*>(&storage_)) held(std::forward<F>(callable));
        else
            ::new (static_cast<void*>(&storage_)) held*(new held(std::forward<F>(callable)));
        operations_ = &operations_for<held>;
    }

    unique_function(unique_function&& other) noexcept { take(other); }
    unique_function& operator=(unique_function&& other) noexcept {
        if (this != &other) {
            reset();
            take(other);
        }
        return *this;
    }
    ~unique_function() { reset(); }

    [[nodiscard]] explicit operator bool() const noexcept { return operations_ != nullptr; }

    R operator()(A... args) {
        assert(operations_);
        return operations_->call(&storage_, std::forward<A>(args)...);
    }

    /// Destroys the callable.
    void reset() noexcept {
        if (auto* gone = std::exchange(operations_, nullptr)) gone->destroy(&storage_);
    }

private:
    struct buffer {
        alignas(void*) std::byte bytes[3 * sizeof(void*)];
    };
    struct operations {
        R (*call)(void* storage, A&&... args);
        void (*move)(void* from, void* to) noexcept;  // ends the life of what is in `from`
        void (*destroy)(void* storage) noexcept;
    };

    template <class F>
    static constexpr bool fits =
        sizeof(F) <= sizeof(buffer) && alignof(F) <= alignof(buffer) && std::is_nothrow_move_constructible_v<F>;

    template <class F>
    static F& in(void* storage) noexcept {
        if constexpr (fits<F>)
            return *std::launder(static_cast<F*>(storage));
        else
            return **std::launder(static_cast<F**>(storage));
    }
    template <class F>
    static R call(void* storage, A&&... args) {
        if constexpr (std::is_void_v<R>)
            static_cast<void>(in<F>(storage)(std::forward<A>(args)...));
        else
            return in<F>(storage)(std::forward<A>(args)...);
    }
    template <class F>
    static void move(void* from, void* to) noexcept {
        if constexpr (fits<F>) {
            ::new (to) F(std::move(in<F>(from)));
            std::destroy_at(&in<F>(from));
        } else {
            ::new (to) F*(&in<F>(from));
        }
    }
    template <class F>
    static void destroy(void* storage) noexcept {
        if constexpr (fits<F>)
            std::destroy_at(&in<F>(storage));
        else
            delete &in<F>(storage);
    }
    template <class F>
    static constexpr operations operations_for{&call<F>, &move<F>, &destroy<F>};

    void take(unique_function& other) noexcept {
        operations_ = std::exchange(other.operations_, nullptr);
        if (operations_) operations_->move(&other.storage_, &storage_);
    }

    const operations* operations_ = nullptr;
    buffer storage_;
};

}  // namespace otp::inline OTP_ABI::base
