/*
 * The reader of an exported log against any bytes, in pieces. Whatever comes: no crash, nothing read outside,
 * and a file that is good is one that we would have written: its lines, printed anew from what was read, are
 * the same bytes.
 */
#include "audit/verify.h"
#include "base/must.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A seal that can be read is written with the same bytes. */
static void read_lines(struct str text)
{
    struct crypto_digest *digest = crypto_digest_new();
    struct buf scratch = {0}, again = {0};
    while (text.n > 0) {
        struct str line = str_cut(&text, '\n');
        struct seal seal;
        struct seal_leaf leaf;
        struct seal_head head = {0};
        buf_clear(&again);
        if (seal_parse(line, &seal))
            seal_line_seal(&again, &seal);
        else if (seal_head_parse(line, &head))
            seal_line_head(&again, head.log, &head.tree);
        else if (seal_leaf_parse(line, digest, &scratch, &leaf) && leaf.is_missing)
            seal_line_missing(&again, (uint64_t)leaf.leaf, leaf.id, leaf.hash);
        else
            continue;
        must(str_eq(buf_str(&again), line));
    }
    buf_done(&again);
    buf_done(&scratch);
    crypto_digest_free(digest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};
    struct audit_verify *whole = audit_verify_new(NULL), *pieces = audit_verify_new(NULL);
    struct audit_verdict a, b;
    (void)audit_verify_push(whole, text);
    for (size_t i = 0; i < n; i += 7)
        if (!audit_verify_push(pieces, (struct str){text.p + i, n - i < 7 ? n - i : 7}))
            break;
    audit_verify_end(whole, &a);
    audit_verify_end(pieces, &b);
    must(a.good == b.good && a.line == b.line && strcmp(a.what, b.what) == 0);
    audit_verify_free(whole);
    audit_verify_free(pieces);
    read_lines(text);
    return 0;
}
