// A hundred clients at once for the echo server, each a coroutine: sends, checks what comes back, waits a moment.
// Arguments: host, port, clients, rounds.
#include <otp/socket_server.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

using namespace std::chrono_literals;

struct outcome {
    int client;
    int echoes;
    std::string error;
};

otp::task<> talk(int client, std::string host, int port, int rounds, otp::recipient<outcome> report) {
    outcome mine{client, 0, {}};
    auto socket = co_await otp::tcp::async_connect(host, port, 5s);
    if (!socket) mine.error = socket.error().to_string();
    while (mine.error.empty() && mine.echoes < rounds) {
        const std::string message = "message " + std::to_string(mine.echoes) + " of client " + std::to_string(client) + '\n';
        if (auto sent = co_await socket->send(message); !sent) {
            mine.error = sent.error().to_string();
            break;
        }
        auto answer = co_await socket->recv(message.size(), 5s);
        if (!answer) mine.error = answer.error().to_string();
        else if (answer->view() != message) mine.error = "a wrong echo: " + answer->str();
        else ++mine.echoes;
        co_await otp::sleep_for(50ms);
    }
    report.send(mine);
}

int main(int argc, char** argv) {
    const std::string host = argc > 1 ? argv[1] : "127.0.0.1";
    const int port = argc > 2 ? std::atoi(argv[2]) : 7000;
    const int clients = argc > 3 ? std::atoi(argv[3]) : 100;
    const int rounds = argc > 4 ? std::atoi(argv[4]) : 40;

    otp::runtime rt;
    const otp::use here{rt};
    otp::inbox<outcome> reports;
    const auto begun = otp::now();
    for (int i = 0; i < clients; ++i) otp::spawn(talk, i, host, port, rounds, otp::recipient<outcome>(reports));

    int echoes = 0;
    int failed = 0;
    for (int i = 0; i < clients; ++i) {
        const auto report = std::get<outcome>(*reports.receive());
        echoes += report.echoes;
        if (report.error.empty()) continue;
        ++failed;
        std::fprintf(stderr, "client %d: %s\n", report.client, report.error.c_str());
    }
    const auto took = std::chrono::duration<double>(otp::now() - begun).count();
    std::printf("%d clients, %d right echoes of %d, %d clients failed, %.2f s\n", clients, echoes, clients * rounds, failed, took);
    return failed == 0 && echoes == clients * rounds ? 0 : 1;
}
