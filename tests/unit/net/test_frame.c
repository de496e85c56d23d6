/*
 * The frame reader by itself: the families of the Autobahn suite that are about bytes (1 framing, 3 reserved
 * bits, 4 opcodes, 5 fragmentation, 6 UTF-8, 7 close, 9 limits), each stream at once, byte by byte and with
 * every cut, and its moment of refusal.
 */
#include "ws_client.h"

#include "net/frame.h"

static const struct frame_rules RULES = {.message_bytes = 65536, .fragments = 100};

/* What a reader said of a stream, as text: "M<…>", "P<…>" ping, "p<…>" pong, "C1000<…>", "R1002". */
struct verdict {
    struct frame_reader reader;
    struct buf text;
    bool ended;
};

static void verdict_init(struct verdict *verdict)
{
    *verdict = (struct verdict){.ended = false};
    frame_init(&verdict->reader, &RULES);
    buf_init(&verdict->text, 0);
}

static void verdict_done(struct verdict *verdict)
{
    frame_done(&verdict->reader);
    buf_done(&verdict->text);
}

static void note(struct verdict *verdict, enum frame_step step, struct str payload)
{
    static const char *const letters[] = {[FRAME_STEP_MESSAGE] = "M",
        [FRAME_STEP_PING] = "P",
        [FRAME_STEP_PONG] = "p",
        [FRAME_STEP_CLOSE] = "C",
        [FRAME_STEP_REFUSED] = "R"};
    buf_add_text(&verdict->text, letters[step]);
    verdict->ended = step == FRAME_STEP_CLOSE || step == FRAME_STEP_REFUSED;
    if (verdict->ended)
        buf_add_i64(&verdict->text, verdict->reader.code);
    if (step == FRAME_STEP_REFUSED)
        return;
    buf_add_char(&verdict->text, '<');
    if (payload.n <= 40)
        buf_add_str(&verdict->text, payload);
    else
        buf_add_i64(&verdict->text, (int64_t)payload.n);
    buf_add_char(&verdict->text, '>');
}

static void verdict_feed(struct verdict *verdict, struct str bytes)
{
    struct str payload;
    while (!verdict->ended) {
        enum frame_step step = frame_feed(&verdict->reader, &bytes, &payload);
        if (step == FRAME_STEP_MORE) {
            assert_int_equal(bytes.n, 0);
            return;
        }
        note(verdict, step, payload);
    }
    /* The last word is final. */
    assert_int_equal(frame_feed(&verdict->reader, &bytes, &payload),
        verdict->reader.state == FRAME_AT_CLOSED ? FRAME_STEP_CLOSE : FRAME_STEP_REFUSED);
}

static void check_pieces(struct str bytes, size_t first, size_t step, const char *expected)
{
    struct verdict verdict;
    verdict_init(&verdict);
    verdict_feed(&verdict, (struct str){bytes.p, first});
    for (size_t at = first; at < bytes.n; at += step)
        verdict_feed(&verdict, (struct str){bytes.p + at, bytes.n - at < step ? bytes.n - at : step});
    if (strcmp(buf_cstr(&verdict.text), expected) != 0)
        fail_msg(
            "first %zu, then by %zu: expected %s, got %s", first, step, expected, buf_cstr(&verdict.text));
    verdict_done(&verdict);
}

static void check_stream(struct str bytes, const char *expected)
{
    check_pieces(bytes, bytes.n, 1, expected);
    check_pieces(bytes, 0, 1, expected);
    check_pieces(bytes, 0, 3, expected);
    check_pieces(bytes, 0, 4099, expected);
    for (size_t at = 1; at<bytes.n; at += bytes.n> 1000 ? 1009 : 1)
        check_pieces(bytes, at, bytes.n, expected);
}

static struct buf stream;

static int set_up(void **state)
{
    (void)state;
    buf_init(&stream, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_done(&stream);
    return 0;
}

static void frame(unsigned first, struct str payload)
{
    put_frame(&stream, first, payload);
}

static void raw(struct str bytes)
{
    buf_add_str(&stream, bytes);
}

static void expect(const char *expected)
{
    check_stream(buf_str(&stream), expected);
    buf_clear(&stream);
}

static struct str letters_of(size_t n)
{
    static char text[70000];
    memset(text, 'x', n);
    return (struct str){text, n};
}

static void test_lengths(void **state)
{
    static const size_t lengths[] = {0, 1, 41, 124, 125, 126, 127, 128, 1000, 65535, 65536};
    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        char expected[40];
        struct str text = letters_of(lengths[i]);
        frame(0x81, text);
        if (text.n <= 40)
            (void)snprintf(expected, sizeof(expected), "M<%.*s>", STR_ARGS(text));
        else
            (void)snprintf(expected, sizeof(expected), "M<%zu>", text.n);
        expect(expected);
    }
    frame(0x81, letters_of(65537));
    expect("R1009");
}

static void test_length_forms(void **state)
{
    (void)state;
    raw(STR("\x81\xfe\x00\x7d"));
    expect("R1002");
    raw(STR("\x81\xfe\x00\x7e\x00\x00\x00\x00")); /* 126: the shortest that needs it */
    raw(letters_of(126));
    expect("M<126>");
    raw(STR("\x81\xff\x00\x00\x00\x00\x00\x00\x00\x05"));
    expect("R1002");
    raw(STR("\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff"));
    expect("R1002");
    raw(STR("\x81\xff\x80"));
    expect("R1002");
    raw(STR("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff"));
    expect("R1002");
    raw(STR("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff"));
    expect("R1009");
    raw(STR("\x81\xff\x00\x00\x00\x01\x00\x00\x00\x00"));
    expect("R1009");
}

static void test_unmasked(void **state)
{
    (void)state;
    raw(STR("\x81\x05hello"));
    expect("R1002");
    raw(STR("\x89\x00"));
    expect("R1002");
    raw(STR("\x88\x02\x03\xe8"));
    expect("R1002");
    frame(0x81, STR("a"));
    raw(STR("\x81\x7e"));
    expect("M<a>R1002");
}

static void test_reserved_bits(void **state)
{
    (void)state;
    for (unsigned bits = 1; bits < 8; bits++) {
        static const unsigned opcodes[] = {0x0, 0x1, 0x2, 0x8, 0x9, 0xa};
        for (size_t i = 0; i < sizeof(opcodes) / sizeof(opcodes[0]); i++) {
            frame(0x81, STR("a"));
            frame(0x80 | bits << 4 | opcodes[i], STR_NULL);
            expect("M<a>R1002");
        }
    }
}

static void test_opcodes(void **state)
{
    (void)state;
    for (unsigned opcode = 0; opcode < 16; opcode++) {
        bool known = opcode <= 2 || (opcode >= 8 && opcode <= 10);
        if (known)
            continue;
        frame(0x80 | opcode, STR_NULL);
        expect("R1002");
        frame(0x01, STR("a"));
        frame(0x80 | opcode, STR("x"));
        expect("R1002");
    }
    frame(0x82, STR_NULL);
    expect("R1003");
    frame(0x02, STR("\xff"));
    expect("R1003");
}

static void test_control(void **state)
{
    (void)state;
    frame(0x89, STR_NULL);
    frame(0x89, letters_of(125));
    frame(0x8a, STR("late"));
    frame(0x8a, STR("\xff\xfe"));
    expect("P<>P<125>p<late>p<\xff\xfe>");
    frame(0x89, letters_of(126));
    expect("R1002");
    raw(STR("\x8a\xff"));
    expect("R1002");
    for (unsigned opcode = 8; opcode <= 10; opcode++) {
        frame(opcode, STR_NULL);
        expect("R1002");
    }
}

static void test_fragments(void **state)
{
    (void)state;
    frame(0x01, STR("frag"));
    frame(0x89, STR("in between"));
    frame(0x00, STR("men"));
    frame(0x8a, STR_NULL);
    frame(0x80, STR("t"));
    frame(0x81, STR("next"));
    expect("P<in between>p<>M<fragment>M<next>");
    frame(0x01, STR_NULL);
    frame(0x00, STR_NULL);
    frame(0x80, STR_NULL);
    expect("M<>");
    frame(0x80, STR("of nothing"));
    expect("R1002");
    frame(0x00, STR("of nothing"));
    expect("R1002");
    frame(0x01, STR("a"));
    frame(0x80, STR("b"));
    frame(0x80, STR("c"));
    expect("M<ab>R1002");
    frame(0x01, STR("a"));
    frame(0x81, STR("b"));
    expect("R1002");
    frame(0x01, STR("a"));
    frame(0x02, STR("b"));
    expect("R1002");
}

static void test_limits(void **state)
{
    (void)state;
    frame(0x01, letters_of(65535));
    frame(0x80, STR("x"));
    expect("M<65536>");
    frame(0x01, letters_of(65535));
    frame(0x80, STR("xy"));
    expect("R1009");
    for (int round = 0; round < 2; round++) { /* the count begins anew */
        frame(0x01, STR("x"));
        for (int i = 0; i < 98; i++)
            frame(0x00, STR("x"));
        frame(0x80, STR("x"));
    }
    expect("M<100>M<100>");
    frame(0x01, STR("x"));
    for (int i = 0; i < 99; i++)
        frame(0x00, STR_NULL);
    raw(STR("\x00\x80"));
    expect("R1008");
}

/* From Autobahn 6.5 to 6.23 and the table 3-7 of the Unicode standard. */
static void test_utf8(void **state)
{
    static const char *const good[] = {"", "κόσμε", "Grüße 客户 👋", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
        "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\x7f"};
    static const char *const bad[] = {"\x80", "\xbf", "a\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff",
        "\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80", "\xc2", "\xc2x", "\xe1\x80", "\xe1\x80x", "\xf1\x80\x80",
        "\xf1\x80\x80x", "12345678\xc3(", "123456789012345\xe2\x82"};
    char expected[64];
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct str text = str_of(good[i]);
        (void)snprintf(expected, sizeof(expected), "M<%s>", good[i]);
        frame(0x81, text);
        expect(expected);
        frame(0x01, STR_NULL); /* one byte a fragment */
        for (size_t j = 0; j < text.n; j++)
            frame(0x00, (struct str){text.p + j, 1});
        frame(0x80, STR_NULL);
        expect(expected);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct str text = str_of(bad[i]);
        frame(0x81, text);
        expect("R1007");
        frame(0x01, STR_NULL);
        for (size_t j = 0; j < text.n; j++)
            frame(0x00, (struct str){text.p + j, 1});
        frame(0x80, STR_NULL);
        expect("R1007");
    }
}

static void compare_utf8(const char *text, size_t n)
{
    struct verdict verdict;
    verdict_init(&verdict);
    buf_clear(&stream);
    frame(0x81, (struct str){text, n});
    verdict_feed(&verdict, buf_str(&stream));
    assert_int_equal(verdict.text.p[0] == 'M', str_is_utf8((struct str){text, n}));
    verdict_done(&verdict);
}

/* Every first and second byte with all that matters behind them, against str_is_utf8. */
static void test_utf8_exhaustively(void **state)
{
    static const unsigned char edges[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    (void)state;
    for (unsigned first = 0x80 * 0x100; first < 0x100 * 0x100; first++) {
        char text[4] = {(char)(first >> 8), (char)(first & 0xff)};
        compare_utf8(text, 2);
        for (size_t i = 0; i < sizeof(edges); i++) {
            text[2] = (char)edges[i];
            compare_utf8(text, 3);
            for (size_t j = 0; first >= 0xf0 * 0x100 && j < sizeof(edges); j++) {
                text[3] = (char)edges[j];
                compare_utf8(text, 4);
            }
        }
    }
    buf_clear(&stream);
}

/* Refused at the very byte, not at the end of its frame or message. */
static void test_fail_fast(void **state)
{
    static const char *const beginnings[] = {
        "\xce\xba\xed\xa0", "\xf4\x90", "ok\xff", "\xe0\x80", "12345678\x80"};
    (void)state;
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        struct verdict verdict;
        struct str text = str_of(beginnings[i]);
        verdict_init(&verdict);
        buf_clear(&stream);
        frame(0x01, letters_of(500));
        raw(STR("\x00\xfe\x03\xe8\x00\x00\x00\x00")); /* of a thousand bytes these come */
        verdict_feed(&verdict, buf_str(&stream));
        verdict_feed(&verdict, (struct str){text.p, text.n - 1});
        assert_false(verdict.ended);
        verdict_feed(&verdict, (struct str){text.p + text.n - 1, 1});
        assert_true(verdict.ended);
        assert_string_equal(buf_cstr(&verdict.text), "R1007");
        verdict_done(&verdict);
    }
    buf_clear(&stream);
}

static void expect_close_code(unsigned code, const char *expected)
{
    char payload[3] = {(char)(code >> 8), (char)(code & 0xff), '!'};
    frame(0x88, (struct str){payload, 3});
    frame(0x81, STR("behind"));
    expect(expected);
}

static void test_close(void **state)
{
    static const unsigned bad[] = {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535};
    static const unsigned good[] = {
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4401, 4999};
    char expected[32];
    (void)state;
    frame(0x88, STR_NULL);
    frame(0x89, STR("behind"));
    expect("C0<>");
    frame(0x88, STR("\x03"));
    expect("R1002");
    frame(0x8a, STR("!\xe8")); /* what stood there before must not complete the code */
    frame(0x88, STR("\x03"));
    expect("p<!\xe8>R1002");
    frame(0x88, STR("\x03\xe8"));
    expect("C1000<>");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect_close_code(bad[i], "R1002");
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        (void)snprintf(expected, sizeof(expected), "C%u<!>", good[i]);
        expect_close_code(good[i], expected);
    }
    frame(0x88, STR("\x03\xe8"
                    "bad \xed\xa0\x80"));
    expect("R1007");
    frame(0x01, STR("half a message"));
    frame(0x88, STR("\x03\xe9"
                    "going"));
    expect("C1001<going>");
    buf_clear(&stream);
    char longest[125] = {0x03, (char)0xe8};
    memset(longest + 2, 'r', sizeof(longest) - 2);
    frame(0x88, (struct str){longest, sizeof(longest)});
    expect("C1000<123>");
}

/* Memory is held while a message is under way, and not longer. */
static void test_memory(void **state)
{
    struct verdict verdict;
    (void)state;
    verdict_init(&verdict);
    frame(0x01, letters_of(60000));
    verdict_feed(&verdict, buf_str(&stream));
    assert_true(verdict.reader.message.cap >= 60000);
    buf_clear(&stream);
    frame(0x80, STR("x"));
    verdict_feed(&verdict, buf_str(&stream));
    assert_string_equal(buf_cstr(&verdict.text), "M<60001>");
    assert_null(verdict.reader.message.p);
    verdict_done(&verdict);
    buf_clear(&stream);
}

static void test_headers_out(void **state)
{
    static const struct {
        size_t n;
        struct str header;
    } cases[] = {{0, {"\x81\x00", 2}}, {125, {"\x81\x7d", 2}}, {126, {"\x81\x7e\x00\x7e", 4}},
        {65535, {"\x81\x7e\xff\xff", 4}}, {65536, {"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10}}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ws_bytes *bytes = ws_frame(letters_of(cases[i].n));
        assert_int_equal(bytes->n, cases[i].header.n + cases[i].n);
        assert_memory_equal(bytes->data, cases[i].header.p, cases[i].header.n);
        ws_bytes_unref(ws_bytes_ref(bytes));
        ws_bytes_unref(bytes);
    }
    ws_bytes_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_length_forms),
        cmocka_unit_test(test_unmasked),
        cmocka_unit_test(test_reserved_bits),
        cmocka_unit_test(test_opcodes),
        cmocka_unit_test(test_control),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_utf8_exhaustively),
        cmocka_unit_test(test_fail_fast),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_headers_out),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
