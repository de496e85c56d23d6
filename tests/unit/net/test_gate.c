/*
 * The gate by itself: what it reads, and that its verdict is the same however the bytes are cut.
 */
#include "server.h"

#include "cases.h"
#include "net/gate.h"

static const struct str HOSTS[] = {{"localhost", 9}, {"::1", 3}};
static const struct gate_rules RULES = {.head_bytes = 2048,
    .head_lines = 16,
    .target_bytes = 512,
    .body_bytes = 65536,
    .hosts = HOSTS,
    .n_hosts = 2};

/* What a gate said of a stream, as text. */
struct verdict {
    struct buf text;
    struct gate gate;
};

static void verdict_init_with(struct verdict *verdict, const struct gate_rules *rules)
{
    buf_init(&verdict->text, 0);
    gate_init(&verdict->gate, rules);
}

static void verdict_init(struct verdict *verdict)
{
    verdict_init_with(verdict, &RULES);
}

static void verdict_done(struct verdict *verdict)
{
    buf_done(&verdict->text);
    gate_done(&verdict->gate);
}

static void note_head(struct verdict *verdict)
{
    const struct gate_head *head = &verdict->gate.head;
    buf_printf(&verdict->text, "%s <%.*s> <%.*s> %d %d %d", net_method_name(head->method),
        STR_ARGS(head->path), STR_ARGS(head->query), (int)head->body_bytes, head->close,
        head->expect_continue);
    for (enum gate_header h = 0; h < GATE_HEADER_COUNT; h++)
        buf_printf(&verdict->text, " <%.*s>", STR_ARGS(head->kept[h]));
    if (head->upgrade)
        buf_add_text(&verdict->text, " upgrade");
    buf_add_char(&verdict->text, '[');
}

/* False once refused. */
static bool verdict_feed(struct verdict *verdict, struct str bytes)
{
    for (;;) {
        struct str piece = STR_NULL;
        switch (gate_feed(&verdict->gate, &bytes, &piece)) {
        case GATE_MORE:
            assert_int_equal(bytes.n, 0);
            return true;
        case GATE_HEAD:
            note_head(verdict);
            break;
        case GATE_BODY:
            buf_add_str(&verdict->text, piece);
            break;
        case GATE_END:
            buf_add_text(&verdict->text, "]\n");
            gate_reset(&verdict->gate);
            break;
        case GATE_REFUSED:
            buf_printf(&verdict->text, "refused %d %s", (int)verdict->gate.refusal, verdict->gate.why);
            /* Final: the best of requests does not bring it back. */
            bytes = STR("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
            assert_int_equal(gate_feed(&verdict->gate, &bytes, &piece), GATE_REFUSED);
            return false;
        }
    }
}

static void feed_cut_at(struct verdict *verdict, struct str bytes, size_t at)
{
    if (verdict_feed(verdict, (struct str){bytes.p, at}))
        (void)verdict_feed(verdict, (struct str){bytes.p + at, bytes.n - at});
}

static void feed_bytes(struct verdict *verdict, struct str bytes)
{
    for (size_t i = 0; i < bytes.n; i++) {
        /* From memory of its own, so that a read past the piece is seen by the sanitizer. */
        char *byte = must_alloc(1);
        *byte = bytes.p[i];
        bool more = verdict_feed(verdict, (struct str){byte, 1});
        free(byte);
        if (!more)
            return;
    }
}

static void check_equal(
    const struct raw_case *raw, const char *how, size_t at, struct verdict *a, struct verdict *b)
{
    if (!str_eq(buf_str(&a->text), buf_str(&b->text)))
        fail_msg("%s: %s, cut %s %zu:\n%s\nagainst\n%s", raw->file, raw->name, how, at, buf_cstr(&a->text),
            buf_cstr(&b->text));
}

static void check_cuts(const struct raw_case *raw, void *arg)
{
    struct verdict whole, other;
    (void)arg;
    verdict_init(&whole);
    bool passed = verdict_feed(&whole, raw->bytes);
    /* A case that ends refused at the door is refused here too. What only the server refuses begins with a
     * good head: a body for a file, a close. */
    int last = raw->n_statuses > 0 ? raw->statuses[raw->n_statuses - 1] : 0;
    if (last == 400 || last == 413 || last == 431)
        assert_false(passed);
    if (last == 200)
        assert_true(passed);
    /* Every cut of small cases, a sample of large ones. */
    size_t step = raw->bytes.n > 4096 ? 997 : 1;
    for (size_t at = 0; at <= raw->bytes.n; at += step) {
        verdict_init(&other);
        feed_cut_at(&other, raw->bytes, at);
        check_equal(raw, "at", at, &whole, &other);
        verdict_done(&other);
    }
    verdict_init(&other);
    feed_bytes(&other, raw->bytes);
    check_equal(raw, "everywhere", 0, &whole, &other);
    verdict_done(&other);
    verdict_done(&whole);
}

static void test_cuts(void **state)
{
    (void)state;
    assert_true(each_case(check_cuts, NULL) >= 220);
}

static const char *read_one(const char *request, struct verdict *verdict)
{
    verdict_init(verdict);
    (void)verdict_feed(verdict, str_of(request));
    return buf_cstr(&verdict->text);
}

static void test_reads(void **state)
{
    struct verdict v;
    (void)state;
    assert_string_equal(
        read_one("PATCH /a/%E5%AE%A2+b?x=%20&y HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 3\r\n"
                 "Origin:https://o\r\nCOOKIE: \tsid=1 \r\nX-Forwarded-For: 1.1.1.1\r\n"
                 "X-Forwarded-For: 2.2.2.2\r\nConnection: close\r\nExpect: 100-continue\r\n\r\nabc",
            &v),
        "PATCH </a/\xe5\xae\xa2+b> <x=%20&y> 3 1 1 <[::1]:80> <https://o> <> <sid=1> <> <> <> <> <> <> <> <> <> "
        "<> <2.2.2.2> <> <> <> <>[abc]\n");
    verdict_done(&v);
    assert_string_equal(
        read_one("GET /? HTTP/1.1\r\nHost: LocalHost\r\nUser-Agent: \xff\xfe\r\nAccept-Language: "
                 "zh\r\nAccept-Language: en\r\n\r\n",
            &v),
        "GET </> <> 0 0 0 <LocalHost> <> <> <> <> <> <> <> <zh> <> <> <> <> <> <> <> <> <> <>[]\n");
    verdict_done(&v);
}

/* Each limit: the value itself passes, one more does not. */
static void test_limits(void **state)
{
    struct verdict v;
    struct buf request;
    (void)state;
    for (int over = 0; over <= 1; over++) {
        buf_init(&request, 0);
        buf_add_text(&request, "GET /");
        for (int i = 0; i < 511 + over; i++)
            buf_add_char(&request, 'a');
        buf_add_text(&request, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
        verdict_init(&v);
        assert_int_equal(verdict_feed(&v, buf_str(&request)), !over);
        verdict_done(&v);
        buf_done(&request);

        buf_init(&request, 0);
        buf_add_text(&request, "GET / HTTP/1.1\r\nHost: localhost\r\nX: ");
        while (request.n < 2048 - 4 + (size_t)over)
            buf_add_char(&request, 'a');
        buf_add_text(&request, "\r\n\r\n");
        verdict_init(&v);
        assert_int_equal(verdict_feed(&v, buf_str(&request)), !over);
        verdict_done(&v);
        buf_done(&request);

        buf_init(&request, 0);
        buf_printf(
            &request, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", 65536 + over);
        verdict_init(&v);
        assert_int_equal(verdict_feed(&v, buf_str(&request)), !over);
        verdict_done(&v);
        buf_done(&request);
    }
}

/* Every byte value in every place of a head: refused, or read without harm and the same way when cut. */
static void test_every_byte(void **state)
{
    static const char good[] = "POST /a?b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nX: y\r\n\r\nok";
    size_t n_passed = 0;
    (void)state;
    for (size_t at = 0; at < sizeof(good) - 3; at++) {
        for (int c = 0; c < 256; c++) {
            char bytes[sizeof(good)];
            struct verdict whole, cut;
            memcpy(bytes, good, sizeof(good));
            bytes[at] = (char)c;
            struct str text = {bytes, sizeof(good) - 1};
            verdict_init(&whole);
            verdict_init(&cut);
            bool passed = verdict_feed(&whole, text);
            n_passed += passed;
            if (c < 0x20 && c != '\t' && c != good[at])
                assert_false(passed);
            feed_cut_at(&cut, text, at);
            assert_true(str_eq(buf_str(&whole.text), buf_str(&cut.text)));
            verdict_done(&whole);
            verdict_done(&cut);
        }
    }
    assert_true(n_passed > 100); /* letters of the path, the query and the unread header */
}

/* A handshake passes whole, however it is cut, and not without any one of its lines, nor where no live path
 * is served. Frames behind it are left to others. */
static void test_upgrade(void **state)
{
    static const char *const lines[] = {"GET /live HTTP/1.1\r\n", "Host: localhost\r\n",
        "Upgrade: websocket\r\n", "Connection: Upgrade\r\n", "Sec-WebSocket-Version: 13\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "Sec-WebSocket-Protocol: p\r\n", "\r\n"};
    enum { LINES = sizeof(lines) / sizeof(lines[0]) };
    struct gate_rules rules = RULES;
    struct verdict v;
    struct buf request;
    (void)state;
    rules.upgrade_path = STR("/live");
    rules.upgrade_protocol = STR("p");
    buf_init(&request, 0);
    for (size_t without = 1; without < LINES; without++) { /* in the last round, none */
        buf_clear(&request);
        for (size_t i = 0; i < LINES; i++)
            if (i != without || without == LINES - 1)
                buf_add_text(&request, lines[i]);
        verdict_init_with(&v, &rules);
        assert_int_equal(verdict_feed(&v, buf_str(&request)), without == LINES - 1);
        verdict_done(&v);
    }
    for (size_t at = 0; at <= request.n; at++) {
        verdict_init_with(&v, &rules);
        feed_cut_at(&v, buf_str(&request), at);
        assert_true(str_find(buf_str(&v.text), STR(" upgrade[")) != SIZE_MAX);
        verdict_done(&v);
    }
    verdict_init(&v);
    assert_false(verdict_feed(&v, buf_str(&request)));
    verdict_done(&v);
    buf_done(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_upgrade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
