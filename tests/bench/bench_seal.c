/*
 * The proof of a log: events a second that `tidemark audit verify` takes from a file, by the same calls.
 *
 *   bench_seal [EVENTS]
 *
 * A made log of half a million events: nine reads and lists of three for one change, as a bank's clerks make
 * them, sealed every thousand. The file is made once and read five times; the median counts.
 */
#include "audit/verify.h"
#include "base/clock.h"
#include "base/must.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EVENTS = 500000, A_SEAL = 1000, ROUNDS = 5, PIECE_BYTES = 1 << 20, LISTED = 50, ID_BYTES = 8 };
#define LOG "0123456789abcdef0123456789abcdef"
static const char CHANGES[] = "[{\"field\":\"stage\",\"before\":\"quoted\",\"after\":\"negotiating\"},"
                              "{\"field\":\"notes\",\"before\":null,\"after\":\"客户希望下周再谈价格\"}]";
static const char DETAIL[] =
    "{\"filter\":{\"field\":\"owner\",\"op\":\"eq\",\"value\":\"@me\"},\"sort\":\"-_id\"}";

static void fill(struct db_val cells[SEAL_COLUMN_COUNT], int64_t i)
{
    static char ids[LISTED * ID_BYTES];
    bool is_change = i % 10 == 0, is_list = i % 10 > 6;
    for (size_t k = 0; k < sizeof ids; k++)
        ids[k] = (char)(k % ID_BYTES == 0 ? 5 : (i * 31 + (int64_t)k * 7) & 0x7f);
    const struct db_val row[SEAL_COLUMN_COUNT] = {DB_I(376215846912004099 + i),
        DB_S(STR("2026-11-28 03:04:05.123456")), DB_I(376215846912000012), DB_S(STR("clerk")),
        DB_S(is_change ? STR("update")
             : is_list ? STR("list")
                       : STR("read")),
        DB_S(STR("customer")), is_list ? DB_N : DB_I(376215846911000042 + i % 1000),
        is_change ? DB_I(3) : DB_N, is_list ? DB_B(((struct str){ids, sizeof ids})) : DB_N,
        is_change ? DB_S(STR(CHANGES)) : DB_N, DB_I(376215846912000077), DB_S(STR("10.20.30.40")),
        DB_S(STR("5c9eae9e-000000000001")), is_list ? DB_S(STR(DETAIL)) : DB_N};
    memcpy(cells, row, sizeof row);
}

static void write_out(int fd, struct buf *out)
{
    must(write(fd, out->p, out->n) == (ssize_t)out->n);
    buf_clear(out);
}

static void make(int fd, int64_t events)
{
    struct crypto_digest *digest = crypto_digest_new();
    struct seal_tree *tree = must_alloc(sizeof *tree);
    struct seal_event event = {0};
    struct seal seal = {0};
    struct buf out, scratch;
    const unsigned char seed[CRYPTO_KEY_BYTES] = {1};
    buf_init(&out, 0);
    buf_init(&scratch, 0);
    seal_line_head(&out, STR(LOG), tree);
    buf_add_char(&out, '\n');
    for (int64_t i = 0; i < events; i++) {
        struct db_val cells[SEAL_COLUMN_COUNT];
        const struct db_val *pointers[SEAL_COLUMN_COUNT];
        unsigned char hash[SEAL_HASH_BYTES];
        char pos[SEAL_POS_MAX];
        fill(cells, i);
        for (size_t c = 0; c < SEAL_COLUMN_COUNT; c++)
            pointers[c] = &cells[c];
        seal_event_read(&event, pointers, seal_pos_print(pos, STR("5c9eae9e"), i + 1), 0);
        seal_leaf_hash(&event, digest, &scratch, hash);
        seal_line_leaf(&out, (uint64_t)i, &event, hash);
        buf_add_char(&out, '\n');
        seal_tree_add(tree, digest, hash);
        if ((i + 1) % A_SEAL != 0 && i + 1 != events)
            continue;
        seal.has_prev = seal.number > 0;
        if (seal.has_prev)
            seal_hash(&seal, STR(LOG), seal.prev);
        seal.number++;
        seal.size = i + 1;
        seal.at_us = 1795834800000000 + i;
        seal.term = 1;
        memcpy(seal.pos, pos, sizeof pos);
        seal_tree_root(tree, digest, seal.root);
        seal_sign(&seal, STR(LOG), seed);
        seal_line_seal(&out, &seal);
        buf_add_char(&out, '\n');
        write_out(fd, &out);
    }
    seal_line_end(&out, (uint64_t)events, (uint64_t)seal.number);
    buf_add_char(&out, '\n');
    write_out(fd, &out);
    seal_event_done(&event);
    buf_done(&out);
    buf_done(&scratch);
    free(tree);
    crypto_digest_free(digest);
}

static int64_t verify(int fd, char *piece)
{
    struct audit_verify *verify = audit_verify_new(NULL);
    struct audit_verdict verdict;
    ssize_t n = 1;
    int64_t began_us = clock_monotonic_us();
    must(lseek(fd, 0, SEEK_SET) == 0);
    while (n > 0) {
        n = read(fd, piece, PIECE_BYTES);
        must(n >= 0 && audit_verify_push(verify, (struct str){piece, (size_t)n}));
    }
    audit_verify_end(verify, &verdict);
    audit_verify_free(verify);
    must(verdict.good);
    return clock_monotonic_us() - began_us;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    int64_t events = argc > 1 ? strtoll(argv[1], NULL, 10) : EVENTS, us[ROUNDS];
    char path[] = "bench-seal-XXXXXX";
    int fd = mkstemp(path);
    char *piece = must_alloc(PIECE_BYTES);
    must(fd >= 0 && events > 0);
    unlink(path);
    make(fd, events);
    off_t bytes = lseek(fd, 0, SEEK_END);
    for (int i = 0; i < ROUNDS; i++)
        us[i] = verify(fd, piece);
    qsort(us, ROUNDS, sizeof us[0], ascending);
    printf("events=%lld bytes_each=%lld per_s=%.0f worst_per_s=%.0f\n", (long long)events,
        (long long)bytes / (long long)events, (double)events * 1e6 / (double)us[ROUNDS / 2],
        (double)events * 1e6 / (double)us[ROUNDS - 1]);
    close(fd);
    free(piece);
    return 0;
}
