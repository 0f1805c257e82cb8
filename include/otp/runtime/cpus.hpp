// How many processors this program may use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#endif

#include "otp/base/order.hpp"
#include "otp/config.hpp"

namespace otp::inline OTP_ABI::exec {

/// The text of a small file; empty if there is none.
[[nodiscard]] inline std::string small_file(const std::string& path) {
    std::string text;
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return text;
    char piece[4096];
    for (ssize_t n; (n = ::read(fd, piece, sizeof piece)) > 0;) text.append(piece, static_cast<std::size_t>(n));
    ::close(fd);
    return text;
}

/// The processors of a quota in a control group's file, rounded up: "200000 100000" are 2. 0: no limit.
[[nodiscard]] inline std::size_t cpus_of_quota(std::string_view quota, std::string_view period) {
    const std::string q{quota};
    const std::string p{period};
    const long long have = std::atoll(q.c_str());  // "max" and "-1" are none
    const long long of = std::atoll(p.c_str());
    if (have <= 0 || of <= 0) return 0;
    return static_cast<std::size_t>((have + of - 1) / of);
}

/// The smallest quota of the control group that `membership` (the text of /proc/self/cgroup) names, and of those around
/// it, where groups are mounted at `root`; both versions. 0: no limit.
[[nodiscard]] inline std::size_t cpus_of_group(std::string_view membership, const std::string& root) {
    std::size_t least = 0;
    const auto note = [&least](std::size_t n) {
        if (n != 0 && (least == 0 || n < least)) least = n;
    };
    while (!membership.empty()) {
        const std::string_view line = membership.substr(0, membership.find('\n'));
        membership.remove_prefix(base::min(line.size() + 1, membership.size()));
        // number:controllers:path; version 2 has number 0 and no controllers
        const auto first = line.find(':');
        const auto second = line.find(':', first == line.npos ? first : first + 1);
        if (second == line.npos) continue;
        const std::string_view controllers = line.substr(first + 1, second - first - 1);
        const bool unified = controllers.empty();
        const std::string listed = ',' + std::string{controllers} + ',';
        if (!unified && listed.find(",cpu,") == listed.npos) continue;
        std::string mount = root;
        if (!unified) mount.append(1, '/').append(controllers);
        for (std::string path{line.substr(second + 1)};;) {
            while (!path.empty() && path.back() == '/') path.pop_back();
            const std::string group = mount + path;
            if (unified) {
                const std::string both = small_file(group + "/cpu.max");
                const auto space = base::min(both.find(' '), both.size());
                note(cpus_of_quota(both.substr(0, space), both.substr(space)));
            } else {
                note(cpus_of_quota(small_file(group + "/cpu.cfs_quota_us"), small_file(group + "/cpu.cfs_period_us")));
            }
            if (path.empty()) break;
            path.erase(base::min(path.rfind('/'), path.size()));
        }
    }
    return least;
}

/// The processors of the affinity mask, or fewer if a control group's quota says so; at least 1.
[[nodiscard]] inline std::size_t usable_cpus() {
    std::size_t count = 0;
#if defined(__linux__)
    // The kernel refuses a mask that is too short for the machine.
    for (std::size_t most = 1024; count == 0 && most <= (std::size_t{1} << 20); most *= 4) {
        const std::size_t bytes = CPU_ALLOC_SIZE(most);
        cpu_set_t* const set = CPU_ALLOC(most);
        if (!set) break;
        if (::sched_getaffinity(0, bytes, set) == 0) count = static_cast<std::size_t>(CPU_COUNT_S(bytes, set));
        CPU_FREE(set);
    }
    const std::size_t quota = cpus_of_group(small_file("/proc/self/cgroup"), "/sys/fs/cgroup");
    if (quota != 0 && count > quota) count = quota;
#endif
    if (count == 0) count = static_cast<std::size_t>(base::max(::sysconf(_SC_NPROCESSORS_ONLN), 1L));
    return count;
}

}  // namespace otp::inline OTP_ABI::exec
