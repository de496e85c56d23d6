/* Private to the room conf: the table of settings and what is collected while one configuration is read. */
#ifndef TIDEMARK_CONF_CONF_INT_H
#define TIDEMARK_CONF_CONF_INT_H

#include "conf/conf.h"

enum setting_kind { SETTING_STR, SETTING_INT, SETTING_BOOL };

struct setting {
    const char *section, *key;
    enum setting_kind kind;
    size_t offset;          /* in struct conf */
    const char *by_default; /* as it would stand in the file */
    int64_t lo, hi;
    const char *unit, *help;
};

extern const struct setting CONF_SETTINGS[];
extern const size_t CONF_SETTING_COUNT;

const struct setting *conf_find_setting(struct str section, struct str key);
bool conf_section_exists(struct str section);
/* "TIDEMARK_SERVER_PORT" */
struct str conf_env_name(struct arena *arena, const struct setting *setting);

struct loading {
    struct conf *conf;
    const char *file; /* its name in problems; NULL: no file */
    struct buf *problems;
    size_t n_problems;
    int *lines; /* by setting: the line that gave the value; 0 the default, LINE_ENV the environment */
};
#define LINE_ENV (-1)

/* Adds a line that begins with where the setting's value came from. */
void conf_problem(struct loading *loading, const struct setting *setting, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds a line that begins with the file's name and the line. */
void conf_problem_at(struct loading *loading, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void conf_set(struct loading *loading, const struct setting *setting, struct str value, int line);

void conf_read_text(struct loading *loading, struct str text);
void conf_read_env(struct loading *loading);
void conf_cross_check(struct loading *loading);

struct loading conf_loading_begin(const char *file, struct buf *problems);

#endif
