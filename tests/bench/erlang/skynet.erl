%% skynet: a process makes ten, each makes ten, down to a million leaves, and the sum of their numbers comes back up.
-module(skynet).
-export([main/0]).

node(Parent, Number, 1) -> Parent ! Number;
node(Parent, Number, Size) ->
    Me = self(),
    Part = Size div 10,
    [spawn(fun() -> node(Me, Number + I * Part, Part) end) || I <- lists:seq(0, 9)],
    Parent ! lists:sum([receive Sum -> Sum end || _ <- lists:seq(1, 10)]).

main() ->
    Leaves = bench:count(1000000, 10000),
    Me = self(),
    Expected = Leaves * (Leaves - 1) div 2,
    Seconds = bench:seconds(fun() ->
        spawn(fun() -> node(Me, 0, Leaves) end),
        receive Expected -> ok end
    end),
    bench:report("skynet", Seconds, "s"),
    bench:report("skynet_peak", bench:peak_rss() / 1048576, "MiB").
