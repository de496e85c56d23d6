/*
 * Servers that are not as they should be: behind TCP with and without TLS, with too few statements or
 * connections, frozen. Each is the private server started by a wrapper that adds to its options.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tx_fixture.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

static const char *in_folder(const char *name)
{
    static char path[4][512];
    static unsigned turn;
    char *it = path[turn++ % 4];

    (void)snprintf(it, sizeof path[0], "%s/%s", fixture.folder, name);
    return it;
}

/* Starts the private server in "odd" with further options, and SQL after the accounts have been made. */
static struct instance *start_odd(const char *options, const char *sql)
{
    const struct str program = fixture.conf->db_mariadbd;
    const char *wrapper = in_folder("wrapper");
    struct instance *instance = NULL;
    FILE *file = fopen(wrapper, "w");
    struct err err = {0};

    must(file != NULL);
    must(fprintf(file, "#!/bin/sh\ncat >> '%s/run/init.sql' <<'END'\n%s\nEND\nexec mariadbd \"$@\" %s\n",
             in_folder("odd"), sql, options) > 0);
    must(fclose(file) == 0 && chmod(wrapper, 0700) == 0);
    fixture.conf->db_mariadbd = str_of(wrapper);
    fixture_report(instance_start(fixture.conf, str_of(in_folder("odd")), &instance, &err), &err, "start");
    fixture.conf->db_mariadbd = program;
    return instance;
}

static struct db *open_odd(const struct db_address *address, unsigned connections, uint64_t statement_ms)
{
    const struct db_limits limits = {.connections = connections, .statement_ms = statement_ms};

    return db_open(address, &limits);
}

/* ---- limits of the server ---- */

CHECKED(test_server_with_few_statements)
{
    struct instance *instance = start_odd("--max-prepared-stmt-count=12", "");
    const struct db_address address = instance_address(instance, INSTANCE_APP);
    struct db *db = open_odd(&address, 1, 0);
    char sql[64];
    (void)arg;

    for (int i = 0; i < 60; i++) { /* gives its own back and goes on */
        (void)snprintf(sql, sizeof sql, "SELECT %d + ?", i);
        must(fixture_query(db, sql, DB_PARAMS(DB_I(1))).n_rows == 1);
    }
    must(db_stats_now(db).prepared > 60); /* so it was refused, and has tried again */
    db_close(db);
    instance_stop(instance);
}

CHECKED(test_server_with_few_connections)
{
    struct instance *instance = start_odd("--max-connections=10", "");
    const struct db_address address = instance_address(instance, INSTANCE_APP);
    struct db *first = open_odd(&address, 1, 0), *pools[12];
    unsigned n_refused = 0;
    struct err err = {0};
    (void)arg;

    must(fixture_number(first, "SELECT COUNT(*) FROM seq_1_to_3") == 3);
    for (int i = 0; i < 12; i++) {
        pools[i] = open_odd(&address, 1, 0);
        err_clear(&err);
        if (db_query(pools[i], "SELECT 1", DB_NO_PARAMS, NULL, &err) != 0) {
            must(err.code == ERR_UNAVAILABLE && err.retry_after_s == 1 && strstr(err.detail, "1040") != NULL);
            n_refused++;
        }
    }
    must(n_refused >= 2 && n_refused <= 4);
    must(fixture_number(first, "SELECT COUNT(*) FROM seq_1_to_3") == 3);
    for (int i = 0; i < 12; i++) {
        db_close(pools[i]);
    }
    db_close(first);
    instance_stop(instance);
}

/* ---- a frozen server ---- */

struct thaw {
    uint64_t after_ms;
    const char *folder;
};

static void thaw(void *arg)
{
    const struct thaw *t = arg;
    struct err err = {0};

    must(task_sleep(t->after_ms, &err) == 0);
    must(fixture_signal_servers(t->folder, SIGCONT) == 1);
}

static void freeze(struct write *write)
{
    static struct thaw after = {.after_ms = 3500};

    if (write->runs == 1) {
        after.folder = fixture.folder;
        must(fixture_signal_servers(fixture.folder, SIGSTOP) == 1);
        (void)task_spawn("thaw", thaw, &after);
    }
}

/* We give up on the COMMIT after 2.1 s; the server wakes up after 3.5 s and may yet do it. */
CHECKED(test_server_frozen_in_commit)
{
    struct db *db = fixture_open(INSTANCE_APP, 2, 100);
    struct write write = {.before_commit = freeze};
    struct tx_done done = {0};
    struct err err = {0};
    (void)arg;

    make_tables();
    must(run_write(db, &(struct write){0}, NULL, &err) == 0);
    must(run_write(db, &write, &done, &err) == 0);
    must(done.runs == 1 || done.runs == 2); /* either it had arrived, or it was run again; never both */
    must(fixture_number(fixture.app, "SELECT n FROM counter WHERE id=1") == 2);
    must_agree();
    must_be_free();
    db_close(db);
}

CHECKED(test_frozen_server_is_unavailable)
{
    struct db *db = fixture_open(INSTANCE_APP, 2, 100);
    struct thaw after = {.after_ms = 9000, .folder = fixture.folder};
    struct err err = {0};
    int64_t begin_us;
    (void)arg;

    must(fixture_number(db, "SELECT COUNT(*) FROM seq_1_to_3") == 3);
    must(fixture_signal_servers(fixture.folder, SIGSTOP) == 1);
    (void)task_spawn("thaw", thaw, &after);
    for (int i = 0; i < 2; i++) { /* on the connection that is there; while connecting */
        err_clear(&err);
        begin_us = clock_monotonic_us();
        must(db_query(db, "SELECT COUNT(*) FROM seq_1_to_3", DB_NO_PARAMS, NULL, &err) == -ERR_UNAVAILABLE);
        must(clock_monotonic_us() - begin_us < 4000000 && !db_is_up(db));
    }
    do {
        must(task_sleep(20, &err) == 0);
        err_clear(&err);
    } while (db_query(db, "SELECT 1", DB_NO_PARAMS, NULL, &err) != 0);
    db_close(db);
}

/* ---- TCP ---- */

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);

    must(fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0);
    must(getsockname(fd, (struct sockaddr *)&address, &n) == 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

static void make_certificates(void)
{
    char command[2400];

    (void)snprintf(command, sizeof command,
        "cd '%s' && exec 2>openssl.log && for ca in good bad; do"
        " openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=$ca-ca -keyout $ca-ca.key -out $ca-ca.pem; done &&"
        " openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr &&"
        " printf 'subjectAltName=DNS:localhost' > server.ext &&"
        " openssl x509 -req -days 2 -in server.csr -CA good-ca.pem -CAkey good-ca.key -CAcreateserial"
        " -extfile server.ext -out server.pem",
        fixture.folder);
    must(system(command) == 0);
}

static struct instance *start_on_tcp(int port, const char *tls, struct db_address *ret_address)
{
    struct instance *instance;
    char options[900], sql[600];
    struct str password = STR_NULL;
    struct err err = {0};

    /* The instance's folder has to be there for its secret. */
    (void)mkdir(in_folder("odd"), 0700);
    must(instance_secret(str_of(in_folder("odd")), "app", task_arena(), &password, &err) == 0);
    (void)snprintf(
        options, sizeof options, "--skip-networking=0 --bind-address=127.0.0.1 --port=%d %s", port, tls);
    (void)snprintf(sql, sizeof sql,
        "CREATE OR REPLACE USER tidemark_app@'127.0.0.1' IDENTIFIED BY '%.*s';\n"
        "GRANT SELECT ON tidemark.* TO tidemark_app@'127.0.0.1';",
        STR_ARGS(password));
    instance = start_odd(options, sql);
    *ret_address = instance_address(instance, INSTANCE_APP);
    ret_address->socket = STR_NULL;
    ret_address->host = STR("localhost"); /* ::1 may come first, where nobody listens */
    ret_address->port = port;
    return instance;
}

static int query_once(const struct db_address *address, struct err *err)
{
    struct db *db = open_odd(address, 1, 0);
    int status;

    err_clear(err);
    status = db_query(db, "SELECT @@version", DB_NO_PARAMS, NULL, err);
    db_close(db);
    return status;
}

CHECKED(test_tcp_needs_a_verified_certificate)
{
    struct db_address address = {0};
    struct instance *instance;
    struct db_rows rows;
    struct err err = {0};
    char tls[600];
    struct db *db;
    (void)arg;

    make_certificates();
    instance = start_on_tcp(free_port(), "", &address);
    address.ca_file = str_of(in_folder("good-ca.pem"));
    must(query_once(&address, &err) == -ERR_UNAVAILABLE &&
         strstr(err.detail, "(2026: ") != NULL); /* no TLS there: not one byte of the password */
    instance_stop(instance);

    (void)snprintf(
        tls, sizeof tls, "--ssl-cert='%s' --ssl-key='%s'", in_folder("server.pem"), in_folder("server.key"));
    instance = start_on_tcp(free_port(), tls, &address);
    address.ca_file = str_of(in_folder("bad-ca.pem"));
    must(query_once(&address, &err) == -ERR_UNAVAILABLE && strstr(err.detail, "(2026: ") != NULL);
    address.ca_file = STR_NULL; /* the system's: do not know it */
    must(query_once(&address, &err) == -ERR_UNAVAILABLE && strstr(err.detail, "(2026: ") != NULL);
    address.ca_file = str_of(in_folder("good-ca.pem"));
    address.host = STR("127.0.0.1"); /* not the name in the certificate */
    must(query_once(&address, &err) == -ERR_UNAVAILABLE && strstr(err.detail, "(2026: ") != NULL);

    address.host = STR("localhost");
    db = open_odd(&address, 2, 0);
    rows = fixture_query(db,
        "SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME='SSL_CIPHER'",
        DB_NO_PARAMS);
    must(rows.n_rows == 1 && db_cell(&rows, 0, 0)->s.n > 0);
    rows = fixture_query(
        db, "SELECT seq, REPEAT('x', 1000) FROM seq_1_to_5000", DB_NO_PARAMS); /* many TLS records */
    must(rows.n_rows == 5000 && db_cell(&rows, 4999, 1)->s.n == 1000);
    db_close(db);
    instance_stop(instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server_with_few_statements),
        cmocka_unit_test(test_server_with_few_connections),
        cmocka_unit_test(test_server_frozen_in_commit),
        cmocka_unit_test(test_frozen_server_is_unavailable),
        cmocka_unit_test(test_tcp_needs_a_verified_certificate),
    };

    return cmocka_run_group_tests_name("db/odd_server", tests, fixture_set_up, fixture_tear_down);
}
