/*
 * settings.def as rows: finding one, printing all, and setting a value within its bounds.
 */
#include "conf/conf_int.h"

#include "base/must.h"

#include <inttypes.h>
#include <stdarg.h>

const struct setting CONF_SETTINGS[] = {
#define OFFSET(section, key) offsetof(struct conf, section##_##key)
#define S_STR(section, key, def, help)                                                                       \
    {#section, #key, SETTING_STR, OFFSET(section, key), def, 0, 0, "", help},
#define S_INT(section, key, def, lo, hi, unit, help)                                                         \
    {#section, #key, SETTING_INT, OFFSET(section, key), #def, lo, hi, unit, help},
#define S_BOOL(section, key, def, help)                                                                      \
    {#section, #key, SETTING_BOOL, OFFSET(section, key), #def, 0, 0, "", help},
#include "conf/settings.def"
#undef S_STR
#undef S_INT
#undef S_BOOL
#undef OFFSET
};
const size_t CONF_SETTING_COUNT = sizeof CONF_SETTINGS / sizeof CONF_SETTINGS[0];

const struct setting *conf_find_setting(struct str section, struct str key)
{
    for (size_t i = 0; i < CONF_SETTING_COUNT; i++)
        if (str_eq(section, str_of(CONF_SETTINGS[i].section)) && str_eq(key, str_of(CONF_SETTINGS[i].key)))
            return &CONF_SETTINGS[i];
    return NULL;
}

bool conf_section_exists(struct str section)
{
    for (size_t i = 0; i < CONF_SETTING_COUNT; i++)
        if (str_eq(section, str_of(CONF_SETTINGS[i].section)))
            return true;
    return false;
}

struct str conf_env_name(struct arena *arena, const struct setting *setting)
{
    struct str text = arena_printf(arena, "TIDEMARK_%s_%s", setting->section, setting->key);
    char *name = arena_alloc(arena, text.n + 1);
    for (size_t i = 0; i < text.n; i++)
        name[i] = (char)(text.p[i] >= 'a' && text.p[i] <= 'z' ? text.p[i] - 'a' + 'A' : text.p[i]);
    return (struct str){name, text.n};
}

__attribute__((format(printf, 3, 0))) static void add_problem(
    struct loading *loading, struct str where, const char *format, va_list args)
{
    struct str text = arena_vprintf(loading->conf->arena, format, args);
    buf_printf(loading->problems, "%.*s: %.*s\n", STR_ARGS(where), STR_ARGS(text));
    loading->n_problems++;
}

void conf_problem_at(struct loading *loading, int line, const char *format, ...)
{
    struct str where = arena_printf(loading->conf->arena, "%s:%d", loading->file, line);
    va_list args;
    va_start(args, format);
    add_problem(loading, where, format, args);
    va_end(args);
}

static struct str place_of(struct loading *loading, const struct setting *setting, int line)
{
    struct arena *arena = loading->conf->arena;
    if (line == LINE_ENV)
        return arena_printf(arena, "environment, %s", conf_env_name(arena, setting).p);
    if (line > 0)
        return arena_printf(arena, "%s:%d, %s.%s", loading->file, line, setting->section, setting->key);
    return arena_printf(arena, "%s.%s", setting->section, setting->key);
}

void conf_problem(struct loading *loading, const struct setting *setting, const char *format, ...)
{
    struct str where = place_of(loading, setting, loading->lines[setting - CONF_SETTINGS]);
    va_list args;
    va_start(args, format);
    add_problem(loading, where, format, args);
    va_end(args);
}

static bool is_plain_text(struct str value)
{
    if (!str_is_utf8(value))
        return false;
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < ' ' || value.p[i] == 0x7F)
            return false;
    return true;
}

static void set_int(struct loading *loading, const struct setting *setting, struct str value, int64_t *at)
{
    int64_t number;
    if (!str_to_i64(value, &number) || number < setting->lo || number > setting->hi)
        conf_problem(loading, setting,
            "expected a whole number from %" PRId64 " to %" PRId64 "%s%s, not \"%.*s\"", setting->lo,
            setting->hi, setting->unit[0] ? " " : "", setting->unit, STR_ARGS(value));
    else
        *at = number;
}

void conf_set(struct loading *loading, const struct setting *setting, struct str value, int line)
{
    loading->lines[setting - CONF_SETTINGS] = line;
    void *at = (char *)loading->conf + setting->offset;
    if (!is_plain_text(value)) {
        conf_problem(loading, setting, "expected UTF-8 text without control characters");
        return;
    }
    switch (setting->kind) {
    case SETTING_STR:
        *(struct str *)at = arena_copy(loading->conf->arena, value);
        break;
    case SETTING_INT:
        set_int(loading, setting, value, at);
        break;
    case SETTING_BOOL:
        if (str_eq(value, STR("true")) || str_eq(value, STR("false")))
            *(bool *)at = str_eq(value, STR("true"));
        else
            conf_problem(loading, setting, "expected true or false, not \"%.*s\"", STR_ARGS(value));
        break;
    }
}

static void print_setting(struct buf *buf, const struct setting *setting)
{
    buf_printf(buf, "\n# %s\n", setting->help);
    if (setting->kind == SETTING_INT)
        buf_printf(buf, "# From %" PRId64 " to %" PRId64 "%s%s.\n", setting->lo, setting->hi,
            setting->unit[0] ? " " : "", setting->unit);
    else if (setting->kind == SETTING_BOOL)
        buf_add_text(buf, "# true or false.\n");
    buf_printf(buf, "#%s =%s%s\n", setting->key, setting->by_default[0] ? " " : "", setting->by_default);
}

void conf_print_defaults(struct buf *buf)
{
    buf_add_text(buf,
        "# Tidemark settings. Every setting stands here with its default; take the '#' before a key away\n"
        "# to change it. A line has at most 198 bytes, and \" ;\" begins a comment. The environment comes\n"
        "# after this file: TIDEMARK_SERVER_PORT=8081 sets port of [server]. `tidemark check` reads all of\n"
        "# it without starting anything.\n");
    const char *section = "";
    for (size_t i = 0; i < CONF_SETTING_COUNT; i++) {
        if (!str_eq(str_of(section), str_of(CONF_SETTINGS[i].section))) {
            section = CONF_SETTINGS[i].section;
            buf_printf(buf, "\n[%s]\n", section);
        }
        print_setting(buf, &CONF_SETTINGS[i]);
    }
}
