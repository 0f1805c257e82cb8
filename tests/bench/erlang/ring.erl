%% ring: a token goes round 503 processes; the time of a hop.
-module(ring).
-export([main/0]).

member() -> receive {join, Next} -> member(Next) end.
member(Next) ->
    receive
        {token, 0} -> done;
        {token, Left} -> Next ! {token, Left - 1}, member(Next)
    end.

main() ->
    Members = 503,
    Hops = bench:count(1000000, 10000),
    Ring = [First | Rest] = [spawn(fun member/0) || _ <- lists:seq(1, Members)],
    [Pid ! {join, Next} || {Pid, Next} <- lists:zip(Ring, Rest ++ [First])],
    Last = lists:nth(Hops rem Members + 1, Ring),
    Ref = monitor(process, Last),
    Seconds = bench:seconds(fun() ->
        First ! {token, Hops},
        receive {'DOWN', Ref, process, Last, normal} -> ok end
    end),
    bench:report("ring", Seconds * 1.0e9 / Hops, "ns").
