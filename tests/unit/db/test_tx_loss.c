/*
 * Nothing acknowledged is lost and nothing applied twice when connections, the server, or the reply to a
 * COMMIT go away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tx_fixture.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ---- a reply that never arrives ---- */

/*
 * A proxy between the pool and the server, on threads of its own. Armed, it spoils the next thing that a
 * client says: it forwards it and swallows the answer, or does not even forward it; then both sides are cut.
 */
enum spoil { SPOIL_NOTHING, SPOIL_REPLY, SPOIL_REQUEST };
static struct {
    char path[108], server_path[108];
    int listener;
    _Atomic enum spoil armed;
} proxy;

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static bool pump(int from, int to, char *buffer, size_t size)
{
    const ssize_t n = read(from, buffer, size);

    return n > 0 && write(to, buffer, (size_t)n) == n;
}

static void *serve_client(void *arg)
{
    const int client = (int)(intptr_t)arg;
    const int server = connect_to(proxy.server_path);
    char buffer[65536];
    bool going = server >= 0;

    while (going) {
        struct pollfd fds[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};

        (void)poll(fds, 2, -1);
        if (fds[0].revents != 0) {
            const enum spoil spoil = atomic_exchange(&proxy.armed, SPOIL_NOTHING);

            if (spoil == SPOIL_REQUEST) {
                break;
            }
            going = pump(client, server, buffer, sizeof buffer);
            if (spoil == SPOIL_REPLY) {
                (void)!read(server, buffer, sizeof buffer); /* so the server has done it */
                break;
            }
        } else if (fds[1].revents != 0) {
            going = pump(server, client, buffer, sizeof buffer);
        }
    }
    (void)close(client);
    if (server >= 0) {
        (void)close(server);
    }
    return NULL;
}

static void *accept_clients(void *arg)
{
    (void)arg;
    for (;;) {
        const int client = accept4(proxy.listener, NULL, NULL, SOCK_CLOEXEC);
        pthread_t thread;

        if (client < 0) {
            return NULL;
        }
        must(pthread_create(&thread, NULL, serve_client, (void *)(intptr_t)client) == 0);
        (void)pthread_detach(thread);
    }
}

static struct db *open_through_proxy(pthread_t *ret_thread)
{
    struct db_address address = instance_address(fixture.instance, INSTANCE_APP);
    const struct db_limits limits = {.connections = 2};
    struct sockaddr_un here = {.sun_family = AF_UNIX};

    (void)snprintf(proxy.server_path, sizeof proxy.server_path, "%.*s", STR_ARGS(address.socket));
    (void)snprintf(proxy.path, sizeof proxy.path, "%s/proxy", fixture.folder);
    (void)snprintf(here.sun_path, sizeof here.sun_path, "%s/proxy", fixture.folder);
    proxy.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)unlink(proxy.path);
    must(bind(proxy.listener, (const struct sockaddr *)&here, sizeof here) == 0);
    must(listen(proxy.listener, 16) == 0);
    must(pthread_create(ret_thread, NULL, accept_clients, NULL) == 0);
    address.socket = str_of(proxy.path);
    return db_open(&address, &limits);
}

static void close_proxy(struct db *db, pthread_t thread)
{
    db_close(db);
    (void)shutdown(proxy.listener, SHUT_RDWR);
    must(pthread_join(thread, NULL) == 0);
    (void)close(proxy.listener);
}

static void spoil_reply_once(struct write *write)
{
    if (write->runs == 1) {
        proxy.armed = SPOIL_REPLY;
    }
}

static void spoil_request_once(struct write *write)
{
    if (write->runs == 1) {
        proxy.armed = SPOIL_REQUEST;
    }
}

CHECKED(test_reply_to_commit_is_lost)
{
    pthread_t thread;
    struct db *db = open_through_proxy(&thread);
    struct tx_done done = {0};
    struct err err = {0};
    (void)arg;

    make_tables();
    must(run_write(db, &(struct write){0}, &done, &err) == 0); /* so that the commit is one message */
    for (int i = 0; i < 5; i++) {
        struct write write = {.before_commit = spoil_reply_once};
        const int64_t before = done.gtid_sequence;

        must(run_write(db, &write, &done, &err) == 0);
        must(write.runs == 1 && done.runs == 1 && event_is_there(write.event_id));
        must(done.gtid_sequence > before); /* from the server's position */
        must(run_write(db, &(struct write){0}, &done, &err) == 0);
    }
    must(fixture_number(fixture.app, "SELECT n FROM counter WHERE id=1") == 11);
    must_agree();
    must_be_free();
    close_proxy(db, thread);
}

CHECKED(test_commit_itself_is_lost)
{
    pthread_t thread;
    struct db *db = open_through_proxy(&thread);
    struct tx_done done = {0};
    struct err err = {0};
    (void)arg;

    make_tables();
    must(run_write(db, &(struct write){0}, NULL, &err) == 0);
    for (int i = 0; i < 5; i++) {
        struct write write = {.before_commit = spoil_request_once};

        must(run_write(db, &write, &done, &err) == 0);
        must(write.runs == 2 && done.runs == 2 && event_is_there(write.event_id));
    }
    must(fixture_number(fixture.app, "SELECT n FROM counter WHERE id=1") == 6);
    must_agree();
    must_be_free();
    close_proxy(db, thread);
}

/* Without a proof nobody can know: it says so, and does not run again. */
CHECKED(test_lost_commit_without_proof_is_not_repeated)
{
    pthread_t thread;
    struct db *db = open_through_proxy(&thread);
    struct write write = {.before_commit = spoil_reply_once};
    struct err err = {0};
    (void)arg;

    make_tables();
    must(run_write(db, &(struct write){0}, NULL, &err) == 0);
    write.event_id = ++last_event_id;
    must(tx_run(db, NULL, add_one, &write, NULL, &err) == -ERR_UNAVAILABLE);
    must(err.retry_after_s == 1 && write.runs == 1);
    must_agree();
    close_proxy(db, thread);
}

/*
 * The server is slow, not dead: we give up on the connection while it is in the middle of the commit's
 * statement. It is ended before the transaction is run again, so it cannot commit afterwards.
 */
static task_fn int slow_once(struct tx *tx, void *arg, struct err *err)
{
    struct write *write = arg;
    int status = write->runs > 0 ? 0 : tx_query(tx, "SET max_statement_time=0", DB_NO_PARAMS, NULL, err);

    if (status == 0) {
        status = add_one(tx, write, err);
    }
    if (status == 0 && write->runs == 1) {
        tx_add(tx, "DO SLEEP(4)", DB_NO_PARAMS);
    }
    return status;
}

CHECKED(test_slow_commit_is_ended_before_it_is_repeated)
{
    struct db *db = fixture_open(INSTANCE_APP, 2, 100);
    struct write write = {.event_id = ++last_event_id};
    const struct tx_opts opts = {.proof_sql = SQL_PROOF, .request_id = write.event_id};
    struct tx_done done = {0};
    struct err err = {0};
    (void)arg;

    make_tables();
    must(tx_run(db, &opts, slow_once, &write, &done, &err) == 0);
    must(done.runs == 2);
    must(task_sleep(2500, &err) == 0); /* past the end of its sleep, had it lived */
    must(fixture_number(fixture.app, "SELECT n FROM counter WHERE id=1") == 1);
    must_agree();
    must_be_free();
    db_close(db);
}

/* ---- storms ---- */

struct storm {
    struct db *db;
    unsigned n_running, n_acknowledged, n_refused;
    bool stop;
    int64_t acknowledged[200000];
};
static struct storm storm;

static void storm_writer(void *arg)
{
    (void)arg;
    while (!storm.stop) {
        struct write write = {.row = 1 + (int)(last_event_id % 2)};
        struct err err = {0};
        const int status = run_write(storm.db, &write, NULL, &err);

        if (status == 0) {
            must(storm.n_acknowledged < sizeof storm.acknowledged / sizeof storm.acknowledged[0]);
            storm.acknowledged[storm.n_acknowledged++] = write.event_id;
        } else {
            must(status == -ERR_UNAVAILABLE && err.retry_after_s > 0);
            storm.n_refused++;
            must(task_sleep(5, &err) == 0 || true);
        }
        arena_clear(task_arena());
    }
    storm.n_running--;
}

static void check_storm(void)
{
    const struct db_rows rows = fixture_query(fixture.app, "SELECT id FROM event ORDER BY id", DB_NO_PARAMS);
    size_t at = 0;

    for (int64_t id = 1; id <= last_event_id; id++) { /* acknowledged ones, in order of their ids */
        const bool there = at < rows.n_rows && db_cell(&rows, at, 0)->i == id;

        at += there;
        for (size_t i = 0; !there && i < storm.n_acknowledged; i++) {
            must(storm.acknowledged[i] != id);
        }
    }
    must(at == rows.n_rows);
    must_agree();
    must_be_free();
}

static void begin_storm(unsigned n_writers)
{
    make_tables();
    last_event_id = 0;
    memset(&storm, 0, sizeof storm);
    storm.db = fixture_open(INSTANCE_APP, 6, 15000);
    storm.n_running = n_writers;
    for (unsigned i = 0; i < n_writers; i++) {
        (void)task_spawn("writer", storm_writer, NULL);
    }
}

static void end_storm(void)
{
    struct err err = {0};

    storm.stop = true;
    while (storm.n_running > 0) {
        must(task_sleep(5, &err) == 0);
    }
    db_close(storm.db);
}

CHECKED(test_storm_while_connections_are_killed)
{
    struct err err = {0};
    unsigned n_killed = 0;
    (void)arg;

    begin_storm(8);
    while (n_killed < 200) {
        const struct db_rows rows = fixture_query(fixture.app,
            "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND USER='tidemark_app'"
            " ORDER BY RAND() LIMIT 2",
            DB_NO_PARAMS);

        for (size_t i = 0; i < rows.n_rows; i++) {
            struct err ignored = {0};
            char sql[64];

            (void)snprintf(sql, sizeof sql, "KILL CONNECTION %lld", (long long)db_cell(&rows, i, 0)->i);
            n_killed += db_query(fixture.app, sql, DB_NO_PARAMS, NULL, &ignored) == 0;
        }
        must(task_sleep(3, &err) == 0);
    }
    end_storm();
    must(storm.n_acknowledged > 50);
    print_message("killed %u connections: %u acknowledged, %u refused\n", n_killed, storm.n_acknowledged,
        storm.n_refused);
    check_storm();
}

CHECKED(test_storm_while_the_server_is_killed)
{
    struct err err = {0};
    (void)arg;

    begin_storm(8);
    for (unsigned round = 0; round < 3; round++) {
        const unsigned before = storm.n_acknowledged;
        int64_t killed_us;

        while (storm.n_acknowledged < before + 100) {
            must(task_sleep(1, &err) == 0);
        }
        must(fixture_signal_servers(fixture.folder, SIGKILL) == 1);
        killed_us = clock_monotonic_us();
        while (instance_restarts(fixture.instance) <= round || !instance_is_up(fixture.instance)) {
            must(task_sleep(5, &err) == 0);
        }
        must(clock_monotonic_us() - killed_us < 5000000); /* serving again within 5 s */
        print_message(
            "server killed: up again after %lld ms\n", (long long)(clock_monotonic_us() - killed_us) / 1000);
    }
    end_storm();
    print_message("%u acknowledged, %u refused\n", storm.n_acknowledged, storm.n_refused);
    check_storm();
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reply_to_commit_is_lost),
        cmocka_unit_test(test_commit_itself_is_lost),
        cmocka_unit_test(test_lost_commit_without_proof_is_not_repeated),
        cmocka_unit_test(test_slow_commit_is_ended_before_it_is_repeated),
        cmocka_unit_test(test_storm_while_connections_are_killed),
        cmocka_unit_test(test_storm_while_the_server_is_killed),
    };

    return cmocka_run_group_tests_name("db/tx_loss", tests, fixture_set_up, fixture_tear_down);
}
