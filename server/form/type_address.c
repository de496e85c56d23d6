/*
 * E-mail addresses, as people have them: one @, a name without blanks or quotes, a domain of letters, digits
 * and hyphens with a dot in it. The domain is stored in small letters, for it means the same; the name is not
 * touched.
 *
 * Addresses of pages: http and https only, a host of the same letters (of one's own network too, without a
 * dot), no name or password before it, which is how a link shows one bank and leads to another. What stands
 * behind the host is kept as it is, Chinese letters too.
 */
#include "form/types_int.h"
#include "text/text.h"

#include <string.h>

enum { EMAIL_MAX = 254, NAME_MAX = 64, URL_MAX = 2000, PORT_MAX = 65535 };

void email_column(const struct field *field, struct buf *ddl)
{
    (void)field;
    buf_printf(ddl, "VARCHAR(%d)", EMAIL_MAX);
}

static bool name_is_good(struct str name)
{
    static const char MARKS[] = "!#$%&'*+-/=?^_`{|}~.";
    bool dot = true; /* none at the beginning, the end, or beside another */
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        bool mark = false;
        for (size_t m = 0; m < sizeof(MARKS) - 1; m++)
            mark = mark || c == MARKS[m];
        if ((!letter && !mark) || (c == '.' && dot))
            return false;
        dot = c == '.';
    }
    return name.n > 0 && name.n <= NAME_MAX && !dot;
}

static bool label_is_good(struct str label)
{
    for (size_t i = 0; i < label.n; i++) {
        char c = label.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && (c != '-' || i == 0 || i == label.n - 1))
            return false;
    }
    return label.n > 0 && label.n <= 63;
}

/* How many labels a host has; 0: it is none. */
static size_t count_labels(struct str host)
{
    size_t labels = 0;
    if (host.n > 0 && host.p[host.n - 1] == '.')
        return 0;
    while (host.n > 0) {
        if (!label_is_good(str_cut(&host, '.')))
            return 0;
        labels++;
    }
    return labels;
}

static struct str small_letters(struct str text, struct arena *arena)
{
    char *small = arena_alloc(arena, text.n + 1);
    for (size_t i = 0; i < text.n; i++)
        small[i] = text.p[i] >= 'A' && text.p[i] <= 'Z' ? (char)(text.p[i] - 'A' + 'a') : text.p[i];
    return (struct str){small, text.n};
}

PARSE(email_parse)
{
    (void)field;
    struct str text = STR_NULL;
    int rc = parse_string(value, path, arena, &text, err);
    if (rc < 0)
        return rc;
    if (text.n > EMAIL_MAX * 4)
        return err_add(err, arena, path, FAULT_TOO_LONG, arena_printf(arena, "%d", EMAIL_MAX));
    text = str_trim(text);
    if (text.n == 0) {
        *ret_value = DB_N;
        return 0;
    }
    struct str domain = text, name = str_cut(&domain, '@');
    domain = small_letters(domain, arena);
    if (!name_is_good(name) || count_labels(domain) < 2)
        return err_add(err, arena, path, FAULT_NOT_AN_EMAIL, STR_NULL);
    if (text.n > EMAIL_MAX)
        return err_add(err, arena, path, FAULT_TOO_LONG, arena_printf(arena, "%d", EMAIL_MAX));
    *ret_value = DB_S(arena_printf(arena, "%.*s@%.*s", STR_ARGS(name), STR_ARGS(domain)));
    return 0;
}

void url_column(const struct field *field, struct buf *ddl)
{
    (void)field;
    buf_add_text(ddl, "TEXT");
}

/* What is in the text up to the first of the marks; the text goes on at the mark. */
static struct str take_until(struct str *text, const char *marks)
{
    size_t n = 0;
    while (n < text->n && !strchr(marks, text->p[n]))
        n++;
    struct str head = {text->p, n};
    *text = (struct str){text->p + n, text->n - n};
    return head;
}

static bool port_is_good(struct str port)
{
    int64_t number;
    return str_to_i64(port, &number) && number > 0 && number <= PORT_MAX;
}

static bool tail_is_good(struct str tail)
{
    for (size_t i = 0; i < tail.n; i++)
        if (tail.p[i] == ' ' || strchr("<>\"\\^`{|}", tail.p[i]))
            return false;
    return true;
}

PARSE(url_parse)
{
    struct str text = STR_NULL;
    int rc = parse_string(value, path, arena, &text, err);
    if (rc < 0)
        return rc;
    int64_t most = field->max_length > 0 && field->max_length < URL_MAX ? field->max_length : URL_MAX;
    struct str limit = arena_printf(arena, "%lld", (long long)most);
    if (text.n > URL_MAX * 8)
        return err_add(err, arena, path, FAULT_TOO_LONG, limit);
    if (!text_is_printable(text, false))
        return err_add(err, arena, path, FAULT_NOT_A_URL, STR_NULL);
    struct str rest = text_normalize(arena, text);
    if (rest.n == 0) {
        *ret_value = DB_N;
        return 0;
    }
    struct str scheme = small_letters(take_until(&rest, ":"), arena);
    bool good = (str_eq(scheme, STR("http")) || str_eq(scheme, STR("https"))) && str_starts(rest, STR("://"));
    if (!good)
        return err_add(err, arena, path, FAULT_NOT_A_URL, STR_NULL);
    rest = (struct str){rest.p + 3, rest.n - 3};
    struct str tail = rest, port = take_until(&tail, "/?#"), host = take_until(&port, ":");
    host = small_letters(host, arena);
    if (!count_labels(host) || !tail_is_good(tail) ||
        (port.n > 0 && !port_is_good((struct str){port.p + 1, port.n - 1})))
        return err_add(err, arena, path, FAULT_NOT_A_URL, STR_NULL);
    text = arena_printf(
        arena, "%.*s://%.*s%.*s%.*s", STR_ARGS(scheme), STR_ARGS(host), STR_ARGS(port), STR_ARGS(tail));
    if (str_utf8_length(text) > (size_t)most)
        return err_add(err, arena, path, FAULT_TOO_LONG, limit);
    *ret_value = DB_S(text);
    return 0;
}
