%% ping_pong: two processes throw a ball to and fro; the time of a round trip.
-module(ping_pong).
-export([main/0]).

pong() -> receive {ball, From, Left} -> From ! {ball, self(), Left}, pong() end.

ping(_, 0) -> done;
ping(Other, Left) ->
    Other ! {ball, self(), Left},
    receive {ball, Other, Left} -> ping(Other, Left - 1) end.

main() ->
    Rounds = bench:count(500000, 5000),
    Other = spawn(fun pong/0),
    Seconds = bench:seconds(fun() ->
        {Pid, Ref} = spawn_monitor(fun() -> ping(Other, Rounds) end),
        receive {'DOWN', Ref, process, Pid, normal} -> ok end
    end),
    bench:report("ping_pong", Seconds * 1.0e9 / Rounds, "ns").
