/*
 * Raw requests as text files (tests/cases/net): blocks of
 *
 *     case: what it is
 *     send: bytes, with \r \n \t \0 \\ \xHH and \{text*count}
 *     expect: statuses in order, then "open" or "closed"
 *     handled: how many of the requests may reach the handler (left out: none)
 *
 * `send` may stand several times; the bytes are joined. Lines that begin with # are comments.
 */
#ifndef TIDEMARK_TESTS_NET_CASES_H
#define TIDEMARK_TESTS_NET_CASES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/must.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUSES_MAX 8

struct raw_case {
    const char *file, *name;
    struct str bytes;
    int statuses[STATUSES_MAX];
    size_t n_statuses;
    bool closed;
    int handled;
};

typedef void raw_case_fn(const struct raw_case *raw, void *arg);

static inline void add_unescaped(struct buf *out, struct str text);

/* \{text*count} */
static inline size_t add_repeated(struct buf *out, struct str text)
{
    size_t end = str_find(text, STR("}"));
    must(end != SIZE_MAX);
    struct str inner = {text.p, end}, count = inner;
    struct str piece = str_cut(&count, '*');
    int64_t n;
    must(str_to_i64(count, &n));
    for (int64_t i = 0; i < n; i++)
        add_unescaped(out, piece);
    return end + 1;
}

static inline void add_unescaped(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char hex[3] = {0};
        if (text.p[i] != '\\') {
            buf_add_char(out, text.p[i]);
            continue;
        }
        must(++i < text.n);
        switch (text.p[i]) {
        case 'r':
            buf_add_char(out, '\r');
            break;
        case 'n':
            buf_add_char(out, '\n');
            break;
        case 't':
            buf_add_char(out, '\t');
            break;
        case '0':
            buf_add_char(out, '\0');
            break;
        case '\\':
            buf_add_char(out, '\\');
            break;
        case 'x':
            must(i + 2 < text.n);
            memcpy(hex, text.p + i + 1, 2);
            buf_add_char(out, (char)strtol(hex, NULL, 16));
            i += 2;
            break;
        case '{':
            i += add_repeated(out, (struct str){text.p + i + 1, text.n - i - 1});
            break;
        default:
            never("unknown escape in a case");
        }
    }
}

static inline void read_expect(struct raw_case *raw, struct str text)
{
    while (text.n > 0) {
        struct str word = str_cut(&text, ' ');
        int64_t status;
        if (str_eq(word, STR("closed"))) {
            raw->closed = true;
        } else if (!str_eq(word, STR("open"))) {
            must(str_to_i64(word, &status) && raw->n_statuses < STATUSES_MAX);
            raw->statuses[raw->n_statuses++] = (int)status;
        }
    }
}

static inline void finish_case(struct raw_case *raw, struct buf *bytes, raw_case_fn *fn, void *arg, int *n)
{
    if (raw->name == NULL)
        return;
    must(raw->n_statuses > 0 || raw->closed);
    raw->bytes = buf_str(bytes);
    fn(raw, arg);
    (*n)++;
    buf_clear(bytes);
}

static inline int each_case_of(const char *path, const char *name, raw_case_fn *fn, void *arg)
{
    struct arena *arena = arena_new();
    struct raw_case raw = {0};
    struct buf bytes;
    char *line = NULL;
    size_t cap = 0;
    ssize_t got;
    int n = 0;
    FILE *file = fopen(path, "r");
    must(file != NULL);
    buf_init(&bytes, 0);
    while ((got = getline(&line, &cap, file)) > 0) {
        struct str text = {line, (size_t)got - (line[got - 1] == '\n')};
        if (text.n == 0 || text.p[0] == '#')
            continue;
        struct str key = str_cut(&text, ':');
        if (text.n > 0 && text.p[0] == ' ')
            text = (struct str){text.p + 1, text.n - 1};
        if (str_eq(key, STR("case"))) {
            finish_case(&raw, &bytes, fn, arg, &n);
            raw = (struct raw_case){.file = name, .name = arena_cstr(arena, text)};
        } else if (str_eq(key, STR("send"))) {
            add_unescaped(&bytes, text);
        } else if (str_eq(key, STR("expect"))) {
            read_expect(&raw, text);
        } else {
            must(str_eq(key, STR("handled")));
            raw.handled = text.p[0] - '0';
        }
    }
    finish_case(&raw, &bytes, fn, arg, &n);
    free(line);
    (void)fclose(file);
    buf_done(&bytes);
    arena_free(arena);
    return n;
}

/* Every case of every file, in the order of names. Returns how many. */
static inline int each_case(raw_case_fn *fn, void *arg)
{
    struct dirent **entries;
    int total = 0;
    int n = scandir(SOURCE_DIR "/tests/cases/net", &entries, NULL, alphasort);
    must(n >= 0);
    for (int i = 0; i < n; i++) {
        char path[4096];
        if (str_ends(str_of(entries[i]->d_name), STR(".txt"))) {
            (void)snprintf(path, sizeof(path), SOURCE_DIR "/tests/cases/net/%s", entries[i]->d_name);
            total += each_case_of(path, entries[i]->d_name, fn, arg);
        }
        free(entries[i]);
    }
    free(entries);
    return total;
}

#endif
