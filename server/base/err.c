/*
 * Errors and their texts. The tables errors.def and faults.def are read here once for each column.
 */
#include "base/err.h"

#include "base/must.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct code_row {
    int status;
    const char *key, *title[2];
};
static const struct code_row CODES[ERR_CODE_COUNT] = {
    [ERR_NONE] = {200, "none", {"正常", "All is well"}},
#define E(name, status, key, zh, en) [ERR_##name] = {status, key, {zh, en}},
#include "base/errors.def"
#undef E
};

struct fault_row {
    const char *name, *text[2];
};
static const struct fault_row FAULTS[FAULT_CODE_COUNT] = {
#define F(name, zh, en) [FAULT_##name] = {#name, {zh, en}},
#include "base/faults.def"
#undef F
};

int err_set(struct err *err, enum err_code code, const char *format, ...)
{
    must(err != NULL && code > ERR_NONE && code < ERR_CODE_COUNT);
    if (err->code != ERR_NONE)
        return -(int)err->code;
    err->code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(err->detail, sizeof err->detail, format, args);
    va_end(args);
    return -(int)code;
}

int err_add(struct err *err, struct arena *arena, struct str field, enum fault_code fault, struct str limit)
{
    must(err != NULL && (unsigned)fault < FAULT_CODE_COUNT);
    if (err->code == ERR_NONE)
        err_set(err, ERR_INVALID, "%.*s: %s", STR_ARGS(field), fault_key(fault));
    if (err->n_items == ERR_ITEMS_MAX) /* the first ones are enough to work on */
        return -ERR_INVALID;
    struct err_item *item = arena_new_one(arena, struct err_item);
    item->field = arena_copy(arena, field);
    item->fault = fault;
    item->limit = arena_copy(arena, limit);
    if (err->last_item != NULL)
        err->last_item->next = item;
    else
        err->items = item;
    err->last_item = item;
    err->n_items++;
    return -ERR_INVALID;
}

int err_add_said(struct err *err, struct arena *arena, struct str field, enum fault_code fault, struct str zh,
    struct str en)
{
    size_t n = err->n_items;
    int rc = err_add(err, arena, field, fault, STR_NULL);
    if (err->n_items > n) {
        err->last_item->said_zh = arena_copy(arena, zh);
        err->last_item->said_en = arena_copy(arena, en);
    }
    return rc;
}

void err_clear(struct err *err)
{
    *err = (struct err){0};
}

static const struct code_row *row_of(enum err_code code)
{
    must((unsigned)code < ERR_CODE_COUNT);
    return &CODES[code];
}

int err_status(enum err_code code)
{
    return row_of(code)->status;
}

const char *err_key(enum err_code code)
{
    return row_of(code)->key;
}

const char *err_title(enum err_code code, enum err_lang lang)
{
    return row_of(code)->title[lang == ERR_LANG_EN];
}

static char fault_keys[FAULT_CODE_COUNT][32];

static void make_fault_keys(void)
{
    for (size_t i = 0; i < FAULT_CODE_COUNT; i++) {
        const char *name = FAULTS[i].name;
        must(strlen(name) < sizeof fault_keys[i]);
        for (size_t j = 0; name[j] != '\0'; j++)
            fault_keys[i][j] = (char)(name[j] >= 'A' && name[j] <= 'Z' ? name[j] - 'A' + 'a' : name[j]);
    }
}

const char *fault_key(enum fault_code fault)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    must((unsigned)fault < FAULT_CODE_COUNT);
    pthread_once(&once, make_fault_keys);
    return fault_keys[fault];
}

struct str fault_text(const struct err_item *item, enum err_lang lang, struct arena *arena)
{
    must((unsigned)item->fault < FAULT_CODE_COUNT);
    struct str said = lang == ERR_LANG_EN ? item->said_en : item->said_zh;
    if (said.n)
        return arena_copy(arena, said);
    struct str text = str_of(FAULTS[item->fault].text[lang == ERR_LANG_EN]), mark = STR("{limit}");
    size_t at = str_find(text, mark);
    if (at == SIZE_MAX)
        return arena_copy(arena, text);
    struct str head = {text.p, at}, tail = {text.p + at + mark.n, text.n - at - mark.n};
    char *p = arena_alloc(arena, head.n + item->limit.n + tail.n + 1);
    memcpy(p, head.p, head.n);
    if (item->limit.n)
        memcpy(p + head.n, item->limit.p, item->limit.n);
    memcpy(p + head.n + item->limit.n, tail.p, tail.n);
    return (struct str){p, head.n + item->limit.n + tail.n};
}

void err_keep(struct err *err, struct arena *arena)
{
    const struct err_item *item = err->items;
    err->items = err->last_item = NULL;
    for (; item; item = item->next) {
        struct err_item *copy = arena_new_one(arena, struct err_item);
        copy->field = arena_copy(arena, item->field);
        copy->fault = item->fault;
        copy->limit = arena_copy(arena, item->limit);
        copy->said_zh = arena_copy(arena, item->said_zh);
        copy->said_en = arena_copy(arena, item->said_en);
        if (err->last_item)
            err->last_item->next = copy;
        else
            err->items = copy;
        err->last_item = copy;
    }
}
