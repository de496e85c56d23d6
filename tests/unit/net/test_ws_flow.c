/*
 * WebSockets in time: slow readers, pings, silence, too many messages, closes from either side, clients that
 * vanish, and the server's end.
 */
#include "ws_client.h"

static void any_rate(struct conf *conf)
{
    conf->limits_ws_messages_per_s = 100000;
}

static void with_tls(struct conf *conf)
{
    conf->tls_certificate_file = STR("cert.pem");
    conf->tls_key_file = STR("key.pem");
}

static int enter_with_pair(void **state)
{
    if (enter_folder(state) != 0)
        return -1;
    write_pair("cert.pem", "key.pem", "first", 30);
    return 0;
}

static void any_rate_with_tls(struct conf *conf)
{
    any_rate(conf);
    with_tls(conf);
}

static struct server start_tuned(void (*tune)(struct conf *conf))
{
    ws_shared_open();
    return ws_server_start((struct server_setup){.tune = tune, .drain_ms = 3000});
}

static struct server start(bool tls)
{
    return start_tuned(tls ? any_rate_with_tls : any_rate);
}

static void stop(struct server *server)
{
    server_stop(server);
    ws_shared_close();
}

/* Frames of a flood, one after the other and whole; anything between them is a control frame. Returns how
 * many pongs there were. */
static int expect_flood(struct ws_client *ws, int frames, size_t n_bytes)
{
    struct buf got;
    int between = 0;
    buf_init(&got, 0);
    for (int n = 0; n < frames;) {
        unsigned first = ws_get(ws, &got);
        if (first != 0x81) {
            assert_true(first == 0x8a || first == 0x89);
            between += first == 0x8a; /* the server's own pings come when they are due */
            continue;
        }
        assert_int_equal(got.n, n_bytes);
        for (size_t i = 0; i < got.n; i += 101)
            assert_int_equal(got.p[i], 'a' + i % 26);
        n++;
    }
    buf_done(&got);
    return between;
}

/* Sockets that stop reading hold a part of one frame, and everybody else has his answers meanwhile; when they
 * wake, they get everything. */
#define STALLED 200
static void check_slow_readers(bool tls)
{
    enum { FRAMES = 400, BYTES = 3000 };
    static struct ws_client stalled[STALLED];
    struct server server = start(tls);
    struct ws_client other = ws_connect(&server, tls);
    for (int i = 0; i < STALLED; i++) {
        stalled[i] = ws_connect(&server, tls);
        ws_put(&stalled[i], 0x81, STR("flood 400 3000"));
        ws_put(&other, 0x81, STR("others"));
        expect_frame(&other, 0x81, STR("others"));
    }
    wait_until(atomic_load(&ws_shared->messages) == 2 * STALLED);
    wait_until(atomic_load(&ws_shared->holding) == STALLED);
    for (int i = 0; i < 50; i++) {
        ws_put(&other, 0x81, STR("others"));
        expect_frame(&other, 0x81, STR("others"));
    }
    assert_int_equal(atomic_load(&ws_shared->holding), STALLED);
    assert_in_range(atomic_load(&ws_shared->most_held), 1, BYTES + 4);
    for (int i = 0; i < STALLED; i++) {
        assert_int_equal(expect_flood(&stalled[i], FRAMES, BYTES), 0);
        ws_hang_up(&stalled[i]);
    }
    wait_until(atomic_load(&ws_shared->closed) == STALLED);
    ws_put(&other, 0x81, STR("still here"));
    expect_frame(&other, 0x81, STR("still here"));
    ws_hang_up(&other);
    assert_true(atomic_load(&ws_shared->drained) >= STALLED);
    stop(&server);
}

static void test_slow_readers(void **state)
{
    (void)state;
    check_slow_readers(false);
}

static void test_slow_readers_tls(void **state)
{
    (void)state;
    check_slow_readers(true);
}

/* Large frames, over the size of a TLS record and of any socket's buffer, and several at once. */
static void test_large_frames(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct server server = start(tls);
        struct ws_client ws = ws_connect(&server, tls);
        ws_put(&ws, 0x81, STR("flood 20 1000000"));
        assert_int_equal(expect_flood(&ws, 20, 1000000), 0);
        ws_put(&ws, 0x81, STR("gather 300 999"));
        assert_int_equal(expect_flood(&ws, 300, 999), 0);
        ws_put(&ws, 0x81, STR("gather 100 70000"));
        assert_int_equal(expect_flood(&ws, 100, 70000), 0);
        ws_hang_up(&ws);
        stop(&server);
    }
}

/* Pings of a client that does not read: the answers wait outside of frames, and only the newest is kept. */
static void test_pings_while_stalled(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct server server = start(tls);
        struct ws_client ws = ws_connect(&server, tls);
        ws_put(&ws, 0x81, STR("flood 40 300000"));
        wait_until(atomic_load(&ws_shared->holding) == 1);
        for (int i = 0; i < 20; i++)
            ws_put(&ws, 0x89, STR("are you there?"));
        ws_put(&ws, 0x89, STR("last"));
        ws_put(&ws, 0x81, STR("mark"));
        wait_until(atomic_load(&ws_shared->messages) == 2);
        int pongs = expect_flood(&ws, 40, 300000);
        assert_in_range(pongs, 1, 21);
        ws_hang_up(&ws);
        stop(&server);
    }
}

/* --- time --- */

/* Steps the server's clock until the condition holds. */
#define step_clock_until(server, steps, condition)                                                           \
    do {                                                                                                     \
        for (int step = 0; step < (steps); step++)                                                           \
            server_command((server), COMMAND_CLOCK);                                                         \
        wait_until(condition);                                                                               \
    } while (0)

static void test_server_pings(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct server server = start(tls);
        struct ws_client ws = ws_connect(&server, tls);
        for (int round = 0; round < 5; round++) { /* more than the longest silence in all */
            for (int step = 0; step < 4; step++)  /* 24 s */
                server_command(&server, COMMAND_CLOCK);
            expect_frame(&ws, 0x89, STR_NULL);
            ws_put(&ws, 0x8a, STR_NULL);
            ws_put(&ws, 0x81, STR("answered")); /* so that the pong is known to have been read */
            expect_frame(&ws, 0x81, STR("answered"));
        }
        ws_hang_up(&ws);
        stop(&server);
    }
}

/* Bytes without an end of a frame are silence, too. */
static void test_silence(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct server server = start(tls);
        struct ws_client silent = ws_connect(&server, tls), talking = ws_connect(&server, tls);
        struct buf rest;
        buf_init(&rest, 0);
        assert_true(client_send(&silent.client, STR("\x81")));
        for (int step = 0; step < 8; step++) { /* 48 s */
            server_command(&server, COMMAND_CLOCK);
            ws_put(&talking, 0x8a, STR_NULL);
        }
        ws_put(&talking, 0x81, STR("close 4000"));
        while (ws_get(&talking, &rest) == 0x89) {
        }
        assert_int_equal(atomic_load(&ws_shared->closed), 0);
        step_clock_until(&server, 3, atomic_load(&ws_shared->closed) == 2);
        client_receive_all(&silent.client, &rest);
        buf_done(&rest);
        ws_hang_up(&silent);
        ws_hang_up(&talking);
        stop(&server);
    }
}

static void test_rate(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        static const unsigned kinds[] = {0x81, 0x89, 0x8a};
        struct server server = start_tuned(tls ? with_tls : NULL);
        for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
            struct ws_client ws = ws_connect(&server, tls);
            struct buf out, got;
            int answers = 0;
            unsigned first;
            buf_init(&out, 0);
            buf_init(&got, 0);
            for (int i = 0; i < 1000; i++)
                put_frame(&out, kinds[kind], STR("x"));
            (void)client_send(&ws.client, buf_str(&out));
            while ((first = ws_get(&ws, &got)) == 0x81 || first == 0x8a)
                answers++;
            assert_int_equal(first, 0x88);
            assert_memory_equal(got.p, "\x03\xf0", 2);
            assert_in_range(answers, kinds[kind] == 0x8a ? 0 : 100, 150);
            buf_done(&out);
            buf_done(&got);
            ws_hang_up(&ws);
        }
        stop(&server);
    }
}

/* --- ends --- */

static void test_server_closes(void **state)
{
    static const struct {
        const char *order;
        int code;
        const char *reason;
    } cases[] = {{"close 4401 log in again", 4401, "log in again"}, {"close 4403 ", 4403, ""},
        {"close 4408 太慢", 4408, "太慢"}, {"close 1008 x", 1008, "x"}, {"close 1000 ", 1000, ""}};
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct server server = start(tls);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            struct ws_client ws = ws_connect(&server, tls);
            struct buf got;
            buf_init(&got, 0);
            ws_put(&ws, 0x81, str_of(cases[i].order));
            ws_put(&ws, 0x81, STR("no longer heard"));
            assert_int_equal(ws_get(&ws, &got), 0x88);
            assert_int_equal((unsigned char)got.p[0] << 8 | (unsigned char)got.p[1], cases[i].code);
            assert_true(str_eq((struct str){got.p + 2, got.n - 2}, str_of(cases[i].reason)));
            assert_int_equal(atomic_load(&ws_shared->closed), i); /* waits for the answer */
            ws_put(&ws, 0x89, STR("nothing stands behind a close"));
            ws_put(&ws, 0x88, (struct str){got.p, 2});
            assert_int_equal(ws_get(&ws, &got), 0);
            wait_until(atomic_load(&ws_shared->closed) == (int)i + 1);
            buf_done(&got);
            ws_hang_up(&ws);
        }
        assert_int_equal(atomic_load(&ws_shared->messages), sizeof(cases) / sizeof(cases[0]));
        stop(&server);
    }
}

/* Nobody answers the close: over after two seconds. */
static void test_close_unanswered(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct server server = start(tls);
        struct ws_client ws = ws_connect(&server, tls);
        ws_put(&ws, 0x81, STR("close 4409 restart"));
        wait_until(atomic_load(&ws_shared->messages) == 1);
        assert_int_equal(atomic_load(&ws_shared->closed), 0);
        step_clock_until(&server, 1, atomic_load(&ws_shared->closed) == 1);
        expect_close(&ws, 4409);
        ws_hang_up(&ws);
        stop(&server);
    }
}

/* The close of a socket that does not read stands behind the frame that it holds, and is not waited for. */
static void test_close_while_stalled(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct server server = start(tls);
        struct ws_client reads = ws_connect(&server, tls), never_reads = ws_connect(&server, tls);
        struct buf got;
        unsigned first;
        buf_init(&got, 0);
        ws_put(&reads, 0x81, STR("flood 1000 300000"));
        ws_put(&never_reads, 0x81, STR("flood 1000 300000"));
        wait_until(atomic_load(&ws_shared->holding) == 2);
        ws_put(&reads, 0x81, STR("close 4408 slow"));
        ws_put(&never_reads, 0x81, STR("close 4408 slow"));
        wait_until(atomic_load(&ws_shared->messages) == 4);
        while ((first = ws_get(&reads, &got)) == 0x81)
            assert_int_equal(got.n, 300000);
        assert_int_equal(first, 0x88);
        ws_put(&reads, 0x88, STR("\x11\x38"));
        assert_int_equal(ws_get(&reads, &got), 0);
        step_clock_until(&server, 1, atomic_load(&ws_shared->closed) == 2);
        buf_done(&got);
        ws_hang_up(&reads);
        ws_hang_up(&never_reads);
        stop(&server);
    }
}

/* A refused frame of a client that does not read: as much as is held, then the close. */
static void test_refusal_while_stalled(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct server server = start(tls);
        struct ws_client ws = ws_connect(&server, tls);
        struct buf got;
        unsigned first;
        buf_init(&got, 0);
        ws_put(&ws, 0x81, STR("flood 1000 300000"));
        wait_until(atomic_load(&ws_shared->holding) == 1);
        ws_put(&ws, 0x83, STR("what is this?"));
        wait_until(atomic_load(&server.shared->refused) == 1);
        while ((first = ws_get(&ws, &got)) == 0x81)
            assert_int_equal(got.n, 300000);
        assert_int_equal(first, 0x88);
        assert_memory_equal(got.p, "\x03\xea", 2);
        assert_int_equal(ws_get(&ws, &got), 0);
        buf_done(&got);
        ws_hang_up(&ws);
        stop(&server);
    }
}

/* Neither reads nor stops writing: cut off after so many bytes, not after so much time. */
static void test_flood_behind_refusal(void **state)
{
    static char junk[1 << 16];
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct server server = start(tls);
        struct ws_client ws = ws_connect(&server, tls);
        size_t sent = 0;
        ws_put(&ws, 0x81, STR("flood 1000 300000"));
        wait_until(atomic_load(&ws_shared->holding) == 1);
        ws_put(&ws, 0x83, STR_NULL);
        while (sent < (64u << 20) && client_send(&ws.client, (struct str){junk, sizeof(junk)}))
            sent += sizeof(junk);
        assert_true(sent < (64u << 20));
        wait_until(atomic_load(&ws_shared->closed) == 1);
        ws_hang_up(&ws);
        stop(&server);
    }
}

static void reset(struct ws_client *ws)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(ws->client.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    ws_hang_up(ws);
}

static void test_clients_vanish(void **state)
{
    static const char *const last_words[] = {"echo", "flood 1000 300000", "close 4401 bye"};
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct server server = start(tls);
        int n = 0;
        for (size_t i = 0; i < sizeof(last_words) / sizeof(last_words[0]); i++)
            for (int how = 0; how < 3; how++) {
                struct ws_client ws = ws_connect(&server, tls);
                ws_put(&ws, 0x81, str_of(last_words[i]));
                wait_until(atomic_load(&ws_shared->messages) == n + 1);
                if (how == 0)
                    reset(&ws);
                else if (how == 1)
                    ws_hang_up(&ws);
                else
                    (void)shutdown(ws.client.fd, SHUT_WR); /* half-closed is gone */
                n++;
                wait_until(atomic_load(&ws_shared->closed) == n);
                if (how == 2)
                    ws_hang_up(&ws);
            }
        wait_until(atomic_load(&server.shared->open) == 0);
        stop(&server);
    }
}

/* An idle socket costs no time of the processor, nor does one whose reader is stalled. */
static void test_idle(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct server server = start(tls);
        struct ws_client idle = ws_connect(&server, tls), stalled = ws_connect(&server, tls);
        ws_put(&stalled, 0x81, STR("flood 1000 300000"));
        wait_until(atomic_load(&ws_shared->holding) == 1);
        ws_put(&idle, 0x81, STR("x"));
        expect_frame(&idle, 0x81, STR("x"));
        /* The clock's step shows in the next tick, 200 ms on; the processor's time until then is the idle
         * loop's. A loop that spins would use about all of it. */
        uint64_t before = atomic_load(&server.shared->cpu_us);
        int64_t began = clock_monotonic_us();
        for (int step = 0; step < 4; step++)
            server_command(&server, COMMAND_CLOCK);
        expect_frame(&idle, 0x89, STR_NULL);
        uint64_t spent = atomic_load(&server.shared->cpu_us) - before;
        assert_true(spent < (uint64_t)(clock_monotonic_us() - began) / 2 + 20000);
        ws_hang_up(&idle);
        ws_hang_up(&stalled);
        stop(&server);
    }
}

/* Everybody is told to come back; those who answer are gone, the others after the drain. */
static void test_stop(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        enum { SOCKETS = 20 };
        struct ws_client ws[SOCKETS];
        struct server server = start(tls);
        for (int i = 0; i < SOCKETS; i++)
            ws[i] = ws_connect(&server, tls);
        ws_put(&ws[0], 0x81, STR("flood 1000 300000"));
        wait_until(atomic_load(&ws_shared->holding) == 1);
        (void)close(server.stop_fd);
        for (int i = 2; i < SOCKETS; i++) {
            struct buf got;
            buf_init(&got, 0);
            assert_int_equal(ws_get(&ws[i], &got), 0x88);
            assert_memory_equal(got.p, "\x11\x39restart", 9);
            ws_put(&ws[i], 0x88, (struct str){got.p, 2});
            assert_int_equal(ws_get(&ws[i], &got), 0);
            buf_done(&got);
        }
        server.stop_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        stop(&server);
        for (int i = 0; i < SOCKETS; i++)
            ws_hang_up(&ws[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_readers),
        cmocka_unit_test(test_slow_readers_tls),
        cmocka_unit_test(test_large_frames),
        cmocka_unit_test(test_pings_while_stalled),
        cmocka_unit_test(test_server_pings),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_server_closes),
        cmocka_unit_test(test_close_unanswered),
        cmocka_unit_test(test_close_while_stalled),
        cmocka_unit_test(test_refusal_while_stalled),
        cmocka_unit_test(test_flood_behind_refusal),
        cmocka_unit_test(test_clients_vanish),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests(tests, enter_with_pair, leave_folder);
}
