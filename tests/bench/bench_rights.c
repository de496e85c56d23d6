/*
 * Live views under rights: what a change costs that concerns one of many people, how soon a role's screens
 * stop showing what has been taken from it, and what it costs to tell those who see less than all.
 *
 *   bench_rights KIND PORT PID DATA_DIR A B FIRST [TAKE GIVE]     password in TIDEMARK_DEMO_PASSWORD
 *
 *   scopes   A sockets and then B, each of a person who sees the customers of his own alone and has one; the
 *            server's processor time for each of 600 changes a second, less what as long without one takes;
 *            then A again: the medians of all rounds, and the least and the most
 *   revoke   A sockets of a role look at a list that changes 40 times a second; in each of B rounds the role
 *            is put, by the API, to the matrix in TAKE, which hides the notes, and then to that in GIVE
 *   push     A sockets look at one list that changes 200 times a second, for B seconds; the server's
 * processor time for each change, as above
 *
 * Socket i is that of person FIRST + i of rights.ts, which has made their sessions; only the security
 * administrator logs in. One line of name=value, as the other programs here print.
 */
#include "lib/load.h"

#include "base/clock.h"
#include "crypto/crypto.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    WRITERS = 8,
    AT_ONCE = 400,
    CHANGES_MAX = 200000,
    ROUNDS_MAX = 200,
    SCOPE_ROUNDS = 7,
    SCOPE_PER_S = 600,
    SCOPE_S = 3,
    PUSH_PER_S = 200,
    AFTER_US = 1000000,   /* what a change leaves to do */
    LINGER_US = 33000000, /* until channels that nobody looks at have gone */
    REVOKE_PER_S = 40,
    REVOKE_CHANGES = 60, /* of a round */
    REVOKE_AFTER_US = 400000,
    LOOK_US = 200,
    BODY_BYTES = 1 << 18,
    WAIT_US = 30000000
};

static const char RIGHTS_PATH[] = "/api/v1/forms/customer/rights";
static const char SQL_EPOCH[] = "SELECT epoch FROM catalog_epoch WHERE id = 1";
static const char SQL_NEWEST[] =
    "SELECT _id FROM rec_customer WHERE _deleted_at IS NULL ORDER BY no DESC LIMIT 20";
static const char SQL_OWN[] =
    "SELECT MIN(_id) FROM rec_customer WHERE _deleted_at IS NULL AND _owner >= %lld GROUP BY _owner ORDER BY _owner";

static struct {
    struct api api;
    pid_t server;
    const char *data;
    size_t a, b, first;
    struct load load;
    struct changes *changes;
    size_t n_told;  /* changes that sockets were told of */
    size_t n_among; /* … choose_scope takes customers of so many */
} run;

/* ---- people and what they ask for
 * --------------------------------------------------------------------------------- */

/* The cookie of the session that rights.ts has made: its token is the hash of the person's number. */
static void cookie_of(size_t index, char *text, size_t size)
{
    char seed[32];
    unsigned char token[CRYPTO_SHA256_BYTES];
    struct arena *arena = arena_new();
    (void)snprintf(seed, sizeof(seed), "viewer%zu", run.first + index);
    crypto_sha256(str_of(seed), token);
    struct str cookie = crypto_base64url(arena, token, sizeof(token));
    (void)snprintf(text, size, "sid=%.*s", STR_ARGS(cookie));
    arena_free(arena);
}

/* No fields are named: whoever loses one goes on with the others. */
static void sub_list(size_t index, char *text, size_t size)
{
    (void)index;
    (void)snprintf(text, size,
        "{\"op\":\"sub\",\"id\":\"s1\",\"kind\":\"records\",\"form\":\"customer\",\"sort\":\"-no\",\"limit\":20");
}

/* Writers commit side by side, so numbers need not rise: what counts is how many changes were told. */
static void count_told(const struct load_socket *socket, struct str text, int64_t now_us)
{
    static const struct str delta = STR("{\"op\":\"delta\"");
    const char *at = text.p, *end = text.p + text.n;
    (void)socket, (void)now_us;
    while (str_starts(text, delta) && (at = memmem(at, (size_t)(end - at), "\"notes\":\"#", 10)) != NULL) {
        at += 10;
        run.n_told++;
    }
}

static void prepare(size_t n)
{
    load_init(&run.load, &run.api, n);
    run.load.sub = sub_list;
    run.load.cookie = cookie_of;
    run.load.on_text = count_told;
    run.load.change_base = changes_base(run.changes);
}

/* ---- the cost of a change
 * ---------------------------------------------------------------------------------------- */

static int64_t cpu_over(size_t n, double per_s, size_t (*choose)(int64_t number))
{
    int64_t cpu_us = cpu_us_of(run.server);
    if (choose != NULL) {
        changes_start(run.changes, n, per_s, choose);
        while (!changes_are_done(run.changes))
            load_turn(&run.load, 20);
        (void)changes_join(run.changes);
    } else {
        load_turn_for(&run.load, (int64_t)((double)n / per_s * 1e6));
    }
    load_turn_for(&run.load, AFTER_US);
    return cpu_us_of(run.server) - cpu_us;
}

/* Processor microseconds of the server for a change, beside as long without one. */
static double cost_of(size_t n, double per_s, size_t (*choose)(int64_t number))
{
    double quiet = (double)cpu_over(n, per_s, NULL), busy = (double)cpu_over(n, per_s, choose);
    return (busy - quiet) / (double)n;
}

/* Spread over all: neighbours in time are none in memory. */
static size_t choose_scope(int64_t number)
{
    return (size_t)((uint64_t)number * 7919 % run.n_among);
}

static void cost_among(size_t n, double ret_costs[SCOPE_ROUNDS])
{
    run.n_among = n;
    for (size_t i = 0; i < SCOPE_ROUNDS; i++)
        ret_costs[i] = cost_of((size_t)SCOPE_PER_S * SCOPE_S, SCOPE_PER_S, choose_scope);
}

static void scopes(void)
{
    char sql[256];
    double few[2 * SCOPE_ROUNDS], many[SCOPE_ROUNDS];
    const size_t n = (size_t)SCOPE_PER_S * SCOPE_S * SCOPE_ROUNDS;
    (void)snprintf(sql, sizeof(sql), SQL_OWN, (long long)(LOAD_PERSON_BASE + run.first));
    if (changes_customers(run.changes, sql) < run.b)
        load_die("scopes", "too few people with a customer of their own");
    prepare(run.b);
    load_open(&run.load, 0, run.a, AT_ONCE);
    cost_among(run.a, few);
    size_t told_few = run.n_told;
    int64_t opened_us = clock_monotonic_us();
    load_open(&run.load, run.a, run.b, AT_ONCE);
    opened_us = clock_monotonic_us() - opened_us;
    load_turn_for(&run.load, 2 * AFTER_US);
    run.n_told = 0;
    cost_among(run.b, many);
    size_t told_many = run.n_told;
    double channels = api_metric(&run.api, "live_channels");
    for (size_t i = run.a; i < run.b; i++)
        load_cut(&run.load, i);
    load_turn_for(&run.load, LINGER_US);
    cost_among(run.a, few + SCOPE_ROUNDS);
    double few_us = median_of(few, (size_t)2 * SCOPE_ROUNDS), many_us = median_of(many, SCOPE_ROUNDS);
    printf("few=%zu many=%zu few_us=%.2f few_least_us=%.2f few_most_us=%.2f many_us=%.2f many_least_us=%.2f "
           "many_most_us=%.2f told_few=%.4f told_many=%.4f channels=%.0f opening_s=%.1f lost=%zu\n",
        run.a, run.b, few_us, few[0], few[2 * SCOPE_ROUNDS - 1], many_us, many[0], many[SCOPE_ROUNDS - 1],
        (double)told_few / (double)n, (double)told_many / (double)n, channels, (double)opened_us / 1e6,
        run.load.n_lost);
}

static size_t choose_newest(int64_t number)
{
    return (size_t)number % 20;
}

static void push(void)
{
    const size_t n = run.b * PUSH_PER_S;
    (void)changes_customers(run.changes, SQL_NEWEST);
    prepare(run.a);
    load_open(&run.load, 0, run.a, AT_ONCE);
    load_turn_for(&run.load, AFTER_US);
    run.n_told = 0;
    double us = cost_of(n, PUSH_PER_S, choose_newest);
    printf("sockets=%zu changes=%zu us_change=%.2f told=%.4f lost=%zu\n", run.a, n, us,
        (double)run.n_told / (double)(n * run.a), run.load.n_lost);
}

/* ---- revocation
 * -------------------------------------------------------------------------------------------------- */

static struct {
    struct api_login security;
    char version[LOAD_COOKIE_MAX];
    char *take, *give;
    struct changes *look; /* a connection that sees the commit */
    atomic_bool answered;
    int64_t asked_us, answered_us, committed_us;
    bool shows; /* the class that is waited for has the notes */
    /* by socket */
    bool *there;               /* the first state of that class has come */
    int64_t *last_us, *newest; /* when a byte of the old class came; the newest change that such a one told */
} fence;

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, BODY_BYTES);
    if (file == NULL || text == NULL || fread(text, 1, BODY_BYTES - 1, file) == 0)
        load_die(path, strerror(errno));
    (void)fclose(file);
    return text;
}

/* Frames with the notes are of the class before; those without are of the class after. */
static void judge(const struct load_socket *socket, struct str text, int64_t now_us)
{
    static const struct str snapshot = STR("{\"op\":\"snapshot\""), delta = STR("{\"op\":\"delta\"");
    bool shows = memmem(text.p, text.n, "\"notes\":", 8) != NULL;
    if (str_starts(text, snapshot) && shows == fence.shows)
        fence.there[socket->index] = true;
    if (fence.shows || !shows || !(str_starts(text, snapshot) || str_starts(text, delta)))
        return;
    const char *at = memmem(text.p, text.n, "\"notes\":\"#", 10);
    int64_t change = at ? strtoll(at + 10, NULL, 10) - run.load.change_base : -1;
    fence.last_us[socket->index] = now_us;
    if (str_starts(text, delta) && change > fence.newest[socket->index])
        fence.newest[socket->index] = change;
}

static void *ask(void *arg)
{
    fence.asked_us = clock_monotonic_us();
    api_put(&run.api, &fence.security, RIGHTS_PATH, arg, fence.version);
    fence.answered_us = clock_monotonic_us();
    atomic_store(&fence.answered, true);
    return NULL;
}

/* The commit, to the fraction of a millisecond: when the last look began that did not see it yet. */
static void *look(void *arg)
{
    int64_t before = changes_number(fence.look, SQL_EPOCH, 0), last_us = clock_monotonic_us(),
            began_us = last_us;
    (void)arg;
    while (changes_number(fence.look, SQL_EPOCH, 0) == before) {
        last_us = began_us;
        (void)usleep(LOOK_US);
        began_us = clock_monotonic_us();
        if (atomic_load(&fence.answered) && began_us - fence.answered_us > WAIT_US)
            load_die("revocation", "no other epoch");
    }
    fence.committed_us = last_us;
    return NULL;
}

static void put(char *body, bool shows)
{
    pthread_t threads[2];
    const int64_t end_us = clock_monotonic_us() + WAIT_US;
    atomic_store(&fence.answered, false);
    for (size_t i = 0; i < run.a; i++)
        fence.there[i] = false;
    fence.shows = shows;
    if (pthread_create(&threads[0], NULL, look, NULL) != 0 ||
        pthread_create(&threads[1], NULL, ask, body) != 0)
        load_die("thread", "not to be had");
    for (size_t i = 0; i < run.a || !atomic_load(&fence.answered);) {
        if (i < run.a && fence.there[i])
            i++;
        else
            load_turn(&run.load, 5);
        if (clock_monotonic_us() > end_us)
            load_die("revocation", "has not come to every socket in time");
    }
    (void)pthread_join(threads[0], NULL);
    (void)pthread_join(threads[1], NULL);
}

static void take_away(void)
{
    const size_t n = run.a, rounds = run.b;
    int64_t *late = calloc(n * rounds, sizeof(late[0]));
    double answer_ms[ROUNDS_MAX];
    size_t leaked = 0, old = 0;
    fence.there = calloc(n, sizeof(fence.there[0]));
    fence.last_us = calloc(n, sizeof(fence.last_us[0]));
    fence.newest = calloc(n, sizeof(fence.newest[0]));
    if (late == NULL || fence.there == NULL || fence.last_us == NULL || fence.newest == NULL)
        load_die("memory", strerror(errno));
    (void)changes_customers(run.changes, SQL_NEWEST);
    api_log_in(&run.api, "security", fence.security.cookie, fence.security.csrf);
    api_version(&run.api, &fence.security, RIGHTS_PATH, fence.version);
    fence.look = changes_new(run.data, 1, 1);
    fence.shows = true;
    prepare(n);
    run.load.on_text = judge;
    load_open(&run.load, 0, n, AT_ONCE);
    put(fence.give, true);
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < n; i++)
            fence.newest[i] = -1;
        changes_start(run.changes, REVOKE_CHANGES, REVOKE_PER_S, choose_newest);
        load_turn_for(&run.load, REVOKE_AFTER_US);
        put(fence.take, false);
        while (!changes_are_done(run.changes))
            load_turn(&run.load, 20);
        (void)changes_join(run.changes);
        load_turn_for(&run.load, AFTER_US / 2);
        for (size_t i = 0; i < n; i++) {
            int64_t us = fence.last_us[i] - fence.committed_us;
            late[round * n + i] = us > 0 ? us : 0;
            old += us > 0;
            leaked +=
                fence.newest[i] >= 0 && changes_began_us(run.changes, fence.newest[i]) > fence.answered_us;
        }
        answer_ms[round] = (double)(fence.answered_us - fence.committed_us) / 1e3;
        put(fence.give, true);
        load_turn_for(&run.load, AFTER_US / 2);
    }
    printf(
        "sockets=%zu rounds=%zu old=%zu p50_ms=%.3f p99_ms=%.3f max_ms=%.3f answer_ms=%.3f leaked=%zu lost=%zu\n",
        n, rounds, old, percentile_ms(late, n * rounds, 0.5), percentile_ms(late, n * rounds, 0.99),
        percentile_ms(late, n * rounds, 1.0), median_of(answer_ms, rounds), leaked, run.load.n_lost);
    changes_free(fence.look);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*measure)(void);
        int n_args;
    } KINDS[] = {{"scopes", scopes, 8}, {"revoke", take_away, 10}, {"push", push, 8}};
    size_t kind = 0;
    while (argc >= 8 && kind < 3 && strcmp(argv[1], KINDS[kind].name) != 0)
        kind++;
    if (argc < 8 || kind == 3 || argc != KINDS[kind].n_args) {
        fprintf(stderr, "bench_rights KIND PORT PID DATA_DIR A B FIRST [TAKE GIVE]\n");
        return 2;
    }
    run.api.port = atoi(argv[2]);
    run.server = (pid_t)atoi(argv[3]);
    run.data = argv[4];
    run.a = strtoul(argv[5], NULL, 10);
    run.b = strtoul(argv[6], NULL, 10);
    run.first = strtoul(argv[7], NULL, 10);
    if (KINDS[kind].measure == take_away) {
        fence.take = read_text(argv[8]);
        fence.give = read_text(argv[9]);
    }
    if (run.a < 1 || run.b < 1 || (KINDS[kind].measure != scopes && run.b > ROUNDS_MAX))
        load_die(argv[1], "A or B is 0, or B is too large");
    load_allow_descriptors((run.a > run.b ? run.a : run.b) + 256);
    run.changes = changes_new(run.data, WRITERS, CHANGES_MAX);
    KINDS[kind].measure();
    changes_free(run.changes);
    return 0;
}
