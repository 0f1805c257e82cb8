// How a simulation chooses what happens next: the strategies that a test names, and the set that they choose from.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "otp/base/intrusive_ptr.hpp"
#include "otp/config.hpp"

namespace otp::inline OTP_ABI {

namespace exec {

class runnable;

enum class strategy_kind : std::uint8_t { random, round_robin, pct, replay };

/// Stirs a number into a hash. The finaliser of splitmix64.
[[nodiscard]] constexpr std::uint64_t stir(std::uint64_t hash, std::uint64_t more) noexcept {
    std::uint64_t z = (hash ^ more) + 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

/// Random numbers that are the same on every platform, which those of the standard library are not.
class random_source {
public:
    explicit constexpr random_source(std::uint64_t seed) noexcept : state_{stir(seed, 0)} {}

    [[nodiscard]] constexpr std::uint64_t next() noexcept { return stir(state_ += 0x9e3779b97f4a7c15U, 0); }
    /// From 0 to n - 1, for n up to 2^32.
    [[nodiscard]] constexpr std::size_t below(std::size_t n) noexcept {
        return static_cast<std::size_t>(((next() >> 32) * n) >> 32);
    }

private:
    std::uint64_t state_;
};

/// The choices of a run, one number each, and their text: "7 4*3 9" is 7 4 4 4 9.
class choice_list final : public ref_counted {
public:
    std::vector<std::uint64_t> choices;

    /// Reads what follows "choices:" to the end of that line; without that word, the whole text.
    [[nodiscard]] static intrusive_ptr<const choice_list> parse(std::string_view text) {
        constexpr std::string_view head = "choices:";
        if (const auto at = text.find(head); at != text.npos) text.remove_prefix(at + head.size());
        text = text.substr(0, text.find('\n'));
        auto made = intrusive_ptr<choice_list>::adopt(new choice_list);
        const char* at = text.data();
        const char* const end = at + text.size();
        for (;;) {
            while (at != end && *at == ' ') ++at;
            std::uint64_t choice = 0;
            std::size_t times = 1;
            const auto number = std::from_chars(at, end, choice);
            if (number.ec != std::errc{}) return made;
            at = number.ptr;
            if (at != end && *at == '*') at = std::from_chars(at + 1, end, times).ptr;
            made->choices.insert(made->choices.end(), std::min(times, most), choice);
        }
    }
    static void print(const std::vector<std::uint64_t>& choices, std::string& out) {
        for (std::size_t first = 0, last = 0; first < choices.size(); first = last) {
            while (last < choices.size() && choices[last] == choices[first]) ++last;
            if (first != 0) out += ' ';
            out += std::to_string(choices[first]);
            if (last - first > 1) out.append("*").append(std::to_string(last - first));
        }
    }

    static constexpr std::size_t most = std::size_t{1} << 22;  // later choices of a run are not kept

private:
    void dispose() noexcept override { delete this; }
};

}  // namespace exec

/// How a simulation chooses the next process: otp::random, otp::round_robin, otp::pct(d) or otp::replay(trace). A value.
class strategy {
public:
    constexpr strategy() noexcept = default;  // random
    // What the names below are made from.
    constexpr explicit strategy(exec::strategy_kind kind, unsigned depth = 0, std::size_t turns = 0,
                                intrusive_ptr<const exec::choice_list> list = {}) noexcept
        : kind_{kind}, depth_{depth}, turns_{turns}, list_{std::move(list)} {}

    /// Such as "pct(3)".
    [[nodiscard]] std::string to_string() const {
        switch (kind_) {
            case exec::strategy_kind::random: return "random";
            case exec::strategy_kind::round_robin: return "round_robin";
            case exec::strategy_kind::replay: return "replay";
            case exec::strategy_kind::pct: break;
        }
        return "pct(" + std::to_string(depth_) + (turns_ != 0 ? ", " + std::to_string(turns_) : "") + ")";
    }
    [[nodiscard]] exec::strategy_kind kind() const noexcept { return kind_; }
    [[nodiscard]] unsigned depth() const noexcept { return depth_; }
    [[nodiscard]] std::size_t turns() const noexcept { return turns_; }
    [[nodiscard]] const exec::choice_list* list() const noexcept { return list_.get(); }

private:
    exec::strategy_kind kind_ = exec::strategy_kind::random;
    unsigned depth_ = 0;
    std::size_t turns_ = 0;
    intrusive_ptr<const exec::choice_list> list_;
};

/// Each runnable process is as likely as the other.
inline constexpr strategy random = strategy{exec::strategy_kind::random};
/// In the order in which they became runnable; the same for all seeds.
inline constexpr strategy round_robin = strategy{exec::strategy_kind::round_robin};
/// Probabilistic concurrency testing (Burckhardt and others, 2010): the process of the highest random priority runs, and
/// at `depth` - 1 random moments the running one falls behind all others. In a long run it finds an order of `depth`
/// events, which must come true for a bug to show, far more often than `random` does. `turns` is about how many turns a
/// run takes, if that is known: the moments lie among them. Priorities are drawn anew every 16384 turns, so that nobody
/// starves.
[[nodiscard]] inline strategy pct(unsigned depth, std::size_t turns = 0) {
    return strategy{exec::strategy_kind::pct, depth, turns};
}
/// The choices of an earlier run of the same program, from simulation::choices() or exploration::trace; what comes after
/// their end, or where the program has become another, goes round robin.
[[nodiscard]] inline strategy replay(std::string_view trace) {
    return strategy{exec::strategy_kind::replay, 0, 0, exec::choice_list::parse(trace)};
}

namespace exec {

/// What can run next.
struct candidate {
    std::uint64_t id;  // of the process
    runnable* who;
    void* paused;           // the turn to go on with; null: a fresh one
    std::uint64_t key = 0;  // the chooser's
};

/// The runnable ones, and who of them is next. Remembers each choice between two and more.
class chooser {
public:
    chooser(strategy how, std::uint64_t seed) : how_{std::move(how)}, dice_{seed} {
        if (how_.kind() == kind::pct) begin_round();
    }

    [[nodiscard]] bool empty() const noexcept { return first_ == ready_.size(); }
    [[nodiscard]] std::size_t size() const noexcept { return ready_.size() - first_; }

    void add(candidate next) {
        if (how_.kind() != kind::pct) return ready_.push_back(next);
        next.key = priority(next.id);
        ready_.push_back(next);
        std::push_heap(ready_.begin(), ready_.end(), lower);
    }

    /// Takes out who runs next; there is one.
    [[nodiscard]] candidate take() {
        const bool chosen = size() > 1;
        const candidate next = how_.kind() == kind::pct ? take_highest() : take_at(first_ + (chosen ? pick() : 0));
        if (chosen) remember(next.id);
        return next;
    }

    /// Which of n > 1 timers of the same time fires first; 0 is the one that was armed first.
    [[nodiscard]] std::size_t tie(std::size_t n) {
        std::size_t index = 0;
        switch (how_.kind()) {
            case kind::random:
            case kind::pct: index = dice_.below(n); break;
            case kind::round_robin: break;
            case kind::replay: index = static_cast<std::size_t>(std::min<std::uint64_t>(recorded(), n - 1)); break;
        }
        remember(index);
        return index;
    }

    /// A timer is due and somebody is runnable: does the timer come first?
    [[nodiscard]] bool timer_first() {
        bool first = true;
        switch (how_.kind()) {
            case kind::random: first = dice_.below(2) != 0; break;
            case kind::pct: first = priority(clock_id) > ready_.front().key; break;
            case kind::round_robin: break;
            case kind::replay: first = replayed_ >= how_.list()->choices.size() || recorded() != 0; break;
        }
        remember(first ? 1 : 0);
        return first;
    }

    /// The choices of the run so far; the first choice_list::most of them.
    [[nodiscard]] const std::vector<std::uint64_t>& choices() const noexcept { return choices_; }

private:
    using kind = strategy_kind;
    static constexpr std::uint64_t clock_id = ~std::uint64_t{0};  // the timers take part in pct as one process
    static constexpr std::size_t round_length = 16384;
    static constexpr std::uint64_t drawn = std::uint64_t{1} << 63;  // a priority that is not lowered

    static bool lower(const candidate& a, const candidate& b) noexcept {
        return a.key != b.key ? a.key < b.key : a.id < b.id;
    }

    void remember(std::uint64_t choice) {
        if (choices_.size() < choice_list::most) choices_.push_back(choice);
    }
    [[nodiscard]] std::uint64_t recorded() noexcept {
        return replayed_ < how_.list()->choices.size() ? how_.list()->choices[replayed_++] : 0;
    }

    [[nodiscard]] std::size_t pick() noexcept {
        if (how_.kind() == kind::random) return dice_.below(size());
        if (how_.kind() == kind::replay && replayed_ < how_.list()->choices.size()) {
            const auto id = recorded();
            for (std::size_t at = first_; at < ready_.size(); ++at)
                if (ready_[at].id == id) return at - first_;
        }
        return 0;
    }
    [[nodiscard]] candidate take_at(std::size_t at) {
        const candidate next = ready_[at];
        if (how_.kind() == kind::random) {
            ready_[at] = ready_.back();
            ready_.pop_back();
            return next;
        }
        // The others keep their order; the front moves through the vector.
        std::copy_backward(ready_.begin() + static_cast<std::ptrdiff_t>(first_),
                           ready_.begin() + static_cast<std::ptrdiff_t>(at),
                           ready_.begin() + static_cast<std::ptrdiff_t>(at) + 1);
        ++first_;
        if (2 * first_ >= ready_.size()) {
            ready_.erase(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(first_));
            first_ = 0;
        }
        return next;
    }

    // The change points of a round lie within its first `length` turns. Where nobody says how long a run is, that is drawn
    // evenly on a logarithmic scale: it must not depend on earlier runs, else a seed alone would not repeat one.
    void begin_round() {
        turn_ = 0;
        salt_ = dice_.next();
        lowered_.clear();
        changes_.clear();
        const std::size_t length =
            how_.turns() != 0 ? std::min(how_.turns(), round_length) : std::size_t{16} << dice_.below(11);
        for (unsigned n = 1; n < how_.depth(); ++n) changes_.push_back(dice_.below(length));
        for (candidate& each : ready_) each.key = priority(each.id);
        std::make_heap(ready_.begin(), ready_.end(), lower);
    }
    [[nodiscard]] std::uint64_t priority(std::uint64_t id) const noexcept {
        for (const auto& [who, key] : lowered_)
            if (who == id) return key;
        return stir(salt_, id) | drawn;
    }
    [[nodiscard]] candidate take_highest() {
        if (turn_ == round_length) begin_round();
        for (std::size_t n = 0; n < changes_.size(); ++n)
            if (changes_[n] == turn_) lower_first(n);
        ++turn_;
        std::pop_heap(ready_.begin(), ready_.end(), lower);
        const candidate next = ready_.back();
        ready_.pop_back();
        return next;
    }
    void lower_first(std::uint64_t key) {
        std::pop_heap(ready_.begin(), ready_.end(), lower);
        std::erase_if(lowered_, [&](const auto& entry) { return entry.first == ready_.back().id; });
        lowered_.emplace_back(ready_.back().id, key);
        ready_.back().key = key;
        std::push_heap(ready_.begin(), ready_.end(), lower);
    }

    strategy how_;
    random_source dice_;
    std::vector<candidate> ready_;  // a heap for pct, a queue for round robin and replay
    std::size_t first_ = 0;
    std::vector<std::uint64_t> choices_;
    std::size_t replayed_ = 0;

    std::size_t turn_ = 0;  // of the round of pct
    std::uint64_t salt_ = 0;
    std::vector<std::size_t> changes_;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> lowered_;  // process and its priority
};

}  // namespace exec
}  // namespace otp::inline OTP_ABI
