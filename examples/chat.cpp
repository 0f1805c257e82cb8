// A chat: the room is a gen_server, and so is each connection, which hears of its client and of the room as it comes.
// Try it with several `nc localhost 7000`; an optional argument is another port.
#include <otp/socket_server.hpp>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

struct line {
    std::string text;
};

struct room {
    struct join { otp::recipient<line> who; otp::pid session; };
    struct say { otp::pid who; std::string text; };

    void handle_cast(join j) {
        tell_all("* somebody came");
        const auto watch = otp::monitor(j.session);
        members.insert_or_assign(watch, member{j.session, std::move(j.who)});
    }
    void handle_cast(const say& s) {
        for (const auto& [watch, m] : members)
            if (m.session != s.who) m.who.send(line{s.text});
    }
    void handle_info(const otp::down& d) {
        members.erase(d.ref);
        tell_all("* somebody left");
    }

private:
    struct member {
        otp::pid session;
        otp::recipient<line> who;
    };
    void tell_all(const std::string& text) {
        for (const auto& [watch, m] : members) m.who.send(line{text});
    }
    std::map<otp::monitor_ref, member> members;
};

struct session {
    void init(otp::tcp::socket connection, otp::server<room> joined) {
        socket = std::move(connection);
        house = joined;
        house.cast(room::join{otp::server<session>{otp::self().shared()}, otp::self()});
        socket.active(true);
    }
    void handle_info(const otp::tcp::data& d) {
        unfinished += d.bytes.view();
        for (auto end = unfinished.find('\n'); end != std::string::npos; end = unfinished.find('\n')) {
            house.cast(room::say{otp::self(), unfinished.substr(0, end)});
            unfinished.erase(0, end + 1);
        }
    }
    otp::task<> handle_info(line l) {
        const std::string text = l.text + '\n';
        (void)co_await socket.send(text);
    }
    otp::next handle_info(otp::tcp::closed) { return otp::stop(otp::reason::normal); }
    otp::next handle_info(otp::tcp::error) { return otp::stop(otp::reason::normal); }

private:
    otp::tcp::socket socket;
    otp::server<room> house;
    std::string unfinished;
};

int main(int argc, char** argv) {
    otp::runtime rt;
    const otp::use here{rt};
    const auto house = otp::start<room>();
    if (!house) return 1;
    const auto server = otp::serve<session>({.port = argc > 1 ? std::atoi(argv[1]) : 7000, .name = "chat"}, *house);
    if (!server) {
        std::fprintf(stderr, "chat: %s\n", server.error().to_string().c_str());
        return 1;
    }
    std::printf("Listening on port %d\n", server->port());
    std::fflush(stdout);
    otp::wait_for_signal();
    return server->stop() ? 0 : 1;
}
