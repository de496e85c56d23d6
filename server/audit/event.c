/*
 * From an event to a row. The values are made to fit here, once, for both roads into the log (write.c in the
 * transaction of a change, reader.c in groups): a name that is too long or an address with odd bytes must
 * never be the reason that an event, or the group it stands in, cannot be written.
 */
#include "audit/audit_int.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/must.h"
#include "crypto/crypto.h"
#include "json/out.h"

#include <string.h>

#define CHANGES_MAX ((size_t)1 << 30) /* what one packet of the database may hold at most */
#define DETAIL_MAX 65535              /* bytes of a TEXT column */

static const char *const ACTION_NAMES[] = {
#define A(name) [AUDIT_##name] = #name,
#include "audit/actions.def"
#undef A
};
static char action_texts[AUDIT_ACTION_COUNT][16];

const char *audit_action_name(enum audit_action action)
{
    must((unsigned)action < AUDIT_ACTION_COUNT);
    char *text = action_texts[action];
    if (!text[0]) {
        const char *name = ACTION_NAMES[action];
        size_t n = strlen(name);
        must(n < sizeof action_texts[0]);
        for (size_t i = 0; i < n; i++)
            text[i] = (char)(name[i] | 0x20); /* the table holds capital letters only */
    }
    return text;
}

bool audit_action_parse(struct str text, enum audit_action *ret_action)
{
    for (int i = 0; i < AUDIT_ACTION_COUNT; i++) {
        if (!str_eq(text, str_of(audit_action_name((enum audit_action)i))))
            continue;
        *ret_action = (enum audit_action)i;
        return true;
    }
    return false;
}

/* At most max_chars characters of valid UTF-8; bytes of text that is not UTF-8 become '?' from 0x80 up. */
static struct str fit_text(struct str text, size_t max_chars, struct arena *arena)
{
    if (text.n <= max_chars && str_is_utf8(text))
        return text;
    if (!str_is_utf8(text)) {
        size_t n = text.n < max_chars ? text.n : max_chars;
        char *copy = arena_alloc(arena, n + 1);
        for (size_t i = 0; i < n; i++)
            copy[i] = (unsigned char)text.p[i] < 0x80 ? text.p[i] : '?';
        return (struct str){copy, n};
    }
    size_t chars = 0, n = 0;
    for (; n < text.n; n++) {
        bool starts_char = ((unsigned char)text.p[n] & 0xc0) != 0x80;
        if (starts_char && chars++ == max_chars)
            break;
    }
    return (struct str){text.p, n};
}

/* At most max_chars printable ASCII characters; others become '?'. */
static struct str fit_ascii(struct str text, size_t max_chars, struct arena *arena)
{
    size_t n = text.n < max_chars ? text.n : max_chars, good = 0;
    while (good < n && text.p[good] >= 0x20 && text.p[good] < 0x7f)
        good++;
    if (good == n)
        return (struct str){text.p, n};
    char *copy = arena_alloc(arena, n + 1);
    for (size_t i = 0; i < n; i++)
        copy[i] = text.p[i] >= 0x20 && text.p[i] < 0x7f ? text.p[i] : '?';
    return (struct str){copy, n};
}

void audit_put_id(int64_t id, unsigned char bytes[AUDIT_ID_BYTES])
{
    for (int i = 0; i < AUDIT_ID_BYTES; i++)
        bytes[i] = (unsigned char)((uint64_t)id >> (8 * (AUDIT_ID_BYTES - 1 - i)));
}

int64_t audit_get_id(const unsigned char bytes[AUDIT_ID_BYTES])
{
    uint64_t id = 0;
    for (int i = 0; i < AUDIT_ID_BYTES; i++)
        id = id << 8 | bytes[i];
    return (int64_t)id;
}

static struct db_val bind_records(const struct audit_event *event, struct arena *arena)
{
    if (!event->n_records)
        return DB_N;
    must(event->n_records <= AUDIT_RECORDS_MAX);
    unsigned char *bytes = arena_alloc_array(arena, AUDIT_ID_BYTES, event->n_records);
    for (size_t i = 0; i < event->n_records; i++)
        audit_put_id(event->records[i], bytes + i * AUDIT_ID_BYTES);
    return DB_B(((struct str){(const char *)bytes, event->n_records * AUDIT_ID_BYTES}));
}

static void out_value(struct json_out *out, struct str value)
{
    if (value.n)
        json_out_raw(out, value);
    else
        json_out_null(out);
}

static struct db_val bind_changes(const struct audit_event *event, struct arena *arena)
{
    if (!event->n_changes)
        return DB_N;
    struct buf buf;
    struct json_out out;
    buf_init(&buf, CHANGES_MAX);
    json_out_init(&out, &buf);
    json_out_array(&out);
    for (size_t i = 0; i < event->n_changes; i++) {
        const struct audit_change *change = &event->changes[i];
        json_out_object(&out);
        json_out_member_str(&out, "field", change->field);
        json_out_key(&out, STR("before"));
        out_value(&out, change->before);
        json_out_key(&out, STR("after"));
        out_value(&out, change->after);
        json_out_object_end(&out);
    }
    json_out_array_end(&out);
    json_out_end(&out);
    must(!buf.overflow); /* the limits on request bodies keep it far below */
    struct str text = arena_copy(arena, buf_str(&buf));
    buf_done(&buf);
    return DB_S(text);
}

/* JSON cannot be cut. One that its column cannot hold is replaced by its length and digest: the event stays,
 * and what was left out can still be compared with a copy. */
static struct db_val bind_detail(struct str detail, struct arena *arena)
{
    if (!detail.n)
        return DB_N;
    if (detail.n <= DETAIL_MAX)
        return DB_S(detail);
    unsigned char digest[CRYPTO_SHA256_BYTES];
    crypto_sha256(detail, digest);
    return DB_S(arena_printf(arena, "{\"too_long\":\"%zu\",\"sha256\":\"%.*s\"}", detail.n,
        STR_ARGS(crypto_hex(arena, digest, sizeof digest))));
}

static struct db_val int_or_null(int64_t value)
{
    return value ? DB_I(value) : DB_N;
}

static struct db_val ascii_or_null(struct str text, size_t max_chars, struct arena *arena)
{
    return text.n ? DB_S(fit_ascii(text, max_chars, arena)) : DB_N;
}

void audit_bind(
    const struct audit_event *event, int64_t id, struct arena *arena, struct db_val ret_values[AUDIT_COLUMNS])
{
    char *at = arena_alloc(arena, CLOCK_TEXT_MAX);
    size_t at_n = clock_print_sql(event->at_us ? event->at_us : clock_utc_us(), at);
    size_t i = 0;
    ret_values[i++] = DB_I(id);
    ret_values[i++] = DB_S(((struct str){at, at_n}));
    ret_values[i++] = int_or_null(event->actor_id);
    ret_values[i++] = DB_S(fit_text(event->login, AUDIT_LOGIN_CHARS, arena));
    ret_values[i++] = DB_S(str_of(audit_action_name(event->action)));
    ret_values[i++] = ascii_or_null(event->form, AUDIT_FORM_CHARS, arena);
    ret_values[i++] = int_or_null(event->record);
    ret_values[i++] = int_or_null(event->rev);
    ret_values[i++] = bind_records(event, arena);
    ret_values[i++] = bind_changes(event, arena);
    ret_values[i++] = int_or_null(event->session);
    ret_values[i++] = ascii_or_null(event->address, AUDIT_ADDRESS_CHARS, arena);
    ret_values[i++] = ascii_or_null(event->request, AUDIT_REQUEST_CHARS, arena);
    ret_values[i++] = bind_detail(event->detail, arena);
    must(i == AUDIT_COLUMNS);
}
