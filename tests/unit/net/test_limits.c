/*
 * Clients that are slow, silent, greedy or gone, and a server that is stopped: each ends in bounded time, and
 * none of them keeps the loop busy.
 */
#include "server.h"

static const char POST_HEAD[] = "POST /api/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n";

static void all_short(struct conf *conf)
{
    conf->limits_header_ms = 300;
    conf->limits_body_ms = 400;
    conf->limits_idle_ms = 300;
    conf->limits_request_ms = 300;
    conf->limits_write_ms = 400;
}

static int64_t now_ms(void)
{
    return clock_monotonic_us() / 1000;
}

/* Reads to the end; the status of the only answer, or 0. */
static int last_words(struct client *client)
{
    struct buf all;
    struct reply reply = {0};
    buf_init(&all, 0);
    client_receive_all(client, &all);
    struct str bytes = buf_str(&all);
    if (all.n > 0) {
        assert_true(reply_cut(&bytes, false, &reply));
        assert_int_equal(bytes.n, 0);
        struct str connection = reply_get(&reply, "Connection");
        assert_true(str_eq(connection, STR("close")));
    }
    int status = reply.status;
    buf_done(&all);
    return status;
}

static void test_silent_and_slow_heads(void **state)
{
    static const char *const begun[] = {"", "G", "GET / HT", "GET / HTTP/1.1\r\nHost: localhost\r\n"};
    struct server server = server_start((struct server_setup){.tune = all_short});
    (void)state;
    for (size_t i = 0; i < sizeof(begun) / sizeof(begun[0]); i++) {
        struct client client = client_open(&server, false);
        int64_t began = now_ms();
        assert_true(client_send(&client, str_of(begun[i])));
        assert_int_equal(last_words(&client), i == 0 ? 0 : 408);
        assert_in_range(now_ms() - began, 250, 5000);
        client_close(&client);
    }
    /* Bytes that drip do not prolong it. */
    struct client client = client_open(&server, false);
    int64_t began = now_ms();
    struct pollfd fd = {.fd = client.fd, .events = POLLIN};
    assert_true(client_send(&client, STR("GET / HTTP/1.1\r\nX: ")));
    while (poll(&fd, 1, 30) == 0)
        (void)client_send(&client, STR("a"));
    assert_in_range(now_ms() - began, 250, 5000);
    assert_int_equal(last_words(&client), 408);
    client_close(&client);
    wait_until(atomic_load(&server.shared->open) == 0);
    assert_int_equal(atomic_load(&server.shared->handled), 0);
    server_stop(&server);
}

static void test_slow_bodies(void **state)
{
    struct server server = server_start((struct server_setup){.tune = all_short});
    struct client client = client_open(&server, false);
    struct pollfd fd = {.fd = client.fd, .events = POLLIN};
    int64_t began = now_ms();
    (void)state;
    assert_true(client_send(&client, str_of(POST_HEAD)));
    while (poll(&fd, 1, 30) == 0)
        (void)client_send(&client, STR("a"));
    assert_in_range(now_ms() - began, 350, 5000);
    assert_int_equal(last_words(&client), 408);
    client_close(&client);
    assert_int_equal(atomic_load(&server.shared->handled), 0);
    wait_until(atomic_load(&server.shared->in_flight) == 0);
    server_stop(&server);
}

/* Six seconds pass at once: a body of a thousand bytes has been too slow, one that stands well has not. */
static void test_body_rate(void **state)
{
    struct server server = server_start((struct server_setup){0});
    struct client slow = client_open(&server, false), good = client_open(&server, false);
    struct buf store = {0};
    char large[8000];
    (void)state;
    memset(large, 'x', sizeof(large));
    assert_true(client_send(&slow, str_of(POST_HEAD)));
    assert_true(client_send(
        &good, STR("POST /api/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8001\r\n\r\n")));
    assert_true(client_send(&good, (struct str){large, sizeof(large)}));
    wait_until(atomic_load(&server.shared->in_flight) == 2);
    server_command(&server, COMMAND_CLOCK);
    assert_int_equal(last_words(&slow), 408);
    assert_int_equal(ask(&good, "x", &store).status, 200);
    buf_done(&store);
    client_close(&slow);
    client_close(&good);
    server_stop(&server);
}

static void test_idle(void **state)
{
    struct server server = server_start((struct server_setup){.tune = all_short});
    struct client client = client_open(&server, false);
    struct buf store = {0};
    int64_t began = now_ms();
    (void)state;
    assert_int_equal(ask(&client, GET("/api/echo"), &store).status, 200);
    assert_int_equal(ask(&client, GET("/"), &store).status, 200);
    assert_int_equal(last_words(&client), 0);
    assert_in_range(now_ms() - began, 250, 5000);
    buf_done(&store);
    client_close(&client);
    server_stop(&server);
}

static void test_long_request(void **state)
{
    struct server server = server_start((struct server_setup){.tune = all_short});
    struct client client = client_open(&server, false);
    struct buf store = {0};
    (void)state;
    assert_int_equal(ask(&client, GET("/api/sleep"), &store).status, 503);
    assert_int_equal(atomic_load(&server.shared->cancelled), 1);
    assert_int_equal(ask(&client, GET("/api/echo"), &store).status, 200);
    buf_done(&store);
    client_close(&client);
    server_stop(&server);
}

static void test_reader_that_does_not(void **state)
{
    struct server server = server_start((struct server_setup){.tune = all_short});
    struct client client = client_open(&server, false);
    (void)state;
    assert_true(client_send(&client, STR(GET("/api/big"))));
    wait_until(atomic_load(&server.shared->finished) == 1);
    wait_until(atomic_load(&server.shared->open) == 0);
    assert_int_equal(atomic_load(&server.shared->in_flight), 0);
    client_close(&client);
    server_stop(&server);
}

static void test_client_gone(void **state)
{
    struct server server = server_start((struct server_setup){0});
    (void)state;
    for (int reset = 0; reset <= 1; reset++) {
        struct client client = client_open(&server, false);
        struct linger at_once = {.l_onoff = reset};
        assert_true(client_send(&client, STR(GET("/api/sleep"))));
        wait_until(atomic_load(&server.shared->handled) == reset + 1);
        (void)setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        client_close(&client);
        wait_until(atomic_load(&server.shared->cancelled) == reset + 1);
        wait_until(atomic_load(&server.shared->in_flight) == 0);
    }
    /* In the middle of a head and of a body: nothing runs. */
    static const char *const begun[] = {"GET / HTTP/1.1\r\nHo", POST_HEAD};
    for (size_t i = 0; i < 2; i++) {
        struct client client = client_open(&server, false);
        assert_true(client_send(&client, str_of(begun[i])));
        wait_until(atomic_load(&server.shared->open) == 1);
        (void)shutdown(client.fd, SHUT_WR);
        assert_int_equal(last_words(&client), 0);
        client_close(&client);
        wait_until(atomic_load(&server.shared->open) == 0);
    }
    assert_int_equal(atomic_load(&server.shared->handled), 2);
    server_stop(&server);
}

static void few_connections(struct conf *conf)
{
    conf->limits_connections = 6;
    conf->limits_connections_per_address = 4;
}

static void few_per_server(struct conf *conf)
{
    conf->limits_connections = 4;
}

static bool is_served(struct client *client)
{
    struct buf all;
    buf_init(&all, 0);
    (void)client_send(client, STR(GET("/api/echo")));
    bool served = client_receive(client, &all);
    buf_done(&all);
    return served;
}

static void test_connection_limits(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct server server =
            server_start((struct server_setup){.tune = i == 0 ? few_connections : few_per_server});
        struct client clients[5];
        for (int c = 0; c < 4; c++) {
            clients[c] = client_open(&server, false);
            assert_true(is_served(&clients[c]));
        }
        clients[4] = client_open(&server, false);
        assert_false(is_served(&clients[4]));
        client_close(&clients[4]);
        client_close(&clients[0]);
        wait_until(atomic_load(&server.shared->open) == 3);
        clients[0] = client_open(&server, false);
        assert_true(is_served(&clients[0]));
        for (int c = 0; c < 4; c++)
            client_close(&clients[c]);
        server_stop(&server);
    }
}

static void two_in_flight(struct conf *conf)
{
    conf->limits_requests_in_flight = 2;
}

static void test_in_flight(void **state)
{
    struct server server = server_start((struct server_setup){.tune = two_in_flight});
    struct client sleeping[2], third = client_open(&server, false);
    struct buf store = {0};
    (void)state;
    for (int i = 0; i < 2; i++) {
        sleeping[i] = client_open(&server, false);
        assert_true(client_send(&sleeping[i], STR(GET("/api/sleep"))));
    }
    wait_until(atomic_load(&server.shared->handled) == 2);
    struct reply reply = ask(&third, GET("/api/echo"), &store);
    assert_int_equal(reply.status, 503);
    assert_true(reply_get(&reply, "Retry-After").n > 0);
    client_close(&third);
    /* Files are not held up. */
    third = client_open(&server, false);
    assert_int_equal(ask(&third, GET("/"), &store).status, 200);
    client_close(&sleeping[0]);
    wait_until(atomic_load(&server.shared->in_flight) == 1);
    assert_int_equal(ask(&third, GET("/api/echo"), &store).status, 200);
    buf_done(&store);
    client_close(&sleeping[1]);
    client_close(&third);
    server_stop(&server);
}

/* Behind a request that is worked on, a flood: read over, and the connection ends with the answer. */
static void test_flood_ahead(void **state)
{
    struct server server = server_start((struct server_setup){0});
    struct client client = client_open(&server, false);
    struct buf flood;
    (void)state;
    buf_init(&flood, 0);
    for (int i = 0; i < 5000; i++)
        buf_add_text(&flood, GET("/api/echo"));
    assert_true(client_send(&client, STR(GET("/api/sleep?ms=300"))));
    assert_true(client_send(&client, buf_str(&flood)));
    struct buf all;
    buf_init(&all, 0);
    client_receive_all(&client, &all);
    struct str bytes = buf_str(&all);
    struct reply reply;
    assert_true(reply_cut(&bytes, false, &reply));
    assert_int_equal(reply.status, 200);
    assert_int_equal(bytes.n, 0);
    assert_int_equal(atomic_load(&server.shared->handled), 1);
    buf_done(&all);
    buf_done(&flood);
    client_close(&client);
    server_stop(&server);
}

/* A hundred requests in one write, answered in order. */
static void test_pipeline(void **state)
{
    struct server server = server_start((struct server_setup){0});
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct client client = client_open(&server, false);
        struct buf all;
        struct reply reply;
        buf_init(&all, 0);
        for (int i = 0; i < 100; i++)
            buf_printf(&all, "GET %s?n=%d HTTP/1.1\r\nHost: localhost\r\n\r\n",
                i % 3 ? "/api/echo" : "/api/sleep?ms=0&", i);
        assert_true(client_send(&client, buf_str(&all)));
        buf_clear(&all);
        struct str bytes = STR_NULL;
        for (int i = 0; i < 100; i++) {
            char expected[16];
            while (!reply_cut(&bytes, false, &reply)) {
                size_t done = all.n - bytes.n;
                assert_true(client_receive(&client, &all));
                bytes = (struct str){all.p + done, all.n - done};
            }
            (void)snprintf(expected, sizeof(expected), "n=%d|", i);
            assert_int_equal(reply.status, 200);
            assert_true(str_find(reply.body, str_of(expected)) != SIZE_MAX);
        }
        buf_done(&all);
        client_close(&client);
    }
    server_stop(&server);
}

/* Answers of middle size to a client that asks for all of them before it reads the first: sockets fill up
 * between answers, and nothing is lost, doubled or mixed. */
static void test_pipeline_of_a_late_reader(void **state)
{
    struct server server = server_start((struct server_setup){0});
    struct client client = client_open(&server, false);
    struct buf all;
    struct reply reply;
    int n_before;
    (void)state;
    buf_init(&all, 0);
    for (int i = 0; i < 400; i++)
        buf_printf(&all, "GET /api/mid?%06d HTTP/1.1\r\nHost: localhost\r\n\r\n", i);
    assert_true(client_send(&client, buf_str(&all)));
    buf_clear(&all);
    do { /* until the server cannot go on */
        n_before = atomic_load(&server.shared->finished);
        int64_t until = clock_monotonic_us() + 200000;
        wait_until(clock_monotonic_us() >= until);
    } while (atomic_load(&server.shared->finished) != n_before);
    assert_in_range(n_before, 1, 399);
    struct str bytes = STR_NULL;
    for (int i = 0; i < 400; i++) {
        char expected[16];
        while (!reply_cut(&bytes, false, &reply)) {
            size_t done = all.n - bytes.n;
            assert_true(client_receive(&client, &all));
            bytes = (struct str){all.p + done, all.n - done};
        }
        (void)snprintf(expected, sizeof(expected), "%06d 0", i);
        assert_true(str_starts(reply.body, str_of(expected)));
        assert_int_equal(reply.body.n, 28000);
    }
    buf_done(&all);
    client_close(&client);
    server_stop(&server);
}

/* The server's CPU time while nothing should happen, in percent of a second. */
static int busy_percent(const struct server *server)
{
    uint64_t before = atomic_load(&server->shared->cpu_us);
    int64_t until = now_ms() + 500;
    wait_until(now_ms() >= until);
    return (int)((atomic_load(&server->shared->cpu_us) - before) / 5000);
}

/* States in which a level-triggered poll could turn round and round. */
static void test_no_spinning(void **state)
{
    static const char *const asked[] = {
        GET("/api/sleep") GET("/api/echo"),       /* more behind a request that is worked on */
        GET("/api/big") GET("/api/echo"),         /* more behind an answer that nobody reads */
        GET("/api/big") GET("/api/big") GET("/"), /* a socket that is full */
        "GET / HTTP/1.1\r\nHo",                   /* half a head */
    };
    (void)state;
    for (int half_closed = 0; half_closed <= 1; half_closed++) {
        for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
            struct server server = server_start((struct server_setup){0});
            struct client client = client_open(&server, false);
            assert_true(client_send(&client, str_of(asked[i])));
            wait_until(atomic_load(&server.shared->handled) > 0 || i == 3);
            wait_until(atomic_load(&server.shared->finished) > 0 || i == 0 || i == 3);
            int64_t settle_until = now_ms() + 100;
            wait_until(now_ms() >= settle_until);
            if (half_closed)
                (void)shutdown(client.fd, SHUT_WR); /* and a client that has ended its side */
            settle_until = now_ms() + 50;
            wait_until(now_ms() >= settle_until);
            int busy = busy_percent(&server);
            if (busy > 30)
                fail_msg("busy %d percent: state %zu, half-closed %d", busy, i, half_closed);
            client_close(&client);
            server_stop(&server);
        }
    }
}

static void test_stop_lets_answers_go(void **state)
{
    struct server server = server_start((struct server_setup){.drain_ms = 5000});
    struct client working = client_open(&server, false), idle = client_open(&server, false);
    struct client begun = client_open(&server, false);
    struct shared *shared = server.shared;
    struct buf store = {0};
    (void)state;
    assert_int_equal(ask(&idle, GET("/"), &store).status, 200);
    assert_true(client_send(&begun, STR("GET / HTTP")));
    assert_true(client_send(&working, STR(GET("/api/sleep?ms=400"))));
    wait_until(atomic_load(&shared->handled) == 1);
    (void)close(server.stop_fd);
    assert_int_equal(last_words(&idle), 0);
    assert_int_equal(last_words(&begun), 0);
    assert_int_equal(last_words(&working), 200);
    assert_int_equal(atomic_load(&shared->cancelled), 0);
    client_close(&idle);
    client_close(&begun);
    client_close(&working);
    buf_done(&store);
    server.stop_fd = -1;
    server_stop(&server);
}

static void test_stop_ends_the_rest(void **state)
{
    struct server server = server_start((struct server_setup){.drain_ms = 100});
    struct client working = client_open(&server, false), unread = client_open(&server, false);
    int64_t began = now_ms();
    (void)state;
    assert_true(client_send(&working, STR(GET("/api/sleep"))));
    assert_true(client_send(&unread, STR(GET("/api/big"))));
    wait_until(atomic_load(&server.shared->handled) == 2);
    server_stop(&server);
    assert_in_range(now_ms() - began, 50, 8000);
    client_close(&working);
    client_close(&unread);
}

static int taken_port;

static void the_same_port(struct conf *conf)
{
    conf->server_port = taken_port;
}

static void test_port_taken(void **state)
{
    struct server first = server_start((struct server_setup){0}), second;
    (void)state;
    taken_port = atomic_load(&first.shared->port);
    second = server_start((struct server_setup){.tune = the_same_port});
    assert_int_equal(atomic_load(&second.shared->port), -1);
    assert_int_equal(atomic_load(&second.shared->failed), ERR_IO);
    server_stop(&second);
    server_stop(&first);
}

static void public_address(struct conf *conf)
{
    conf->server_listen = STR("0.0.0.0");
}
static void no_address(struct conf *conf)
{
    conf->server_listen = STR("example.org");
}
static void half_tls(struct conf *conf)
{
    conf->tls_certificate_file = STR("cert.pem");
}
static void bad_proxy(struct conf *conf)
{
    conf->server_trusted_proxy = STR("127.0.0.1, proxy.example");
}

static void test_wrong_settings(void **state)
{
    static void (*const wrong[])(struct conf *) = {public_address, no_address, half_tls, bad_proxy};
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct server server = server_start((struct server_setup){.tune = wrong[i]});
        assert_int_equal(atomic_load(&server.shared->port), -1);
        assert_int_equal(atomic_load(&server.shared->failed), ERR_CONFIG);
        server_stop(&server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silent_and_slow_heads),
        cmocka_unit_test(test_slow_bodies),
        cmocka_unit_test(test_body_rate),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_long_request),
        cmocka_unit_test(test_reader_that_does_not),
        cmocka_unit_test(test_client_gone),
        cmocka_unit_test(test_connection_limits),
        cmocka_unit_test(test_in_flight),
        cmocka_unit_test(test_flood_ahead),
        cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_pipeline_of_a_late_reader),
        cmocka_unit_test(test_no_spinning),
        cmocka_unit_test(test_stop_lets_answers_go),
        cmocka_unit_test(test_stop_ends_the_rest),
        cmocka_unit_test(test_port_taken),
        cmocka_unit_test(test_wrong_settings),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
