#include "otp/base/log.hpp"
#include "support/main.hpp"

#include <doctest/doctest.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

namespace tests::log {

using otp::log_level;
using otp::base::log;

namespace {

struct journal {
    std::vector<std::string> lines;
    static void write(const otp::log_record& record, void* context) noexcept {
        auto& lines = static_cast<journal*>(context)->lines;
        lines.push_back(std::string{to_string(record.level)} + " " + std::string{record.text});
    }
};

// Puts the logger and the level back at the end of a test.
class restored {
public:
    /// As a program has it that says nothing about it.
    restored() : restored(testing::logger_at_start.sink, testing::logger_at_start.context) {}
    restored(otp::log_sink sink, void* context) : before_{otp::set_logger(sink, context)} {}
    restored(const restored&) = delete;
    restored& operator=(const restored&) = delete;
    ~restored() {
        otp::set_logger(before_.sink, before_.context);
        otp::set_log_level(log_level::notice);
    }

private:
    otp::logger before_;
};

// What reaches the stderr of this process during f; before_reading(pipe) runs on the thread that reads it.
template <class F, class Before = void (*)(int)>
std::string stderr_of(F f, Before before_reading = [](int) {}) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const int kept = ::dup(STDERR_FILENO);
    REQUIRE(::dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
    ::close(ends[1]);
    std::string text;
    std::thread reader{[&] {
        before_reading(ends[0]);
        std::array<char, 4096> part{};
        for (ssize_t n = 0; (n = ::read(ends[0], part.data(), part.size())) > 0;)
            text.append(part.data(), static_cast<std::size_t>(n));
    }};
    f();
    REQUIRE(::dup2(kept, STDERR_FILENO) == STDERR_FILENO);
    ::close(kept);
    reader.join();
    ::close(ends[0]);
    return text;
}

}  // namespace

TEST_CASE("a report reaches the sink with its level and the context") {
    journal book;
    const restored guard{&journal::write, &book};
    log(log_level::error, "channels crashed");
    log(log_level::notice, "two\nlines");
    CHECK(book.lines == std::vector<std::string>{"error channels crashed", "notice two\nlines"});
}

TEST_CASE("reports go to stderr at first, each with its level and one line end") {
    const restored guard;
    const auto text = stderr_of([] {
        log(log_level::error, "first");
        log(log_level::critical, "");
    });
    CHECK(text == "[error] first\n[critical] \n");
}

TEST_CASE("a report that a signal cuts in two arrives whole") {
    const restored guard;
    static std::atomic<bool> interrupted;
    interrupted.store(false);
    struct sigaction action {};
    struct sigaction before {};
    action.sa_handler = [](int) { interrupted.store(true); };
    REQUIRE(::sigaction(SIGUSR1, &action, &before) == 0);

    std::string large(1 << 20, 'x');  // more than any pipe holds
    for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>('a' + i % 23);
    const auto writer = ::pthread_self();
    // Nobody reads before the signal is handled, and that is when the write has filled the pipe and gave up.
    const auto interrupt = [&](int pipe) {
        for (int waiting = 0; waiting == 0;) REQUIRE(::ioctl(pipe, FIONREAD, &waiting) == 0);
        REQUIRE(::pthread_kill(writer, SIGUSR1) == 0);
        while (!interrupted.load()) std::this_thread::yield();
    };
    const auto text = stderr_of([&] { log(log_level::warning, large); }, interrupt);
    CHECK((text == "[warning] " + large + "\n"));
    REQUIRE(::sigaction(SIGUSR1, &before, nullptr) == 0);
}

TEST_CASE("without a logger nothing is written") {
    const restored guard{nullptr, nullptr};
    CHECK(stderr_of([] { log(log_level::critical, "lost"); }).empty());
}

TEST_CASE("set_logger returns what was there before") {
    journal one;
    journal two;
    const restored guard{&journal::write, &one};
    const auto before = otp::set_logger(&journal::write, &two);
    CHECK((before.sink == &journal::write));
    CHECK(before.context == &one);
    log(log_level::error, "x");
    CHECK(one.lines.empty());
    CHECK(two.lines.size() == 1);
}

TEST_CASE("reports below the least level are left out, debug and info at first") {
    journal book;
    const restored guard{&journal::write, &book};
    log(log_level::debug, "a");
    log(log_level::info, "b");
    CHECK_FALSE(otp::base::logs(log_level::info));
    CHECK(otp::base::logs(log_level::notice));
    CHECK(book.lines.empty());
    otp::set_log_level(log_level::debug);
    log(log_level::debug, "c");
    otp::set_log_level(log_level::critical);
    log(log_level::error, "d");
    CHECK(book.lines == std::vector<std::string>{"debug c"});
}

TEST_CASE("a sink that causes a report itself finds it on stderr") {
    const restored guard{
        [](const otp::log_record&, void*) noexcept { log(log_level::error, "from the sink"); }, nullptr};
    CHECK(stderr_of([] { log(log_level::error, "outer"); }) == "[error] from the sink\n");
}

TEST_CASE("a sink may replace itself") {
    static journal book;
    book = {};
    const restored guard{
        [](const otp::log_record&, void*) noexcept { otp::set_logger(&journal::write, &book); }, nullptr};
    log(log_level::error, "first");
    log(log_level::error, "second");
    CHECK(book.lines == std::vector<std::string>{"error second"});
}

TEST_CASE("a report leaves errno alone") {
    const restored guard{[](const otp::log_record&, void*) noexcept { errno = EBADF; }, nullptr};
    errno = ENOENT;
    log(log_level::error, "x");
    CHECK(errno == ENOENT);
}

TEST_CASE("once it is replaced, a sink's context is not used any more, whoever reports meanwhile") {
    struct window {
        std::atomic<bool> open{true};
        std::atomic<int> late{0};
        std::atomic<int> calls{0};
    };
    window first;
    window second;
    const otp::log_sink look = [](const otp::log_record&, void* context) noexcept {
        auto& mine = *static_cast<window*>(context);
        mine.calls.fetch_add(1);
        if (!mine.open.load()) mine.late.fetch_add(1);
    };
    const restored guard{look, &first};
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i)
        threads.emplace_back([&] {
            while (!stop.load()) log(log_level::error, "x");
        });
    window* current = &first;
    window* next = &second;
    for (int i = 0; i < 200; ++i) {
        next->open.store(true);
        otp::set_logger(look, next);
        current->open.store(false);
        std::swap(current, next);
    }
    while (current->calls.load() == 0) std::this_thread::yield();
    stop.store(true);
    for (auto& each : threads) each.join();
    CHECK(first.late.load() == 0);
    CHECK(second.late.load() == 0);
}

TEST_CASE("calls of a sink never overlap") {
    struct visit {
        int depth = 0;  // no atomic: the logger's lock protects it
        int most = 0;
        int calls = 0;
    };
    visit room;
    const restored guard{[](const otp::log_record&, void* context) noexcept {
                             auto& mine = *static_cast<visit*>(context);
                             mine.most = ++mine.depth > mine.most ? mine.depth : mine.most;
                             ++mine.calls;
                             --mine.depth;
                         },
                         &room};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([] {
            for (int n = 0; n < 500; ++n) log(log_level::error, "x");
        });
    for (auto& each : threads) each.join();
    CHECK(room.most == 1);
    CHECK(room.calls == 2000);
}

}  // namespace tests::log
