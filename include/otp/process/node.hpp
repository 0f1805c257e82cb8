// What the process layer hangs on a runtime: its processes, its names, its numbers, and their end. Erlang calls the
// whole of it a node.
#pragma once

#include <cstddef>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "otp/base/flat_map.hpp"
#include "otp/base/order.hpp"
#include "otp/process/particulars.hpp"
#include "otp/process/process.hpp"
#include "otp/process/registry.hpp"
#include "otp/process/relations.hpp"
#include "otp/process/thread_yard.hpp"
#include "otp/runtime/executor.hpp"

namespace otp::inline OTP_ABI::proc {

/// Timers that fired for nobody; they end when the next one is started, or with the runtime.
class spent_timers {
public:
    ~spent_timers() { sweep(); }
    void push(signal* envelope) noexcept {
        const std::lock_guard hold{lock_};
        envelopes_.push(envelope);
        any_.store(true, std::memory_order_relaxed);  // a hint: swept under the lock
    }
    void sweep() noexcept {
        if (!any_.load(std::memory_order_relaxed)) return;  // as above
        signal_queue found;
        {
            const std::lock_guard hold{lock_};
            std::swap(found, envelopes_);
            any_.store(false, std::memory_order_relaxed);  // as above
        }
        while (signal* s = found.pop()) drop(s, reason::noproc);
    }

private:
    std::mutex lock_;
    signal_queue envelopes_;
    std::atomic<bool> any_{false};
};

class node final : public exec::tenant {
public:
    explicit node(exec::executor& ex) noexcept : executor_{ex}, prefix_{ex.simulated() ? 1 : next_prefix()} {}

    ~node() override {
        if (end_named_timers) end_named_timers(named_timers_, named_timer_lock_);
    }
    [[nodiscard]] static node& of(exec::executor& ex) { return ex.tenant_as<node>(); }

    [[nodiscard]] registry& names() noexcept { return names_; }
    [[nodiscard]] exec::executor& executor() const noexcept { return executor_; }
    /// The threads of processes that have one of their own.
    [[nodiscard]] thread_yard& threads() noexcept { return threads_; }

    /// A number that no other process, monitor or timer of this program has.
    [[nodiscard]] std::uint64_t next_number() noexcept {
        return (prefix_ << prefix_shift) | counter_.fetch_add(1, std::memory_order_relaxed);  // unique is enough
    }
    /// The part of a process's number that is shown.
    [[nodiscard]] static std::uint64_t shown(std::uint64_t id) noexcept { return id & ((std::uint64_t{1} << prefix_shift) - 1); }

    /// Enters a new process into the table; false when the runtime is shutting down and takes no new ones.
    [[nodiscard]] bool enter(process& p) noexcept {
        live_.fetch_add(1, std::memory_order_acq_rel);  // pairs with remove(): the last to go sees all that came
        shard& home = shard_of(p);
        const std::lock_guard hold{home.lock};
        if (closed_.load(std::memory_order_relaxed)) {  // written under every shard's lock
            live_.fetch_sub(1, std::memory_order_acq_rel);  // as above
            return false;
        }
        p.table_next_ = home.first;
        if (home.first) home.first->table_previous_ = &p;
        home.first = &p;
        return true;
    }
    /// Takes out a process that has died.
    void remove(process& p) noexcept {
        bool asked;
        {
            shard& home = shard_of(p);
            const std::lock_guard hold{home.lock};
            if (p.table_next_) p.table_next_->table_previous_ = p.table_previous_;
            (p.table_previous_ ? p.table_previous_->table_next_ : home.first) = p.table_next_;
            asked = p.asked_to_end_;
            if (!home.notes.empty()) home.notes.erase(p.id());
        }
        const bool last = live_.fetch_sub(1, std::memory_order_acq_rel) == 1;  // pairs with enter()
        if (asked) one_of_wave_gone();
        if (last) executor_.quiescent();
    }

    /// All living processes, in the order of their numbers.
    [[nodiscard]] std::vector<intrusive_ptr<process>> processes() const {
        std::vector<intrusive_ptr<process>> all;
        for (shard& s : shards_) {
            const std::lock_guard hold{s.lock};
            for (process* p = s.first; p; p = p->table_next_) all.push_back(intrusive_ptr<process>::share(p));
        }
        sort(all);
        return all;
    }

    /// The living process of this number, or null.
    [[nodiscard]] intrusive_ptr<process> find(std::uint64_t id) const noexcept {
        const shard& home = shards_[id % shard_count];
        const std::lock_guard hold{home.lock};
        for (process* p = home.first; p; p = p->table_next_)
            if (p->id() == id) return intrusive_ptr<process>::share(p);
        return {};
    }

    /// What somebody wrote on a process; it goes with it.
    struct note {
        std::string label;
        std::string child_id;  // that its supervisor knows it by
    };
    [[nodiscard]] note note_of(const process& p) const {
        const shard& home = shard_of(p);
        const std::lock_guard hold{home.lock};
        const note* const found = home.notes.find(p.id());
        return found ? *found : note{};
    }
    void write_note(const process& p, std::string note::*where, std::string_view text) {
        shard& home = shard_of(p);
        const std::lock_guard hold{home.lock};
        // Whoever dies closes its mailbox first and then comes to take the note off.
        if (p.mailbox_.closed()) return;
        note* const written = home.notes.find(p.id());
        (written ? *written : home.notes.insert(p.id(), note{})).*where = text;
    }

    /// The timers whose target is a name, under their lock.
    [[nodiscard]] message_timer*& named_timers() noexcept { return named_timers_; }
    void (*end_named_timers)(message_timer*& list, std::mutex& lock) noexcept = nullptr;  // set with the first one, under the lock
    [[nodiscard]] std::mutex& named_timer_lock() noexcept { return named_timer_lock_; }
    [[nodiscard]] spent_timers& spent() noexcept { return spent_; }
    /// The lock that guards the list of timers aimed at a process.
    [[nodiscard]] std::mutex& timer_lock(const process& p) noexcept { return shard_of(p).timer_lock; }

    inline void begin_shutdown() noexcept override;
    inline void kill_all() noexcept override;
    [[nodiscard]] std::size_t live() const noexcept override { return live_.load(std::memory_order_acquire); }  // pairs with remove()
    [[nodiscard]] std::string who_is_alive() const override {
        std::string text;
        for (const auto& p : processes()) {
            if (!text.empty()) text += '\n';
            p->describe_work(text);
        }
        return text;
    }

private:
    struct shard {
        mutable std::mutex lock;
        process* first = nullptr;
        base::flat_map<note> notes;  // by the number of the process
        std::mutex timer_lock;
    };
    [[nodiscard]] shard& shard_of(const process& p) const noexcept { return shards_[p.id() % shard_count]; }
    [[nodiscard]] static std::uint64_t next_prefix() noexcept {
        static constinit std::atomic<std::uint64_t> last{1};
        return 1 + last.fetch_add(1, std::memory_order_relaxed) % ((1U << 16) - 2);  // unique is enough
    }
    static void sort(std::vector<intrusive_ptr<process>>& some) {
        base::sort(some.data(), some.size(), [](const intrusive_ptr<process>& a, const intrusive_ptr<process>& b) { return a->id() < b->id(); });
    }
    void end_wave(bool roots_only) noexcept;
    void one_of_wave_gone() noexcept {
        if (wave_left_.fetch_sub(1, std::memory_order_acq_rel) == 1) end_wave(false);  // pairs with end_wave()
    }

    static constexpr std::size_t shard_count = 16;
    static constexpr unsigned prefix_shift = 48;
    exec::executor& executor_;
    const std::uint64_t prefix_;
    alignas(cache_line) std::atomic<std::uint64_t> counter_{1};
    alignas(cache_line) std::atomic<std::size_t> live_{0};
    std::atomic<bool> closed_{false};
    registry names_;
    message_timer* named_timers_ = nullptr;
    std::mutex named_timer_lock_;
    spent_timers spent_;
    mutable shard shards_[shard_count];
    std::atomic<std::size_t> wave_left_{0};  // asked to end and not gone yet
    thread_yard threads_;                    // the last member: its threads use the others until they have ended
};

inline std::uint64_t process::trace_id() const noexcept { return node::shown(id_); }

inline node& process::own_node() const noexcept { return node::of(*executor_); }

inline intrusive_ptr<process> process::parent() const noexcept {
    return (born_as_ & child_bit) != 0 ? own_node().find(lineage_->id) : intrusive_ptr<process>{};
}

inline intrusive_ptr<lineage> process::as_parent() {
    auto& mine = details().own_line;
    const bool has_name = named();
    if (!mine || mine->name.empty() == has_name) mine = lineage::make(id_, has_name ? own_node().names().name_of(id_) : std::string{}, lineage_);
    return mine;
}

/// Those without a parent are asked to end first: a supervisor ends its children in its own order. What outlives them
/// is asked when they are gone.
inline void node::begin_shutdown() noexcept {
    for (shard& s : shards_) s.lock.lock();
    closed_.store(true, std::memory_order_relaxed);  // read under a shard's lock
    for (shard& s : shards_) s.lock.unlock();
    end_wave(true);
}

inline void node::end_wave(bool roots_only) noexcept {
    std::vector<intrusive_ptr<process>> wave;
    wave_left_.store(1, std::memory_order_release);  // this one is taken off below; pairs with one_of_wave_gone()
    for (shard& s : shards_) {
        const std::lock_guard hold{s.lock};
        for (process* p = s.first; p; p = p->table_next_) {
            if (p->asked_to_end_ || (roots_only && p->has_parent_)) continue;
            p->asked_to_end_ = true;
            wave_left_.fetch_add(1, std::memory_order_acq_rel);  // pairs with one_of_wave_gone()
            wave.push_back(intrusive_ptr<process>::share(p));
        }
    }
    sort(wave);
    for (std::size_t i = wave.size(); i-- > 0;) wave[i]->ask_to_end(reason::shutdown);  // the youngest first
    if (roots_only || !wave.empty()) one_of_wave_gone();
}

inline void node::kill_all() noexcept {
    for (const auto& p : processes()) {
        p->doom();
        p->post(make_peer_signal(signal_kind::exit, nullptr, 0, reason::kill));
    }
}

}  // namespace otp::inline OTP_ABI::proc
