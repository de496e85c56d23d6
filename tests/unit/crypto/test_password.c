/* Password hashes: answers of another implementation, and what a forged row may not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crypto/crypto.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

static const struct crypto_password_cost CHEAP = {.memory_kib = 64, .passes = 2};

static bool verify(const char *password, const char *pepper, const char *stored, bool *ret_weak)
{
    return crypto_password_verify(str_of(password), str_of(pepper), str_of(stored), CHEAP, ret_weak);
}

/* Made with the Argon2id of the Python package "cryptography" (OpenSSL 3.5) and Python's hmac. */
static void test_known_answers(void **state)
{
    (void)state;
    bool weak = false;
    assert_true(verify("correct horse", "pepper",
        "argon2id-p1$$argon2id$v=19$m=64,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$XNIGtXGYLwVeZ9LFGKNjGRLb4OK1+zlSmbg+2x3HYiE",
        &weak));
    assert_false(weak);
    assert_true(verify("密码 重庆", "",
        "argon2id-p1$$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$STtvXHpvU2QlZCj4Zvhybf38KO1ElKFzdymRaISXrb8",
        &weak));
    assert_false(weak);
    assert_true(verify("", "p",
        "argon2id-p1$$argon2id$v=19$m=8,t=1,p=1$/////////////////////w$htlk562t7qq9XPRslup7sy5oK8gvlRQkJslkYVBmJhk",
        &weak));
    assert_true(weak);
}

static void test_hash_and_verify(void **state)
{
    (void)state;
    char stored[CRYPTO_PASSWORD_MAX], again[CRYPTO_PASSWORD_MAX];
    struct err err = {0};
    bool weak = true;
    struct str password = STR("p\0ss"), pepper = STR("pep\0per");
    assert_int_equal(crypto_password_hash(password, pepper, CHEAP, stored, &err), 0);
    assert_true(strncmp(stored, "argon2id-p1$$argon2id$v=19$m=64,t=2,p=1$", 40) == 0);
    assert_true(crypto_password_verify(password, pepper, str_of(stored), CHEAP, &weak));
    assert_false(weak);
    weak = true;
    assert_false(crypto_password_verify(STR("p\0sS"), pepper, str_of(stored), CHEAP, &weak));
    assert_false(crypto_password_verify(STR("p"), pepper, str_of(stored), CHEAP, &weak));
    assert_false(crypto_password_verify(password, STR("pep\0peR"), str_of(stored), CHEAP, &weak));
    assert_false(crypto_password_verify(password, STR_NULL, str_of(stored), CHEAP, &weak));
    assert_true(weak); /* untouched */
    /* Another salt each time. */
    assert_int_equal(crypto_password_hash(password, pepper, CHEAP, again, &err), 0);
    assert_string_not_equal(stored, again);
}

static void test_weak(void **state)
{
    (void)state;
    char stored[CRYPTO_PASSWORD_MAX];
    struct err err = {0};
    assert_int_equal(crypto_password_hash(STR("x"), STR("y"), CHEAP, stored, &err), 0);
    static const struct {
        struct crypto_password_cost cost;
        bool weak;
    } CASES[] = {{{64, 2}, false}, {{32, 1}, false}, {{65, 2}, true}, {{64, 3}, true}, {{32, 3}, true},
        {{128, 1}, true}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        bool weak = !CASES[i].weak;
        assert_true(crypto_password_verify(STR("x"), STR("y"), str_of(stored), CASES[i].cost, &weak));
        assert_int_equal(weak, CASES[i].weak);
    }
}

static void test_greatest_number_of_passes(void **state)
{
    (void)state;
    char stored[CRYPTO_PASSWORD_MAX];
    struct err err = {0};
    bool weak = true;
    struct crypto_password_cost cost = {.memory_kib = 8, .passes = 20};
    assert_int_equal(crypto_password_hash(STR("x"), STR("y"), cost, stored, &err), 0);
    assert_true(crypto_password_verify(STR("x"), STR("y"), str_of(stored), cost, &weak));
    assert_false(weak);
}

static void test_cost_out_of_range(void **state)
{
    (void)state;
    static const struct crypto_password_cost BAD[] = {
        {7, 2}, {1048577, 2}, {64, 0}, {64, 21}, {UINT32_MAX, UINT32_MAX}};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        char stored[CRYPTO_PASSWORD_MAX] = "kept";
        struct err err = {0};
        assert_int_equal(crypto_password_hash(STR("x"), STR("y"), BAD[i], stored, &err), -ERR_CRYPTO);
        assert_string_equal(stored, "kept");
    }
}

/* Rows that somebody wrote by hand: none is a hash, and none costs memory or time. */
static void test_forged_rows(void **state)
{
    (void)state;
#define SALT "MDEyMzQ1Njc4OWFiY2RlZg"
#define HASH "XNIGtXGYLwVeZ9LFGKNjGRLb4OK1+zlSmbg+2x3HYiE"
#define HEAD "argon2id-p1$$argon2id$v=19$"
    static const char *const BAD[] = {"", "x", "argon2id-p1", "argon2id-p1$", HEAD, HEAD "m=64,t=2,p=1",
        HEAD "m=64,t=2,p=1$", HEAD "m=64,t=2,p=1$" SALT, HEAD "m=64,t=2,p=1$" SALT "$",
        HEAD "m=64,t=2,p=1$$" HASH, HEAD "m=64,t=2,p=1$" SALT "$" HASH "A",
        HEAD "m=64,t=2,p=1$" SALT "A$" HASH, HEAD "m=64,t=2,p=1$" SALT "$" HASH "$",
        HEAD "m=64,t=2,p=1$" SALT "$" HASH "=", HEAD "m=64,t=2,p=1$" SALT "$" HASH " ",
        " " HEAD "m=64,t=2,p=1$" SALT "$" HASH,
        HEAD "m=64,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZh$" HASH, /* stray bits in the last letter */
        HEAD "m=64,t=2,p=1$" SALT "$XNIGtXGYLwVeZ9LFGKNjGRLb4OK1+zlSmbg+2x3HYiF",
        HEAD "m=64,t=2,p=1$" SALT "$XNIGtXGYLwVeZ9LFGKNjGRLb4OK1-zlSmbg-2x3HYiE",
        HEAD "m=4194304,t=2,p=1$" SALT "$" HASH, HEAD "m=1048577,t=2,p=1$" SALT "$" HASH,
        HEAD "m=4294967295,t=2,p=1$" SALT "$" HASH, HEAD "m=4294967360,t=2,p=1$" SALT "$" HASH,
        HEAD "m=64,t=4294967295,p=1$" SALT "$" HASH, HEAD "m=64,t=21,p=1$" SALT "$" HASH,
        HEAD "m=64,t=0,p=1$" SALT "$" HASH, HEAD "m=0,t=2,p=1$" SALT "$" HASH,
        HEAD "m=7,t=2,p=1$" SALT "$" HASH, HEAD "m=64,t=2,p=2$" SALT "$" HASH,
        HEAD "m=64,t=2,p=0$" SALT "$" HASH, HEAD "m=064,t=2,p=1$" SALT "$" HASH,
        HEAD "m=-64,t=2,p=1$" SALT "$" HASH, HEAD "m=+64,t=2,p=1$" SALT "$" HASH,
        HEAD "m=64 ,t=2,p=1$" SALT "$" HASH, HEAD "t=2,m=64,p=1$" SALT "$" HASH,
        HEAD "m=64,t=2,p=1,x=1$" SALT "$" HASH, "$argon2id$v=19$m=64,t=2,p=1$" SALT "$" HASH,
        "argon2id-p1$$argon2i$v=19$m=64,t=2,p=1$" SALT "$" HASH,
        "argon2id-p1$$argon2id$v=16$m=64,t=2,p=1$" SALT "$" HASH,
        "argon2id-p2$$argon2id$v=19$m=64,t=2,p=1$" SALT "$" HASH,
        "ARGON2ID-P1$$argon2id$v=19$m=64,t=2,p=1$" SALT "$" HASH};
    bool weak;
    assert_true(verify("correct horse", "pepper", HEAD "m=64,t=2,p=1$" SALT "$" HASH, &weak));
    int64_t started_us = clock_monotonic_us();
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        if (verify("correct horse", "pepper", BAD[i], &weak))
            fail_msg("\"%s\" was taken", BAD[i]);
    assert_true(clock_monotonic_us() - started_us < 5000000);
    char text[] = HEAD "m=64,t=2,p=1$" SALT "$" HASH;
    text[20] = '\0';
    assert_false(crypto_password_verify(
        STR("correct horse"), STR("pepper"), (struct str){text, sizeof text - 1}, CHEAP, &weak));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_hash_and_verify),
        cmocka_unit_test(test_weak),
        cmocka_unit_test(test_greatest_number_of_passes),
        cmocka_unit_test(test_cost_out_of_range),
        cmocka_unit_test(test_forged_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
