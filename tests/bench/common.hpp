// What every C++ benchmark here shares: options, clock, report, memory. C++17, as the peers' programs include it too.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace bench {

/// Ends the program: a benchmark whose result is wrong has no time worth reporting.
[[noreturn]] inline void fail(const std::string& why) {
    std::fprintf(stderr, "benchmark failed: %s\n", why.c_str());
    std::exit(1);
}

inline void require(bool holds, const char* what) {
    if (!holds) fail(what);
}

/// The command line: `--name=value` and `--small`, which asks for a run of well under a second.
class options {
public:
    options(int argc, char** argv) : words_(argv + 1, argv + argc) {}

    [[nodiscard]] bool small() const { return has("small"); }
    [[nodiscard]] bool has(const std::string& name) const {
        for (const auto& word : words_)
            if (word == "--" + name) return true;
        return false;
    }
    [[nodiscard]] std::string text(const std::string& name, const std::string& otherwise) const {
        const auto prefix = "--" + name + "=";
        for (const auto& word : words_)
            if (word.compare(0, prefix.size(), prefix) == 0) return word.substr(prefix.size());
        return otherwise;
    }
    [[nodiscard]] int number(const std::string& name, int otherwise) const {
        const auto found = text(name, "");
        return found.empty() ? otherwise : std::atoi(found.c_str());
    }
    /// How often to repeat: `--count=n`, else `full`, or `few` with --small.
    [[nodiscard]] int count(int full, int few) const { return number("count", small() ? few : full); }

private:
    std::vector<std::string> words_;
};

/// Runs from its construction.
class stopwatch {
public:
    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }
    [[nodiscard]] double ns_each(double count) const { return seconds() * 1e9 / count; }
    [[nodiscard]] double per_second(double count) const { return count / seconds(); }

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// One line of the result: `name value unit`. A unit that ends in "/s" is better the larger the value, any other the
/// smaller.
inline void report(const std::string& name, double value, const char* unit) {
    std::printf("%s %.9g %s\n", name.c_str(), value, unit);
    std::fflush(stdout);
}

/// A field of /proc/<who>/status that is in kB, in bytes; 0 if there is none. Not getrusage: its peak survives exec.
inline double status_bytes(const std::string& who, const char* field) {
    auto* file = std::fopen(("/proc/" + who + "/status").c_str(), "r");
    if (file == nullptr) return 0;
    char line[256];
    double found = 0;
    while (std::fgets(line, sizeof line, file) != nullptr)
        if (std::strncmp(line, field, std::strlen(field)) == 0) found = std::atof(line + std::strlen(field) + 1) * 1024;
    std::fclose(file);
    return found;
}

/// Resident memory of this program in bytes: at its largest, and now.
inline double peak_rss() { return status_bytes("self", "VmHWM"); }
inline double rss() { return status_bytes("self", "VmRSS"); }
inline constexpr double mib = 1024 * 1024;

}  // namespace bench
