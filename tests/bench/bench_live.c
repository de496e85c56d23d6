/*
 * Live views of the real server under load: what one change costs that many look at, how soon it is seen,
 * what an idle socket weighs, how fast all come back, and what readers cost that do not read.
 *
 *   bench_live KIND plain|tls PORT PID DATA_DIR A B [CERTIFICATE KEY]     password in TIDEMARK_DEMO_PASSWORD
 *
 *   fanout   A sockets look at one list; B changes of it, in turn with a bare libwebsockets that sends as
 * many bytes to as many sockets. Nobody reads until the last byte is there, so the client's work is in
 *            neither number; ours is counted from the return of COMMIT, the bare one from its start.
 *   weight   A idle sockets with one subscription each; B: 0 one list for all, 1 a record of its own for each
 *   viewer   one socket, A changes, B a second
 *   crowd    1,000 sockets on lists of 20 owners, B: 0 each with a window of its own, 1 one window an owner;
 *            200 changes a second for A seconds, each in the lists of one owner
 *   return   A sockets are cut at once, while a change is committed, and dial at once; B times
 *   stalled  A of the sockets read nothing for B seconds at 500 changes a second, 20 others do; measured once
 *            no pipe takes any more. The server must bear silence for so long (limits.ws_silent_s): a client
 *            whose buffer overflows cannot even say pong
 *
 * The server's sockets belong to the people bench0 to bench7. One line of name=value, as the other programs
 * here print.
 */
#include "lib/load.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    PEOPLE = 8,
    AT_ONCE = 400, /* handshakes under way where nothing is measured */
    A_FEW = 50,    /* … where memory is: what a storm leaves behind is another matter */
    WARM_PART = 10,
    CROWD = 1000,
    CROWD_OWNERS = 20,
    CROWD_ROWS = 20, /* of each owner, that change */
    CROWD_PER_S = 200,
    STALL_PER_S = 500,
    STALL_READERS = 20,
    STALL_BASE_S = 30,
    STALL_FILL_S = 15, /* until no pipe takes any more */
    WRITERS = 8,
    WAIT_MS = 30000,
    ROUNDS_MAX = 200
};

static const char LIST[] =
    "{\"op\":\"sub\",\"id\":\"s1\",\"kind\":\"records\",\"form\":\"customer\",\"sort\":\"-no\","
    "\"fields\":[\"no\",\"name\",\"stage\",\"notes\"]";
static const char SQL_NEWEST[] =
    "SELECT _id FROM rec_customer WHERE _deleted_at IS NULL ORDER BY no DESC LIMIT 50";
static const char SQL_ALL[] = "SELECT _id FROM rec_customer WHERE _deleted_at IS NULL ORDER BY _id";
static const char SQL_OWNERS[] =
    "SELECT _owner FROM rec_customer WHERE _deleted_at IS NULL GROUP BY _owner HAVING COUNT(*) >= 80 "
    "ORDER BY _owner LIMIT 20";
/* The first rows of each owner's list, the rows of one owner one after the other. */
static const char SQL_CROWD[] =
    "SELECT _id FROM (SELECT _id, _owner, ROW_NUMBER() OVER (PARTITION BY _owner ORDER BY no DESC) AS place "
    "FROM rec_customer WHERE _deleted_at IS NULL AND _owner IN (SELECT _owner FROM (SELECT _owner FROM "
    "rec_customer WHERE _deleted_at IS NULL GROUP BY _owner HAVING COUNT(*) >= 80 ORDER BY _owner LIMIT 20) "
    "AS some)) AS ranked WHERE place <= 20 ORDER BY _owner, place";

static struct {
    struct api api;
    pid_t server;
    const char *data, *certificate, *key;
    size_t a, b;
    struct load load;
    struct changes *changes;
    int64_t owners[CROWD_OWNERS];
} run;

/* ---- when changes were seen
 * ------------------------------------------------------------------------------------ */

static struct {
    int64_t *change, *at_us;
    size_t n, max;
} seen;

static void see(struct load_socket *socket, int64_t change, int64_t now_us)
{
    if (change < 0 || seen.n == seen.max || socket->paused)
        return;
    seen.change[seen.n] = change;
    seen.at_us[seen.n++] = now_us;
}

static void expect(size_t n)
{
    free(seen.change);
    free(seen.at_us);
    seen.change = calloc(n + 1, sizeof(seen.change[0]));
    seen.at_us = calloc(n + 1, sizeof(seen.at_us[0]));
    seen.n = 0;
    seen.max = n;
    if (seen.change == NULL || seen.at_us == NULL)
        load_die("memory", strerror(errno));
    run.load.on_change = see;
}

/* From the return of COMMIT at the writer; negative where the frame was there first. */
static int64_t *latencies(void)
{
    for (size_t i = 0; i < seen.n; i++)
        seen.at_us[i] -= changes_committed_us(run.changes, seen.change[i]);
    return seen.at_us;
}

/* ---- subscriptions
 * --------------------------------------------------------------------------------------------- */

static void sub_list(size_t index, char *text, size_t size)
{
    (void)index;
    (void)snprintf(text, size, "%s,\"limit\":50", LIST);
}

static void sub_record(size_t index, char *text, size_t size)
{
    (void)snprintf(text, size,
        "{\"op\":\"sub\",\"id\":\"s1\",\"kind\":\"record\",\"form\":\"customer\",\"record\":\"%lld\"",
        (long long)changes_id(run.changes, index));
}

static void sub_owner(size_t index, char *text, size_t size)
{
    const size_t per_owner = CROWD / CROWD_OWNERS;
    (void)snprintf(text, size,
        "%s,\"filter\":{\"field\":\"owner\",\"op\":\"eq\",\"value\":\"%lld\"},\"limit\":%zu", LIST,
        (long long)run.owners[index / per_owner], run.b == 0 ? CROWD_ROWS + index % per_owner : CROWD_ROWS);
}

static void sign_in(size_t n_sockets, void (*sub)(size_t index, char *text, size_t size))
{
    struct load *load = &run.load;
    load_init(load, &run.api, n_sockets);
    load->sub = sub;
    load->change_base = changes_base(run.changes);
    for (load->n_people = 0; load->n_people < PEOPLE; load->n_people++) {
        char login[16];
        (void)snprintf(login, sizeof(login), "bench%zu", load->n_people);
        api_log_in(&run.api, login, load->cookies[load->n_people], NULL);
    }
}

/* ---- weight
 * ---------------------------------------------------------------------------------------------------- */

/* Opens all; returns what one costs. What is made once is made for the first tenth. */
static double open_and_weigh(size_t n)
{
    const size_t warm = n / WARM_PART;
    load_open(&run.load, 0, warm, A_FEW);
    load_turn_for(&run.load, 500000);
    double before = settled_kb_of(run.server);
    load_open(&run.load, warm, n, A_FEW);
    load_turn_for(&run.load, 500000);
    return (settled_kb_of(run.server) - before) / (double)(n - warm);
}

static void weight(void)
{
    (void)changes_customers(run.changes, SQL_ALL);
    sign_in(run.a, run.b == 0 ? sub_list : sub_record);
    double kb = open_and_weigh(run.a);
    printf("sockets=%zu kb_socket=%.2f channels=%.0f\n", run.a, kb, api_metric(&run.api, "live_channels"));
}

/* ---- fanout
 * ---------------------------------------------------------------------------------------------------- */

static struct side bare;
static struct load bare_load;

static int start_bare(void)
{
    return bare_start(run.certificate, run.key);
}

/* Sleeps until the kernel has so many bytes for each socket. */
static void wait_for_bytes(const struct load *load, size_t n_bytes)
{
    for (size_t i = 0; i < load->n_sockets;) {
        struct pollfd fd = {.fd = load->sockets[i].fd, .events = POLLIN};
        int have = 0;
        if (poll(&fd, 1, WAIT_MS) != 1 || ioctl(fd.fd, FIONREAD, &have) != 0)
            load_die("a change", "has not come to every socket in time");
        if ((size_t)have >= n_bytes)
            i++;
        else
            (void)poll(NULL, 0, 1);
    }
}

struct fanout_round {
    double wall_us, cpu_us;
};

static struct fanout_round change_ours(size_t round, size_t n_bytes)
{
    struct fanout_round took;
    int64_t cpu_us = cpu_us_of(run.server), change = changes_commit(run.changes, round % 50);
    wait_for_bytes(&run.load, n_bytes);
    took.wall_us = (double)(clock_monotonic_us() - changes_committed_us(run.changes, change));
    took.cpu_us = (double)(cpu_us_of(run.server) - cpu_us);
    load_wait_change(&run.load, 0, run.load.n_sockets, change);
    return took;
}

static struct fanout_round send_bare(size_t n_bytes, uint64_t frames)
{
    struct side_answer answer = side_ask(&bare, SIDE_SEND, n_bytes);
    for (size_t i = 0; i < bare_load.n_sockets;)
        if (bare_load.sockets[i].frames >= frames)
            i++;
        else
            load_turn(&bare_load, 20);
    return (struct fanout_round){(double)answer.first, (double)answer.second};
}

/* What one change is for one socket: its frame with the mark behind. Some get a mark by the clock besides. */
static size_t bytes_of_change(void)
{
    const size_t n = run.load.n_sockets;
    uint64_t *before = calloc(n, sizeof(before[0])), least = UINT64_MAX;
    load_turn_for(&run.load, 300000);
    for (size_t i = 0; before != NULL && i < n; i++)
        before[i] = run.load.sockets[i].bytes;
    load_wait_change(&run.load, 0, n, changes_commit(run.changes, 0));
    load_turn_for(&run.load, 300000);
    for (size_t i = 0; before != NULL && i < n; i++)
        if (run.load.sockets[i].bytes - before[i] < least)
            least = run.load.sockets[i].bytes - before[i];
    free(before);
    return (size_t)least;
}

static void fanout(void)
{
    static double wall[ROUNDS_MAX], cpu[ROUNDS_MAX], bare_wall[ROUNDS_MAX], bare_cpu[ROUNDS_MAX];
    const struct api bare_api = {.port = bare.port, .ssl_ctx = run.api.ssl_ctx};
    const size_t n = run.a, rounds = run.b;
    (void)changes_customers(run.changes, SQL_NEWEST);
    sign_in(n, sub_list);
    double kb = open_and_weigh(n);
    load_init(&bare_load, &bare_api, n);
    bare_load.server_is_bare = true;
    load_open(&bare_load, 0, n, AT_ONCE);
    size_t n_bytes = bytes_of_change();
    (void)send_bare(n_bytes, 1);
    for (size_t i = 0; i < rounds; i++) {
        load_turn_for(&run.load, 20000); /* pings are answered here, and nothing of the last round is left */
        struct fanout_round ours = change_ours(i, n_bytes);
        load_turn_for(&run.load, 20000);
        struct fanout_round top = send_bare(n_bytes, i + 2);
        wall[i] = ours.wall_us;
        cpu[i] = ours.cpu_us;
        bare_wall[i] = top.wall_us;
        bare_cpu[i] = top.cpu_us;
    }
    double bytes = (double)(n * n_bytes), our_us = median_of(wall, rounds),
           bare_us = median_of(bare_wall, rounds);
    double our_cpu = median_of(cpu, rounds), top_cpu = median_of(bare_cpu, rounds);
    printf("sockets=%zu bytes_each=%zu ours_mb_s=%.1f bare_mb_s=%.1f ratio=%.3f ours_ms=%.2f bare_ms=%.2f "
           "ours_cpu_mb_s=%.1f bare_cpu_mb_s=%.1f cpu_ratio=%.3f kb_socket=%.2f lost=%zu\n",
        n, n_bytes, bytes / our_us, bytes / bare_us, bare_us / our_us, our_us / 1e3, bare_us / 1e3,
        bytes / our_cpu, bytes / top_cpu, top_cpu / our_cpu, kb, run.load.n_lost);
}

/* ---- viewer, crowd
 * --------------------------------------------------------------------------------------------- */

static size_t choose_newest(int64_t number)
{
    return (size_t)number % 50;
}

/* Another owner each time, and all of his rows in turn. */
static size_t choose_owner(int64_t number)
{
    size_t n = (size_t)number;
    return n % CROWD_OWNERS * CROWD_ROWS + n / CROWD_OWNERS % CROWD_ROWS;
}

static void run_changes(size_t n, double per_s, size_t (*choose)(int64_t number))
{
    changes_start(run.changes, n, per_s, choose);
    while (!changes_are_done(run.changes))
        load_turn(&run.load, 20);
    (void)changes_join(run.changes);
    load_turn_for(&run.load, 1000000);
}

static void print_commits(void)
{
    size_t n = (size_t)changes_last(run.changes) + 1;
    int64_t *took = calloc(n, sizeof(took[0]));
    for (size_t i = 0; i < n; i++)
        took[i] = changes_committed_us(run.changes, (int64_t)i) - changes_began_us(run.changes, (int64_t)i);
    printf(
        "commit_p50_ms=%.3f commit_p99_ms=%.3f ", percentile_ms(took, n, 0.5), percentile_ms(took, n, 0.99));
    free(took);
}

static void viewer(void)
{
    (void)changes_customers(run.changes, SQL_NEWEST);
    sign_in(1, sub_list);
    load_open(&run.load, 0, 1, 1);
    expect(run.a * 2);
    run_changes(run.a, (double)run.b, choose_newest);
    int64_t *late = latencies();
    print_commits();
    printf("changes=%zu seen=%zu p50_ms=%.3f p99_ms=%.3f max_ms=%.3f lost=%zu\n", run.a, seen.n,
        percentile_ms(late, seen.n, 0.5), percentile_ms(late, seen.n, 0.99), percentile_ms(late, seen.n, 1.0),
        run.load.n_lost);
}

static void load_owners(void)
{
    if (changes_customers(run.changes, SQL_OWNERS) != CROWD_OWNERS)
        load_die("owners", "too few with customers enough");
    for (size_t i = 0; i < CROWD_OWNERS; i++)
        run.owners[i] = changes_id(run.changes, i);
    if (changes_customers(run.changes, SQL_CROWD) != (size_t)CROWD_OWNERS * CROWD_ROWS)
        load_die("owners", "too few customers");
}

static void crowd(void)
{
    static const char *const COUNTS[] = {
        "db_statements_total", "live_loads_total", "live_refills_total", "audit_read_groups_total"};
    enum { N_COUNTS = 4 };
    const size_t n = run.a * CROWD_PER_S;
    double counts[3][N_COUNTS];
    load_owners();
    sign_in(CROWD, sub_owner);
    load_open(&run.load, 0, CROWD, AT_ONCE);
    load_turn_for(&run.load, 2000000);
    for (size_t i = 0; i < N_COUNTS; i++)
        counts[0][i] = api_metric(&run.api, COUNTS[i]);
    load_turn_for(
        &run.load, (int64_t)run.a * 1000000 + 1000000); /* as long as the load, with as much after it */
    for (size_t i = 0; i < N_COUNTS; i++)
        counts[1][i] = api_metric(&run.api, COUNTS[i]);
    expect(n * CROWD);
    int64_t cpu_us = cpu_us_of(run.server);
    run_changes(n, CROWD_PER_S, choose_owner);
    cpu_us = cpu_us_of(run.server) - cpu_us;
    for (size_t i = 0; i < N_COUNTS; i++)
        counts[2][i] = api_metric(&run.api, COUNTS[i]);
    int64_t *late = latencies();
    print_commits();
    printf("changes=%zu concerned=%.2f p50_ms=%.3f p99_ms=%.3f max_ms=%.3f cpu=%.3f statements=%.0f "
           "statements_quiet=%.0f loads=%.0f refills=%.0f read_groups=%.0f channels=%.0f lost=%zu\n",
        n, (double)seen.n / (double)n, percentile_ms(late, seen.n, 0.5), percentile_ms(late, seen.n, 0.99),
        percentile_ms(late, seen.n, 1.0), (double)cpu_us / 1e6 / (double)(run.a + 1),
        counts[2][0] - counts[1][0], counts[1][0] - counts[0][0], counts[2][1] - counts[1][1],
        counts[2][2] - counts[1][2], counts[2][3] - counts[1][3], api_metric(&run.api, "live_channels"),
        run.load.n_lost);
}

/* ---- return
 * ---------------------------------------------------------------------------------------------------- */

static void come_back(void)
{
    static double took[ROUNDS_MAX], cpu[ROUNDS_MAX];
    const size_t n = run.a;
    (void)changes_customers(run.changes, SQL_NEWEST);
    sign_in(n, sub_list);
    load_open(&run.load, 0, n, AT_ONCE);
    double resumes = api_metric(&run.api, "live_resumes_total"),
           loads = api_metric(&run.api, "live_loads_total");
    for (size_t round = 0; round < run.b; round++) {
        load_wait_change(&run.load, 0, n, changes_commit(run.changes, 0));
        load_turn_for(&run.load, 1000000); /* the mark behind it too */
        cpu[round] = (double)cpu_us_of(run.server);
        int64_t cut_us = clock_monotonic_us();
        for (size_t i = 0; i < n; i++)
            load_cut(&run.load, i);
        int64_t change = changes_commit(run.changes, 1 + round % 49);
        for (size_t i = 0; i < n; i++)
            load_dial(&run.load, i);
        load_wait_change(&run.load, 0, n, change);
        took[round] = (double)(clock_monotonic_us() - cut_us) / 1e6;
        cpu[round] = ((double)cpu_us_of(run.server) - cpu[round]) / 1e6;
    }
    resumes = api_metric(&run.api, "live_resumes_total") - resumes;
    loads = api_metric(&run.api, "live_loads_total") - loads;
    printf(
        "sockets=%zu rounds=%zu current_s=%.3f server_cpu_s=%.3f resumes=%.0f loads=%.0f refused=%zu lost=%zu\n",
        n, run.b, median_of(took, run.b), median_of(cpu, run.b), resumes, loads, run.load.n_refused,
        run.load.n_lost);
}

/* ---- stalled
 * --------------------------------------------------------------------------------------------------- */

/* p99 of the readers over so many seconds of changes; the largest weight of the server meanwhile. */
static double read_on(size_t seconds, double *ret_kb)
{
    int64_t looked_us = 0;
    expect((size_t)STALL_PER_S * seconds * (STALL_READERS + 1));
    changes_start(run.changes, STALL_PER_S * seconds, STALL_PER_S, choose_newest);
    while (!changes_are_done(run.changes)) {
        int64_t now_us = clock_monotonic_us();
        load_turn(&run.load, 20);
        if (now_us - looked_us > 1000000) {
            double kb = resident_kb_of(run.server);
            *ret_kb = kb > *ret_kb ? kb : *ret_kb;
            looked_us = now_us;
        }
    }
    double took_s = changes_join(run.changes);
    load_turn_for(&run.load, 1000000);
    if (took_s > (double)seconds * 1.05)
        fprintf(stderr, "bench_live: %zu changes took %.1f s\n", STALL_PER_S * seconds, took_s);
    return percentile_ms(latencies(), seen.n, 0.99);
}

static void stalled(void)
{
    const size_t n = run.a, first = STALL_READERS, end = STALL_READERS + n;
    double most_kb = 0, none_kb = 0;
    (void)changes_customers(run.changes, SQL_NEWEST);
    sign_in(end, sub_list);
    load_open(&run.load, 0, first, AT_ONCE);
    double base_p99 = read_on(STALL_BASE_S, &none_kb);
    load_open(&run.load, first, end, AT_ONCE);
    load_wait_change(&run.load, 0, end, changes_commit(run.changes, 0));
    load_turn_for(&run.load, 1000000);
    double before_kb = settled_kb_of(run.server);
    for (size_t i = first; i < end; i++)
        load_pause(&run.load, i);
    (void)read_on(STALL_FILL_S, &most_kb);
    double stall_p99 = read_on(run.b, &most_kb);
    double resyncs = api_metric(&run.api, "live_resyncs_total");
    size_t lost = run.load.n_lost;
    int64_t change = changes_commit(run.changes, 3), woke_us = clock_monotonic_us();
    for (size_t i = first; i < end; i++)
        load_wake(&run.load, i);
    load_wait_change(&run.load, 0, end, change);
    woke_us = clock_monotonic_us() - woke_us;
    resyncs = api_metric(&run.api, "live_resyncs_total") - resyncs;
    for (size_t i = first; i < end; i++)
        load_cut(&run.load, i);
    load_turn_for(&run.load, 1000000);
    double again_p99 = read_on(STALL_BASE_S, &none_kb);
    printf(
        "stalled=%zu seconds=%zu base_p99_ms=%.3f stalled_p99_ms=%.3f base_again_p99_ms=%.3f kb_stalled=%.2f "
        "awake_s=%.3f resyncs=%.0f lost=%zu\n",
        n, run.b, base_p99, stall_p99, again_p99, (most_kb - before_kb) / (double)n, (double)woke_us / 1e6,
        resyncs, lost);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*measure)(void);
        unsigned writers;
    } KINDS[] = {{"fanout", fanout, 1}, {"weight", weight, 1}, {"viewer", viewer, 1},
        {"crowd", crowd, WRITERS}, {"return", come_back, 1}, {"stalled", stalled, WRITERS}};
    size_t kind = 0;
    while (argc >= 8 && kind < 6 && strcmp(argv[1], KINDS[kind].name) != 0)
        kind++;
    if ((argc != 8 && argc != 10) || kind == 6) {
        fprintf(stderr, "bench_live KIND plain|tls PORT PID DATA_DIR A B [CERTIFICATE KEY]\n");
        return 2;
    }
    bool tls = strcmp(argv[2], "tls") == 0;
    run.api.port = atoi(argv[3]);
    run.server = (pid_t)atoi(argv[4]);
    run.data = argv[5];
    run.a = strtoul(argv[6], NULL, 10);
    run.b = strtoul(argv[7], NULL, 10);
    run.certificate = argc == 10 ? argv[8] : NULL;
    run.key = argc == 10 ? argv[9] : NULL;
    if (run.a < 1 || run.b > ROUNDS_MAX)
        load_die(argv[1], "A is 0, or B is too large");
    load_allow_descriptors(2 * run.a + 256);
    if (KINDS[kind].measure == fanout)
        side_fork(&bare, start_bare);
    if (tls && ((run.api.ssl_ctx = SSL_CTX_new(TLS_client_method())) == NULL ||
                   SSL_CTX_set_min_proto_version(run.api.ssl_ctx, TLS1_3_VERSION) != 1))
        load_die("TLS", "no context");
    if (run.api.ssl_ctx != NULL)
        (void)SSL_CTX_set_mode(run.api.ssl_ctx, SSL_MODE_RELEASE_BUFFERS);
    run.changes = changes_new(run.data, KINDS[kind].writers, 200000);
    KINDS[kind].measure();
    changes_free(run.changes);
    return 0;
}
