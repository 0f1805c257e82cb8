// How a supervisor starts a child without knowing its type: from a callback struct and arguments, or by a factory.
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "otp/base/owned.hpp"
#include "otp/behaviour/gen_server/start.hpp"
#include "otp/process/links.hpp"

namespace otp::inline OTP_ABI {

/// What a child's factory may give instead of the child alone: start_child and restart_child hand the info on, the supervisor ignores
/// it. Erlang's {ok, Pid, Info}.
template <class Handle, class Info>
struct child_and_info {
    Handle child;
    Info info;
};

namespace behaviour {

/// The arguments that one child of a dynamic supervisor gets beside those of the template. Kept for its restarts.
class child_arguments : public ref_counted {
public:
    /// Them as a tuple of this type; null if they are none.
    [[nodiscard]] virtual const void* as(type_id tuple) const noexcept = 0;

protected:
    void dispose() noexcept override { delete this; }
};

/// What a start gives: the process, none for a start that said `ignore`, and the info that came with it, if any.
struct child_birth {
    child_birth() = default;
    child_birth(otp::pid started) noexcept : process{std::move(started)} {}
    otp::pid process;
    intrusive_ptr<const child_arguments> info;
};
template <class Info>
class held_info final : public child_arguments {
public:
    explicit held_info(Info value) : value_{std::move(value)} {}
    const void* as(type_id wanted) const noexcept override { return wanted == type_id_of<Info> ? &value_ : nullptr; }

private:
    Info value_;
};

/// A start that goes on while others do.
class pending_child {
public:
    pending_child() = default;
    pending_child(const pending_child&) = delete;
    pending_child& operator=(const pending_child&) = delete;
    virtual ~pending_child() = default;
    /// What came of it, when nobody waits any more.
    [[nodiscard]] virtual result<child_birth> take(const proc::waiter& by) = 0;
};

/// The start of a server of T, linked to the process that starts it.
template <class T, class... A>
class pending_server final : public pending_child {
    using init = init_call<T, A...>;

public:
    explicit pending_server(std::string_view name, proc::waiter& by, const A&... arguments)
        : fresh_{server_process<T>::make(exec::current_executor())} {
        proc::process& self = *proc::current_process();
        waits_ = proc::chain_link::make(intrusive_ptr<proc::process>::share(&self), proc::chain_link::for_an_end, proc::waiting_for(self));
        auto* call = proc::make_signal<typename init::block>(std::in_place, std::tuple<A...>{arguments...});
        call->ops = &init::ops;
        done_.ref = self.next_wait_ref();
        call->set_caller(self, done_.ref);
        call->chain = waits_;
        done_.what = call->ops;
        self.begin_wait(done_, by);
        proc::launch begin{.name = name, .with_starter = proc::bond::linked, .starter = &self, .first = call, .watching_thread = &self};
        (void)begin(fresh_);  // a failure is the answer of the call
        done_.whom = fresh_->id();
    }
    ~pending_server() override { waits_->end(); }
    result<child_birth> take(const proc::waiter& by) override {
        if (proc::signal* answer = done_.take()) {
            if (auto started = init::block::fetch(answer); !started) return started.error();
            return child_birth{pid{fresh_}};
        }
        proc::unlink(*proc::current_process(), *fresh_);
        exit_process(pid{fresh_}, reason::kill);
        return proc::why_failed(by, "a start");
    }

private:
    intrusive_ptr<proc::process> fresh_;
    intrusive_ptr<proc::chain_link> waits_;  // that the supervisor does so, although not for this start alone
    proc::wait done_;
};

/// Starts one kind of child. Shared by the copies of its specification, so it is only read.
class child_starter : public ref_counted {
public:
    /// In a turn of the supervisor. The new process, or none for a start that said `ignore`. Throws what the user's code throws.
    [[nodiscard]] virtual result<child_birth> start(const std::string& name, const child_arguments* extra) const = 0;

    /// Sets a start going that is one of those `by` waits for; null if this kind of child is only started on its own.
    [[nodiscard]] virtual base::owned<pending_child> launch(const std::string&, proc::waiter&) const { return nullptr; }

protected:
    void dispose() noexcept override { delete this; }
    [[nodiscard]] static reason misfit() { return reason{reason::bad_argument}.with_text("the child can't be started with these arguments"); }
    template <class T>
    [[nodiscard]] static const T* fetch(const child_arguments* extra) noexcept {
        return static_cast<const T*>(extra->as(type_id_of<T>));
    }
};

// The parameters of a function that is neither overloaded nor a template, as they are stored.
template <class Signature>
struct stored_parameters;
template <class R, class... P>
struct stored_parameters<signature<R, P...>> {
    using type = std::tuple<std::decay_t<P>...>;
};

// What is left of a tuple's types behind the first `Skip`; void if it has fewer.
template <std::size_t Skip, class Tuple>
struct tail_of {
    using type = void;
};
template <std::size_t Skip, class... P>
    requires(Skip <= sizeof...(P))
struct tail_of<Skip, std::tuple<P...>> {
    template <std::size_t... I>
    static auto pick(std::index_sequence<I...>) -> std::tuple<std::tuple_element_t<Skip + I, std::tuple<P...>>...>;
    using type = decltype(pick(std::make_index_sequence<sizeof...(P) - Skip>{}));
};

// What init of T takes, where its only form can be seen.
template <class T>
concept shows_init = requires { typename stored_parameters<init_hook::only_signature<T>>::type; };
template <class T>
struct init_parameters {
    using type = void;
};
template <shows_init T>
struct init_parameters<T> {
    using type = typename stored_parameters<init_hook::only_signature<T>>::type;
};
/// What is missing for an init of T that has Given arguments already; void if that can't be seen.
template <class T, std::size_t Given>
using missing_arguments = typename tail_of<Given, typename init_parameters<T>::type>::type;

template <class T, class Tail, class... A>
inline constexpr bool starts_with_tail = false;
template <class T, class... E, class... A>
inline constexpr bool starts_with_tail<T, std::tuple<E...>, A...> = starts_with<T, A..., E...>;

/// A child of T may be started with copies of these, alone or with more behind them.
template <class T, class... A>
concept starts_copies = (std::copy_constructible<A> && ...) &&
                        (starts_with<T, A...> || starts_with_tail<T, missing_arguments<T, sizeof...(A)>, A...>);

template <class T, class... A>
class server_starter final : public child_starter {
    using tail = missing_arguments<T, sizeof...(A)>;

public:
    static constexpr bool starts_alone = starts_with<T, A...>;
    static constexpr bool starts_with_more = starts_with_tail<T, tail, A...>;

    template <class... G>
    explicit server_starter(std::in_place_t, G&&... arguments) : arguments_{std::forward<G>(arguments)...} {}

    result<child_birth> start(const std::string& name, const child_arguments* extra) const override {
        if constexpr (starts_alone)
            if (!extra || extra->as(type_id_of<std::tuple<>>)) return begin(name, std::tuple<>{});
        if constexpr (starts_with_more)
            if (extra)
                if (const tail* more = fetch<tail>(extra)) return begin(name, *more);
        return misfit();
    }
    base::owned<pending_child> launch(const std::string& name, proc::waiter& by) const override {
        if constexpr (starts_alone)
            return std::apply([&](const A&... values) { return base::owned<pending_child>{new pending_server<T, A...>(name, by, values...)}; }, arguments_);
        else return nullptr;
    }

private:
    template <class More>
    [[nodiscard]] result<child_birth> begin(const std::string& name, const More& more) const {
        return std::apply(
            [&](const auto&... values) -> result<child_birth> {
                auto started = start_on<proc::bond::linked, T>(exec::current_executor(), start_options{.name = name}, values...);
                if (!started) return started.error();
                return child_birth{started->id()};
            },
            std::tuple_cat(arguments_, more));
    }
    std::tuple<A...> arguments_;
};

// ---- factories

template <class R>
struct started_child {};  // what a factory may not return
template <class T>
struct started_child<result<T>> : started_child<T> {};
template <class T>
struct started_child<server<T>> {
    using type = T;
    using info = void;
};
template <>
struct started_child<pid> {
    using type = void;
    using info = void;
};
template <class Handle, class Info>
struct started_child<child_and_info<Handle, Info>> : started_child<Handle> {
    using info = Info;
};

template <class F>
auto call_signature(F*) -> decltype(signature_of(&F::operator()));
template <class R, class... P>
auto call_signature(R (**)(P...)) -> signature<R, P...>;
/// The parameters of a factory as a tuple; without one form that can be seen it is none.
template <class F>
using factory_parameters = typename stored_parameters<decltype(call_signature(static_cast<F*>(nullptr)))>::type;
template <class F, class Tuple>
struct made_by {};
template <class F, class... P>
    requires requires { typename started_child<std::invoke_result_t<const F&, const P&...>>::type; }
struct made_by<F, std::tuple<P...>> {
    using type = typename started_child<std::invoke_result_t<const F&, const P&...>>::type;
    using info = typename started_child<std::invoke_result_t<const F&, const P&...>>::info;
};
/// A function object that gives a result of a server (or a server, or a pid), linked to the process that calls it.
template <class F>
concept child_factory = requires { typename made_by<F, factory_parameters<F>>::type; };

template <child_factory F>
class factory_starter final : public child_starter {
    using parameters = factory_parameters<F>;

public:
    explicit factory_starter(F make) : make_{std::move(make)} {}

    result<child_birth> start(const std::string& name, const child_arguments* extra) const override {
        if constexpr (std::tuple_size_v<parameters> == 0) {
            if (!extra || extra->as(type_id_of<std::tuple<>>)) return named(as_birth(make_()), name);
        } else if (extra) {
            if (const parameters* given = fetch<parameters>(extra)) return named(as_birth(std::apply(make_, *given)), name);
        }
        return misfit();
    }

private:
    template <class R>
    [[nodiscard]] static result<child_birth> as_birth(result<R> made) {
        if (!made) return made.error();
        return as_birth(std::move(*made));
    }
    template <class T>
    [[nodiscard]] static result<child_birth> as_birth(const server<T>& made) {
        return child_birth{made.id()};
    }
    [[nodiscard]] static result<child_birth> as_birth(pid made) { return child_birth{std::move(made)}; }
    template <class Handle, class Info>
    [[nodiscard]] static result<child_birth> as_birth(child_and_info<Handle, Info> made) {
        child_birth born{pid{made.child}};
        born.info = intrusive_ptr<const child_arguments>::adopt(new held_info<Info>{std::move(made.info)});
        return born;
    }
    [[nodiscard]] static result<child_birth> named(result<child_birth> made, const std::string& name) {
        if (!made || name.empty() || !made->process) return made;
        auto entered = proc::node::of(exec::current_executor()).names().enter(name, *made->process.block());
        if (entered) return made;
        exit_process(made->process, reason::kill);
        return entered.error();
    }
    F make_;
};

}  // namespace behaviour
}  // namespace otp::inline OTP_ABI
