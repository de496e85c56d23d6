/* SHA-256, HMAC and the text forms: published answers, then properties. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crypto/crypto.h"

#include "random.h"

#include <string.h>

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void assert_hex(const unsigned char *bytes, size_t n, const char *expected)
{
    assert_string_equal(crypto_hex(arena, bytes, n).p, expected);
}

/* FIPS 180-2, appendix B, and the empty text. */
static void test_sha256(void **state)
{
    (void)state;
    unsigned char digest[CRYPTO_SHA256_BYTES];
    crypto_sha256(STR("abc"), digest);
    assert_hex(digest, sizeof digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    crypto_sha256(STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), digest);
    assert_hex(digest, sizeof digest, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    crypto_sha256(STR_NULL, digest);
    assert_hex(digest, sizeof digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    char *a = arena_alloc(arena, 1000000);
    memset(a, 'a', 1000000);
    crypto_sha256((struct str){a, 1000000}, digest);
    assert_hex(digest, sizeof digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* RFC 4231. */
static void test_hmac(void **state)
{
    (void)state;
    unsigned char digest[CRYPTO_SHA256_BYTES];
    char key[131], data[50];
    memset(key, 0x0b, 20);
    crypto_hmac_sha256((struct str){key, 20}, STR("Hi There"), digest);
    assert_hex(digest, sizeof digest, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    crypto_hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"), digest);
    assert_hex(digest, sizeof digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    memset(data, 0xdd, sizeof data);
    crypto_hmac_sha256((struct str){key, 20}, (struct str){data, 50}, digest);
    assert_hex(digest, sizeof digest, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    crypto_hmac_sha256(
        (struct str){key, 131}, STR("Test Using Larger Than Block-Size Key - Hash Key First"), digest);
    assert_hex(digest, sizeof digest, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    crypto_hmac_sha256(STR_NULL, STR_NULL, digest);
    assert_hex(digest, sizeof digest, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void test_pieces_do_not_run_together(void **state)
{
    (void)state;
    unsigned char a[CRYPTO_SHA256_BYTES], b[CRYPTO_SHA256_BYTES];
    struct str key = STR("key");
    const struct str parts[] = {STR("ab"), STR("c"), STR_NULL}, others[] = {STR("a"), STR("bc"), STR_NULL};
    crypto_hmac_pieces(key, parts, 2, a);
    crypto_hmac_pieces(key, others, 2, b);
    assert_memory_not_equal(a, b, sizeof a);
    crypto_hmac_pieces(key, parts, 3, b);
    assert_memory_not_equal(a, b, sizeof a);
    crypto_hmac_sha256(key,
        STR("\0\0\0\0\0\0\0\x02"
            "ab"
            "\0\0\0\0\0\0\0\x01"
            "c"),
        b);
    assert_memory_equal(a, b, sizeof a);
    crypto_hmac_pieces(key, NULL, 0, a);
    crypto_hmac_sha256(key, STR_NULL, b);
    assert_memory_equal(a, b, sizeof a);
}

/* RFC 4648, section 10, without the padding. */
static void test_base64url(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "-__-"}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct str bytes = str_of(CASES[i][0]), text = crypto_base64url(arena, bytes.p, bytes.n), back;
        assert_string_equal(text.p, CASES[i][1]);
        assert_int_equal(text.n, strlen(CASES[i][1]));
        assert_true(crypto_base64url_decode(arena, text, &back));
        assert_true(str_eq(back, bytes));
    }
    static const char *const BAD[] = {"Z", "Zg=", "Zg==", "Zm9v=", "Zh", "Zm9", "Zm+v", "Zm/v", "Zm9v\n",
        " Zm9v", "Zm9vY", "Zm9v Zm9v", "重"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct str back = STR("kept");
        if (crypto_base64url_decode(arena, str_of(BAD[i]), &back))
            fail_msg("\"%s\" was taken", BAD[i]);
        assert_true(str_eq(back, STR("kept")));
    }
    struct str back;
    assert_false(crypto_base64url_decode(arena, STR("Zm9\0"), &back));
}

/* Each value has one text: whatever is taken encodes to the very same text. */
static void test_base64url_is_one_to_one(void **state)
{
    (void)state;
    static const char SIGNS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=";
    random_begin();
    struct arena *own = arena_new();
    size_t n_taken = 0, n_refused = 0;
    for (int round = 0; round < 100000; round++) {
        char text[12];
        size_t n = random_below(sizeof text + 1);
        for (size_t i = 0; i < n; i++)
            text[i] = SIGNS[random_below(random_below(8) ? 64 : 67)];
        struct str source = {text, n}, bytes;
        bool taken = crypto_base64url_decode(own, source, &bytes);
        if (taken)
            assert_true(str_eq(crypto_base64url(own, bytes.p, bytes.n), source));
        n_taken += taken;
        n_refused += !taken;
        arena_clear(own);
    }
    assert_true(n_taken > 1000 && n_refused > 1000);
    arena_free(own);
}

static void test_hex(void **state)
{
    (void)state;
    assert_string_equal(crypto_hex(arena, "\x00\x7f\x80\xff", 4).p, "007f80ff");
    assert_int_equal(crypto_hex(arena, "", 0).n, 0);
}

static void test_random(void **state)
{
    (void)state;
    unsigned char a[64], b[64];
    memset(a, 0, sizeof a);
    crypto_random(a, 63);
    assert_int_equal(a[63], 0);
    crypto_random(a, sizeof a);
    crypto_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    unsigned seen[256] = {0}, n_seen = 0;
    for (int i = 0; i < 200; i++) {
        crypto_random(a, sizeof a);
        for (size_t j = 0; j < sizeof a; j++)
            n_seen += seen[a[j]]++ == 0;
    }
    assert_int_equal(n_seen, 256); /* of 12,800 bytes; one missing: 4e-20 */
    crypto_random(NULL, 0);
}

static void test_wipe(void **state)
{
    (void)state;
    char secret[] = "secret";
    crypto_wipe(secret, sizeof secret - 1);
    assert_memory_equal(secret, "\0\0\0\0\0\0", 6);
    crypto_wipe(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_pieces_do_not_run_together),
        cmocka_unit_test(test_base64url),
        cmocka_unit_test(test_base64url_is_one_to_one),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_wipe),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
