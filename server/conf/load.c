/*
 * Reading one configuration: defaults, then the file, then the environment, then what only makes sense
 * together. All that is wrong is collected, so that an operator mends it in one go.
 *
 * inih splits the lines. It is lenient where we are not (it joins indented lines to the value above, skips
 * what it does not understand, cuts long lines in two, and its packaged build gives no line numbers), so it
 * reads through a reader of ours that counts lines and holds back those it would misread.
 */
#include "conf/conf_int.h"

#include "base/must.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES ((size_t)1 << 20)

extern char **environ;

struct lines {
    struct loading *loading;
    struct str rest;
    int line;
    bool awaits_value; /* inih was given a line from which a key and a value must come */
};

struct loading conf_loading_begin(const char *file, struct buf *problems)
{
    struct arena *arena = arena_new();
    struct conf *conf = arena_new_one(arena, struct conf);
    conf->arena = arena;
    struct loading loading = {.conf = conf, .file = file, .problems = problems};
    loading.lines = arena_new_array(arena, int, CONF_SETTING_COUNT);
    for (size_t i = 0; i < CONF_SETTING_COUNT; i++)
        conf_set(&loading, &CONF_SETTINGS[i], str_of(CONF_SETTINGS[i].by_default), 0);
    must(loading.n_problems == 0);
    return loading;
}

static void end_line(struct lines *lines)
{
    if (lines->awaits_value)
        conf_problem_at(lines->loading, lines->line, "expected [section], key = value, or a comment");
    lines->awaits_value = false;
}

/* "[section]", perhaps with a comment behind it. */
static bool is_good_section(struct lines *lines, struct str line)
{
    struct str rest = {line.p + 1, line.n - 1};
    struct str name = str_cut(&rest, ']');
    rest = str_trim(rest);
    if (name.n + 2 > line.n || (rest.n && rest.p[0] != ';' && rest.p[0] != '#')) {
        conf_problem_at(lines->loading, lines->line, "expected [section]");
        return false;
    }
    if (!conf_section_exists(name))
        conf_problem_at(lines->loading, lines->line, "unknown section [%.*s]", STR_ARGS(name));
    return true;
}

/* True if inih is to see the line. */
static bool look_at_line(struct lines *lines, struct str raw, size_t room)
{
    struct str line = str_trim(raw);
    if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
        return false;
    if (raw.n + 2 > room) { /* newline and NUL */
        conf_problem_at(lines->loading, lines->line, "line of more than %zu bytes", room - 2);
        return false;
    }
    if (memchr(raw.p, '\0', raw.n) != NULL || !str_is_utf8(raw)) {
        conf_problem_at(lines->loading, lines->line, "expected UTF-8 text");
        return false;
    }
    if (line.p != raw.p) {
        conf_problem_at(lines->loading, lines->line, "expected no blank before a key or section");
        return false;
    }
    if (line.p[0] == '[')
        return is_good_section(lines, line);
    lines->awaits_value = true;
    return true;
}

/* inih's reader: the next line into p (room bytes) or NULL at the end. */
static char *next_line(char *p, int room, void *stream)
{
    struct lines *lines = stream;
    end_line(lines);
    if (lines->rest.n == 0)
        return NULL;
    struct str raw = str_cut(&lines->rest, '\n');
    if (raw.n && raw.p[raw.n - 1] == '\r')
        raw.n--;
    lines->line++;
    size_t n = look_at_line(lines, raw, (size_t)room) ? raw.n : 0;
    if (n)
        memcpy(p, raw.p, n);
    p[n] = '\n';
    p[n + 1] = '\0';
    return p;
}

static int take_value(void *user, const char *section, const char *key, const char *value)
{
    struct lines *lines = user;
    lines->awaits_value = false;
    if (section[0] == '\0') {
        conf_problem_at(lines->loading, lines->line, "\"%s\" stands before the first [section]", key);
        return 1;
    }
    if (!conf_section_exists(str_of(section))) /* told where the section began */
        return 1;
    const struct setting *setting = conf_find_setting(str_of(section), str_of(key));
    if (setting == NULL) {
        conf_problem_at(lines->loading, lines->line, "unknown key \"%s\" in [%s]", key, section);
        return 1;
    }
    int before = lines->loading->lines[setting - CONF_SETTINGS];
    conf_set(lines->loading, setting, str_of(value), lines->line);
    if (before > 0)
        conf_problem(lines->loading, setting, "given twice, first on line %d", before);
    return 1;
}

void conf_read_text(struct loading *loading, struct str text)
{
    struct lines lines = {.loading = loading, .rest = text};
    ini_parse_stream(next_line, &lines, take_value, &lines);
}

/* A variable under the prefix of a section that names no setting of it is a typing mistake like any other. */
static void look_for_unknown_env(struct loading *loading, struct str name)
{
    struct arena *arena = loading->conf->arena;
    bool in_section = false;
    for (size_t i = 0; i < CONF_SETTING_COUNT; i++) {
        struct str full = conf_env_name(arena, &CONF_SETTINGS[i]);
        if (str_eq(name, full))
            return;
        struct str prefix = {full.p, full.n - strlen(CONF_SETTINGS[i].key)};
        in_section = in_section || str_starts(name, prefix);
    }
    if (in_section) {
        buf_printf(loading->problems, "environment, %.*s: no such setting\n", STR_ARGS(name));
        loading->n_problems++;
    }
}

void conf_read_env(struct loading *loading)
{
    for (size_t i = 0; i < CONF_SETTING_COUNT; i++) {
        const char *value = getenv(conf_env_name(loading->conf->arena, &CONF_SETTINGS[i]).p);
        if (value != NULL)
            conf_set(loading, &CONF_SETTINGS[i], str_of(value), LINE_ENV);
    }
    for (char **at = environ; at != NULL && *at != NULL; at++) {
        struct str rest = str_of(*at), name = str_cut(&rest, '=');
        if (str_starts(name, STR("TIDEMARK_")))
            look_for_unknown_env(loading, name);
    }
}

static int read_file(const char *path, struct buf *text, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_set(err, ERR_CONFIG, "%s: %s", path, strerror(errno));
    struct stat status;
    int rc = 0;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        rc = err_set(err, ERR_CONFIG, "%s: not a file", path);
    char piece[4096];
    for (ssize_t n = 1; rc == 0 && n != 0;) {
        n = read(fd, piece, sizeof piece);
        if (n > 0)
            buf_add(text, piece, (size_t)n);
        else if (n < 0 && errno != EINTR)
            rc = err_set(err, ERR_CONFIG, "%s: %s", path, strerror(errno));
    }
    close(fd);
    if (rc == 0 && text->overflow)
        rc = err_set(err, ERR_CONFIG, "%s: more than %zu bytes", path, FILE_MAX_BYTES);
    return rc;
}

int conf_load(const char *path, struct conf **ret_conf, struct buf *problems, struct err *err)
{
    struct buf text;
    buf_init(&text, FILE_MAX_BYTES);
    int rc = path ? read_file(path, &text, err) : 0;
    if (rc < 0) {
        buf_printf(problems, "%s\n", err->detail);
        buf_done(&text);
        return rc;
    }
    struct loading loading = conf_loading_begin(path, problems);
    conf_read_text(&loading, buf_str(&text));
    conf_read_env(&loading);
    if (loading.n_problems == 0) /* else it would complain about defaults that stand for bad values */
        conf_cross_check(&loading);
    buf_done(&text);
    if (loading.n_problems > 0) {
        conf_free(loading.conf);
        return err_set(err, ERR_CONFIG, "the configuration has %zu mistakes", loading.n_problems);
    }
    *ret_conf = loading.conf;
    return 0;
}

void conf_free(struct conf *conf)
{
    if (conf != NULL)
        arena_free(conf->arena); /* the struct itself stands in it */
}
