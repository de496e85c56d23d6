/*
 * Settings: one table (settings.def), one commented INI file, overrides from the environment
 * (TIDEMARK_SECTION_KEY). A wrong key or value names file, line and what was expected, and nothing starts.
 * Secrets come from files (`*_file` keys), never from the command line.
 */
#ifndef TIDEMARK_CONF_CONF_H
#define TIDEMARK_CONF_CONF_H

#include "base/buf.h"
#include "base/err.h"

struct conf {
    struct arena *arena;
#define S_STR(section, key, def, help) struct str section##_##key;
#define S_INT(section, key, def, lo, hi, unit, help) int64_t section##_##key;
#define S_BOOL(section, key, def, help) bool section##_##key;
#include "conf/settings.def"
#undef S_STR
#undef S_INT
#undef S_BOOL
};

/* path NULL: defaults and environment only. All problems are collected, one a line, in err->detail's stead:
 * `problems`. */
int conf_load(const char *path, struct conf **ret_conf, struct buf *problems, struct err *err);
void conf_free(struct conf *conf);
/* A secret's file, at most 4 KiB, trailing newline cut; the file must not be readable by others. In the
 * arena. */
int conf_read_secret(struct arena *arena, struct str path, struct str *ret_secret, struct err *err);
/* The whole table as a commented INI file: config/tidemark.conf is this, and a test compares. */
void conf_print_defaults(struct buf *buf);

#endif
