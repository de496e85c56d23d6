/*
 * Errors. A function that can fail returns 0 or a negative number (-enum err_code), fills `struct err`, and
 * leaves its outputs untouched. Lower floors return; only handlers, jobs and main log. Codes, HTTP status and
 * texts come from errors.def; what is wrong with one field of an input comes from faults.def.
 *
 * `detail` is for the log and may name internals; a user gets code, fields, faults and their parameters only.
 */
#ifndef TIDEMARK_BASE_ERR_H
#define TIDEMARK_BASE_ERR_H

#include "base/arena.h"
#include "base/str.h"

enum err_code {
    ERR_NONE = 0,
#define E(name, status, key, zh, en) ERR_##name,
#include "base/errors.def"
#undef E
    ERR_CODE_COUNT
};

enum fault_code {
#define F(name, zh, en) FAULT_##name,
#include "base/faults.def"
#undef F
    FAULT_CODE_COUNT
};

#define ERR_DETAIL_MAX 240
#define ERR_ITEMS_MAX 200

/* One thing wrong with one field of the input; all of them are reported at once. */
struct err_item {
    struct err_item *next;
    struct str field; /* key or path ("fields.phone"), in the arena given */
    enum fault_code fault;
    struct str limit;            /* value of "{limit}" in the text, or empty */
    struct str said_zh, said_en; /* words of a definition in place of the fault's own; empty: none */
};

struct err {
    enum err_code code;
    char detail[ERR_DETAIL_MAX];
    struct err_item *items, *last_item;
    size_t n_items;
    int retry_after_s; /* for 429 and 503; 0: none */
};

/* Sets code and detail unless an error stands there already (the first cause wins). Returns -code. */
int err_set(struct err *err, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds an item and sets ERR_INVALID if nothing is set. limit may be empty. Returns -ERR_INVALID. */
int err_add(struct err *err, struct arena *arena, struct str field, enum fault_code fault, struct str limit);
/* The same with words of a definition; empty: the fault's own. */
int err_add_said(struct err *err, struct arena *arena, struct str field, enum fault_code fault, struct str zh,
    struct str en);
void err_clear(struct err *err);
/* Copies the items into another arena, for an error that outlives the one they were made in. */
void err_keep(struct err *err, struct arena *arena);

int err_status(enum err_code code); /* HTTP status */
const char *err_key(
    enum err_code code); /* "not_found": the last part of the problem's type, and the i18n key */
const char *fault_key(enum fault_code fault); /* "too_long" */
enum err_lang { ERR_LANG_ZH, ERR_LANG_EN };
const char *err_title(enum err_code code, enum err_lang lang);
/* The text with {limit} filled in, in the arena. */
struct str fault_text(const struct err_item *item, enum err_lang lang, struct arena *arena);

#endif
