#include "otp/base/memory.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

namespace tests::memory {

namespace memory = otp::memory;

namespace {

struct held {
    void* where = nullptr;
    std::size_t bytes = 0;
    unsigned char mark = 0;
};

held take(std::size_t bytes, unsigned char mark) {
    held h{memory::allocate(bytes), bytes, mark};
    std::memset(h.where, mark, bytes);
    return h;
}

bool untouched(const held& h) {
    const auto* bytes = static_cast<const unsigned char*>(h.where);
    return std::all_of(bytes, bytes + h.bytes, [&](unsigned char b) { return b == h.mark; });
}

bool give_back(const held& h) {
    const bool whole = untouched(h);
    memory::deallocate(h.where, h.bytes);
    return whole;
}

// Two threads hand blocks to each other through this.
class channel {
public:
    void put(held h) {
        auto* node = new link{h, nullptr};
        node->next = top_.load(std::memory_order_relaxed);
        while (!top_.compare_exchange_weak(node->next, node, std::memory_order_release, std::memory_order_relaxed)) {}
    }
    template <class Use>
    void take_all(Use use) {
        auto* node = top_.exchange(nullptr, std::memory_order_acquire);
        while (node) {
            use(node->what);
            delete std::exchange(node, node->next);
        }
    }

private:
    struct link {
        held what;
        link* next;
    };
    std::atomic<link*> top_{nullptr};
};

}  // namespace

TEST_CASE("every size from nothing to beyond the largest class is aligned, writable to its end and counted") {
    const auto before = memory::in_use();
    std::vector<held> all;
    for (std::size_t bytes = 0; bytes <= 1500; ++bytes) all.push_back(take(bytes, static_cast<unsigned char>(bytes)));
    all.push_back(take(100'000, 7));
    CHECK(memory::in_use() == before + all.size());
    for (const auto& h : all) {
        CHECK(reinterpret_cast<std::uintptr_t>(h.where) % 16 == 0);
        CHECK(give_back(h));
    }
    CHECK(memory::in_use() == before);
}

TEST_CASE("a size class holds its sizes and wastes less than a step below the eighth") {
    for (std::size_t bytes = 0; bytes <= memory::largest_block; ++bytes) {
        const auto size_class = memory::class_of(bytes);
        REQUIRE(size_class < memory::class_count);
        CHECK(memory::class_bytes(size_class) >= bytes);
        if (size_class > 0) CHECK(memory::class_bytes(size_class - 1) < bytes);
        CHECK(memory::class_bytes(size_class) % memory::block_step == 0);
    }
}

TEST_CASE("blocks in use never overlap") {
    std::minstd_rand random{1};
    std::vector<held> all;
    for (int i = 0; i < 20'000; ++i) {
        if (!all.empty() && random() % 5 < 2) {
            std::swap(all[random() % all.size()], all.back());
            CHECK(give_back(all.back()));
            all.pop_back();
        } else {
            all.push_back(take(1 + random() % 1100, static_cast<unsigned char>(random())));
        }
    }
    for (const auto& h : all) CHECK(give_back(h));
}

#if !OTP_PLAIN_MEMORY
TEST_CASE("a block that was just freed is the next to be used") {
    void* first = memory::allocate(64);
    memory::deallocate(first, 64);
    void* second = memory::allocate(64);
    CHECK(first == second);
    memory::deallocate(second, 64);
}

TEST_CASE("a hundred thousand blocks cost three per cent more than their bytes, and go back when they are free") {
    const auto before = memory::statistics();
    std::vector<void*> all(100'000);
    for (auto& p : all) p = memory::allocate(256);
    const auto full = memory::statistics();
    CHECK(full.blocks == before.blocks + all.size());
    CHECK(full.bytes == before.bytes + all.size() * 256);
    CHECK((full.slabs - before.slabs) * 65536 < all.size() * 256 * 103 / 100);
    for (auto* p : all) memory::deallocate(p, 256);
    const auto after = memory::statistics();
    CHECK(after.slabs <= before.slabs + 2);
    CHECK(after.free_slabs <= before.free_slabs + 64);
    CHECK(after.blocks == before.blocks);
}

TEST_CASE("blocks freed by another thread are used again by their owner") {
    std::vector<void*> all(5'000);
    for (auto& p : all) p = memory::allocate(128);
    const std::set<void*> first(all.begin(), all.end());
    std::thread{[&] {
        for (auto* p : all) memory::deallocate(p, 128);
    }}.join();
    std::size_t again = 0;
    for (auto& p : all) {
        p = memory::allocate(128);
        again += first.count(p);
    }
    CHECK(again > all.size() / 2);
    for (auto* p : all) memory::deallocate(p, 128);
}

TEST_CASE("threads one after the other share one heap") {
    const auto work = [] {
        std::vector<void*> all(3'000);
        for (auto& p : all) p = memory::allocate(512);
        for (auto* p : all) memory::deallocate(p, 512);
    };
    std::thread{work}.join();
    const auto before = memory::statistics();
    for (int i = 0; i < 50; ++i) std::thread{work}.join();
    const auto after = memory::statistics();
    CHECK(after.heaps == before.heaps);
    CHECK(after.slabs == before.slabs);
}

TEST_CASE("blocks that outlive their thread go back to the store when somebody needs a slab") {
    std::vector<void*> all(50'000);
    std::thread{[&] {
        for (auto& p : all) p = memory::allocate(320);
    }}.join();
    const auto full = memory::statistics();
    for (auto* p : all) memory::deallocate(p, 320);  // not the owner
    std::vector<void*> others;
    const auto heaps = memory::statistics().heaps;
    for (std::size_t i = 0; i < 300 * heaps; ++i) others.push_back(memory::allocate(1024));  // several slabs for each orphan
    CHECK(memory::statistics().slabs < full.slabs);
    for (auto* p : others) memory::deallocate(p, 1024);
}
#endif

TEST_CASE("four threads hand blocks around, and every block comes back whole") {
    const auto before = memory::in_use();
    constexpr unsigned threads = 4;
    constexpr int rounds = 20'000;
    channel channels[threads];
    std::atomic<unsigned> broken{0};
    const auto use = [&](const held& h) {
        if (!give_back(h)) broken.fetch_add(1, std::memory_order_relaxed);
    };
    std::vector<std::thread> all;
    for (unsigned me = 0; me < threads; ++me)
        all.emplace_back([&, me] {
            std::minstd_rand random{me + 1};
            for (int i = 0; i < rounds; ++i) {
                channels[random() % threads].put(take(1 + random() % 1100, static_cast<unsigned char>(random())));
                if (i % 16 == 0) channels[me].take_all(use);
            }
        });
    for (auto& t : all) t.join();
    for (auto& c : channels) c.take_all(use);
    CHECK(broken.load() == 0);
    CHECK(memory::in_use() == before);
}

TEST_CASE("threads that end while others free their blocks leave nothing behind") {
    const auto before = memory::in_use();
    std::atomic<unsigned> broken{0};
    channel handed;
    std::atomic<bool> over{false};
    const auto use = [&](const held& h) {
        if (!give_back(h)) broken.fetch_add(1, std::memory_order_relaxed);
    };
    std::thread freeing{[&] {
        while (!over.load(std::memory_order_acquire)) {
            handed.take_all(use);
            std::this_thread::yield();
        }
        handed.take_all(use);
    }};
    for (unsigned generation = 0; generation < 100; ++generation) {
        std::vector<std::thread> born;
        for (unsigned i = 0; i < 3; ++i)
            born.emplace_back([&, mark = static_cast<unsigned char>(generation + i)] {
                for (std::size_t bytes = 10; bytes < 1200; bytes += 13) handed.put(take(bytes, mark));
            });
        for (auto& t : born) t.join();
    }
    over.store(true, std::memory_order_release);
    freeing.join();
    CHECK(broken.load() == 0);
    CHECK(memory::in_use() == before);
}

namespace {
// Constructed before the thread has a heap, hence destroyed after the heap was given away.
struct late_user {
    void touch() {}
    held kept;
    ~late_user() {
        if (!kept.where) return;
        CHECK(give_back(kept));
        std::vector<held> more;
        for (std::size_t bytes = 1; bytes < 1100; bytes += 7) more.push_back(take(bytes, 3));
        for (const auto& h : more) CHECK(give_back(h));
    }
};
thread_local late_user late;

struct static_user {
    held kept = take(100, 9);
    ~static_user() {
        if (!give_back(kept) || !give_back(take(200, 8))) std::abort();
    }
} at_program_end;
}  // namespace

TEST_CASE("the destructor of a thread-local frees and allocates after the thread's heap is gone") {
    const auto before = memory::in_use();
    std::thread{[] {
        late.touch();
        late.kept = take(64, 1);
    }}.join();
    CHECK(memory::in_use() == before);
}

TEST_CASE("an object of static storage allocates before main and frees after it") {
    CHECK(untouched(at_program_end.kept));
    std::thread{[] { CHECK(untouched(at_program_end.kept)); }}.join();
}

}  // namespace tests::memory
