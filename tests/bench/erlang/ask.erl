%% ask: gen_server:call between two processes. ask_8: eight processes call the same server. With the usual 5 s time-out.
-module(ask).
-behaviour(gen_server).
-export([main/0, init/1, handle_call/3, handle_cast/2]).

init(Count) -> {ok, Count}.
handle_call(get, _From, Count) -> {reply, Count + 1, Count + 1}.
handle_cast(_, Count) -> {noreply, Count}.

client(_, 0) -> done;
client(Server, Left) -> gen_server:call(Server, get), client(Server, Left - 1).

ask(Clients, Asks) ->
    {ok, Server} = gen_server:start(?MODULE, 0, []),
    Seconds = bench:seconds(fun() ->
        All = [spawn_monitor(fun() -> client(Server, Asks) end) || _ <- lists:seq(1, Clients)],
        [receive {'DOWN', Ref, process, Pid, normal} -> ok end || {Pid, Ref} <- All]
    end),
    Expected = Clients * Asks + 1,
    Expected = gen_server:call(Server, get),
    Seconds.

main() ->
    Asks = bench:count(400000, 4000),
    bench:report("ask", ask(1, Asks) * 1.0e9 / Asks, "ns"),
    bench:report("ask_8", Asks / ask(8, Asks div 8), "/s").
