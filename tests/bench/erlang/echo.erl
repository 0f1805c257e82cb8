%% An echo server, a process for each connection. Prints `port <n>` when it listens and serves until it is killed.
-module(echo).
-export([main/0]).

accept(Listener) ->
    {ok, Socket} = gen_tcp:accept(Listener),
    Pid = spawn(fun() -> receive go -> echo(Socket) end end),
    ok = gen_tcp:controlling_process(Socket, Pid),
    Pid ! go,
    accept(Listener).

echo(Socket) ->
    case gen_tcp:recv(Socket, 0) of
        {ok, Data} ->
            case gen_tcp:send(Socket, Data) of
                ok -> echo(Socket);
                {error, _} -> gen_tcp:close(Socket)
            end;
        {error, _} -> gen_tcp:close(Socket)
    end.

main() ->
    {ok, Listener} = gen_tcp:listen(0, [binary, {active, false}, {nodelay, true}, {backlog, 4096}, {ip, {127, 0, 0, 1}},
                                        {buffer, bench:number("buffer", 4096)}]),
    {ok, Port} = inet:port(Listener),
    io:format("port ~b~n", [Port]),
    accept(Listener).
