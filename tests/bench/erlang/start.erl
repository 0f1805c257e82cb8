%% start: gen_server:start, which returns when init has; then stop, not counted.
-module(start).
-behaviour(gen_server).
-export([main/0, init/1, handle_call/3, handle_cast/2]).

init(Number) -> {ok, Number}.
handle_call(_, _From, Number) -> {reply, Number, Number}.
handle_cast(stop, Number) -> {stop, normal, Number}.

%% A thousand at a time, so that it is the start that counts and not the memory of the many.
thousand() ->
    Start = erlang:monotonic_time(nanosecond),
    Pids = [begin {ok, Pid} = gen_server:start(?MODULE, I, []), Pid end || I <- lists:seq(1, 1000)],
    Took = erlang:monotonic_time(nanosecond) - Start,
    Refs = [monitor(process, Pid) || Pid <- Pids],
    [gen_server:cast(Pid, stop) || Pid <- Pids],
    [receive {'DOWN', Ref, process, _, _} -> ok end || Ref <- Refs],
    Took.

main() ->
    Starts = bench:count(200000, 5000),
    bench:report("start", lists:sum([thousand() || _ <- lists:seq(1, Starts div 1000)]) / Starts, "ns").
