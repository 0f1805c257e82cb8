// The server under load: a child process that prints `port <n>`, serves, and is killed at the end.
#pragma once

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

#include "../common.hpp"

namespace bench {

class server_process {
public:
    explicit server_process(char** command) {
        int ends[2];
        require(pipe(ends) == 0, "a pipe");
        pid_ = fork();
        require(pid_ >= 0, "a process");
        if (pid_ == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            dup2(ends[1], STDOUT_FILENO);
            close(ends[0]);
            close(ends[1]);
            execvp(command[0], command);
            _exit(127);
        }
        close(ends[1]);
        output_ = fdopen(ends[0], "r");
        char line[128];
        while (port_ == 0 && std::fgets(line, sizeof line, output_) != nullptr) std::sscanf(line, "port %d", &port_);
        if (port_ == 0) fail(std::string{"no port from "} + command[0]);
        require(clock_getcpuclockid(pid_, &clock_) == 0, "the server's clock");
    }
    server_process(const server_process&) = delete;
    server_process& operator=(const server_process&) = delete;
    ~server_process() {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        std::fclose(output_);
    }

    [[nodiscard]] int port() const { return port_; }
    /// Processor time of all its threads, user and system. To the nanosecond, where /proc/<pid>/stat counts in 10 ms.
    [[nodiscard]] double cpu_seconds() const {
        timespec now{};
        clock_gettime(clock_, &now);
        return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
    }
    /// Resident memory in bytes.
    [[nodiscard]] double rss() const { return status_bytes(std::to_string(pid_), "VmRSS"); }

private:
    pid_t pid_ = -1;
    int port_ = 0;
    clockid_t clock_{};
    std::FILE* output_ = nullptr;
};

}  // namespace bench
