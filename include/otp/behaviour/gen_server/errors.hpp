// What is wrong with a program, as sentences in the user's own types. None of these is ever defined: an entry point
// that finds a mistake asks for the size of one, and the compiler's only error line names it.
#pragma once

// Not in the inline namespace: nothing here has a layout, and the text that users read and search for stays the same.
// Compilers print the line of the declaration as well, so the comment on it is part of the message.
namespace otp::error {

// requests and messages
template <class Request> struct request_names_no_reply_type;  // `using reply_type = …;` in it, or specialise otp::reply_of
template <class Request, class Reply> struct reply_type_is_no_object_type_nor_void;  // complete, movable, no const, no otp::reason
template <class Message> struct message_is_not_movable;
template <class Message> struct message_has_a_throwing_destructor;
template <class Message, class... Args> struct message_cannot_be_made_from;

// handle_call
template <class Server, class Request> struct no_handle_call_for;  // nothing takes exactly this type
template <class Server, class Request> struct handle_call_is_private_or_not_exactly_for;  // a conversion doesn't count
template <class Server, class Request, class Returned, class Promised> struct handle_call_returns_another_type;
template <class Server, class Request, class Returned> struct handle_call_with_from_returns_another_type;  // void, otp::next, otp::replied
template <class Request, class Given, class Promised> struct reply_is_of_another_type;  // caller.reply(…) of an otp::from
template <class Server> struct handle_call_has_the_wrong_form;  // (request) or (request, otp::from<request>)

// handle_cast, handle_info, handle_continue
template <class Server, class Message> struct no_handle_cast_for;
template <class Server, class Message> struct handle_cast_is_private_or_not_exactly_for;
template <class Server, class Message, class Returned> struct handle_cast_returns_another_type;  // void or otp::next
template <class Server> struct handle_cast_has_the_wrong_form;  // one message
template <class Server, class Message> struct no_handle_info_for;
template <class Server, class Message> struct handle_info_is_private_or_not_exactly_for;
template <class Server, class Message, class Returned> struct handle_info_returns_another_type;  // void or otp::next
template <class Server> struct handle_info_has_the_wrong_form;  // one message
template <class Server, class Message> struct no_handle_continue_for;
template <class Server, class Message> struct handle_continue_is_private_or_not_exactly_for;
template <class Server, class Message, class Returned> struct handle_continue_returns_another_type;  // void or otp::next
template <class Server> struct handle_continue_has_the_wrong_form;  // one message

// any handler
template <class Server, class Message> struct handler_takes_message_by_mutable_reference;  // by value, const& or &&
template <class Server, class Message> struct coroutine_handler_takes_message_by_reference;  // by value: it outlives the call
template <class Server, class Message> struct two_handlers_for;  // one form only: by value, const&, &&, or with otp::from

// init and the constructor
template <class Server, class... Args> struct init_does_not_take;
template <class Server, class... Args> struct init_is_private_or_does_not_take;
template <class Server, class Returned> struct init_returns_another_type;  // void or otp::init_result
template <class Server> struct coroutine_init_takes_argument_by_reference;
template <class Server> struct server_with_init_has_no_default_constructor;
template <class Server, class... Args> struct constructor_does_not_take;
template <class Argument> struct start_argument_cannot_be_copied;  // the server gets its own: std::move it

// the other hooks
template <class Server> struct server_is_no_class_type;
template <class Server> struct server_is_only_declared;
template <class Server> struct server_has_no_public_destructor;
template <class Server> struct terminate_has_the_wrong_form;      // void terminate(const otp::reason&), public, no coroutine
template <class Server> struct format_status_has_the_wrong_form;  // void format_status(otp::status&) const, public
template <class Server, class Request> struct interleaves_names_what_no_handle_call_takes;
template <class New, class Old, class... Extra> struct no_code_change_from;
template <class New, class Old, class... Extra> struct code_change_has_the_wrong_form;  // static, (Old&&, Extra), exact, public
template <class New, class Returned> struct code_change_returns_another_type;           // otp::result<New>
template <class New, class Message> struct messages_names_what_no_handler_takes;

// sys::get_state, with_state, replace_state
template <class Server> struct state_cannot_be_copied;  // sys::with_state(server, [](const Server&) {…})
template <class Function, class State> struct function_does_not_take_state;

// debug functions
template <class Function> struct debug_function_with_captures_needs_an_id;  // sys::install(server, "id", function, initial)
template <class Function, class State> struct debug_function_does_not_take_state_event_and_name;  // f(State&, const sys::event&, std::string_view) → void, sys::verdict

// arguments of the entry points
template <class Limit> struct time_limit_is_no_duration;  // 200ms, or otp::infinity

// g++ 12 destroys an aggregate temporary in a co_await expression twice, so the request is built by its arguments:
// co_await server.ask<Request>(arguments...)
namespace a_temporary_in_co_await_is_unsafe_write {
template <class Request> struct ask;  // co_await server.ask<Request>(arguments...)
}

}  // namespace otp::error
