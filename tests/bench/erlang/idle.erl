%% idle: a million gen_servers that do nothing yet; the time to start them and the memory of each.
-module(idle).
-behaviour(gen_server).
-export([main/0, init/1, handle_call/3, handle_cast/2]).

init(Number) -> {ok, Number}.
handle_call(get, _From, Number) -> {reply, Number, Number}.
handle_cast(_, Number) -> {noreply, Number}.

start(0, Pids) -> Pids;
start(Left, Pids) -> {ok, Pid} = gen_server:start(?MODULE, Left, []), start(Left - 1, [Pid | Pids]).

main() ->
    Servers = bench:count(1000000, 10000),
    Before = bench:rss(),
    Start = erlang:monotonic_time(nanosecond),
    [Last | _] = start(Servers, []),
    bench:report("idle", (erlang:monotonic_time(nanosecond) - Start) / 1.0e9, "s"),
    bench:report("idle_bytes", (bench:rss() - Before) / Servers, "B"),
    1 = gen_server:call(Last, get).
