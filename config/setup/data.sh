# shellcheck shell=bash
# The data folder of ./run: made, recognised, deleted. Sourced after setup.sh; tests/fault/fresh.test.ts does so, too.

# A data folder of ours carries this file; nothing else is ever deleted.
MARKER=.tidemark-data

# Whether a server of ours or its MariaDB still works in the folder: one of them holds a lock there, or lives by its pid.
in_use() {
    local file pid
    for file in "$1"/run/*lock; do
        [ -f "$file" ] && ! flock -n "$file" true && return 0
    done
    for file in "$1"/run/*.pid "$1"/mariadb/*.pid; do
        [ -f "$file" ] || continue
        pid=$(tr -cd 0-9 <"$file")
        [ -n "$pid" ] && [ -d "/proc/$pid" ] && grep -qaF -- "$1" "/proc/$pid/cmdline" && return 0
    done
    return 1
}

# begin_afresh FOLDER: deletes it, if it is one of ours that nobody uses; else ends the caller with 1.
begin_afresh() {
    local data=$1
    [ -e "$data" ] || return 0
    if [ -n "$(ls -A -- "$data")" ]; then
        [ -f "$data/$MARKER" ] || fail "--fresh: $data does not look like a data folder of Tidemark's; not touched." 1
        in_use "$(readlink -f "$data")" && fail "--fresh: a server still uses $data; stop it first." 1
        say "Deleting the data folder $data (--fresh)"
    fi
    rm -rf -- "$data"
}

# make_data FOLDER: makes it, or takes an empty one, and marks it as ours; leaves any other as it is.
make_data() {
    if [ ! -d "$1" ]; then
        (umask 077 && mkdir -p -- "$1")
        : >"$1/$MARKER"
    elif [ -z "$(ls -A -- "$1")" ]; then
        : >"$1/$MARKER"
    fi
}
