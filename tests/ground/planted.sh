# shellcheck shell=bash disable=SC2154
# Planted faults: each check of the ground must find its own, and must accept the tree without it. Sourced by run.

# --- floors
plain_floors() {
    begin
    put server/floors.txt <<<$'# top first\n7 api\n4 form access\n2 db net\n1 loop crypto\n0 base'
    put server/base/str.h <<<'#include <stddef.h>'
    put server/db/db.c <<<$'#include "db/db.h"\n#include "base/str.h"\n#include <mysql.h>\n#include <stdio.h>'
    put server/api/api.c <<<$'#include "form/form.h"\n#include "access/access.h"\n#include "base/errors.def"'
}
plain_floors
accepts floors "includes that reach down"
plain_floors
put server/db/up.c <<<$'#include <stdio.h>\n#include "form/form.h"'
finds floors "an include that reaches up" '^server/db/up\.c:2: .*may not include form/form\.h'
plain_floors
put server/form/form.c <<<'#include "access/access.h"'
finds floors "an include of a neighbour" '^server/form/form\.c:1: '
plain_floors
put server/api/sql.c <<<'#  include <mysql.h>'
finds floors "a library outside its room" 'room api may not include mysql\.h'
plain_floors
put server/net/hash.c <<<'#include <uthash.h>'
finds floors "uthash outside base/map.c" 'only base/map\.c'
plain_floors
put server/attic/a.c <<<'int a;'
finds floors "a room that is on no floor" 'room attic is not in'
plain_floors
put server/db/short.c <<<'#include "db.h"'
finds floors "an include without its room" 'by its room'
plain_floors
put server/api/private.c <<<'#include "form/form_int.h"'
finds floors "a private header of another room" 'private header'

# --- road
plain_road() {
    begin
    put server/record/list.c <<<'static const char SQL[] = "SELECT 1 FROM rec_customer";'
    put server/live/live.c <<<'bool same = str_eq(form->table, table->name);'
    put server/audit/check.c <<<'bool is = str_starts(table, STR("rec_"));'
}
plain_road
accepts road "records on their road"
plain_road
put server/api/count.c <<<'static const char SQL[] = "SELECT COUNT(*) FROM rec_customer";'
finds road "a second way to a table" '^server/api/count\.c:1:'
plain_road
put server/live/read.c <<<'buf_printf(sql, "SELECT * FROM `%.*s`", STR_ARGS(plan->form->table));'
finds road "a second way by the catalog" '^server/live/read\.c:1:'

# --- rooms
plain_rooms() {
    begin
    put server/base/a.c <<<'int a;'
    put server/base/README.md <<<$'# base\nOwns: strings.\nDoes not own: text.\nInvariants: none.\nTo add one, do so.\nTests: tests/unit/base/'
    put server/README.md <<<'# The map'
    put README.md <<<'[中文](README.zh-CN.md)'
    put README.zh-CN.md <<<'[English](README.md)'
    put LICENSE <<<'Apache License'
}
plain_rooms
accepts rooms "rooms with their pages"
plain_rooms
put server/new/a.c <<<'int a;'
finds rooms "a room without its page" '^server/new: no README\.md'
plain_rooms
put server/base/README.md <<<'# base'
finds rooms "a page that says nothing" 'server/base/README\.md: says nothing of "invariants"'
plain_rooms
rm "$scratch/tree/README.zh-CN.md"
finds rooms "a missing Chinese README" 'README\.zh-CN\.md: missing'

# --- format
plain_format() {
    begin
    cp "$root/.clang-format" "$scratch/tree/"
    put server/base/a.c <<<$'int add(int a, int b)\n{\n    return a + b;\n}'
}
plain_format
accepts format "a formatted file"
plain_format
put server/base/b.c <<<'int sub(int a,int b){return a-b;}'
finds format "a file that is not formatted" '^server/base/b\.c:1: not as clang-format'

# --- locks
plain_locks() {
    begin
    put web/package.json <<<$'{\n  "dependencies": {\n    "vue": "3.5.45"\n  }\n}'
    put web/package-lock.json <<<$'{\n  "packages": {\n    "node_modules/vue": {\n      "version": "3.5.45",\n      "integrity": "sha512-x"\n    }\n  }\n}'
}
plain_locks
accepts locks "exact versions with checksums"
plain_locks
rm "$scratch/tree/web/package-lock.json"
finds locks "a missing lock file" 'no package-lock\.json beside it'
plain_locks
put web/package.json <<<$'{\n  "devDependencies": {\n    "vue": "^3.5.45"\n  }\n}'
finds locks "a version that is a range" 'not an exact version: .*\^3'
plain_locks
put web/package-lock.json <<<$'{\n    "node_modules/vue": {\n      "resolved": "https://registry.example/vue.tgz",\n      "integrity": "sha512-x"\n    }\n}'
finds locks "an address in a lock file" 'package-lock\.json:3: names where'
plain_locks
put web/package-lock.json <<<$'{\n    "node_modules/vue": {\n      "version": "3.5.45"\n    }\n}'
finds locks "a package without a checksum" '1 packages, only 0 checksums'
plain_locks
put web/.npmrc <<<'registry=https://registry.example/'
finds locks "a registry in .npmrc" 'names a registry'

# --- words
plain_words() {
    begin
    put server/base/a.c <<<$'/* mktemp: /tm\160/tidemark-XXXXXX, and a word like methodology */\nint todo_count;'
}
plain_words
accepts words "plain words"
for word in "TO""DO" "FIX""ME" "HA""CK"; do
    plain_words
    put server/base/b.c <<<"/* $word: later */"
    finds words "the mark $word" '^server/base/b\.c:1:'
done
for path in "/wo""rk/x" "/ro""ot/x" "/ho""me/me/x" "/tm""p/mine/x"; do
    plain_words
    put docs/a.md <<<"see $path"
    finds words "the path $path" '^docs/a\.md:1:'
done

# --- length
begin
put server/base/a.c < <(yes 'int;' | head -n 700)
put web/src/A.vue < <(yes '<p/>' | head -n 300)
accepts length "files up to the wall"
put server/base/b.c < <(yes 'int;' | head -n 701)
finds length "a file past the wall" '^server/base/b\.c: 701 lines'
begin
put web/src/B.vue < <(yes '<p/>' | head -n 301)
finds length "a component past its wall" '^web/src/B\.vue: 301 lines, the wall is 300'

# --- scripts
plain_scripts() {
    local file
    begin
    for file in run test .ci/run; do
        put "$file" <<<$'#!/usr/bin/env bash\necho "$1"'
        chmod +x "$scratch/tree/$file"
    done
}
plain_scripts
accepts scripts "scripts that parse"
plain_scripts
put tools/a.sh <<<$'if true; then\necho'
finds scripts "a script that does not parse" 'a\.sh: line [0-9]+: syntax error'
plain_scripts
chmod -x "$scratch/tree/.ci/run"
finds scripts "a missing run bit" '^\.ci/run: '

# --- sandbox
begin
mkdir -p "$scratch/tree/systemd"
cp "$root"/systemd/*.service "$scratch/tree/systemd/"
accepts sandbox "the shipped units"
sed -i -E '/^(CapabilityBoundingSet|SystemCallFilter|PrivateUsers|RestrictNamespaces)=/d' "$scratch/tree/systemd/"*.service
finds sandbox "a unit that is let out of its box" 'exposure [0-9.]+, wanted at most 1\.5'
