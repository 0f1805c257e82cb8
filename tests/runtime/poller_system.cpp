// The native descriptor, and the system around a poller.
#include "poller.hpp"

namespace tests::poller {

#if defined(__linux__)

TEST_CASE("the native descriptor is readable while there is something to do, and quiet else") {
    epoll_poller p;
    const int fd = p.native_fd();
    REQUIRE(fd >= 0);
    CHECK_FALSE(readable_now(fd));

    p.wake();
    p.wake();
    CHECK(readable_now(fd));
    CHECK(p.poll(0ns) == 0);
    CHECK_FALSE(readable_now(fd));
    p.wake();
    CHECK(readable_now(fd));
    CHECK(p.poll(0ns) == 0);

    pair s;
    watched w{p, s.here};
    CHECK_FALSE(readable_now(fd));
    put(s.there);
    CHECK(readable_now(fd));
    CHECK(p.poll(0ns) == 1);
    CHECK_FALSE(readable_now(fd));
}

TEST_CASE("the native descriptor becomes readable at its deadline, not before") {
    epoll_poller p;
    const auto set_early = clock::now() + 3ms;
    p.set_native_deadline(set_early);  // before there is a descriptor
    const int fd = p.native_fd();
    CHECK(readable_now(fd, 5000));
    CHECK(clock::now() >= set_early);
    p.poll(0ns);
    CHECK_FALSE(readable_now(fd));

    for (int round = 0; round < 3; ++round) {
        const auto deadline = clock::now() + 5ms;
        p.set_native_deadline(clock::now() + 1h);
        p.set_native_deadline(deadline);
        CHECK(readable_now(fd, 5000));
        CHECK(clock::now() >= deadline);
        p.poll(0ns);
        CHECK_FALSE(readable_now(fd));
        p.set_native_deadline(deadline);  // past: at once, and again at each setting
        CHECK(readable_now(fd));
        p.poll(0ns);
        CHECK_FALSE(readable_now(fd));
    }
    p.set_native_deadline(otp::exec::time_point{});
    CHECK(readable_now(fd));
    p.set_native_deadline(never);
    CHECK_FALSE(readable_now(fd, 5));
    p.set_native_deadline(clock::now() + 1ms);
    p.set_native_deadline(never);
    CHECK_FALSE(readable_now(fd, 5));
}

TEST_CASE("poll(2) has no native descriptor") {
    poll_poller p;
    CHECK(p.native_fd() == -1);
    p.set_native_deadline(clock::now());
}

TEST_CASE("where the kernel refuses the exact wait, a poll still ends neither early nor never") {
    for (const int refusal : {ENOSYS, EPERM}) {
        CAPTURE(refusal);
        bool skipped = false;
        bool early = false;
        std::size_t reported = 0;
        // The filter is of this thread, and ends with it.
        std::thread sandboxed{[&] {
            sock_filter program[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),  // the number of the system call
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(refusal)),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
            };
            const sock_fprog filter{sizeof program / sizeof *program, program};
            if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
                ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0 ||
                ::syscall(SYS_epoll_pwait2, -1, nullptr, 0, nullptr, nullptr, 0) != -1 || errno != refusal) {
                skipped = true;
                return;
            }
            epoll_poller p;
            for (const duration limit : {duration{1}, duration{100us}, duration{1500us}, duration{5ms}}) {
                const auto start = clock::now();
                p.poll(limit);
                if (clock::now() - start < limit) early = true;
            }
            int both[2];
            if (::socketpair(AF_UNIX, SOCK_STREAM, 0, both) != 0) return;
            io_ticket ticket;
            if (p.add(both[0], listen(), ticket) == 0) reported = p.poll(24h * 365);
            p.remove(both[0], ticket);
            ::close(both[0]);
            ::close(both[1]);
        }};
        sandboxed.join();
        if (skipped) {
            MESSAGE("skipped: no system call filter here");
            return;
        }
        CHECK_FALSE(early);
        CHECK(reported == 1);
    }
}

TEST_CASE("epoll's own refusals are reported") {
    char name[] = "/tmp/otp_poller_XXXXXX";
    const int file = ::mkstemp(name);
    REQUIRE(file >= 0);
    ::unlink(name);
    epoll_poller p;
    io_ticket ticket;
    CHECK(p.add(file, listen(), ticket) == EPERM);
    CHECK(p.watched() == 0);
    ::close(file);
}

TEST_CASE("the environment chooses what automatic means, and a kind that is asked for stays") {
    const char* const had = std::getenv("OTP_POLLER");
    const std::string before = had ? had : "";
    const auto is_epoll = [](poller_kind kind) { return make_poller(kind)->native_fd() >= 0; };
    ::setenv("OTP_POLLER", "poll", 1);
    CHECK_FALSE(is_epoll(poller_kind::automatic));
    CHECK(is_epoll(poller_kind::epoll));
    ::unsetenv("OTP_POLLER");
    CHECK(is_epoll(poller_kind::automatic));
    CHECK_FALSE(is_epoll(poller_kind::poll));
    if (had) ::setenv("OTP_POLLER", before.c_str(), 1);
}

#endif

TEST_CASE("a system without descriptors to give makes no poller, and says why") {
    rlimit files{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
    const rlimit before = files;
    files.rlim_cur = 3;
    for (const auto kind : {poller_kind::automatic, poller_kind::poll}) {
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &files) == 0);
        errno = 0;
        const bool made = make_poller(kind) != nullptr;
        const int failure = errno;
        ::setrlimit(RLIMIT_NOFILE, &before);
        CHECK_FALSE(made);
        CHECK(failure == EMFILE);
    }
}

TEST_CASE("the descriptors of a poller are not inherited by programs") {
    // Whatever this program was started with is none of ours.
    const auto open_now = [] {
        std::vector<int> all;
        for (int fd = 0; fd < 1024; ++fd)
            if (::fcntl(fd, F_GETFD) >= 0) all.push_back(fd);
        return all;
    };
    const auto before = open_now();
    const auto automatic = make_poller();
    const auto second = make_poller(poller_kind::poll);
    REQUIRE(automatic);
    REQUIRE(second);
    (void)automatic->native_fd();
    std::size_t ours = 0;
    for (const int fd : open_now()) {
        if (std::find(before.begin(), before.end(), fd) != before.end()) continue;
        ++ours;
        CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    }
    CHECK(ours >= 4);
}

}  // namespace tests::poller
