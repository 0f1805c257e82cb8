// The functions of otp::simulation that start, spawn and find processes.
#pragma once

#include <utility>

#include "otp/behaviour/gen_server/start.hpp"
#include "otp/process/spawn.hpp"
#include "otp/runtime/simulation.hpp"

namespace otp::inline OTP_ABI {

template <class T, class... A>
auto simulation::start(A&&... args) {
    return behaviour::start_on<proc::bond::none, T>(executor(), std::forward<A>(args)...);
}
template <class T, class... A>
auto simulation::start(const start_options& options, A&&... args) {
    return behaviour::start_on<proc::bond::none, T>(executor(), options, std::forward<A>(args)...);
}
template <class T, class... A>
auto simulation::start_link(A&&... args) {
    return behaviour::start_on<proc::bond::linked, T>(executor(), std::forward<A>(args)...);
}
template <class T, class... A>
auto simulation::start_link(const start_options& options, A&&... args) {
    return behaviour::start_on<proc::bond::linked, T>(executor(), options, std::forward<A>(args)...);
}
template <class T, class... A>
auto simulation::start_monitor(A&&... args) {
    return behaviour::start_on<proc::bond::monitored, T>(executor(), std::forward<A>(args)...);
}
template <class T, class... A>
auto simulation::start_monitor(const start_options& options, A&&... args) {
    return behaviour::start_on<proc::bond::monitored, T>(executor(), options, std::forward<A>(args)...);
}
template <class F, class... A>
auto simulation::spawn(F&& body, A&&... args) {
    return proc::spawn_in(executor(), proc::bond::none, std::forward<F>(body), std::forward<A>(args)...).process;
}
template <class F, class... A>
auto simulation::spawn_link(F&& body, A&&... args) {
    return proc::spawn_in(executor(), proc::bond::linked, std::forward<F>(body), std::forward<A>(args)...).process;
}
template <class F, class... A>
auto simulation::spawn_monitor(F&& body, A&&... args) {
    auto spawned = proc::spawn_in(executor(), proc::bond::monitored, std::forward<F>(body), std::forward<A>(args)...);
    return monitored_pid{std::move(spawned.process), monitor_ref{spawned.monitor}};
}
template <class Task>
auto simulation::run(Task task) {
    return proc::run_in(executor(), std::move(task));
}

template <class Name>
auto simulation::whereis(const Name& name) {
    return behaviour::whereis_on(executor(), name);
}

}  // namespace otp::inline OTP_ABI
