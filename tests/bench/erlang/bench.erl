%% What every Erlang benchmark here shares: options, clock, report, memory. See ../common.hpp.
-module(bench).
-export([count/2, number/2, seconds/1, report/3, rss/0, peak_rss/0]).

count(Full, Few) ->
    number("count", case lists:member("--small", init:get_plain_arguments()) of true -> Few; false -> Full end).

number(Name, Otherwise) ->
    Prefix = "--" ++ Name ++ "=",
    case [lists:nthtail(length(Prefix), W) || W <- init:get_plain_arguments(), lists:prefix(Prefix, W)] of
        [Text | _] -> list_to_integer(Text);
        [] -> Otherwise
    end.

seconds(Fun) ->
    Start = erlang:monotonic_time(),
    Fun(),
    (erlang:monotonic_time() - Start) / erlang:convert_time_unit(1, second, native).

report(Name, Value, Unit) -> io:format("~s ~p ~s~n", [Name, float(Value), Unit]).

%% In bytes.
rss() -> status("VmRSS").
peak_rss() -> status("VmHWM").

status(Field) ->
    {ok, Text} = file:read_file("/proc/self/status"),
    {match, [KiB]} = re:run(Text, Field ++ ":\\s*(\\d+) kB", [{capture, all_but_first, list}]),
    list_to_integer(KiB) * 1024.
