%% short_life: a process starts another, which answers and ends; then the next.
-module(short_life).
-export([main/0]).

lives(0) -> done;
lives(Left) ->
    Me = self(),
    spawn(fun() -> Me ! one end),
    receive one -> lives(Left - 1) end.

main() ->
    Lives = bench:count(500000, 5000),
    bench:report("short_life", bench:seconds(fun() -> lives(Lives) end) * 1.0e9 / Lives, "ns").
