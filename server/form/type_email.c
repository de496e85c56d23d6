/*
 * E-mail addresses, as people have them: one @, a name without blanks or quotes, a domain of letters, digits
 * and hyphens with a dot in it. The domain is stored in small letters, for it means the same; the name is not
 * touched.
 */
#include "form/types_int.h"
#include "text/text.h"

enum { EMAIL_MAX = 254, NAME_MAX = 64 };

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

static bool domain_is_good(struct str domain)
{
    size_t labels = 0;
    bool dot = domain.n > 0 && domain.p[domain.n - 1] == '.';
    while (domain.n > 0) {
        if (!label_is_good(str_cut(&domain, '.')))
            return false;
        labels++;
    }
    return labels >= 2 && !dot;
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
    char *small = arena_alloc(arena, domain.n + 1);
    for (size_t i = 0; i < domain.n; i++)
        small[i] = domain.p[i] >= 'A' && domain.p[i] <= 'Z' ? (char)(domain.p[i] - 'A' + 'a') : domain.p[i];
    domain = (struct str){small, domain.n};
    if (!name_is_good(name) || !domain_is_good(domain))
        return err_add(err, arena, path, FAULT_NOT_AN_EMAIL, STR_NULL);
    if (text.n > EMAIL_MAX)
        return err_add(err, arena, path, FAULT_TOO_LONG, arena_printf(arena, "%d", EMAIL_MAX));
    *ret_value = DB_S(arena_printf(arena, "%.*s@%.*s", STR_ARGS(name), STR_ARGS(domain)));
    return 0;
}
