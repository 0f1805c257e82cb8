// Bytes that were received.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "otp/base/memory.hpp"

namespace otp::inline OTP_ABI {

/// Owns received bytes, in pooled memory. Viewed as text or as bytes; move-only; one user at a time.
class buffer {
public:
    buffer() noexcept = default;
    /// Room for `capacity` bytes, none of them used yet.
    explicit buffer(std::size_t capacity) : data_{static_cast<char*>(memory::allocate(capacity))}, capacity_{capacity} {}
    buffer(buffer&& other) noexcept
        : data_{std::exchange(other.data_, nullptr)}, capacity_{std::exchange(other.capacity_, 0)}, size_{std::exchange(other.size_, 0)} {}
    buffer& operator=(buffer&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(capacity_, other.capacity_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~buffer() {
        if (data_) memory::deallocate(data_, capacity_);
    }
    [[nodiscard]] static buffer copy_of(std::string_view bytes) {
        buffer made{bytes.size() == 0 ? 1 : bytes.size()};
        if (!bytes.empty()) std::memcpy(made.data_, bytes.data(), bytes.size());
        made.size_ = bytes.size();
        return made;
    }

    [[nodiscard]] const char* data() const noexcept { return data_; }
    [[nodiscard]] char* data() noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    void resize(std::size_t used) noexcept { size_ = used; }

    [[nodiscard]] std::string_view view() const noexcept { return {data_, size_}; }
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {reinterpret_cast<const std::byte*>(data_), size_}; }
    [[nodiscard]] std::string str() const { return std::string{view()}; }
    operator std::string_view() const noexcept { return view(); }
    operator std::span<const std::byte>() const noexcept { return bytes(); }

    friend bool operator==(const buffer& a, const buffer& b) noexcept { return a.view() == b.view(); }
    friend bool operator==(const buffer& a, std::string_view b) noexcept { return a.view() == b; }
    template <class OStream>
        requires requires(OStream& out, std::string_view text) { out << text; }
    friend OStream& operator<<(OStream& out, const buffer& b) {
        out << b.view();
        return out;
    }

private:
    char* data_ = nullptr;
    std::size_t capacity_ = 0;
    std::size_t size_ = 0;
};

}  // namespace otp::inline OTP_ABI
