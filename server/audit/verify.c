/*
 * One pass: head, for a range the seal that it begins after, leaves and seals in their order, the end. The
 * order of the checks of a line is from its own place to what it stands for, so that what is named is where
 * the change was made: a leaf's number before its content, its content before the tree.
 */
#include "audit/verify.h"

#include "base/id.h"
#include "base/must.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERIFY_MAGIC 0x7e51f1edu
#define LINE_MAX_BYTES ((size_t)1 << 30)

struct audit_verify {
    unsigned magic;
    struct audit_verify_opts opts;
    struct audit_verdict verdict;
    enum { WANTS_HEAD, WANTS_FIRST_SEAL, INSIDE, ENDED, FAILED } state;
    struct crypto_digest *digest;
    struct buf partial, scratch;
    char log[SEAL_LOG_CHARS + 1];
    struct seal_tree tree;
    uint64_t since;              /* leaves since the last seal, */
    int64_t found;               /* and those of them that have no position */
    char last_pos[SEAL_POS_MAX]; /* of the last leaf that has one, */
    int64_t last_n;              /* and which of its events that was; -1: not known */
    unsigned char prev[SEAL_HASH_BYTES];
    size_t kept; /* the next one that has to come */
};

struct audit_verify *audit_verify_new(const struct audit_verify_opts *opts)
{
    struct audit_verify *verify = must_alloc(sizeof *verify);
    verify->magic = VERIFY_MAGIC;
    if (opts)
        verify->opts = *opts;
    verify->digest = crypto_digest_new();
    buf_init(&verify->partial, LINE_MAX_BYTES);
    buf_init(&verify->scratch, LINE_MAX_BYTES);
    verify->verdict.leaf = verify->verdict.seal = -1;
    return verify;
}

void audit_verify_free(struct audit_verify *verify)
{
    if (!verify)
        return;
    CHECK(verify, VERIFY_MAGIC);
    crypto_digest_free(verify->digest);
    buf_done(&verify->partial);
    buf_done(&verify->scratch);
    verify->magic = 0;
    free(verify);
}

/* ---- a bad place --------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static bool fail(struct audit_verify *verify, const char *what, ...)
{
    va_list args;
    va_start(args, what);
    (void)vsnprintf(verify->verdict.what, sizeof verify->verdict.what, what, args);
    va_end(args);
    verify->state = FAILED;
    return false;
}

/* A text of the file as it may be shown: an id or a position, nothing else. */
static void copy_plain(char *to, size_t size, struct str text)
{
    size_t n = 0;
    for (; n < text.n && n + 1 < size; n++) {
        char c = text.p[n];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '-';
        to[n] = plain ? c : '?';
    }
    to[n] = '\0';
}

static void at_leaf(struct audit_verify *verify, int64_t number, struct str id, struct str pos)
{
    verify->verdict.leaf = number;
    copy_plain(verify->verdict.event, sizeof verify->verdict.event, id);
    copy_plain(verify->verdict.pos, sizeof verify->verdict.pos, pos);
}

static bool fail_leaf(struct audit_verify *verify, const struct seal_leaf *leaf, const char *what)
{
    at_leaf(verify, leaf->leaf, leaf->id, leaf->pos);
    return fail(verify, "%s", what);
}

static bool fail_seal(struct audit_verify *verify, const struct seal *seal, const char *what)
{
    verify->verdict.seal = seal->number;
    if (verify->since > 0)
        return fail(verify, "%s (leaves %llu to %llu)", what,
            (unsigned long long)(verify->tree.size - verify->since),
            (unsigned long long)verify->tree.size - 1);
    return fail(verify, "%s", what);
}

/* ---- leaves -------------------------------------------------------------------------------------------- */

static bool pos_number(struct str pos, struct str *ret_epoch, int64_t *ret_number)
{
    *ret_epoch = str_cut(&pos, '.');
    return ret_epoch->n > 0 && str_to_i64(pos, ret_number) && *ret_number > 0;
}

/* Commits follow each other, and within one its events are counted from 0. In another epoch the numbers begin
 * anew. */
static bool is_in_order(const struct audit_verify *verify, const struct seal_leaf *leaf)
{
    struct str epoch, last_epoch, last = str_of(verify->last_pos);
    int64_t number, last_number;
    if (!leaf->pos.p)
        return leaf->n == 0;
    if (!pos_number(leaf->pos, &epoch, &number) || leaf->pos.n >= SEAL_POS_MAX)
        return false;
    if (str_eq(leaf->pos, last))
        return verify->last_n < 0 ? leaf->n > 0 : leaf->n == verify->last_n + 1;
    bool same = last.n > 0 && pos_number(last, &last_epoch, &last_number) && str_eq(epoch, last_epoch);
    return leaf->n == 0 && (!same || number > last_number);
}

static bool take_leaf(struct audit_verify *verify, struct str line)
{
    struct seal_leaf leaf;
    int64_t id;
    if (!seal_leaf_parse(line, verify->digest, &verify->scratch, &leaf)) {
        at_leaf(verify, (int64_t)verify->tree.size, STR_NULL, STR_NULL);
        return fail(verify, "the line is not that of an event");
    }
    if (leaf.leaf != (int64_t)verify->tree.size) {
        at_leaf(verify, (int64_t)verify->tree.size, leaf.id, leaf.pos);
        return fail(verify, "leaf %lld stands in the place of leaf %llu", (long long)leaf.leaf,
            (unsigned long long)verify->tree.size);
    }
    if (leaf.is_missing)
        return fail_leaf(verify, &leaf, "the event was sealed and is not in the log any more");
    if (memcmp(leaf.hash, leaf.computed, sizeof leaf.hash) != 0)
        return fail_leaf(verify, &leaf, "the event is not as it was sealed: its hash is another");
    if (!id_parse(leaf.id, &id))
        return fail_leaf(verify, &leaf, "the event has no id");
    if (!is_in_order(verify, &leaf))
        return fail_leaf(verify, &leaf, "the event does not follow the one before in the order of commits");
    seal_tree_add(&verify->tree, verify->digest, leaf.hash);
    verify->since++;
    verify->verdict.leaves++;
    if (leaf.pos.p) {
        verify->last_n = leaf.n;
        memcpy(verify->last_pos, leaf.pos.p, leaf.pos.n);
        verify->last_pos[leaf.pos.n] = '\0';
    } else {
        verify->found++;
    }
    return true;
}

/* ---- seals --------------------------------------------------------------------------------------------- */

static bool is_known(const struct audit_verify *verify, const unsigned char *key)
{
    for (size_t i = 0; i < verify->opts.n_keys; i++)
        if (memcmp(verify->opts.keys[i], key, CRYPTO_KEY_BYTES) == 0)
            return true;
    return false;
}

/* NULL: good. */
static const char *check_key(struct audit_verify *verify, const struct seal *seal)
{
    const struct seal *last = &verify->verdict.last;
    bool known = is_known(verify, seal->key);
    bool same =
        !verify->verdict.has_seal || (!last->has_next && memcmp(seal->key, last->key, CRYPTO_KEY_BYTES) == 0);
    bool named =
        verify->verdict.has_seal && last->has_next && memcmp(seal->key, last->next, CRYPTO_KEY_BYTES) == 0;
    if (!same && !named && !known)
        return "it is under a key that no seal before it has named";
    verify->verdict.key_is_known = known || (verify->verdict.key_is_known && (same || named));
    return NULL;
}

/* What was kept elsewhere, by number: two of one number that differ cannot both be the log's. NULL: good. */
static const char *check_kept(struct audit_verify *verify, const struct seal *seal)
{
    const struct audit_verify_opts *opts = &verify->opts;
    struct str log = str_of(verify->log);
    unsigned char ours[SEAL_HASH_BYTES], theirs[SEAL_HASH_BYTES];
    while (verify->kept < opts->n_kept && opts->kept[verify->kept].number < seal->number)
        verify->kept++; /* before the range */
    seal_hash(seal, log, ours);
    while (verify->kept < opts->n_kept && opts->kept[verify->kept].number == seal->number) {
        seal_hash(&opts->kept[verify->kept++], log, theirs);
        if (memcmp(ours, theirs, sizeof ours) != 0)
            return "it is not the seal that was kept elsewhere";
        verify->verdict.compared++;
    }
    return NULL;
}

/* A range begins after a seal that may have any number. */
static const char *check_chain(const struct audit_verify *verify, const struct seal *seal)
{
    if (verify->state == WANTS_FIRST_SEAL)
        return seal->number > 0 ? NULL : "it has no number";
    if (seal->has_prev != verify->verdict.has_seal ||
        (seal->has_prev && memcmp(seal->prev, verify->prev, sizeof seal->prev) != 0))
        return "it does not name the seal before it";
    if (seal->found != verify->found)
        return "it declares another number of events without a position";
    if (seal->found > 0 && seal->gap == SEAL_NO_GAP)
        return "it has events without a position and no reason for that";
    return strcmp(seal->pos, verify->last_pos) == 0 ? NULL : "it names another last position";
}

static const char *check_seal(struct audit_verify *verify, const struct seal *seal)
{
    unsigned char root[SEAL_HASH_BYTES];
    const char *what = check_chain(verify, seal);
    if (what)
        return what;
    if (seal->size != (int64_t)verify->tree.size)
        return "it is over another number of events";
    seal_tree_root(&verify->tree, verify->digest, root);
    if (memcmp(root, seal->root, sizeof root) != 0)
        return "its root is not that of the events before it";
    if (!seal_is_signed(seal, str_of(verify->log)))
        return "its signature is not good";
    what = check_key(verify, seal);
    return what ? what : check_kept(verify, seal);
}

static bool take_seal(struct audit_verify *verify, struct str line)
{
    struct seal seal;
    if (!seal_parse(line, &seal)) {
        verify->verdict.seal = verify->verdict.has_seal ? verify->verdict.last.number + 1 : -1;
        return fail(verify, "the line is not that of a seal");
    }
    int64_t next = verify->verdict.last.number + 1;
    if (verify->state == INSIDE && seal.number != next) {
        verify->verdict.seal = next;
        return fail(
            verify, "seal %lld stands in the place of seal %lld", (long long)seal.number, (long long)next);
    }
    const char *what = check_seal(verify, &seal);
    if (what)
        return fail_seal(verify, &seal, what);
    if (verify->state == INSIDE) {
        verify->verdict.found += (uint64_t)verify->found;
        verify->verdict.seals++;
    } else {
        memcpy(verify->last_pos, seal.pos, sizeof verify->last_pos);
        verify->last_n = -1; /* a seal may stand within a transaction */
        verify->state = INSIDE;
    }
    verify->verdict.last = seal;
    verify->verdict.has_seal = true;
    seal_hash(&seal, str_of(verify->log), verify->prev);
    verify->since = 0;
    verify->found = 0;
    return true;
}

/* ---- head and end -------------------------------------------------------------------------------------- */

static bool take_head(struct audit_verify *verify, struct str line)
{
    struct seal_head head = {0};
    if (!seal_head_parse(line, &head) || head.log.n != SEAL_LOG_CHARS)
        return fail(verify, "the file does not begin as an exported log");
    copy_plain(verify->log, sizeof verify->log, head.log);
    if (!str_eq(head.log, str_of(verify->log)))
        return fail(verify, "the file does not name its log");
    verify->tree = head.tree;
    verify->verdict.from = head.tree.size;
    verify->state = head.tree.size > 0 ? WANTS_FIRST_SEAL : INSIDE;
    return true;
}

static bool take_end(struct audit_verify *verify, struct str line)
{
    int64_t leaves, seals;
    if (!seal_end_parse(line, &leaves, &seals))
        return fail(verify, "the line is not the end of an exported log");
    if (verify->since > 0)
        return fail(verify, "the last %llu events have no seal", (unsigned long long)verify->since);
    if ((uint64_t)leaves != verify->verdict.leaves || (uint64_t)seals != verify->verdict.seals)
        return fail(verify, "the end tells of %lld events and %lld seals, there were %llu and %llu",
            (long long)leaves, (long long)seals, (unsigned long long)verify->verdict.leaves,
            (unsigned long long)verify->verdict.seals);
    verify->state = ENDED;
    return true;
}

static bool take_line(struct audit_verify *verify, struct str line)
{
    verify->verdict.line++;
    switch (verify->state) {
    case WANTS_HEAD:
        return take_head(verify, line);
    case WANTS_FIRST_SEAL:
        return take_seal(verify, line);
    case ENDED:
        return fail(verify, "the file goes on after its end");
    case FAILED:
        return false;
    case INSIDE:
        break;
    }
    if (str_starts(line, STR("{\"seal\":")))
        return take_seal(verify, line);
    if (str_starts(line, STR("{\"end\":")))
        return take_end(verify, line);
    return take_leaf(verify, line);
}

bool audit_verify_push(struct audit_verify *verify, struct str bytes)
{
    CHECK(verify, VERIFY_MAGIC);
    while (bytes.n > 0 && verify->state != FAILED) {
        const char *newline = memchr(bytes.p, '\n', bytes.n);
        size_t n = newline ? (size_t)(newline - bytes.p) : bytes.n;
        struct str line = {bytes.p, n};
        if (verify->partial.n > 0 || !newline) {
            buf_add_str(&verify->partial, line);
            line = buf_str(&verify->partial);
        }
        if (verify->partial.overflow)
            return fail(verify, "a line has no end");
        if (!newline)
            return true;
        if (!take_line(verify, line))
            return false;
        buf_clear(&verify->partial);
        bytes = (struct str){newline + 1, bytes.n - n - 1};
    }
    return verify->state != FAILED;
}

/* What can only be said when everything has been read. */
static void check_end(struct audit_verify *verify)
{
    const struct audit_verify_opts *opts = &verify->opts;
    verify->verdict.line++;
    if (verify->state == INSIDE)
        verify->verdict.leaf = (int64_t)verify->tree.size; /* the first that is not there */
    if (verify->state != ENDED || verify->partial.n > 0)
        (void)fail(
            verify, verify->partial.n > 0 ? "the file ends within a line" : "the file ends before its end");
    else if (opts->n_kept > verify->kept) {
        verify->verdict.seal = opts->kept[verify->kept].number;
        (void)fail(verify, "the log ends before a seal that was kept elsewhere");
    } else if (opts->n_kept > 0 && verify->verdict.compared == 0)
        (void)fail(verify,
            "the log begins after every seal that was kept elsewhere: none could be compared with it");
    else if (opts->n_keys > 0 && !verify->verdict.key_is_known)
        (void)fail(verify, "%s",
            verify->verdict.has_seal ? "no seal is under a key that was given" : "nothing is sealed");
}

void audit_verify_end(struct audit_verify *verify, struct audit_verdict *ret_verdict)
{
    CHECK(verify, VERIFY_MAGIC);
    if (verify->state != FAILED)
        check_end(verify);
    verify->verdict.good = verify->state == ENDED;
    *ret_verdict = verify->verdict;
}

void audit_verdict_print(const struct audit_verdict *verdict, struct buf *to)
{
    buf_printf(to, "line %llu", (unsigned long long)verdict->line);
    if (verdict->leaf >= 0)
        buf_printf(to, ", leaf %lld", (long long)verdict->leaf);
    if (verdict->event[0])
        buf_printf(to, ", event %s", verdict->event);
    if (verdict->pos[0])
        buf_printf(to, ", position %s", verdict->pos);
    if (verdict->seal >= 0)
        buf_printf(to, ", seal %lld", (long long)verdict->seal);
    buf_printf(to, ": %s", verdict->what);
}
