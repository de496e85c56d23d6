/*
 * The log's proof: the tree against the published roots of RFC 6962's reference (RFC 9162 has the same tree),
 * the bytes of an event against a hash that was worked out elsewhere, RFC 8032's signature; good logs and
 * ranges of them; then planted faults, each named where it is, and ten thousand random changes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "seal_fixture.h"

static struct made_log made;

static void assert_hex(const unsigned char *bytes, size_t n, const char *expected)
{
    struct arena *arena = arena_new();
    assert_string_equal(crypto_hex(arena, bytes, n).p, expected);
    arena_free(arena);
}

static void leaf_of(struct crypto_digest *digest, const char *hex, unsigned char hash[SEAL_HASH_BYTES])
{
    char bytes[17] = {0};
    size_t n = strlen(hex) / 2;
    assert_true(crypto_hex_decode(str_of(hex), (unsigned char *)bytes + 1, n));
    crypto_digest_of(digest, (struct str){bytes, n + 1}, hash);
}

static void test_published_roots(void **state)
{
    static const char *const LEAVES[] = {
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
    static const char *const ROOTS[] = {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    struct crypto_digest *digest = crypto_digest_new();
    struct seal_tree tree = {0}, again;
    struct buf edge;
    (void)state;
    buf_init(&edge, 0);
    for (size_t i = 0; i <= 8; i++) {
        unsigned char hash[SEAL_HASH_BYTES];
        seal_tree_root(&tree, digest, hash);
        assert_hex(hash, sizeof hash, ROOTS[i]);
        /* From its edge alone, too. */
        buf_clear(&edge);
        seal_tree_save(&tree, &edge);
        assert_true(seal_tree_load(&again, i, buf_str(&edge)));
        if (i > 0)
            assert_false(seal_tree_load(&again, i, (struct str){edge.p, edge.n - 1}));
        assert_true(seal_tree_load(&again, i, buf_str(&edge)));
        seal_tree_root(&again, digest, hash);
        assert_hex(hash, sizeof hash, ROOTS[i]);
        if (i < 8) {
            leaf_of(digest, LEAVES[i], hash);
            seal_tree_add(&tree, digest, hash);
        }
    }
    buf_done(&edge);
    crypto_digest_free(digest);
}

/* The tree by its definition, not by carrying: split at the largest power of two below the size. */
static void slow_root(struct crypto_digest *digest, unsigned char (*leaves)[SEAL_HASH_BYTES], size_t n,
    unsigned char root[SEAL_HASH_BYTES])
{
    char bytes[65] = {1};
    size_t left = 1;
    if (n == 1) {
        memcpy(root, leaves[0], SEAL_HASH_BYTES);
        return;
    }
    while (left * 2 < n)
        left *= 2;
    slow_root(digest, leaves, left, (unsigned char *)bytes + 1);
    slow_root(digest, leaves + left, n - left, (unsigned char *)bytes + 33);
    crypto_digest_of(digest, (struct str){bytes, sizeof bytes}, root);
}

static void test_roots_by_definition(void **state)
{
    static unsigned char leaves[200][SEAL_HASH_BYTES];
    struct crypto_digest *digest = crypto_digest_new();
    struct seal_tree tree = {0};
    (void)state;
    for (size_t n = 1; n <= 200; n++) {
        unsigned char fast[SEAL_HASH_BYTES], slow[SEAL_HASH_BYTES];
        crypto_sha256((struct str){(const char *)&n, sizeof n}, leaves[n - 1]);
        seal_tree_add(&tree, digest, leaves[n - 1]);
        seal_tree_root(&tree, digest, fast);
        slow_root(digest, leaves, n, slow);
        assert_memory_equal(fast, slow, sizeof fast);
    }
    crypto_digest_free(digest);
}

/* RFC 8032, 7.1, tests 1 and 2. */
static void test_signature(void **state)
{
    unsigned char seed[32], key[32], signature[64];
    (void)state;
    assert_true(crypto_hex_decode(
        STR("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"), seed, sizeof seed));
    crypto_public_key(seed, key);
    assert_hex(key, sizeof key, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    crypto_sign(seed, STR_NULL, signature);
    assert_hex(signature, sizeof signature,
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595b"
        "be24655141438e7a100b");
    assert_true(crypto_hex_decode(
        STR("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"), seed, sizeof seed));
    crypto_public_key(seed, key);
    crypto_sign(seed, STR("r"), signature);
    assert_hex(signature, sizeof signature,
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb430"
        "2aeeb00d291612bb0c00");
    assert_true(crypto_signature_is_good(key, STR("r"), signature));
    assert_false(crypto_signature_is_good(key, STR("s"), signature));
    signature[3] ^= 1;
    assert_false(crypto_signature_is_good(key, STR("r"), signature));
}

/* The example of docs/audit-format.md; the hash is that of a Python program written from that page. */
static void test_the_documented_event(void **state)
{
    static const char LINE[] =
        "{\"leaf\":\"0\",\"pos\":\"5c9eae9e.17\",\"n\":\"0\",\"id\":\"376215846912004099\",\"at\":\"2026-11-28T03:04:05.000006Z\","
        "\"actor\":\"12\",\"login\":\"经理\",\"action\":\"update\",\"form\":\"customer\",\"record\":\"42\",\"rev\":\"3\","
        "\"records\":null,\"changes\":\"[{\\\"field\\\":\\\"stage\\\",\\\"before\\\":\\\"lead\\\",\\\"after\\\":\\\"won\\\"}]\","
        "\"session\":\"77\",\"address\":\"127.0.0.1\",\"request\":\"r-1\",\"detail\":null,\"hash\":"
        "\"af185f60dc660f903d406431b2338019eea4fbe3dc214fff55c8f9a461e1badd\"}";
    struct db_val cells[SEAL_COLUMN_COUNT] = {DB_I(376215846912004099),
        DB_S(STR("2026-11-28 03:04:05.000006")), DB_I(12), DB_S(STR("经理")), DB_S(STR("update")),
        DB_S(STR("customer")), DB_I(42), DB_I(3), DB_N,
        DB_S(STR("[{\"field\":\"stage\",\"before\":\"lead\",\"after\":\"won\"}]")), DB_I(77),
        DB_S(STR("127.0.0.1")), DB_S(STR("r-1")), DB_N};
    const struct db_val *pointers[SEAL_COLUMN_COUNT];
    struct crypto_digest *digest = crypto_digest_new();
    struct seal_event event = {0};
    struct seal_leaf leaf;
    struct buf scratch = {0}, line = {0};
    unsigned char hash[SEAL_HASH_BYTES];
    (void)state;
    for (size_t i = 0; i < SEAL_COLUMN_COUNT; i++)
        pointers[i] = &cells[i];
    seal_event_read(&event, pointers, STR("5c9eae9e.17"), 0);
    seal_leaf_hash(&event, digest, &scratch, hash);
    seal_line_leaf(&line, 0, &event, hash);
    assert_string_equal(buf_cstr(&line), LINE);
    assert_true(seal_leaf_parse(buf_str(&line), digest, &scratch, &leaf));
    assert_memory_equal(leaf.computed, hash, sizeof hash);
    buf_done(&line);
    buf_done(&scratch);
    seal_event_done(&event);
    crypto_digest_free(digest);
}

/* ---- whole logs ---------------------------------------------------------------------------------------- */

static void test_good_logs(void **state)
{
    (void)state;
    random_begin();
    for (size_t round = 0; round < 30; round++) {
        size_t leaves = 12 + random_below(60);
        made_begin(&made, leaves, 3 + random_below(9), random_below(2) * 2);
        struct audit_verify_opts opts = {
            .keys = &made.key, .n_keys = 1, .kept = made.seals, .n_kept = made.n_seals};
        struct audit_verdict verdict = made_verify(buf_str(&made.text), &opts);
        if (!verdict.good)
            print_message("line %d: %s\n", (int)verdict.line, verdict.what);
        assert_true(verdict.good);
        assert_int_equal(verdict.leaves, made.n_leaves);
        assert_int_equal(verdict.last.number, made.n_seals);
        assert_int_equal(verdict.from + verdict.leaves, leaves);
    }
}

/* Files of another program, which was written from docs/audit-format.md (the fuzzer begins with them, too).
 */
static void test_files_of_others(void **state)
{
    static const struct {
        const char *name;
        bool good;
        uint64_t leaves;
    } FILES[] = {{"whole", true, 3}, {"range", true, 1}, {"empty", true, 0}, {"missing", false, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        char path[300], text[4096];
        (void)snprintf(path, sizeof path, SOURCE_DIR "/tests/fuzz/corpus/fuzz_seal/%s", FILES[i].name);
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        size_t n = fread(text, 1, sizeof text, file);
        (void)fclose(file);
        struct audit_verdict verdict = made_verify((struct str){text, n}, NULL);
        if (verdict.good != FILES[i].good)
            print_message("%s: line %d: %s\n", FILES[i].name, (int)verdict.line, verdict.what);
        assert_int_equal(verdict.good, FILES[i].good);
        assert_int_equal(verdict.leaves, FILES[i].leaves);
    }
}

static void test_nothing_yet(void **state)
{
    struct audit_verdict verdict =
        made_verify(STR("{\"tidemark\":\"audit 1\",\"log\":\"" MADE_LOG "\",\"from\":\"0\",\"edge\":[]}\n"
                        "{\"end\":\"0\",\"seals\":\"0\"}\n"),
            NULL);
    (void)state;
    assert_true(verdict.good && !verdict.has_seal);
    verdict = made_verify(STR_NULL, NULL);
    assert_false(verdict.good);
}

/* A log that is whole in itself, but is not the one that was kept. */
static void test_what_was_kept_elsewhere(void **state)
{
    unsigned char stranger[1][CRYPTO_KEY_BYTES] = {{1}};
    struct seal kept[2];
    (void)state;
    made_begin(&made, 30, 5, 0);
    struct audit_verify_opts opts = {.keys = (const unsigned char(*)[CRYPTO_KEY_BYTES])stranger, .n_keys = 1};
    struct audit_verdict verdict = made_verify(buf_str(&made.text), &opts);
    assert_false(verdict.good);
    assert_string_equal(verdict.what, "no seal is under a key that was given");
    /* The key after the rotation is enough: its seals cover all that was before. */
    opts.keys = (const unsigned char(*)[CRYPTO_KEY_BYTES])made.seals[5].key;
    assert_true(made_verify(buf_str(&made.text), &opts).good);
    /* A log written anew up to here has other seals. */
    memcpy(kept, &made.seals[3], sizeof kept[0]);
    kept[1] = made.seals[5];
    made_begin(&made, 30, 5, 0);
    opts = (struct audit_verify_opts){.kept = kept, .n_kept = 2};
    verdict = made_verify(buf_str(&made.text), &opts);
    assert_false(verdict.good);
    assert_int_equal(verdict.seal, 4);
    assert_non_null(strstr(verdict.what, "it is not the seal that was kept elsewhere"));
    /* One that was cut back to an earlier seal ends too soon. */
    kept[0] = made.seals[5];
    kept[0].number = 7;
    opts.n_kept = 1;
    verdict = made_verify(buf_str(&made.text), &opts);
    assert_string_equal(verdict.what, "the log ends before a seal that was kept elsewhere");
}

/* Of a number each is compared; and a range must hold one at least, or nothing is said of them. */
static void test_every_kept_seal_is_compared(void **state)
{
    struct seal kept[3], other;
    (void)state;
    random_begin();
    made_begin(&made, 30, 5, 0);
    other = made.seals[3];
    made_begin(&made, 30, 5, 0);
    for (size_t at = 0; at < 2; at++) {
        kept[0] = at == 0 ? other : made.seals[3];
        kept[1] = at == 0 ? made.seals[3] : other;
        kept[2] = made.seals[4];
        struct audit_verify_opts opts = {.kept = kept, .n_kept = 3};
        struct audit_verdict verdict = made_verify(buf_str(&made.text), &opts);
        assert_false(verdict.good);
        assert_int_equal(verdict.seal, 4);
        assert_string_equal(verdict.what, "it is not the seal that was kept elsewhere (leaves 15 to 19)");
        kept[at] = kept[1 - at]; /* the same twice is no fault */
        verdict = made_verify(buf_str(&made.text), &opts);
        assert_true(verdict.good);
        assert_int_equal(verdict.compared, 3);
    }
    made_begin(&made, 30, 5, 3);
    struct audit_verify_opts opts = {.kept = made.seals, .n_kept = 2};
    struct audit_verdict verdict = made_verify(buf_str(&made.text), &opts);
    assert_false(verdict.good);
    assert_int_equal(verdict.compared, 0);
    assert_string_equal(verdict.what,
        "the log begins after every seal that was kept elsewhere: none could be compared with it");
    opts.n_kept = 3; /* the one that the range begins after counts */
    verdict = made_verify(buf_str(&made.text), &opts);
    assert_true(verdict.good);
    assert_int_equal(verdict.compared, 1);
}

static void test_a_key_that_nobody_named(void **state)
{
    (void)state;
    made_begin(&made, 20, 5, 0);
    /* Written by whoever has the database, but not the key: all is right but whose it is. */
    struct seal forged = made.seals[3];
    unsigned char seed[CRYPTO_KEY_BYTES] = {9};
    struct buf text = {0};
    seal_sign(&forged, STR(MADE_LOG), seed);
    for (size_t i = 0, seals = 0; i < made.n_lines; i++) {
        if (made.is_seal[i] && ++seals == 4) {
            seal_line_seal(&text, &forged);
            buf_add_char(&text, '\n');
        } else {
            buf_add_str(&text, made_line_of(&made, i));
        }
    }
    struct audit_verdict verdict = made_verify(buf_str(&text), NULL);
    assert_false(verdict.good);
    assert_int_equal(verdict.seal, 4);
    assert_non_null(strstr(verdict.what, "it is under a key that no seal before it has named"));
    struct audit_verify_opts opts = {
        .keys = (const unsigned char(*)[CRYPTO_KEY_BYTES])forged.key, .n_keys = 1};
    assert_true(made_verify(buf_str(&text), &opts).good); /* said to be right by who asks */
    buf_done(&text);
}

/* ---- changes ------------------------------------------------------------------------------------------- */

/* Where the change must be found: the first line that is not what it was. Of the head the name of the log is
 * known to be wrong from the first seal on. */
static size_t first_other(struct str changed)
{
    size_t at = 0;
    while (at < changed.n && at < made.text.n && changed.p[at] == made.text.p[at])
        at++;
    for (size_t line = 0; line < made.n_lines; line++)
        if (at < made.starts[line + 1])
            return line + 1;
    return made.n_lines + 1;
}

static size_t first_seal_line(void)
{
    for (size_t line = 0; line < made.n_lines; line++)
        if (made.is_seal[line])
            return line + 1;
    return 0;
}

/* The first bad place is the line that was changed. Two are known to show later: the log's name, at the first
 * seal, which is signed under it; a seal whose line is gone, at whatever comes next that needs it. */
static bool is_named(const struct audit_verdict *verdict, size_t line, bool lines_moved)
{
    if (verdict->line == line || (line == 1 && verdict->line == first_seal_line()))
        return true;
    return verdict->line > line && lines_moved && made.is_seal[line - 1];
}

static void add_lines(struct buf *to, size_t from, size_t end)
{
    buf_add(to, made.text.p + made.starts[from], made.starts[end] - made.starts[from]);
}

static void change_byte(struct buf *text)
{
    size_t at = random_below(text->n);
    char was = text->p[at];
    if (random_below(2))
        text->p[at] = (char)(was ^ (1 << random_below(8)));
    else
        text->p[at] = "0123456789abcdef\"\\{}:,\nnul Z"[random_below(28)];
    if (text->p[at] == was)
        text->p[at] = (char)(was ^ 1);
}

static void change_length(struct buf *text)
{
    size_t at = random_below(text->n);
    if (random_below(2)) {
        memmove(text->p + at, text->p + at + 1, text->n - at - 1);
        text->n--;
    } else {
        buf_add_char(text, '?');
        memmove(text->p + at + 1, text->p + at, text->n - at - 1);
    }
}

/* A number or hex digit within a seal: its size, root, time, term, key, signature … */
static void change_seal(struct buf *text)
{
    size_t line;
    do
        line = random_below(made.n_lines);
    while (!made.is_seal[line]);
    for (;;) {
        size_t at = made.starts[line] + random_below(made_line_of(&made, line).n);
        if (text->p[at] < '0' || text->p[at] > '8')
            continue;
        text->p[at]++;
        return;
    }
}

static void change_lines(struct buf *text)
{
    size_t n = made.n_lines, a = random_below(n), b = random_below(n);
    buf_clear(text);
    if (a > b) {
        size_t c = a;
        a = b;
        b = c;
    }
    switch (random_below(4)) {
    case 0: /* deleted */
        add_lines(text, 0, a);
        add_lines(text, a + 1, n);
        break;
    case 1: /* one twice, here or there */
        add_lines(text, 0, a);
        add_lines(text, b, b + 1);
        add_lines(text, a, n);
        break;
    case 2: /* two that changed places */
        add_lines(text, 0, a);
        add_lines(text, b, b + 1);
        if (a < b) {
            add_lines(text, a + 1, b);
            add_lines(text, a, a + 1);
        }
        add_lines(text, b + 1, n);
        break;
    default: /* one in the other's place */
        add_lines(text, 0, a);
        add_lines(text, b, b + 1);
        add_lines(text, a + 1, n);
    }
}

static void test_ten_thousand_changes(void **state)
{
    struct buf text = {0};
    size_t named = 0;
    bool lines_moved = false;
    (void)state;
    random_begin();
    for (size_t round = 0; round < 10000; round++) {
        if (round % 100 == 0)
            made_begin(&made, 10 + random_below(10), 4 + random_below(3), random_below(3) == 0 ? 1 : 0);
        do {
            buf_clear(&text);
            buf_add_str(&text, buf_str(&made.text));
            lines_moved = false;
            switch (random_below(6)) {
            case 0:
                text.n = random_below(text.n);
                break;
            case 1:
                change_seal(&text);
                break;
            case 2:
                change_length(&text);
                break;
            case 3:
                lines_moved = true;
                change_lines(&text);
                break;
            default:
                change_byte(&text);
            }
        } while (str_eq(buf_str(&text), buf_str(&made.text)));
        size_t line = first_other(buf_str(&text));
        struct audit_verdict verdict = made_verify(buf_str(&text), NULL);
        if (verdict.good || !is_named(&verdict, line, lines_moved))
            print_message("round %zu: line %zu was changed; said: good %d, line %d: %s\n%.*s\n", round, line,
                verdict.good, (int)verdict.line, verdict.what, STR_ARGS(buf_str(&text)));
        assert_false(verdict.good);
        assert_true(is_named(&verdict, line, lines_moved));
        named += verdict.leaf >= 0 || verdict.seal >= 0;
    }
    assert_true(named > 8000);
    buf_done(&text);
}

/* Whoever writes an event anew can give it the right hash. The tree tells, at the seal over it. */
static void test_an_event_with_its_hash(void **state)
{
    struct buf text = {0}, scratch = {0};
    struct crypto_digest *digest = crypto_digest_new();
    (void)state;
    random_begin();
    for (size_t round = 0; round < 200; round++) {
        made_begin(&made, 20, 5, 0);
        size_t line;
        do
            line = 1 + random_below(made.n_lines - 2);
        while (made.is_seal[line]);
        struct seal_leaf leaf;
        struct str old = made_line_of(&made, line);
        buf_clear(&text);
        add_lines(&text, 0, line);
        struct arena *arena = arena_new();
        char *copy = arena_alloc(arena, old.n);
        memcpy(copy, old.p, old.n);
        size_t at = str_find(old, STR("03:04:05"));
        assert_true(at != SIZE_MAX);
        copy[at + 7] = '6';
        assert_true(seal_leaf_parse((struct str){copy, old.n - 1}, digest, &scratch, &leaf));
        struct str hex = crypto_hex(arena, leaf.computed, SEAL_HASH_BYTES);
        memcpy(copy + old.n - 3 - hex.n, hex.p, hex.n);
        buf_add(&text, copy, old.n);
        add_lines(&text, line + 1, made.n_lines);
        arena_free(arena);
        size_t seal = line + 1;
        while (!made.is_seal[seal])
            seal++;
        struct audit_verdict verdict = made_verify(buf_str(&text), NULL);
        assert_false(verdict.good);
        assert_int_equal(verdict.line, seal + 1);
        assert_non_null(strstr(verdict.what, "its root is not that of the events before it (leaves "));
    }
    buf_done(&text);
    buf_done(&scratch);
    crypto_digest_free(digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_roots),
        cmocka_unit_test(test_roots_by_definition),
        cmocka_unit_test(test_signature),
        cmocka_unit_test(test_the_documented_event),
        cmocka_unit_test(test_good_logs),
        cmocka_unit_test(test_files_of_others),
        cmocka_unit_test(test_nothing_yet),
        cmocka_unit_test(test_what_was_kept_elsewhere),
        cmocka_unit_test(test_every_kept_seal_is_compared),
        cmocka_unit_test(test_a_key_that_nobody_named),
        cmocka_unit_test(test_ten_thousand_changes),
        cmocka_unit_test(test_an_event_with_its_hash),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_done(&made.text);
    return failed;
}
