// The server of channels that the OTP documentation begins with: gives out numbers, takes them back, cleans up at its end.
#include <otp/gen_server.hpp>

#include <cstdio>
#include <optional>
#include <set>

struct channels {
    struct alloc_request { using reply_type = std::optional<int>; };
    struct free_message { int channel; };

    // What a client calls: it sees no messages.
    struct interface : otp::client<channels> {
        otp::result<std::optional<int>> alloc() const { return call(alloc_request{}); }
        void free(int channel) const { cast(free_message{channel}); }
    };

    void init(int count) {
        for (int channel = 1; channel <= count; ++channel) available.insert(channel);
        std::printf("ch3: begins with %d channels\n", count);
    }
    std::optional<int> handle_call(alloc_request) {
        if (available.empty()) return std::nullopt;
        const int channel = *available.begin();
        available.erase(available.begin());
        taken.insert(channel);
        return channel;
    }
    void handle_cast(free_message m) {
        if (taken.erase(m.channel) != 0) available.insert(m.channel);
    }
    void terminate(const otp::reason& why) {
        std::printf("ch3: ends (%s), %zu channels were not given back\n", why.to_string().c_str(), taken.size());
    }

    std::set<int> available;
    std::set<int> taken;
};

inline constexpr otp::name<channels> ch3{"ch3"};

void show(const otp::result<std::optional<int>>& answer) {
    if (!answer) std::printf("alloc: %s\n", answer.error().to_string().c_str());
    else if (*answer) std::printf("alloc: channel %d\n", **answer);
    else std::printf("alloc: none is free\n");
}

int main() {
    otp::runtime rt;
    const otp::use here{rt};

    const auto server = otp::start<channels>(ch3, 2);  // returns when init has
    if (!server) return 1;
    const auto again = otp::start<channels>(ch3, 2);
    std::printf("a second start: %s\n", again.error().to_string().c_str());

    show(ch3.alloc());      // by name
    show(server->alloc());  // by handle
    show(ch3.alloc());
    std::printf("free: channel 1\n");
    ch3.free(1);
    show(ch3.alloc());

    const auto stopped = ch3.stop();  // returns when terminate has
    std::printf("stop: %s\n", stopped ? "ok" : stopped.error().to_string().c_str());
    show(ch3.alloc());
    return 0;
}
