/*
 * A made log, exported: events as rows of the table would be, sealed by keys of ours every few leaves, with a
 * beginning whose order is not known and a change of the key on the way. The lines are remembered, so that a
 * test may change one.
 */
#ifndef TIDEMARK_TESTS_SEAL_FIXTURE_H
#define TIDEMARK_TESTS_SEAL_FIXTURE_H

#include "audit/verify.h"
#include "base/clock.h"
#include "base/must.h"
#include "random.h"

#include <string.h>

#define MADE_LOG "0123456789abcdef0123456789abcdef"
enum { MADE_LINES = 4000, MADE_FIRST_LEAVES = 5 };

struct made_log {
    struct buf text;
    size_t starts[MADE_LINES + 1], n_lines;
    bool is_seal[MADE_LINES];
    struct seal seals[MADE_LINES];
    size_t n_seals, n_leaves;
    unsigned char seed[CRYPTO_KEY_BYTES], next_seed[CRYPTO_KEY_BYTES];
    unsigned char key[CRYPTO_KEY_BYTES];
};

static inline void made_line(struct made_log *made, bool is_seal)
{
    must(made->n_lines < MADE_LINES);
    buf_add_char(&made->text, '\n');
    made->is_seal[made->n_lines++] = is_seal;
    made->starts[made->n_lines] = made->text.n;
}

/* A row's values; some are null, some hold what has to be escaped. */
static inline void made_cells(struct db_val cells[SEAL_COLUMN_COUNT], int64_t id)
{
    static const char *const TEXTS[] = {"clerk", "经理", "a \"quoted\" \\ back\nslash\ttab", "",
        "\x01\x1f\x7f</script>", "[{\"field\":\"stage\",\"before\":\"lead\",\"after\":\"won\"}]", "12345678",
        "一二三四五六七八九十"};
    static const char IDS[] = "\0\0\0\0\0\0\0\7\x7f\xff\xff\xff\xff\xff\xff\xff";
    for (size_t i = 0; i < SEAL_COLUMN_COUNT; i++) {
        bool is_number = i == 0 || i == 2 || i == 6 || i == 7 || i == 10;
        if (i > 1 && random_below(3) == 0)
            cells[i] = DB_N;
        else if (is_number)
            cells[i] = DB_I(i == 0 ? id : (int64_t)(random_u64() >> 1));
        else
            cells[i] = DB_S(str_of(TEXTS[random_below(sizeof TEXTS / sizeof TEXTS[0])]));
    }
    cells[1] = DB_S(STR("2026-11-28 03:04:05.000006"));
    if (random_below(3) == 0)
        cells[8] = DB_B(((struct str){IDS, 8 * (1 + random_below(2))}));
    else
        cells[8] = DB_N;
}

static inline void made_seal(struct made_log *made, const struct seal_tree *tree,
    struct crypto_digest *digest, const char *pos, int64_t found, bool rotates)
{
    struct seal *seal = &made->seals[made->n_seals];
    *seal = (struct seal){.number = (int64_t)made->n_seals + 1,
        .size = (int64_t)tree->size,
        .has_prev = made->n_seals > 0,
        .at_us = 1795834800000000 + (int64_t)made->n_seals * 1000003,
        .term = 3,
        .found = found,
        .gap = found ? SEAL_GAP_BEGIN : SEAL_NO_GAP,
        .has_next = rotates};
    seal_tree_root(tree, digest, seal->root);
    if (seal->has_prev)
        seal_hash(seal - 1, STR(MADE_LOG), seal->prev);
    memcpy(seal->pos, pos, strlen(pos) + 1);
    if (rotates)
        crypto_public_key(made->next_seed, seal->next);
    seal_sign(seal, STR(MADE_LOG), made->seed);
    if (rotates)
        memcpy(made->seed, made->next_seed, sizeof made->seed);
    seal_line_seal(&made->text, seal);
    made_line(made, true);
    made->n_seals++;
}

/* `leaves` in all, a seal after every `apart`; from: the range begins after so many seals (0: the whole log).
 */
static inline void made_begin(struct made_log *made, size_t leaves, size_t apart, size_t from)
{
    struct crypto_digest *digest = crypto_digest_new();
    struct seal_event event = {0};
    struct seal_tree tree = {0};
    struct buf scratch = {0};
    char pos[SEAL_POS_MAX] = "";
    int64_t number = 100, n = 0, found = 0, id = 1000;
    size_t first_seal = 0;
    buf_clear(&made->text);
    if (made->text.max == 0)
        buf_init(&made->text, 0);
    made->n_lines = made->n_seals = 0;
    made->n_leaves = leaves;
    for (size_t i = 0; i < CRYPTO_KEY_BYTES; i++) {
        made->seed[i] = (unsigned char)i;
        made->next_seed[i] = (unsigned char)(i + 100);
    }
    crypto_public_key(made->seed, made->key);
    seal_line_head(&made->text, STR(MADE_LOG), &tree);
    made_line(made, false);
    for (size_t i = 0; i < leaves; i++) {
        struct db_val cells[SEAL_COLUMN_COUNT];
        const struct db_val *pointers[SEAL_COLUMN_COUNT];
        unsigned char hash[SEAL_HASH_BYTES];
        bool is_found = i < MADE_FIRST_LEAVES;
        id += 1 + (int64_t)random_below(5);
        made_cells(cells, id);
        for (size_t c = 0; c < SEAL_COLUMN_COUNT; c++)
            pointers[c] = &cells[c];
        if (is_found) {
            found++;
        } else if (pos[0] == '\0' || random_below(2)) {
            number += 1 + (int64_t)random_below(3);
            n = 0;
            (void)seal_pos_print(pos, STR("5c9eae9e"), number);
        } else {
            n++;
        }
        seal_event_read(&event, pointers, is_found ? STR_NULL : str_of(pos), is_found ? 0 : n);
        seal_leaf_hash(&event, digest, &scratch, hash);
        seal_line_leaf(&made->text, i, &event, hash);
        made_line(made, false);
        seal_tree_add(&tree, digest, hash);
        if ((i + 1) % apart != 0 && i + 1 != leaves)
            continue;
        made_seal(made, &tree, digest, pos, found, made->n_seals == 1);
        found = 0;
        if (from == 0 || made->n_seals != from)
            continue;
        /* All that came so far is left out: a head with the tree's edge, and the seal. */
        buf_clear(&made->text);
        made->n_lines = 0;
        seal_line_head(&made->text, STR(MADE_LOG), &tree);
        made_line(made, false);
        seal_line_seal(&made->text, &made->seals[made->n_seals - 1]);
        made_line(made, true);
        made->n_leaves = leaves - (size_t)tree.size;
        first_seal = made->n_seals;
    }
    seal_line_end(&made->text, made->n_leaves, made->n_seals - first_seal);
    made_line(made, false);
    seal_event_done(&event);
    buf_done(&scratch);
    crypto_digest_free(digest);
}

static inline struct str made_line_of(const struct made_log *made, size_t line)
{
    return (struct str){made->text.p + made->starts[line], made->starts[line + 1] - made->starts[line]};
}

/* In pieces of any size. */
static inline struct audit_verdict made_verify(struct str text, const struct audit_verify_opts *opts)
{
    struct audit_verify *verify = audit_verify_new(opts);
    struct audit_verdict verdict;
    while (text.n > 0) {
        size_t n = 1 + random_below(text.n < 5000 ? text.n : 5000);
        if (!audit_verify_push(verify, (struct str){text.p, n}))
            break;
        text = (struct str){text.p + n, text.n - n};
    }
    audit_verify_end(verify, &verdict);
    audit_verify_free(verify);
    return verdict;
}

#endif
