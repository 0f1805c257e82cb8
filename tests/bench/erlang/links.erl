%% links: a process links itself to another, monitors it, unlinks and demonitors; the time of the four.
-module(links).
-export([main/0]).

rounds(_, 0) -> done;
rounds(Other, Left) ->
    link(Other),
    Ref = monitor(process, Other),
    unlink(Other),
    demonitor(Ref, [flush]),
    rounds(Other, Left - 1).

main() ->
    Rounds = bench:count(1000000, 10000),
    Other = spawn(fun() -> receive stop -> ok end end),
    bench:report("links", bench:seconds(fun() -> rounds(Other, Rounds) end) * 1.0e9 / Rounds, "ns").
