// Names of processes.
#include "listener.hpp"

#include <string>
#include <vector>

namespace tests::names {

using namespace std::chrono_literals;
using testing::idle_process;
using testing::listener;
using testing::numbers;
using testing::seen_by;
using testing::stranger;

TEST_CASE("REG-01 a registered name finds its process, for sends and calls too") {
    otp::simulation sim{1};
    const auto s = otp::start<listener>().value();
    CHECK(otp::register_name("n", s.id()));
    CHECK(otp::whereis("n") == s.id());
    constexpr otp::name<listener> name{"n"};
    CHECK(otp::whereis(name).value() == s);
    name.send(1);
    name.cast(2);
    CHECK(name.call(listener::seen{}).value() == numbers{1, 2});
    constexpr otp::name<stranger> other{"n"};
    CHECK(other.resolve().error() == otp::reason::wrong_server);
}

TEST_CASE("REG-02 a name that is taken is refused, to others and to its holder") {
    otp::simulation sim{1};
    const auto p = idle_process(), q = idle_process();
    CHECK(otp::register_name("n", p));
    const auto other = otp::register_name("n", q), same = otp::register_name("n", p);
    CHECK(other.error() == otp::reason::already_started);
    CHECK(other.error().pid() == p);
    CHECK(same.error() == otp::reason::already_started);
    CHECK(otp::register_name("m", p).error() == otp::reason::bad_argument);  // it has one already
    CHECK(otp::registered() == std::vector<std::string>{"n"});
}

TEST_CASE("REG-04 a dead process gets no name") {
    otp::simulation sim{1};
    const auto p = otp::spawn([] {});
    sim.run();
    CHECK(otp::register_name("n", p).error() == otp::reason::noproc);
    CHECK(otp::register_name("n", otp::pid{}).error() == otp::reason::bad_argument);
    CHECK_FALSE(otp::whereis("n"));
}

TEST_CASE("REG-05 an empty name is refused") {
    otp::simulation sim{1};
    CHECK(otp::register_name("", idle_process()).error() == otp::reason::bad_argument);
    CHECK_FALSE(otp::whereis(""));
}

TEST_CASE("REG-06 a name that is given up is free; the process lives on and can take another") {
    otp::simulation sim{1};
    const auto p = idle_process(), q = idle_process();
    CHECK(otp::register_name("n", p));
    CHECK(otp::unregister_name("n"));
    CHECK(otp::is_alive(p));
    CHECK_FALSE(otp::whereis("n"));
    CHECK(otp::register_name("n", q));
    CHECK(otp::register_name("m", p));
    CHECK(otp::registered() == std::vector<std::string>{"m", "n"});
    const auto s = otp::start<listener>({.name = "s"}).value();
    CHECK(otp::sys::get_status(s)->name == "s");
    CHECK(otp::unregister_name("s"));
    CHECK(otp::sys::get_status(s)->name.empty());
}

TEST_CASE("REG-07 an unknown name can't be given up") {
    otp::simulation sim{1};
    CHECK(otp::unregister_name("n").error() == otp::reason::not_found);
}

TEST_CASE("REG-08 any process may give up any name") {
    otp::simulation sim{1};
    const auto p = idle_process();
    CHECK(otp::register_name("n", p));
    CHECK(otp::wait(otp::spawn([] { (void)otp::unregister_name("n").value(); })) == otp::reason::normal);
    CHECK_FALSE(otp::whereis("n"));
}

TEST_CASE("REG-10 of a name that went to a new process: the name reaches the new one, the old pid nobody") {
    otp::simulation sim{1};
    constexpr otp::name<listener> name{"n"};
    const auto old = otp::start<listener>(name).value();
    CHECK(old.stop());
    const auto fresh = otp::start<listener>(name).value();
    name.send(1);
    old.send(2);
    sim.run();
    CHECK(seen_by(fresh) == numbers{1});
    CHECK(old.call(listener::seen{}).error() == otp::reason::noproc);
}

TEST_CASE("REG-11 nobody has an unknown name") {
    otp::simulation sim{1};
    CHECK_FALSE(otp::whereis("n"));
    constexpr otp::name<listener> name{"n"};
    CHECK_FALSE(otp::whereis(name));
    CHECK_FALSE(name.id());
}

TEST_CASE("REG-12 registered lists exactly the living names, sorted") {
    otp::simulation sim{1};
    std::vector<otp::pid> all;
    for (const char* name : {"d", "b", "a", "c"}) {
        all.push_back(idle_process());
        CHECK(otp::register_name(name, all.back()));
    }
    CHECK(otp::registered() == std::vector<std::string>{"a", "b", "c", "d"});
    otp::exit_process(all[1], otp::reason::kill);
    sim.run();
    CHECK(otp::registered() == std::vector<std::string>{"a", "c", "d"});
    // The other runtime's names are its own.
    otp::simulation other{1};
    CHECK(otp::registered().empty());
}

}  // namespace tests::names
