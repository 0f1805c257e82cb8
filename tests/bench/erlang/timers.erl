%% timers: a million timers are armed, then all of them cancelled; the time of each.
-module(timers).
-export([main/0]).

arm(0, Refs) -> Refs;
arm(Left, Refs) -> arm(Left - 1, [erlang:send_after(60000 + Left rem 1000, self(), tick) | Refs]).

main() ->
    Timers = bench:count(1000000, 10000),
    Me = self(),
    spawn(fun() ->
        Seconds = bench:seconds(fun() -> [true = is_integer(erlang:cancel_timer(R)) || R <- arm(Timers, [])] end),
        Me ! {took, Seconds}
    end),
    receive {took, Seconds} -> bench:report("timers", Seconds * 1.0e9 / Timers, "ns") end.
