/*
 * The corpus of raw requests against a real server, plain and under TLS, in one piece, byte by byte and cut
 * in two. After each case a good request is sent on the same connection: it must be answered exactly where
 * the case says that the connection stays open, and no refused request may ever reach the handler.
 */
#include "server.h"

#include "cases.h"

static const char FOLLOW_UP[] = GET("/api/echo");
#define FOLLOW_UP_LENGTH (sizeof(FOLLOW_UP) - 1)
#define PIECES_MAX 512 /* past this many bytes a case is not sent byte by byte */

struct run {
    struct server server;
    bool tls;
    enum { WHOLE, BYTES, HALVES } cut;
};

static void tune(struct conf *conf)
{
    conf->limits_header_bytes = 2048;
    conf->limits_header_count = 16;
    conf->limits_uri_bytes = 512;
    conf->limits_body_bytes = 65536;
}

static void tune_tls(struct conf *conf)
{
    tune(conf);
    conf->tls_certificate_file = STR("cert.pem");
    conf->tls_key_file = STR("key.pem");
}

static void send_cut(struct client *client, const struct run *run, struct str bytes)
{
    size_t piece = bytes.n;
    if (run->cut == BYTES && bytes.n <= PIECES_MAX)
        piece = 1;
    if (run->cut == HALVES)
        piece = bytes.n / 2 + 1;
    while (bytes.n > 0) {
        size_t n = bytes.n < piece ? bytes.n : piece;
        if (!client_send(client, (struct str){bytes.p, n}))
            return;
        bytes = (struct str){bytes.p + n, bytes.n - n};
    }
}

/* Statuses of all whole replies in what has come. HEAD requests in the corpus are known by their name. */
static size_t read_statuses(const struct raw_case *raw, struct str bytes, int statuses[STATUSES_MAX + 2])
{
    struct reply reply;
    size_t n = 0;
    bool head = str_eq(str_of(raw->name), STR("HEAD"));
    while (bytes.n > 0) {
        bool fifth = strcmp(raw->name, "five pipelined requests") == 0 && n == 3;
        if (n == STATUSES_MAX + 2 || !reply_cut(&bytes, (head && n == 0) || fifth, &reply))
            break;
        statuses[n++] = reply.status;
    }
    return bytes.n == 0 ? n : SIZE_MAX;
}

static void check_case(const struct raw_case *raw, void *arg)
{
    const struct run *run = arg;
    struct client client = client_open(&run->server, run->tls);
    struct buf all;
    struct str bytes;
    int handled_before = atomic_load(&run->server.shared->handled), statuses[STATUSES_MAX + 2] = {0};
    size_t wanted = raw->n_statuses + (raw->closed ? 0 : 1), n = 0;
    buf_init(&all, 0);
    send_cut(&client, run, raw->bytes);
    (void)client_send(&client, (struct str){FOLLOW_UP, FOLLOW_UP_LENGTH});
    if (raw->closed) {
        client_receive_all(&client, &all);
    } else {
        while (n < wanted && client_receive(&client, &all)) {
            bytes = buf_str(&all);
            n = read_statuses(raw, bytes, statuses);
            n = n == SIZE_MAX ? 0 : n;
        }
    }
    n = read_statuses(raw, buf_str(&all), statuses);
    bool good = n == wanted;
    for (size_t i = 0; i < raw->n_statuses && good; i++)
        good = statuses[i] == raw->statuses[i];
    if (good && !raw->closed)
        good = statuses[raw->n_statuses] == 200;
    int handled = atomic_load(&run->server.shared->handled) - handled_before;
    if (!good || handled != raw->handled + (raw->closed ? 0 : 1))
        fail_msg("%s: %s (tls %d, cut %d): %zu answers (%d %d %d), handled %d\n%.*s", raw->file, raw->name,
            run->tls, (int)run->cut, n, statuses[0], statuses[1], statuses[2], handled,
            STR_ARGS(buf_str(&all)));
    buf_done(&all);
    client_close(&client);
}

static void run_all(bool tls)
{
    struct run run = {.tls = tls};
    run.server = server_start((struct server_setup){.tune = tls ? tune_tls : tune});
    for (run.cut = WHOLE; run.cut <= HALVES; run.cut++) {
        int n = each_case(check_case, &run);
        assert_true(n >= 220);
    }
    server_stop(&run.server);
}

static void test_plain(void **state)
{
    (void)state;
    run_all(false);
}

static void test_tls(void **state)
{
    (void)state;
    write_pair("cert.pem", "key.pem", TEST_HOST, 30);
    run_all(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_tls),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
