// Stacks of their own for the turns of a simulation, so that a plain handler can block on the simulation's one thread.
#pragma once

#include <cxxabi.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "otp/config.hpp"

// OTP_UCONTEXT_FIBERS: 1 switches stacks with swapcontext also where the header has an own switch (x86-64, AArch64). It
// is some twenty times slower; needed where the processor checks a shadow stack (CET). The same in all units of a program.
#ifndef OTP_UCONTEXT_FIBERS
#if (defined(__x86_64__) && !defined(__ILP32__)) || (defined(__aarch64__) && !defined(__ILP32__))
#define OTP_UCONTEXT_FIBERS 0
#else
#define OTP_UCONTEXT_FIBERS 1
#endif
#endif
#if OTP_UCONTEXT_FIBERS
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define OTP_FIBERS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OTP_FIBERS_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define OTP_FIBERS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define OTP_FIBERS_TSAN 1
#endif
#endif
#if defined(OTP_FIBERS_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(OTP_FIBERS_TSAN)
#include <sanitizer/tsan_interface.h>
#endif
// GCC looks into functions for registers that they leave alone; noipa forbids it.
#if defined(__clang__)
#define OTP_FIBERS_OPAQUE [[gnu::noinline]]
#else
#define OTP_FIBERS_OPAQUE [[gnu::noipa]]
#endif

namespace otp::inline OTP_ABI::exec {

/// Bytes of a simulated stack: address space only, until a handler uses them. A sanitizer's frames are larger.
#if defined(OTP_FIBERS_ASAN) || defined(OTP_FIBERS_TSAN)
inline constexpr std::size_t default_stack_size = std::size_t{1} << 20;
#else
inline constexpr std::size_t default_stack_size = std::size_t{256} << 10;
#endif

using stack_entry = void (*)(void* passed) noexcept;

#if OTP_UCONTEXT_FIBERS

struct context_on_stack {
    ucontext_t registers;
    void* passed = nullptr;
};

/// Leaves the running stack, its place in *from, and goes on at `to`; returns what is passed by whoever comes back.
OTP_FIBERS_OPAQUE inline void* switch_stacks(void** from, void* to, void* passed) noexcept {
    context_on_stack here{};
    auto* there = static_cast<context_on_stack*>(to);
    there->passed = passed;
    *from = &here;
    if (::swapcontext(&here.registers, &there->registers) != 0) std::abort();
    return here.passed;
}

inline void enter_by_ucontext(unsigned high, unsigned low, unsigned entry_high, unsigned entry_low) noexcept {
    const auto joined = [](unsigned upper, unsigned lower) { return static_cast<std::uint64_t>(upper) << 32 | lower; };
    auto* self = reinterpret_cast<context_on_stack*>(static_cast<std::uintptr_t>(joined(high, low)));
    reinterpret_cast<stack_entry>(static_cast<std::uintptr_t>(joined(entry_high, entry_low)))(self->passed);
}

/// Prepares a fresh stack: the first switch to the returned place calls entry, which must not return.
inline void* prepare_stack(std::byte* bottom, std::size_t size, stack_entry entry) noexcept {
    std::size_t room = size - sizeof(context_on_stack);
    room -= room % alignof(context_on_stack);
    auto* fresh = ::new (static_cast<void*>(bottom + room)) context_on_stack{};
    if (::getcontext(&fresh->registers) != 0) std::abort();
    fresh->registers.uc_stack.ss_sp = bottom;
    fresh->registers.uc_stack.ss_size = room;
    fresh->registers.uc_link = nullptr;
    const auto self = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(fresh));
    const auto start = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(entry));
    // makecontext passes ints.
    ::makecontext(&fresh->registers, reinterpret_cast<void (*)()>(reinterpret_cast<void*>(&enter_by_ucontext)), 4,
                  static_cast<unsigned>(self >> 32), static_cast<unsigned>(self), static_cast<unsigned>(start >> 32),
                  static_cast<unsigned>(start));
    return fresh;
}

#elif defined(__x86_64__)

/// Leaves the running stack, its place in *from, and goes on at `to`; returns what is passed by whoever comes back. What
/// a call must keep is kept: callee-saved registers, the SSE and x87 control words.
OTP_FIBERS_OPAQUE inline void* switch_stacks(void** from, void* to, void* passed) noexcept {
    asm volatile(
        "leaq -128(%%rsp), %%rsp\n\t"  // the red zone
        "pushq %%rbp\n\t"
        "pushq %%rbx\n\t"
        "pushq %%r12\n\t"
        "pushq %%r13\n\t"
        "pushq %%r14\n\t"
        "pushq %%r15\n\t"
        "leaq -8(%%rsp), %%rsp\n\t"
        "stmxcsr (%%rsp)\n\t"
        "fnstcw 4(%%rsp)\n\t"
        "leaq 1f(%%rip), %%rax\n\t"
        "pushq %%rax\n\t"
        "movq %%rsp, (%[from])\n\t"
        "movq %[to], %%rsp\n\t"
        "popq %%rax\n\t"
        "xorl %%ebp, %%ebp\n\t"  // a fresh stack's first frame has no caller
        "jmpq *%%rax\n\t"        // to a fresh stack's entry, its argument in rdi, or to the label
        "1:\n\t"
#if defined(__CET__)
        "endbr64\n\t"
#endif
        "ldmxcsr (%%rsp)\n\t"
        "fldcw 4(%%rsp)\n\t"
        "leaq 8(%%rsp), %%rsp\n\t"
        "popq %%r15\n\t"
        "popq %%r14\n\t"
        "popq %%r13\n\t"
        "popq %%r12\n\t"
        "popq %%rbx\n\t"
        "popq %%rbp\n\t"
        "leaq 128(%%rsp), %%rsp\n\t"
        : "+D"(passed), [from] "+d"(from), [to] "+S"(to)
        :
        : "rax", "rcx", "r8", "r9", "r10", "r11", "memory", "cc");
    return passed;
}

/// Prepares a fresh stack: the first switch to the returned place calls entry, which must not return.
inline void* prepare_stack(std::byte* bottom, std::size_t size, stack_entry entry) noexcept {
    // From the top: alignment, the return address that ends a backtrace, where to go on.
    auto* place = reinterpret_cast<void**>(bottom + size) - 4;
    place[0] = reinterpret_cast<void*>(entry);
    place[1] = nullptr;
    return place;
}

#else

/// Leaves the running stack, its place in *from, and goes on at `to`; returns what is passed by whoever comes back. What
/// a call must keep is kept: callee-saved registers, the floating-point control word.
OTP_FIBERS_OPAQUE inline void* switch_stacks(void** from, void* to, void* passed) noexcept {
    register void* carried asm("x0") = passed;
    asm volatile(
        "sub sp, sp, #176\n\t"
        "stp x19, x20, [sp, #0]\n\t"
        "stp x21, x22, [sp, #16]\n\t"
        "stp x23, x24, [sp, #32]\n\t"
        "stp x25, x26, [sp, #48]\n\t"
        "stp x27, x28, [sp, #64]\n\t"
        "stp x29, x30, [sp, #80]\n\t"
        "stp d8, d9, [sp, #96]\n\t"
        "stp d10, d11, [sp, #112]\n\t"
        "stp d12, d13, [sp, #128]\n\t"
        "stp d14, d15, [sp, #144]\n\t"
        "mrs x9, fpcr\n\t"
        "adr x10, 1f\n\t"
        "stp x9, x10, [sp, #160]\n\t"
        "mov x9, sp\n\t"
        "str x9, [%[from]]\n\t"
        "mov sp, %[to]\n\t"
        "ldp x9, x10, [sp, #160]\n\t"
        "msr fpcr, x9\n\t"
        "ldp d14, d15, [sp, #144]\n\t"
        "ldp d12, d13, [sp, #128]\n\t"
        "ldp d10, d11, [sp, #112]\n\t"
        "ldp d8, d9, [sp, #96]\n\t"
        "ldp x29, x30, [sp, #80]\n\t"
        "ldp x27, x28, [sp, #64]\n\t"
        "ldp x25, x26, [sp, #48]\n\t"
        "ldp x23, x24, [sp, #32]\n\t"
        "ldp x21, x22, [sp, #16]\n\t"
        "ldp x19, x20, [sp, #0]\n\t"
        "add sp, sp, #176\n\t"
        "ret x10\n\t"  // to a fresh stack's entry, its argument in x0, or to the label
        "1:\n\t"
        : "+r"(carried)
        : [from] "r"(from), [to] "r"(to)
        : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",
          "memory", "cc");
    return carried;
}

/// Prepares a fresh stack: the first switch to the returned place calls entry, which must not return.
inline void* prepare_stack(std::byte* bottom, std::size_t size, stack_entry entry) noexcept {
    auto* place = reinterpret_cast<std::uint64_t*>(bottom + size - 192);
    std::memset(place, 0, 176);  // also no caller of the first frame
    asm volatile("mrs %0, fpcr" : "=r"(place[20]));
    place[21] = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(entry));
    return place;
}

#endif

/// A stack that runs one piece of work after the other and can pause in the middle of one. One thread. Each side
/// of a switch keeps its exceptions: a pause inside a catch block is fine.
class fiber {
public:
    using work = void (*)(void* argument) noexcept;

    /// Null if the machine gives no more stacks.
    [[nodiscard]] static std::unique_ptr<fiber> make(std::size_t stack_bytes) noexcept {
        const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        const auto size = (stack_bytes + page - 1) / page * page;
        void* memory =
            ::mmap(nullptr, page + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) return nullptr;
        // The guard page: an overflow ends the program instead of running into other memory.
        if (::mprotect(memory, page, PROT_NONE) == 0)
            if (auto* made = new (std::nothrow) fiber{static_cast<std::byte*>(memory), page, size})
                return std::unique_ptr<fiber>{made};
        ::munmap(memory, page + size);
        return nullptr;
    }
    fiber(const fiber&) = delete;
    fiber& operator=(const fiber&) = delete;

    /// Of one that is idle. Frames can't be unwound from outside.
    ~fiber() {
        assert(idle());
        if (entered_) {
            ending_ = true;
            resume();
        }
#if defined(OTP_FIBERS_TSAN)
        __tsan_destroy_fiber(inside_.tsan);
#endif
#if defined(OTP_FIBERS_ASAN)
        __asan_unpoison_memory_region(inside_.bottom, inside_.size);
#endif
        ::munmap(memory_, guard_ + inside_.size);
    }

    [[nodiscard]] bool idle() const noexcept { return work_ == nullptr; }
    /// Is this an address in its stack?
    [[nodiscard]] bool holds(const void* address) const noexcept {
        // Unsigned: below the bottom is far above the top.
        return reinterpret_cast<std::uintptr_t>(address) - reinterpret_cast<std::uintptr_t>(inside_.bottom) <
               inside_.size;
    }

    /// Gives it work, from outside, when idle; resume begins it.
    void start(work what, void* argument) noexcept {
        assert(idle());
        work_ = what;
        argument_ = argument;
    }
    /// From outside: runs it until it pauses or its work is done.
    void resume() noexcept {
        entered_ = true;
        leave(outside_, inside_, false);
        arrive(outside_, inside_);
    }
    /// From inside: goes back to where it was resumed.
    void pause() noexcept {
        leave(inside_, outside_, false);
        arrive(inside_, outside_);
    }

private:
    struct side {
        void* place = nullptr;  // while the other side runs
        void* exceptions_caught = nullptr;
        unsigned exceptions_thrown = 0;
        const void* bottom = nullptr;  // what the sanitizers want to know; unused without them
        std::size_t size = 0;
        void* fake_stack = nullptr;
        void* tsan = nullptr;
    };
    // What every C++ ABI library keeps first in its opaque __cxa_eh_globals.
    struct exception_globals {
        void* caught;
        unsigned thrown;
    };

    fiber(std::byte* memory, std::size_t guard, std::size_t size) noexcept : memory_{memory}, guard_{guard} {
        inside_.bottom = memory + guard;
        inside_.size = size;
        inside_.place = prepare_stack(memory + guard, size, &enter);
#if defined(OTP_FIBERS_TSAN)
        inside_.tsan = __tsan_create_fiber(0);
#endif
    }

    void leave(side& here, side& there, [[maybe_unused]] bool for_ever) noexcept {
        auto* globals = reinterpret_cast<exception_globals*>(abi::__cxa_get_globals());
        here.exceptions_caught = std::exchange(globals->caught, there.exceptions_caught);
        here.exceptions_thrown = std::exchange(globals->thrown, there.exceptions_thrown);
#if defined(OTP_FIBERS_ASAN)
        __sanitizer_start_switch_fiber(for_ever ? nullptr : &here.fake_stack, there.bottom, there.size);
#endif
#if defined(OTP_FIBERS_TSAN)
        here.tsan = __tsan_get_current_fiber();
        __tsan_switch_to_fiber(there.tsan, 0);
#endif
        switch_stacks(&here.place, there.place, this);
    }
    static void arrive([[maybe_unused]] side& here, [[maybe_unused]] side& from) noexcept {
#if defined(OTP_FIBERS_ASAN)
        __sanitizer_finish_switch_fiber(here.fake_stack, &from.bottom, &from.size);
#endif
    }

    static void enter(void* passed) noexcept {
        auto& self = *static_cast<fiber*>(passed);
        arrive(self.inside_, self.outside_);
        while (!self.ending_) {
            self.work_(self.argument_);
            self.work_ = nullptr;
            self.pause();
        }
        self.leave(self.inside_, self.outside_, true);
        std::abort();
    }

    side inside_;
    side outside_;
    std::byte* memory_;
    std::size_t guard_;
    work work_ = nullptr;
    void* argument_ = nullptr;
    bool entered_ = false;
    bool ending_ = false;
};

}  // namespace otp::inline OTP_ABI::exec

#undef OTP_FIBERS_ASAN
#undef OTP_FIBERS_TSAN
#undef OTP_FIBERS_OPAQUE
