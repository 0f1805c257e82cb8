%% cast_<n>: n processes flood one gen_server, which counts. cast_<n>_peak: the memory that took.
-module(cast).
-behaviour(gen_server).
-export([main/0, init/1, handle_call/3, handle_cast/2]).

init(Expected) -> {ok, Expected}.
handle_call(_, _From, Left) -> {reply, ok, Left}.
handle_cast({number, _}, 1) -> {stop, normal, 0};
handle_cast({number, _}, Left) -> {noreply, Left - 1}.

producer(_, 0) -> done;
producer(Server, Left) -> gen_server:cast(Server, {number, Left}), producer(Server, Left - 1).

main() ->
    Producers = bench:number("producers", 1),
    Each = bench:count(10000000, 100000) div Producers,
    Name = "cast_" ++ integer_to_list(Producers),
    Seconds = bench:seconds(fun() ->
        {ok, {Server, Ref}} = gen_server:start_monitor(?MODULE, Each * Producers, []),
        [spawn(fun() -> producer(Server, Each) end) || _ <- lists:seq(1, Producers)],
        receive {'DOWN', Ref, process, Server, normal} -> ok end
    end),
    bench:report(Name, Each * Producers / Seconds, "/s"),
    bench:report(Name ++ "_peak", bench:peak_rss() / 1048576, "MiB").
