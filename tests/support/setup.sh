# Packages that the project's scripts need; sourced by them. On Debian and Ubuntu root gets what is missing installed,
# elsewhere it is named.
missing=()
root=$(id -u)

# need PACKAGE COMMAND…: the package is missing if the command fails.
need() {
    local package=$1
    shift
    [[ " ${missing[*]} " == *" $package "* ]] || "$@" >/dev/null 2>&1 || missing+=("$package")
}

has() { command -v "$1"; }
has_header() { echo "#include <$1>" | "${CXX:-g++}" -std=c++20 -E -x c++ -o /dev/null -; }
clang_works() { echo 'int main() {}' | "$(newest_clang)" -x c++ -fsanitize=thread -o /dev/null -; }

# The clang that the tests use: 16, else a newer one.
newest_clang() {
    local name
    for name in clang++-16 clang++ clang++-{17..30}; do
        if [[ $("$name" -dumpversion 2>/dev/null) =~ ^([0-9]+) && ${BASH_REMATCH[1]} -ge 16 ]]; then
            echo "$name"
            return
        fi
    done
    return 1
}

need_compiler() {
    need g++ has "${CXX:-g++}"
    need cmake has cmake
    need ninja-build has ninja
}

need_doctest() { need doctest-dev has_header doctest/doctest.h; }

need_clang() { need clang clang_works; }

need_packagers() {
    need make has make
    need meson has meson
    need pkg-config has pkg-config
}

# What the benchmarks compare with.
need_rivals() {
    need libcaf-dev has_header caf/all.hpp
    need libasio-dev has_header asio.hpp
    need libuv1-dev has_header uv.h
    need erlang-base has erl
}

get_missing() {
    [ ${#missing[@]} -eq 0 ] && return
    if [ "$root" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "missing (by the names of Debian's packages): ${missing[*]}" >&2
        exit 1
    fi
    local log packages=("${missing[@]}") i
    log=$(mktemp)
    echo "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    if ! apt-get -q update >"$log" 2>&1; then
        cat "$log" >&2
        exit 1
    fi
    for i in "${!packages[@]}"; do
        [ "${packages[i]}" = clang ] || continue
        if apt-cache show clang-16 libclang-rt-16-dev >/dev/null 2>&1; then
            packages[i]=clang-16
            packages+=(libclang-rt-16-dev)
        else
            packages+=(libclang-rt-dev)
        fi
    done
    if ! apt-get -q -y --no-install-recommends install "${packages[@]}" >"$log" 2>&1; then
        cat "$log" >&2
        exit 1
    fi
    rm -f "$log"
    missing=()
}
