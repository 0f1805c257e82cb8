// A process with a thread of its own: a function that may block as it likes.
#pragma once

#include <new>
#include <optional>
#include <system_error>
#include <utility>

#include "otp/process/launch.hpp"
#include "otp/runtime/runtime.hpp"

namespace otp::inline OTP_ABI::proc {

/// Runs `body()` once, on a thread of its own, and ends with it. What it blocks in throws `unwinding` once the process was
/// struck down by an exit signal; what it does without blocking goes on until then. If the system gives no thread the
/// process ends at once, with the error. A shutdown of the runtime waits for the thread to be gone.
template <class F>
class threaded_process final : public process {
public:
    explicit threaded_process(exec::executor& ex, F&& body) : process{ex, process_role::on_thread}, body_{std::move(body)} {}
    ~threaded_process() override { destroy_state(); }

    [[nodiscard]] static intrusive_ptr<process> make(exec::executor& ex, F body) {
        void* block = memory::allocate(sizeof(threaded_process));
        try {
            return intrusive_ptr<process>::adopt(::new (block) threaded_process{ex, std::move(body)});
        } catch (...) {
            memory::deallocate(block, sizeof(threaded_process));
            throw;
        }
    }

    [[nodiscard]] std::string_view initial_call() const noexcept override { return type_name<F>(); }

private:
    void begin() noexcept override {
        try {
            own_node().threads().start([self = intrusive_ptr<process>::share(this)] { static_cast<threaded_process&>(*self).live(); });
        } catch (const std::system_error& failed) {
            process* const outer = current_process();
            set_current_process(this);
            stop(reason::from_errno(failed.code().value(), "a thread for a process"));
            die();
            set_current_process(outer);
        }
    }
    void live() noexcept {
        const use here{executor()};
        set_current_process(this);
        drain();
        if (!stopping()) guarded([this] { (*body_)(); });
        drain();
        stop(reason::normal);
        die();
        set_current_process(nullptr);
    }
    void destroy_state() noexcept override { body_.reset(); }
    void dispose() noexcept override {
        this->~threaded_process();
        memory::deallocate(this, sizeof(threaded_process));
    }
    std::optional<F> body_;
};

}  // namespace otp::inline OTP_ABI::proc
