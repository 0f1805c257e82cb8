// The memory of a model run: what each atomic location shows to whom, and who has used which plain data.
#pragma once

#include <algorithm>

#include "knowledge.hpp"

namespace model {

/// One thread, as the memory sees it.
struct observer {
    const knowledge* knows;
    bool live;  // it goes on; one that has ended only passes on what it knows
};

class memory {
public:
    using clock = std::array<std::uint16_t, max_threads>;

    void reset() noexcept { location_count_ = cell_count_ = 0; }

    // Atomic locations. `me` is the thread that acts, `k` what it knows.

    /// `tracked`: it may end while others run. Returns max_locations if there are too many.
    [[nodiscard]] unsigned create(unsigned me, const knowledge& k, std::uint64_t id, std::uint64_t value, bool tracked) {
        if (location_count_ == max_locations) return max_locations;
        auto& l = locations_[location_count_];
        l.stores.clear();
        l.order.assign(1, 0);
        l.gone = false;
        l.tracked = tracked;
        l.sequential = 0;
        l.touched.fill(0);
        l.touched[me] = l.born = k.clock[me];
        l.creator = me;
        l.id = id;
        stored first;
        first.value = value;
        l.stores.push_back(first);
        return location_count_++;
    }

    /// Why it can't be ended now; null if it can, and is.
    [[nodiscard]] const char* destroy(unsigned at, const knowledge& k) {
        auto& l = locations_[at];
        if (l.gone) return "an atomic is destroyed twice";
        for (unsigned other = 0; other != max_threads; ++other)
            if (l.touched[other] > k.clock[other]) return "an atomic is destroyed while another thread may still use it";
        l.gone = true;
        return nullptr;
    }

    [[nodiscard]] const char* why_unusable(unsigned at, const knowledge& k) const {
        const auto& l = locations_[at];
        if (l.gone) return "an atomic is used after its end";
        if (l.born > k.clock[l.creator]) return "an atomic is used before it is made";
        return nullptr;
    }

    [[nodiscard]] std::uint64_t value(unsigned at, std::uint8_t store) const noexcept { return locations_[at].stores[store].value; }
    [[nodiscard]] std::uint8_t newest(unsigned at) const noexcept { return locations_[at].order.back(); }
    [[nodiscard]] std::uint64_t id(unsigned at) const noexcept { return locations_[at].id; }
    [[nodiscard]] bool full(unsigned at) const noexcept { return locations_[at].stores.size() == max_stores; }

    /// The stores that a load may read now, newest first.
    template <class Use>
    void each_readable(unsigned at, memory_order order, const knowledge& k, Use use) const {
        const auto& l = locations_[at];
        const unsigned lowest = floor_of(at, order, k);
        for (auto i = static_cast<unsigned>(l.order.size()); i-- > lowest;) {
            // Nothing comes between a read-modify-write and its source.
            const bool replaceable = i + 1 == l.order.size() || !l.stores[l.order[i + 1]].is_update;
            use(l.order[i], replaceable);
        }
    }
    /// The ranks that a new store may take, last first.
    template <class Use>
    void each_open_rank(unsigned at, memory_order order, const knowledge& k, Use use) const {
        const auto& l = locations_[at];
        const auto size = static_cast<unsigned>(l.order.size());
        for (unsigned i = size; i > floor_of(at, order, k); --i)
            if (i == size || !l.stores[l.order[i]].is_update) use(static_cast<std::uint8_t>(i));
    }

    void read(unsigned me, unsigned at, std::uint8_t from, memory_order order, knowledge& k) {
        auto& l = locations_[at];
        see(k, at, from);
        if (acquires(order)) join(k, l.stores[from].carried);
        if (order == memory_order::seq_cst && l.stores[from].rank > rank(at, l.sequential)) l.sequential = from;
        l.touched[me] = k.clock[me];
    }
    void write(unsigned me, unsigned at, std::uint8_t rank_of_it, std::uint64_t value, memory_order order, knowledge& k) {
        insert(me, at, rank_of_it, value, order, k, nullptr);
    }
    void replace(unsigned me, unsigned at, std::uint8_t from, std::uint64_t value, memory_order order, knowledge& k) {
        see(k, at, from);
        const stored source = locations_[at].stores[from];
        if (acquires(order)) join(k, source.carried);
        insert(me, at, static_cast<std::uint8_t>(source.rank + 1), value, order, k, &source.carried);
    }

    /// Takes over what another knows.
    void join(knowledge& into, const knowledge& from) const noexcept {
        for (unsigned i = 0; i != max_threads; ++i) into.clock[i] = std::max(into.clock[i], from.clock[i]);
        for (unsigned at = 0; at != location_count_; ++at) see(into, at, from.seen[at]);
    }

    // Plain data. They return what is wrong, or null.

    [[nodiscard]] unsigned create_cell(unsigned me, const knowledge& k, std::uint64_t id, std::uint64_t value) {
        if (cell_count_ == max_cells) return max_cells;
        cells_[cell_count_] = {};
        cells_[cell_count_].id = id;
        cells_[cell_count_].value = value;
        cells_[cell_count_].writer = me;
        cells_[cell_count_].written = k.clock[me];
        return cell_count_++;
    }
    [[nodiscard]] const char* read_cell(unsigned me, unsigned at, const knowledge& k, std::uint64_t& value) {
        auto& c = cells_[at];
        if (c.gone) return "plain data is read after its end";
        if (c.written > k.clock[c.writer]) return "a data race: plain data is read and written at once";
        c.read[me] = k.clock[me];
        value = c.value;
        return nullptr;
    }
    [[nodiscard]] const char* write_cell(unsigned me, unsigned at, const knowledge& k, std::uint64_t value, bool last) {
        auto& c = cells_[at];
        if (c.gone) return "plain data is written after its end";
        bool raced = c.written > k.clock[c.writer];
        for (unsigned i = 0; i != max_threads; ++i) raced |= c.read[i] > k.clock[i];
        if (raced) return last ? "plain data ends while another thread may use it" : "a data race: plain data is written and used at once";
        c.value = value;
        c.writer = me;
        c.written = k.clock[me];
        c.read.fill(0);  // all of them happened before
        c.gone = last;
        return nullptr;
    }

    /// Its contents as bytes, and back.
    void save(std::vector<std::byte>& to) const {
        to.clear();
        const auto add = [&](const void* from, std::size_t n) {
            const auto* bytes = static_cast<const std::byte*>(from);
            to.insert(to.end(), bytes, bytes + n);
        };
        add(&location_count_, sizeof location_count_);
        add(&cell_count_, sizeof cell_count_);
        add(cells_.data(), cell_count_ * sizeof(plain));
        for (unsigned at = 0; at != location_count_; ++at) {
            const auto& l = locations_[at];
            const std::size_t count = l.stores.size();
            add(&count, sizeof count);
            add(static_cast<const location_head*>(&l), sizeof(location_head));
            add(l.stores.data(), count * sizeof(stored));
            add(l.order.data(), count);
        }
    }
    void restore(const std::vector<std::byte>& bytes) {
        const std::byte* from = bytes.data();
        const auto take = [&](void* to, std::size_t n) {
            std::memcpy(to, from, n);
            from += n;
        };
        take(&location_count_, sizeof location_count_);
        take(&cell_count_, sizeof cell_count_);
        take(cells_.data(), cell_count_ * sizeof(plain));
        for (unsigned at = 0; at != location_count_; ++at) {
            auto& l = locations_[at];
            std::size_t count = 0;
            take(&count, sizeof count);
            take(static_cast<location_head*>(&l), sizeof(location_head));
            l.stores.resize(count);
            l.order.resize(count);
            take(l.stores.data(), count * sizeof(stored));
            take(l.order.data(), count);
        }
    }

    /// A number for what the memory shows to these threads, now and later: the same for memories that can't be told apart.
    /// What no live thread can read or doubt any more doesn't count, nor do the histories that led there. `newest_only`: from
    /// now on nobody reads anything older.
    template <class Observers>
    [[nodiscard]] std::uint64_t state(const Observers& all, unsigned count, bool newest_only) {
        find_common_ground(all, count);
        if (newest_only)
            for (unsigned at = 0; at != location_count_; ++at) lowest_rank_[at] = static_cast<std::uint8_t>(locations_[at].order.size() - 1);
        std::uint64_t sum = 0;
        for (unsigned i = 0; i != count; ++i) sum += mix(i + 1, view(*all[i].knows));
        for (unsigned at = 0; at != location_count_; ++at) {
            const auto& l = locations_[at];
            if (l.gone) continue;
            std::uint64_t shown = mix(l.id, beyond(at, l.sequential));
            if (l.tracked)
                for (unsigned i = 0; i != max_threads; ++i) shown = mix(shown, doubted(i, l.touched[i]));
            for (std::size_t r = lowest_rank_[at]; r < l.order.size(); ++r) {
                const stored& s = l.stores[l.order[r]];
                shown = mix(mix(shown, s.value * 2 + s.is_update), view(s.carried));
            }
            sum += shown;
        }
        for (unsigned c = 0; c != cell_count_; ++c) {
            const auto& data = cells_[c];
            if (data.gone) continue;
            std::uint64_t shown = mix(data.id, data.value);
            if (const auto doubt = doubted(data.writer, data.written)) shown = mix(shown, doubt * max_threads + data.writer);
            for (unsigned i = 0; i != max_threads; ++i)
                if (const auto doubt = doubted(i, data.read[i])) shown = mix(shown, mix(doubt, i + 100));
            sum += shown;
        }
        return sum;
    }

private:
    struct stored {
        std::uint64_t value = 0;
        std::uint8_t rank = 0;   // its place in the modification order
        bool is_update = false;  // a read-modify-write: nothing comes between it and its source
        knowledge carried;
    };
    struct location_head {
        std::uint64_t id = 0;             // the same in each run
        std::uint8_t sequential = 0;      // the newest store that a seq_cst operation has made or read
        bool gone = false;
        bool tracked = false;
        unsigned creator = 0;
        std::uint16_t born = 0;
        clock touched{};                  // last event of each thread here
    };
    struct location : location_head {
        std::vector<stored> stores;       // as they were made
        std::vector<std::uint8_t> order;  // as they are ordered
    };
    struct plain {
        std::uint64_t id = 0;
        std::uint64_t value = 0;
        unsigned writer = 0;
        std::uint16_t written = 0;
        bool gone = false;
        clock read{};
    };

    [[nodiscard]] std::uint8_t rank(unsigned at, std::uint8_t store) const noexcept { return locations_[at].stores[store].rank; }
    void see(knowledge& k, unsigned at, std::uint8_t store) const noexcept {
        if (rank(at, store) > rank(at, k.seen[at])) k.seen[at] = store;
    }
    [[nodiscard]] unsigned floor_of(unsigned at, memory_order order, const knowledge& k) const noexcept {
        auto lowest = rank(at, k.seen[at]);
        if (order == memory_order::seq_cst) lowest = std::max(lowest, rank(at, locations_[at].sequential));
        return lowest;
    }

    void insert(unsigned me, unsigned at, std::uint8_t rank_of_it, std::uint64_t value, memory_order order, knowledge& k,
                const knowledge* passed_on) {
        auto& l = locations_[at];
        const auto index = static_cast<std::uint8_t>(l.stores.size());
        stored s;
        s.value = value;
        s.is_update = passed_on != nullptr;
        if (passed_on) s.carried = *passed_on;
        l.stores.push_back(s);
        l.order.insert(l.order.begin() + rank_of_it, index);
        for (std::size_t i = rank_of_it; i != l.order.size(); ++i) l.stores[l.order[i]].rank = static_cast<std::uint8_t>(i);
        k.seen[at] = index;
        auto& carried = l.stores.back().carried;
        if (releases(order))
            join(carried, k);
        else
            see(carried, at, index);
        if (order == memory_order::seq_cst) l.sequential = index;
        l.touched[me] = k.clock[me];
    }

    // What all live threads know: older stores are out of sight, older events are beyond doubt.
    template <class Observers>
    void find_common_ground(const Observers& all, unsigned count) {
        bool any_live = false;
        for (unsigned i = 0; i != count; ++i) any_live |= all[i].live;
        common_.fill(0xffff);
        std::fill_n(lowest_rank_.begin(), location_count_, std::uint8_t{0xff});
        for (unsigned i = 0; i != count; ++i) {
            if (any_live && !all[i].live) continue;
            for (unsigned t = 0; t != max_threads; ++t) common_[t] = std::min(common_[t], all[i].knows->clock[t]);
            for (unsigned at = 0; at != location_count_; ++at)
                lowest_rank_[at] = std::min(lowest_rank_[at], rank(at, all[i].knows->seen[at]));
        }
        for (auto& events : in_doubt_) events.clear();
        const auto doubt = [this](unsigned t, std::uint16_t event) {
            if (event > common_[t]) in_doubt_[t].push_back(event);
        };
        for (unsigned c = 0; c != cell_count_; ++c) {
            if (cells_[c].gone) continue;
            doubt(cells_[c].writer, cells_[c].written);
            for (unsigned t = 0; t != max_threads; ++t) doubt(t, cells_[c].read[t]);
        }
        for (unsigned at = 0; at != location_count_; ++at) {
            if (!locations_[at].tracked || locations_[at].gone) continue;
            for (unsigned t = 0; t != max_threads; ++t) doubt(t, locations_[at].touched[t]);
            doubt(locations_[at].creator, locations_[at].born);
        }
        for (auto& events : in_doubt_) {
            if (events.size() < 2) continue;
            std::sort(events.begin(), events.end());
            events.erase(std::unique(events.begin(), events.end()), events.end());
        }
    }
    // How many of the events in doubt an event count covers.
    [[nodiscard]] std::uint64_t doubted(unsigned t, std::uint16_t event) const noexcept {
        std::uint64_t covered = 0;
        for (const auto each : in_doubt_[t]) covered += each <= event;
        return covered;
    }
    [[nodiscard]] std::uint64_t beyond(unsigned at, std::uint8_t store) const noexcept {
        const auto r = rank(at, store);
        return r > lowest_rank_[at] ? r - lowest_rank_[at] : 0u;
    }
    [[nodiscard]] std::uint64_t view(const knowledge& k) const noexcept {
        std::uint64_t sum = 0;
        for (unsigned at = 0; at != location_count_; ++at)
            if (const auto ranks = beyond(at, k.seen[at])) sum += mix(locations_[at].id, ranks);
        for (unsigned t = 0; t != max_threads; ++t)
            if (!in_doubt_[t].empty()) sum += mix(t + 7, doubted(t, k.clock[t]));
        return sum;
    }

    std::array<location, max_locations> locations_;
    std::array<plain, max_cells> cells_;
    unsigned location_count_ = 0;
    unsigned cell_count_ = 0;
    clock common_{};
    std::array<std::uint8_t, max_locations> lowest_rank_{};
    std::array<std::vector<std::uint16_t>, max_threads> in_doubt_;
};

}  // namespace model
