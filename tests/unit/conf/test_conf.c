/* Settings: the shipped file, every kind of mistake with its place, and what must go together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "conf/conf_int.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/tidemark-conf-XXXXXX";
static char path[64];
static struct buf problems;

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/t.conf", folder);
    buf_init(&problems, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    rmdir(folder);
    buf_done(&problems);
    return 0;
}

static void write_file(const char *name, const void *bytes, size_t n, mode_t mode)
{
    unlink(name);
    int fd = open(name, O_CREAT | O_WRONLY | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static int load(const char *text, struct conf **ret_conf)
{
    struct err err = {0};
    write_file(path, text, strlen(text), 0600);
    buf_clear(&problems);
    return conf_load(path, ret_conf, &problems, &err);
}

/* Every setting of the two is the same. */
static void assert_same(const struct conf *a, const struct conf *b)
{
    for (size_t i = 0; i < CONF_SETTING_COUNT; i++) {
        const struct setting *setting = &CONF_SETTINGS[i];
        const void *x = (const char *)a + setting->offset, *y = (const char *)b + setting->offset;
        if (setting->kind == SETTING_STR)
            assert_true(str_eq(*(const struct str *)x, *(const struct str *)y));
        else if (setting->kind == SETTING_INT)
            assert_true(*(const int64_t *)x == *(const int64_t *)y);
        else
            assert_int_equal(*(const bool *)x, *(const bool *)y);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    struct conf *conf;
    struct err err = {0};
    assert_int_equal(conf_load(NULL, &conf, &problems, &err), 0);
    assert_true(str_eq(conf->server_listen, STR("127.0.0.1")));
    assert_int_equal(conf->server_port, 8080);
    assert_int_equal(conf->limits_json_depth, 32);
    assert_false(conf->test_faults);
    assert_int_equal(problems.n, 0);
    conf_free(conf);
    conf_free(NULL);
}

static void test_shipped_file_is_what_we_print(void **state)
{
    (void)state;
    static char shipped[65536];
    FILE *file = fopen(SOURCE_DIR "/config/tidemark.conf", "r");
    assert_non_null(file);
    size_t n = fread(shipped, 1, sizeof shipped - 1, file);
    fclose(file);
    shipped[n] = '\0';
    struct buf printed;
    buf_init(&printed, 0);
    conf_print_defaults(&printed);
    if (strcmp(buf_cstr(&printed), shipped) != 0)
        fail_msg("config/tidemark.conf is not what conf_print_defaults prints: write it again");
    buf_done(&printed);
}

/* The file as shipped, and with every comment sign before a key taken away, gives the defaults. */
static void test_printed_file_reads_back(void **state)
{
    (void)state;
    struct buf printed, active;
    struct conf *defaults, *conf;
    struct err err = {0};
    buf_init(&printed, 0);
    buf_init(&active, 0);
    conf_print_defaults(&printed);
    assert_int_equal(conf_load(NULL, &defaults, &problems, &err), 0);
    assert_int_equal(load(buf_cstr(&printed), &conf), 0);
    assert_same(conf, defaults);
    conf_free(conf);
    size_t n_keys = 0;
    for (struct str rest = buf_str(&printed); rest.n > 0;) {
        struct str line = str_cut(&rest, '\n');
        bool is_key = line.n > 1 && line.p[0] == '#' && line.p[1] != ' ';
        n_keys += is_key;
        buf_add_str(&active, is_key ? (struct str){line.p + 1, line.n - 1} : line);
        buf_add_char(&active, '\n');
    }
    assert_int_equal(n_keys, CONF_SETTING_COUNT);
    int rc = load(buf_cstr(&active), &conf);
    if (rc != 0)
        fail_msg("%s", buf_cstr(&problems));
    assert_same(conf, defaults);
    conf_free(conf);
    conf_free(defaults);
    buf_done(&printed);
    buf_done(&active);
}

static void test_values(void **state)
{
    (void)state;
    struct conf *conf;
    assert_int_equal(
        load(
            "; comment\r\n# another\n\n[server] # here too\nlisten = 127.0.0.2\r\nport=0\n"
            "name = a.example, b.example ; inline\nweb_dir =  /srv/重庆 web  \n[test]\nfaults=true\n[server]\nlog_level=debug",
            &conf),
        0);
    assert_true(str_eq(conf->server_listen, STR("127.0.0.2")));
    assert_int_equal(conf->server_port, 0);
    assert_true(str_eq(conf->server_name, STR("a.example, b.example")));
    assert_true(str_eq(conf->server_web_dir, STR("/srv/重庆 web")));
    assert_true(str_eq(conf->server_log_level, STR("debug")));
    assert_true(conf->test_faults);
    conf_free(conf);
}

static void assert_problem_rows(const char *text, const char *const *expected, size_t n)
{
    struct conf *conf = NULL;
    int rc = load(text, &conf);
    assert_int_equal(rc, -ERR_CONFIG);
    assert_null(conf);
    struct str rest = buf_str(&problems);
    for (size_t i = 0; i < n; i++) {
        struct str row = str_cut(&rest, '\n');
        char full[512];
        /* ":12" stands for the file's name and a line. */
        snprintf(full, sizeof full, "%s%s", expected[i][0] == ':' ? path : "", expected[i]);
        if (!str_starts(row, str_of(full)))
            fail_msg("\"%.*s\", not \"%s\"", STR_ARGS(row), full);
    }
    assert_int_equal(rest.n, 0);
}
#define assert_problems(text, ...)                                                                           \
    assert_problem_rows((text), (const char *const[]){__VA_ARGS__},                                          \
        sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void test_all_mistakes_at_once(void **state)
{
    (void)state;
    assert_problems("x = 1\n"
                    "[server]\n"
                    "port = 65536\n"
                    "prot = 1\n"
                    "nonsense\n"
                    "  listen = ::1\n"
                    "[nowhere]\n"
                    "port = 1\n"
                    "[test]\n"
                    "faults = yes\n"
                    "[limits\n"
                    "[limits] tail\n"
                    "[limits]\n"
                    "idle_ms = 1e3\n"
                    "json_depth =\n",
        ":1: \"x\" stands before the first [section]",
        ":3, server.port: expected a whole number from 0 to 65535, not \"65536\"",
        ":4: unknown key \"prot\" in [server]", ":5: expected [section], key = value, or a comment",
        ":6: expected no blank before a key or section", ":7: unknown section [nowhere]",
        ":10, test.faults: expected true or false, not \"yes\"", ":11: expected [section]",
        ":12: expected [section]",
        ":14, limits.idle_ms: expected a whole number from 100 to 3600000 ms, not \"1e3\"",
        ":15, limits.json_depth: expected a whole number from 4 to 64, not \"\"");
}

static void test_numbers_are_strict(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "-1", "+1", "01", "0x10", "1 000", "1.5", "1k", "99999999999999999999", "１", "a"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        char text[100];
        snprintf(text, sizeof text, "[server]\nport = %s\n", BAD[i]);
        assert_problems(text, ":2, server.port: expected a whole number");
    }
    struct conf *conf;
    assert_int_equal(load("[limits]\njson_depth = 4\nidle_ms = 3600000\n", &conf), 0);
    conf_free(conf);
    assert_problems("[limits]\njson_depth = 3\nidle_ms = 3600001\n", ":2, limits.json_depth: expected",
        ":3, limits.idle_ms: expected");
}

static void test_lines(void **state)
{
    (void)state;
    char text[600];
    struct conf *conf;
    assert_problems("[server]\nport = 1\n# x\nport = 1\n", ":4, server.port: given twice, first on line 2");
    assert_problems("[server]\nport\n", ":2: expected [section], key = value, or a comment");
    assert_problems("[server]\nport", ":2: expected [section], key = value, or a comment");
    assert_problems("[server]\nname = \xff\n", ":2: expected UTF-8 text");
    assert_problems(
        "[server]\nname = a\x01\n", ":2, server.name: expected UTF-8 text without control characters");
    assert_problems(
        "\xef\xbb\xbf\xef\xbb\xbf[server]\n", ":1: expected [section], key = value, or a comment");
    /* The longest line, and one byte more; a comment may have any length. */
    for (int extra = 0; extra < 2; extra++) {
        snprintf(text, sizeof text, "[server]\nweb_dir = %0*d\n#%0300d\n", 188 + extra, 0, 0);
        if (extra)
            assert_problems(text, ":2: line of more than 198 bytes");
        else
            assert_int_equal(load(text, &conf), 0);
    }
    assert_int_equal(conf->server_web_dir.n, 188);
    conf_free(conf);
}

static void test_nul_in_file(void **state)
{
    (void)state;
    struct conf *conf;
    struct err err = {0};
    write_file(path, "[server]\nname = a\0b\n", 20, 0600);
    buf_clear(&problems);
    assert_int_equal(conf_load(path, &conf, &problems, &err), -ERR_CONFIG);
    assert_non_null(strstr(buf_cstr(&problems), ":2: expected UTF-8 text"));
}

static void test_files_that_are_none(void **state)
{
    (void)state;
    static const char *const BAD[] = {"/nonexistent/tidemark.conf", "/dev/null", "/"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct conf *conf;
        struct err err = {0};
        buf_clear(&problems);
        assert_int_equal(conf_load(BAD[i], &conf, &problems, &err), -ERR_CONFIG);
        assert_non_null(strstr(err.detail, BAD[i]));
        assert_non_null(strstr(buf_cstr(&problems), BAD[i]));
    }
}

static void test_file_at_its_ceiling(void **state)
{
    (void)state;
    size_t n = ((size_t)1 << 20) + 1;
    char *text = malloc(n);
    memset(text, '#', n);
    struct conf *conf;
    struct err err = {0};
    write_file(path, text, n - 1, 0600);
    assert_int_equal(conf_load(path, &conf, &problems, &err), 0);
    conf_free(conf);
    write_file(path, text, n, 0600);
    assert_int_equal(conf_load(path, &conf, &problems, &err), -ERR_CONFIG);
    assert_non_null(strstr(err.detail, "more than 1048576 bytes"));
    free(text);
}

static void test_environment(void **state)
{
    (void)state;
    struct conf *conf;
    setenv("TIDEMARK_SERVER_PORT", "9999", 1);
    setenv("TIDEMARK_LIMITS_CONNECTIONS_PER_ADDRESS", "17", 1);
    setenv("TIDEMARK_SERVER_TIME_ZONE", "UTC", 1);
    setenv("TIDEMARK_DEMO_PASSWORD", "no section of ours", 1);
    assert_int_equal(load("[server]\nport = 1\n", &conf), 0);
    assert_int_equal(conf->server_port, 9999);
    assert_true(str_eq(conf->server_time_zone, STR("UTC")));
    assert_int_equal(conf->limits_connections_per_address, 17);
    conf_free(conf);
    setenv("TIDEMARK_SERVER_PORT", "x", 1);
    setenv("TIDEMARK_SERVER_PROT", "1", 1);
    assert_problems("",
        "environment, TIDEMARK_SERVER_PORT: expected a whole number from 0 to 65535, not \"x\"",
        "environment, TIDEMARK_SERVER_PROT: no such setting");
    unsetenv("TIDEMARK_SERVER_PORT");
    unsetenv("TIDEMARK_SERVER_PROT");
    unsetenv("TIDEMARK_SERVER_TIME_ZONE");
    unsetenv("TIDEMARK_DEMO_PASSWORD");
    unsetenv("TIDEMARK_LIMITS_CONNECTIONS_PER_ADDRESS");
}

static void test_cross_checks(void **state)
{
    (void)state;
    struct conf *conf;
    static const char *const GOOD[] = {"[server]\nlisten = ::1\n", "[server]\nlisten = 127.255.0.1\n",
        "[server]\nlisten = 0.0.0.0\nname = crm.example\n[tls]\ncertificate_file = c\nkey_file = k\n",
        "[server]\nlisten = 10.0.0.1\n[tls]\ncertificate_file = c\nkey_file = k\n",
        "[server]\ntrusted_proxy = 10.0.0.1, fe80::1\n", "[db]\nmode = external\nsocket = s\n",
        "[db]\nmode = external\nhost = h\nca_file = c\n", "[records]\npage_default = 20\npage_max = 20\n",
        "[server]\nname = crm.example,[::1]:8080\n"};
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        if (load(GOOD[i], &conf) != 0)
            fail_msg("%s: %s", GOOD[i], buf_cstr(&problems));
        conf_free(conf);
    }
    static const char *const LOOPBACK = ":2, server.listen: expected a loopback address";
    assert_problems("[server]\nlisten = 0.0.0.0\n", LOOPBACK);
    assert_problems("[server]\nlisten = ::\n", LOOPBACK);
    assert_problems("[server]\nlisten = 10.0.0.1\n", LOOPBACK);
    assert_problems("[server]\nlisten = 128.0.0.1\n", LOOPBACK);
    assert_problems("[server]\nlisten = ::ffff:10.0.0.1\n", LOOPBACK);
    assert_problems("[server]\nlisten = localhost\n", ":2, server.listen: expected an IPv4 or IPv6 address");
    assert_problems("[server]\nlisten =\n", ":2, server.listen: expected an IPv4 or IPv6 address");
    static const char *const NAMES[] = {"0.0.0.0", "::"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        char text[120];
        (void)snprintf(text, sizeof text,
            "[server]\nlisten = %s\n[tls]\ncertificate_file = c\nkey_file = k\n", NAMES[i]);
        assert_problems(text, ":2, server.listen: expected server.name with it");
    }
    assert_problems(
        "[tls]\ncertificate_file = c\n", ":2, tls.certificate_file: expected tls.key_file with it");
    assert_problems("[tls]\nkey_file = k\n[server]\nlisten = ::\n",
        ":2, tls.key_file: expected tls.certificate_file with it",
        ":4, server.listen: expected a loopback address");
    assert_problems("[server]\ntrusted_proxy = 10.0.0.1,proxy\n",
        ":2, server.trusted_proxy: expected IPv4 or IPv6 addresses");
    assert_problems(
        "[limits]\nws_ping_s = 90\n", ":2, limits.ws_ping_s: expected no more than limits.ws_silent_s (60)");
    assert_problems("[server]\nname = a b\n", ":2, server.name: expected host names");
    assert_problems("[server]\nname = a,,b\n", ":2, server.name: expected host names");
    assert_problems(
        "[server]\nlisten = 1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111\n",
        ":2, server.listen: expected an IPv4 or IPv6 address");
    assert_problems("[server]\nlog_level = all\ntime_zone =\n", ":2, server.log_level: expected err, warn",
        ":3, server.time_zone: expected");
    assert_problems("[db]\nmode = both\n", ":2, db.mode: expected private or external");
    assert_problems("[db]\nmode = external\n", ":2, db.mode: external: expected either");
    assert_problems("[db]\nmode = external\nhost = h\nsocket = s\nca_file = c\n",
        ":2, db.mode: external: expected either");
    assert_problems("[db]\nmode = external\nhost = h\n", ":3, db.host: expected db.ca_file with it");
    assert_problems(
        "[records]\npage_max = 20\n", "records.page_default: expected no more than records.page_max (20)");
    assert_problems("[audit]\nread_batch = 100\nread_queue = 99\n",
        ":2, audit.read_batch: expected no more than audit.read_queue (99)");
}

static int read_secret(struct arena *arena, struct str *ret_secret, char *ret_detail)
{
    struct err err = {0};
    int rc = conf_read_secret(arena, str_of(path), ret_secret, &err);
    strcpy(ret_detail, err.detail);
    return rc;
}

static void test_secrets(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct str secret = STR("kept");
    char detail[ERR_DETAIL_MAX], large[5000];
    memset(large, 's', sizeof large);
    static const mode_t BAD_MODES[] = {0604, 0602, 0601, 0620, 0644, 0666, 0777};
    for (size_t i = 0; i < sizeof BAD_MODES / sizeof BAD_MODES[0]; i++) {
        write_file(path, "secret", 6, BAD_MODES[i]);
        assert_int_equal(read_secret(arena, &secret, detail), -ERR_CONFIG);
        assert_non_null(strstr(detail, "lets others in"));
        assert_null(strstr(detail, "secret"));
    }
    write_file(path, "", 0, 0600);
    assert_int_equal(read_secret(arena, &secret, detail), -ERR_CONFIG);
    write_file(path, "\n", 1, 0600);
    assert_int_equal(read_secret(arena, &secret, detail), -ERR_CONFIG);
    write_file(path, large, 4097, 0600);
    assert_int_equal(read_secret(arena, &secret, detail), -ERR_CONFIG);
    unlink(path);
    assert_int_equal(read_secret(arena, &secret, detail), -ERR_CONFIG);
    assert_int_equal(mkfifo(path, 0600), 0); /* must not hang */
    assert_int_equal(read_secret(arena, &secret, detail), -ERR_CONFIG);
    assert_true(str_eq(secret, STR("kept")));

    static const mode_t GOOD_MODES[] = {0400, 0600, 0440, 0640};
    for (size_t i = 0; i < sizeof GOOD_MODES / sizeof GOOD_MODES[0]; i++) {
        write_file(path, "se\0cret\n", 8, GOOD_MODES[i]);
        assert_int_equal(read_secret(arena, &secret, detail), 0);
        assert_true(str_eq(secret, STR("se\0cret")));
    }
    write_file(path, large, 4096, 0600);
    assert_int_equal(read_secret(arena, &secret, detail), 0);
    assert_int_equal(secret.n, 4096);
    write_file(path, "two\n\n", 5, 0600); /* one newline is the editor's, more are the secret's */
    assert_int_equal(read_secret(arena, &secret, detail), 0);
    assert_true(str_eq(secret, STR("two\n")));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_shipped_file_is_what_we_print),
        cmocka_unit_test(test_printed_file_reads_back),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_all_mistakes_at_once),
        cmocka_unit_test(test_numbers_are_strict),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_nul_in_file),
        cmocka_unit_test(test_files_that_are_none),
        cmocka_unit_test(test_file_at_its_ceiling),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_cross_checks),
        cmocka_unit_test(test_secrets),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
