/*
 * From a row of the log to the bytes that are sealed: every member a text with its length before it, so that
 * no two events have the same bytes. Numbers are decimal digits, the time is RFC 3339 in UTC with six digits,
 * the ids of a list are decimal with commas: as they stand in the export, so that whoever reads it needs no
 * table of types.
 */
#include "audit/audit_int.h"
#include "audit/seal.h"

#include "base/clock.h"
#include "base/must.h"

#include <stdio.h>
#include <string.h>

enum { NULL_LENGTH = -1, LEAF_PREFIX = 0x00, LENGTH_BYTES = 4 };

const char *const SEAL_COLUMNS[] = {"id", "at", "actor_id", "login", "action", "form", "record", "rev",
    "records", "changes", "session", "address", "request", "detail", NULL};
_Static_assert(sizeof SEAL_COLUMNS / sizeof SEAL_COLUMNS[0] == SEAL_COLUMN_COUNT + 1, "all columns");

/* Where each column goes. */
static const enum seal_member MEMBER_OF[SEAL_COLUMN_COUNT] = {SEAL_ID, SEAL_AT, SEAL_ACTOR, SEAL_LOGIN,
    SEAL_ACTION, SEAL_FORM, SEAL_RECORD, SEAL_REV, SEAL_RECORDS, SEAL_CHANGES, SEAL_SESSION, SEAL_ADDRESS,
    SEAL_REQUEST, SEAL_DETAIL};

struct str seal_pos_print(char text[SEAL_POS_MAX], struct str epoch, int64_t number)
{
    text[0] = '\0';
    if (number == 0)
        return (struct str){text, 0};
    int n = snprintf(text, SEAL_POS_MAX, "%.*s.%lld", STR_ARGS(epoch), (long long)number);
    must(n > 0 && n < SEAL_POS_MAX);
    return (struct str){text, (size_t)n};
}

/* The ids of a list; bytes that are no list of ids stay as they are. */
static void add_ids(struct buf *to, struct str bytes)
{
    if (bytes.n % AUDIT_ID_BYTES != 0) {
        buf_add_str(to, bytes);
        return;
    }
    for (size_t i = 0; i < bytes.n; i += AUDIT_ID_BYTES) {
        if (i > 0)
            buf_add_char(to, ',');
        buf_add_i64(to, audit_get_id((const unsigned char *)bytes.p + i));
    }
}

static struct str print_time(struct seal_event *event, struct str text)
{
    int64_t us;
    if (!clock_parse_sql(text, &us))
        return text;
    return (struct str){event->at, clock_print_rfc3339(us, event->at)};
}

void seal_event_read(
    struct seal_event *event, const struct db_val *cells[SEAL_COLUMN_COUNT], struct str pos, int64_t n)
{
    size_t from[SEAL_COLUMN_COUNT];
    if (event->numbers.max == 0)
        buf_init(&event->numbers, 0);
    buf_clear(&event->numbers);
    for (size_t i = 0; i < SEAL_COLUMN_COUNT; i++) {
        from[i] = event->numbers.n;
        if (cells[i]->kind == DB_INT)
            buf_add_i64(&event->numbers, cells[i]->i);
        else if (MEMBER_OF[i] == SEAL_RECORDS && cells[i]->kind != DB_NULL)
            add_ids(&event->numbers, cells[i]->s);
    }
    (void)buf_cstr(&event->numbers); /* from here on it does not move */
    for (size_t i = 0; i < SEAL_COLUMN_COUNT; i++) {
        struct str *member = &event->member[MEMBER_OF[i]];
        size_t end = i + 1 < SEAL_COLUMN_COUNT ? from[i + 1] : event->numbers.n;
        if (cells[i]->kind == DB_NULL)
            *member = STR_NULL;
        else if (cells[i]->kind == DB_INT || MEMBER_OF[i] == SEAL_RECORDS)
            *member = (struct str){event->numbers.p + from[i], end - from[i]};
        else if (MEMBER_OF[i] == SEAL_AT)
            *member = print_time(event, cells[i]->s);
        else
            *member = cells[i]->s.p ? cells[i]->s : STR("");
    }
    must(pos.n < sizeof event->pos);
    memcpy(event->pos, pos.n ? pos.p : "", pos.n);
    event->member[SEAL_POS] = pos.n ? (struct str){event->pos, pos.n} : STR_NULL;
    int digits = snprintf(event->n, sizeof event->n, "%lld", (long long)n);
    event->member[SEAL_N] = (struct str){event->n, (size_t)digits};
}

void seal_event_done(struct seal_event *event)
{
    buf_done(&event->numbers);
}

static void add_length(struct buf *to, uint32_t length)
{
    char bytes[LENGTH_BYTES] = {
        (char)(length >> 24), (char)(length >> 16), (char)(length >> 8), (char)length};
    buf_add(to, bytes, sizeof bytes);
}

void seal_leaf_hash(const struct seal_event *event, struct crypto_digest *digest, struct buf *scratch,
    unsigned char hash[SEAL_HASH_BYTES])
{
    buf_clear(scratch);
    buf_add_char(scratch, LEAF_PREFIX);
    for (size_t i = 0; i < SEAL_MEMBERS; i++) {
        struct str text = event->member[i];
        add_length(scratch, text.p ? (uint32_t)text.n : (uint32_t)NULL_LENGTH);
        if (text.p)
            buf_add_str(scratch, text);
    }
    must(!scratch->overflow);
    crypto_digest_of(digest, buf_str(scratch), hash);
}
